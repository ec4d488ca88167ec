from odoo import models


class ProductProduct(models.Model):
    _inherit = "product.product"

    def _utility_income_account(self):
        """The account on which an invoice of this product books its revenue in this company."""
        return (
            self.product_tmpl_id.get_product_accounts()["income"]
            or self.env.company.sudo().income_account_id
        )
