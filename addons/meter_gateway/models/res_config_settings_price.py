from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    meter_price_auto = fields.Boolean(related="company_id.meter_price_auto", readonly=False)
    meter_price_days = fields.Integer(related="company_id.meter_price_days", readonly=False)
    meter_price_sale = fields.Selection(
        related="company_id.meter_price_sale", readonly=False, required=True
    )
