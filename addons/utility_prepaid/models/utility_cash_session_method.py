from odoo import fields, models


class UtilityCashSessionMethod(models.Model):
    """One payment method of a shift as it was counted: written with the count, never before."""

    _name = "utility.cash.session.method"
    _description = "Shift: Payment Method"
    _order = "session_id, id"

    session_id = fields.Many2one(
        "utility.cash.session", required=True, readonly=True, index=True, ondelete="cascade"
    )
    journal_id = fields.Many2one("account.journal", required=True, readonly=True)
    name = fields.Char(related="journal_id.name", string="Payment method")
    currency_id = fields.Many2one(related="session_id.currency_id")
    float_counted = fields.Monetary("Float", readonly=True)
    taken = fields.Monetary("Money in", readonly=True)
    paid_out = fields.Monetary("Money out", readonly=True)
    moved = fields.Monetary("Put in or taken out", readonly=True)
    expected = fields.Monetary(readonly=True)
    counted = fields.Monetary(readonly=True)
    difference = fields.Monetary(readonly=True)
