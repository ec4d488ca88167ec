from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_retry_count = fields.Integer(related="company_id.utility_retry_count", readonly=False)
    utility_retry_minutes = fields.Integer(
        related="company_id.utility_retry_minutes", readonly=False
    )
    utility_retry_hours = fields.Integer(related="company_id.utility_retry_hours", readonly=False)
