from odoo import fields, models


class UtilityApproval(models.Model):
    """Paying back what a settlement left, by two persons."""

    _inherit = "utility.approval"

    settlement_id = fields.Many2one(
        "utility.settlement", readonly=True, help="What is to be paid back."
    )

    def action_carry_out(self):
        if not self.settlement_id:
            return super().action_carry_out()
        self._check_carry_out()
        # How it is paid is chosen by whoever pays it.
        return self.settlement_id.action_pay()
