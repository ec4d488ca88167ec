from odoo import api, models


class UtilityMeterState(models.Model):
    _inherit = "utility.meter.state"

    @api.model
    def _store(self, meter_id, seen_at, **values):
        stored = super()._store(meter_id, seen_at, **values)
        if stored and "purchase_number" in values:
            self.env["utility.meter"].sudo().browse(meter_id)._restore_compare()
        return stored
