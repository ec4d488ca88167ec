from odoo import fields, models


class UtilityCashReason(models.Model):
    """A named account that cash may be put in from or taken out to, outside of sales."""

    _name = "utility.cash.reason"
    _description = "Reason for Cash In or Out"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    direction = fields.Selection(
        [("in", "Cash in"), ("out", "Cash out"), ("both", "Cash in and out")],
        required=True,
        default="both",
    )
    account_id = fields.Many2one(
        "account.account",
        required=True,
        check_company=True,
        domain=[("account_type", "not in", ("asset_receivable", "liability_payable"))],
        help="What the cash comes from or goes to, such as petty cash or the safe.",
    )
