from odoo import fields, models


class UtilityVendLine(models.Model):
    """One line of the explanation of a sale; the lines' amounts sum to the money taken."""

    _name = "utility.vend.line"
    _description = "Sale Line"
    _order = "vend_id, sequence, id"

    vend_id = fields.Many2one(
        "utility.vend", required=True, readonly=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(
        [
            ("units", "Units"),
            ("fee", "Monthly fee"),
            ("service", "Service fee"),
            ("arrears", "Arrears"),
            ("remainder_used", "Carried over from the last sale"),
            ("remainder_kept", "Carried over to the next sale"),
        ],
        required=True,
        readonly=True,
    )
    name = fields.Char("Description", required=True, readonly=True)
    month = fields.Date(readonly=True, help="First day of the month that a fee is for.")
    step = fields.Integer(readonly=True, help="Which price step the units belong to.")
    product_id = fields.Many2one("product.product", readonly=True, ondelete="restrict")
    arrears_line_id = fields.Many2one(
        "account.move.line", "Settles", readonly=True, help="The open item that this line pays."
    )
    quantity = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    price = fields.Float(digits=(16, 4), readonly=True)
    amount = fields.Monetary(readonly=True)
    currency_id = fields.Many2one(related="vend_id.currency_id")
