from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_session_required = fields.Boolean(
        related="company_id.utility_session_required", readonly=False
    )
    utility_cash_move_limit = fields.Monetary(
        related="company_id.utility_cash_move_limit", readonly=False, currency_field="currency_id"
    )
    utility_difference_limit = fields.Monetary(
        related="company_id.utility_difference_limit",
        readonly=False,
        currency_field="currency_id",
    )
    utility_denominations = fields.Char(related="company_id.utility_denominations", readonly=False)
