from odoo import models
from odoo.exceptions import UserError


class UtilityMeter(models.Model):
    _inherit = "utility.meter"

    def _check_sellable(self):
        """A contract whose payment came back is sold nothing until it is paid, or released."""
        result = super()._check_sellable()
        contract = self.contract_id
        stop = (
            self.env["utility.payment.return"]
            .sudo()
            .search([("contract_id", "=", contract.id), ("stopped", "=", True)], limit=1)
        )
        if stop and contract.sudo()._arrears():
            raise UserError(
                self.env._(
                    "The bank took back a payment of this customer (%(number)s): nothing is sold "
                    "until it is paid, or a supervisor lets sales go on.",
                    number=stop.name,
                )
            )
        return result
