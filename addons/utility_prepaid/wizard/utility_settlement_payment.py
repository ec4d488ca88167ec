from odoo import fields, models


class UtilitySettlementPayment(models.TransientModel):
    """How the money of a settlement is paid back, or how the customer pays what is owed."""

    _name = "utility.settlement.payment"
    _description = "Payment of a Settlement"

    settlement_id = fields.Many2one("utility.settlement", required=True, readonly=True)
    currency_id = fields.Many2one(related="settlement_id.currency_id")
    company_id = fields.Many2one(related="settlement_id.company_id")
    amount_due = fields.Monetary(related="settlement_id.amount_due")
    journal = fields.Selection("_selection_journal", "Payment method", required=True)

    def _selection_journal(self):
        """The counter's payment methods; a cashier has no rights on journals themselves."""
        methods = self.env["utility.counter"]._methods()
        return [(str(method["id"]), method["name"]) for method in methods]

    def action_confirm(self):
        self.ensure_one()
        self.settlement_id._pay(self.env["account.journal"].browse(int(self.journal)))
        return {"type": "ir.actions.act_window_close"}
