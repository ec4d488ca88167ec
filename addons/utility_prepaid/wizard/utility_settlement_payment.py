from odoo import fields, models

from ..models.utility_limit import ApprovalNeeded


class UtilitySettlementPayment(models.TransientModel):
    """How the money of a settlement is paid back, or how the customer pays what is owed."""

    _name = "utility.settlement.payment"
    _description = "Payment of a Settlement"

    settlement_id = fields.Many2one("utility.settlement", required=True, readonly=True)
    currency_id = fields.Many2one(related="settlement_id.currency_id")
    company_id = fields.Many2one(related="settlement_id.company_id")
    amount_due = fields.Monetary(related="settlement_id.amount_due")
    journal = fields.Selection("_selection_journal", "Payment method", required=True)
    approval_words = fields.Char(readonly=True)
    reason = fields.Char(help="For the second person.")

    def _selection_journal(self):
        """The counter's payment methods; a cashier has no rights on journals themselves."""
        methods = self.env["utility.counter"]._methods()
        return [(str(method["id"]), method["name"]) for method in methods]

    def action_confirm(self):
        """Pay, or say that a second person is needed.

        :return: action that closes this form, or shows it again
        """
        self.ensure_one()
        journal = self.env["account.journal"].browse(int(self.journal))
        try:
            with self.env.cr.savepoint():
                self.settlement_id._pay(journal)
        except ApprovalNeeded as needed:
            self.approval_words = str(needed)
            return {
                "type": "ir.actions.act_window",
                "res_model": self._name,
                "res_id": self.id,
                "view_mode": "form",
                "target": "new",
            }
        return {"type": "ir.actions.act_window_close"}

    def action_ask(self):
        """Ask for a second person; once approved, it is paid by this form."""
        self.ensure_one()
        status = self.env["utility.counter"].ask_approval(
            "payout", {"settlement_id": self.settlement_id.id, "reason": self.reason}
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.approval",
            "res_id": status["id"],
            "view_mode": "form",
        }
