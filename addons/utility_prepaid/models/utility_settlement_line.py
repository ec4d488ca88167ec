from odoo import fields, models


class UtilitySettlementLine(models.Model):
    """One line of the explanation of a settlement: their amounts sum to what is paid back."""

    _name = "utility.settlement.line"
    _description = "Settlement Line"
    _order = "settlement_id, sequence, id"

    settlement_id = fields.Many2one(
        "utility.settlement", required=True, readonly=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(
        [
            ("left", "Left on the meter, at the price paid"),
            ("free", "Left on the meter, given free"),
            ("debt", "Used beyond what was bought"),
            ("fee", "Monthly fee"),
            ("carried", "Carried credit"),
            ("arrears", "Arrears"),
            ("other", "Other open items"),
        ],
        required=True,
        readonly=True,
    )
    name = fields.Char(required=True, readonly=True)
    quantity = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    price = fields.Float(digits=(16, 4), readonly=True)
    amount = fields.Monetary(readonly=True)
    currency_id = fields.Many2one(related="settlement_id.currency_id")
