from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    utility_settlement_limit = fields.Monetary(
        "Settlements paid back by cashiers up to",
        help="Above it a supervisor is needed; 0 means no limit.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_settlement_limit = fields.Monetary(
        related="company_id.utility_settlement_limit",
        readonly=False,
        currency_field="currency_id",
    )
