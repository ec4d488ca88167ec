from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    utility_vend_id = fields.Many2one(
        "utility.vend", "Utility sale", readonly=True, copy=False, index="btree_not_null"
    )
    utility_contract_id = fields.Many2one(
        "utility.contract", "Utility contract", readonly=True, copy=False, index="btree_not_null"
    )
    utility_session_id = fields.Many2one(
        "utility.cash.session",
        "Utility shift",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )

    def _generate_move_vals(self, write_off_line_vals=None, force_balance=None, line_ids=None):
        values = super()._generate_move_vals(write_off_line_vals, force_balance, line_ids)
        if self.utility_vend_id or self.utility_contract_id:
            values["utility_vend_id"] = self.utility_vend_id.id
            values["utility_contract_id"] = self.utility_contract_id.id
        return values
