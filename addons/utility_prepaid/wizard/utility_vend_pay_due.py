from odoo import api, fields, models


class UtilityVendPayDue(models.TransientModel):
    """Hand over the money that a reversal freed after its shift had ended."""

    _name = "utility.vend.pay.due"
    _description = "Pay Money Back"

    vend_id = fields.Many2one("utility.vend", required=True, readonly=True)
    partner_id = fields.Many2one(related="vend_id.partner_id")
    currency_id = fields.Many2one(related="vend_id.currency_id")
    money_back_due = fields.Monetary("Money back due", related="vend_id.money_back_due")
    method = fields.Selection(
        lambda self: self.env.company._utility_journals([("utility_counter", "=", True)]),
        "Payment method",
        required=True,
        help="Cash comes out of the drawer of your own shift.",
    )

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        vend = self.env["utility.vend"].browse(values.get("vend_id", 0))
        values.setdefault("method", str(vend.sudo().journal_id.id))
        return values

    def action_confirm(self):
        """Pay the money out.

        :raises UserError: in words why not
        """
        self.ensure_one()
        journal = self.env["account.journal"].sudo().browse(int(self.method))
        self.vend_id._pay_due(journal)
        return {"type": "ir.actions.act_window_close"}
