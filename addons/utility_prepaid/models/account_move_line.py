from odoo import models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _compute_account_id(self):
        """Documents of the utility desk use the customers' account of their own."""
        result = super()._compute_account_id()
        for line in self:
            move = line.move_id
            if line.display_type == "payment_term" and (
                move.utility_contract_id or move.utility_vend_id
            ):
                line.account_id = line.company_id.utility_account_id
        return result
