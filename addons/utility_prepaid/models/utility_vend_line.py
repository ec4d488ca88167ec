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
            ("remainder_used", "Carried over from the last sale"),
            ("remainder_kept", "Carried over to the next sale"),
        ],
        required=True,
        readonly=True,
    )
    name = fields.Char(required=True, readonly=True)
    quantity = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    price = fields.Float(digits=(16, 4), readonly=True)
    amount = fields.Monetary(readonly=True)
    currency_id = fields.Many2one(related="vend_id.currency_id")
