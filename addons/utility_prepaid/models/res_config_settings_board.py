from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_board_low_days = fields.Integer(
        related="company_id.utility_board_low_days", readonly=False
    )
    utility_board_soon_days = fields.Integer(
        related="company_id.utility_board_soon_days", readonly=False
    )
