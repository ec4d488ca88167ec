from odoo import models


class UtilityTariffPart(models.AbstractModel):
    """Every change of a tariff reaches the meters that hold it."""

    _inherit = "utility.tariff.part"

    def _log_change(self, before, after):
        result = super()._log_change(before, after)
        self.env["meter.price"]._mark([("tariff_id", "in", self._tariff().ids)])
        return result
