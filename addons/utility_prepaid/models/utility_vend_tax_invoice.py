from odoo import models
from odoo.exceptions import UserError


class UtilityVend(models.Model):
    _inherit = "utility.vend"

    def action_request_tax_invoice(self):
        """Ask for a tax invoice over the invoices of these sales, one for each customer.

        :raises UserError: a sale that is not invoiced, or has a tax invoice
        """
        self.check_access("read")
        for vend in self:
            if not vend.sudo().move_id:
                raise UserError(self.env._("%s has no invoice in the books yet.", vend.name))
        return self.env["account.move"].browse(self.sudo().move_id.ids).action_utility_tax_request()
