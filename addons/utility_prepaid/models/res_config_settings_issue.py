from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_emergency_limit = fields.Monetary(
        related="company_id.utility_emergency_limit", readonly=False, currency_field="currency_id"
    )
    utility_temporary_limit = fields.Float(
        related="company_id.utility_temporary_limit", readonly=False
    )
