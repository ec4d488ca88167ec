from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_check_days = fields.Integer(related="company_id.utility_check_days", readonly=False)
