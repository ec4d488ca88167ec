from odoo import fields, models

from ..worker.plan import KEEP_ALL
from .meter_frame import KEEP_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    meter_frame_days = fields.Integer(
        "Days that evidence is kept",
        config_parameter="meter_gateway.frame_days",
        default=KEEP_DAYS,
    )
    meter_keep_scheduled_frames = fields.Boolean("Evidence of scheduled readings that went well")

    _frame_days_positive = models.Constraint(
        "CHECK (meter_frame_days >= 0)", "Evidence cannot be kept for less than a day."
    )

    # Not by `config_parameter`: that has no way to keep a No where Yes is the default.
    def get_values(self):
        value = self.env["ir.config_parameter"].sudo().get_param(KEEP_ALL, "True")
        kept = value not in ("False", "0", "")
        return {**super().get_values(), "meter_keep_scheduled_frames": kept}

    def set_values(self):
        result = super().set_values()
        kept = str(self.meter_keep_scheduled_frames)
        self.env["ir.config_parameter"].sudo().set_param(KEEP_ALL, kept)
        return result
