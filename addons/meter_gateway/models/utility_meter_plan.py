from odoo import api, fields, models


class UtilityMeter(models.Model):
    """The plan by which a meter is read."""

    _inherit = "utility.meter"

    schedule_ids = fields.One2many("meter.reading.schedule", "meter_id")
    next_read_at = fields.Datetime(related="schedule_ids.next_at", string="Next reading")
    read_failures = fields.Integer(related="schedule_ids.failures", string="Failures in a row")

    @api.model_create_multi
    def create(self, vals_list):
        meters = super().create(vals_list)
        self.env["meter.reading.schedule"].sudo().create(
            [{"meter_id": meter.id} for meter in meters]
        )
        return meters
