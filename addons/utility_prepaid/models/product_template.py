from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    utility_tax_code = fields.Char(
        "Tax category code", help="The tax bureau's code of goods and services, for tax invoices."
    )
