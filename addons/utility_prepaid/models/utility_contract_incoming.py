from odoo import models
from odoo.fields import Domain


class UtilityContract(models.Model):
    _inherit = "utility.contract"

    def _resume(self):
        """Money that came during the pause is sold now."""
        result = super()._resume()
        waiting = (
            self.env["utility.incoming"]
            .sudo()
            .search(
                Domain("contract_id", "=", self.id)
                & (
                    Domain("state", "=", "waiting")
                    # what was tried in vain; what waits for another reason stays a person's
                    | (Domain("state", "=", "held") & Domain("attempts", ">", 0))
                ),
                order="id",
            )
        )
        for one in waiting:
            one._move_to("waiting", attempts=0, next_try_at=False)
        self.env["utility.incoming"]._wake_waiting(self.meter_id)
        return result
