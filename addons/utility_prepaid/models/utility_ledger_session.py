from odoo import api, models


class UtilityLedger(models.AbstractModel):
    """Every payment of the desk belongs to the shift of the cashier who makes it."""

    _inherit = "utility.ledger"

    @api.model
    def _pay(self, contract, amount, journal, payment_type, ref, vend=None, **values):
        session = self.env["utility.cash.session"].sudo()
        by_itself = self.env.context.get("utility_money_by_itself")
        if not by_itself and (not vend or vend.origin == "counter"):
            company = contract.company_id or (vend or journal.sudo()).company_id
            session = session._of_payment(company, journal, payment_type)
            if session and payment_type == "outbound" and journal.sudo().type == "cash":
                # Whatever drawer took it: cash comes out of the drawer of who pays it.
                journal = session.journal_id
        payment = super()._pay(contract, amount, journal, payment_type, ref, vend, **values)
        if session:
            payment.utility_session_id = session
        return payment
