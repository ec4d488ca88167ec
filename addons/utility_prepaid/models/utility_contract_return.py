from odoo import fields, models


class UtilityContract(models.Model):
    """A contract one of whose payments the bank took back."""

    _inherit = "utility.contract"

    payment_return_ids = fields.One2many("utility.payment.return", "contract_id", "Returns")

    def action_view_payment_returns(self):
        """The payments under this contract that the bank took back."""
        return self.env["utility.meter"]._action_business(
            "utility_payment_return_action", [("contract_id", "in", self.ids)]
        )
