from odoo import models


class UtilitySettlement(models.Model):
    """A closing pays everything that the contract left open, from the shift of who pays it."""

    _inherit = "utility.settlement"

    def _pay(self, journal):
        result = super()._pay(journal)
        settlement = self.sudo()
        # Cash comes out of the drawer of the payer's shift, whichever was chosen.
        settlement.journal_id = settlement.payment_id.journal_id
        if settlement.kind != "closing":
            return result
        vends = self.env["utility.vend"].sudo()
        freed = vends.search([("contract_id", "=", self.contract_id.id), *vends._due_domain()])
        freed.refund_payment_id = settlement.payment_id
        return result
