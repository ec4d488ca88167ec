from odoo import fields, models
from odoo.exceptions import UserError


class UtilityIncomingSettle(models.TransientModel):
    """A person decides what becomes of money that could not be sold by itself."""

    _name = "utility.incoming.settle"
    _description = "Decide about Incoming Money"

    incoming_id = fields.Many2one(
        "utility.incoming", "Payment", required=True, readonly=True, ondelete="cascade"
    )
    reason_now = fields.Text(related="incoming_id.reason", string="Why it waits")
    amount = fields.Monetary(related="incoming_id.amount")
    currency_id = fields.Many2one(related="incoming_id.currency_id")
    decision = fields.Selection(
        [("sell", "Sell it on this meter"), ("give_back", "Give it back")],
        required=True,
        default="sell",
    )
    meter_id = fields.Many2one("utility.meter", domain="[('contract_id', '!=', False)]")
    partner_id = fields.Many2one(related="meter_id.partner_id", string="Customer")
    method = fields.Selection(
        lambda self: self.env["utility.counter"]._method_selection(), "Given back through"
    )
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Do what was decided.

        :raises AccessError: not a supervisor or accountant
        :raises UserError: it is not possible, in words
        """
        self.ensure_one()
        if self.decision == "give_back":
            journal = self.env["account.journal"].sudo().browse(int(self.method or 0))
            self.incoming_id._give_back(journal, self.reason)
        elif not self.meter_id:
            raise UserError(self.env._("Choose the meter."))
        else:
            self.incoming_id._sell_on(self.meter_id, self.reason)
        return {"type": "ir.actions.act_window_close"}
