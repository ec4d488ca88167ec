from odoo import models


class UtilityContract(models.Model):
    """A meter holds the prices of its contract."""

    _inherit = "utility.contract"

    def write(self, vals):
        result = super().write(vals)
        if "tariff_id" in vals or "state" in vals:
            self.env["meter.price"]._mark([("meter_id", "in", self.meter_id.ids)])
        return result
