from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_unusual_amount = fields.Monetary(
        related="company_id.utility_unusual_amount",
        currency_field="currency_id",
        readonly=False,
    )
