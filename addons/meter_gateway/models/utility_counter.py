from odoo import api, models


class UtilityCounter(models.AbstractModel):
    _inherit = "utility.counter"

    @api.model
    def _worker_status(self):
        return self.env["meter.worker"]._status()
