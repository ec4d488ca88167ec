from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    utility_unusual_amount = fields.Monetary(
        "Unusual amount",
        help="The counter asks once more before a sale of more money than this; zero never asks.",
    )
