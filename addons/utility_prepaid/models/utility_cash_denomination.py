from odoo import api, fields, models


class UtilityCashDenomination(models.Model):
    """Notes or coins of one value in a count."""

    _name = "utility.cash.denomination"
    _description = "Shift: Notes and Coins"
    _order = "session_id, moment desc, value desc"

    session_id = fields.Many2one(
        "utility.cash.session", required=True, readonly=True, index=True, ondelete="cascade"
    )
    moment = fields.Selection(
        [("opening", "Float"), ("closing", "Count")], required=True, readonly=True
    )
    currency_id = fields.Many2one(related="session_id.currency_id")
    value = fields.Monetary(required=True, readonly=True)
    pieces = fields.Integer(required=True, readonly=True)
    amount = fields.Monetary(compute="_compute_amount")

    @api.depends("value", "pieces")
    def _compute_amount(self):
        for line in self:
            line.amount = line.value * line.pieces
