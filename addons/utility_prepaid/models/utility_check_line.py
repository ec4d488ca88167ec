from odoo import fields, models


class UtilityCheckLine(models.Model):
    """What a day brought at one site, utility and payment method; frozen."""

    _name = "utility.check.line"
    _description = "Figures of a Daily Check"
    _order = "check_id desc, site_id, utility, journal_id, id"
    _rec_name = "date"

    check_id = fields.Many2one(
        "utility.check", required=True, readonly=True, index=True, ondelete="cascade"
    )
    date = fields.Date(related="check_id.date", store=True, index=True)
    company_id = fields.Many2one(related="check_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    site_id = fields.Many2one("utility.site", readonly=True)
    utility = fields.Selection([("electricity", "Electricity"), ("water", "Water")], readonly=True)
    journal_id = fields.Many2one("account.journal", "Payment method", readonly=True)
    money_in = fields.Monetary("Money in", readonly=True)
    money_out = fields.Monetary("Money out", readonly=True)
    other_method = fields.Monetary(
        "By another method",
        readonly=True,
        help="Money of these sales that came or went by a method other than theirs, and money of "
        "contracts as a whole.",
    )
    credit_sold = fields.Monetary(
        "Credit sold",
        readonly=True,
        help="Price of the credit that meters proved to have received.",
    )
    credit_back = fields.Monetary(
        "Credit taken back",
        readonly=True,
        help="Price of the credit of sales whose reversal the meters proved.",
    )
    fees = fields.Monetary(readonly=True, help="Fees of the sales that were proved.")
    carried = fields.Monetary(
        "Carried over", readonly=True, help="What proved sales left for the next ones."
    )
    documents = fields.Monetary(
        "Other documents",
        readonly=True,
        help="Older debts paid with sales, settlements, opening entries.",
    )
    posted = fields.Monetary(
        readonly=True, help="Invoices of sales less credit notes of reversals, by their own date."
    )
    gap_before = fields.Monetary(
        "Differences before", readonly=True, help="Differences in money when the day began."
    )
    gap_after = fields.Monetary(
        "Differences after", readonly=True, help="Differences in money when the day ended."
    )
    open_credit = fields.Monetary(
        "Open credit",
        readonly=True,
        aggregator=None,
        help="Open credit on the customers' account at the end of the day.",
    )
    carried_credit = fields.Monetary("Carried credit", readonly=True, aggregator=None)
