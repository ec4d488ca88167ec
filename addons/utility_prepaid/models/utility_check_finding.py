from odoo import fields, models


class UtilityCheckFinding(models.Model):
    """A difference as it stood at the end of a day; frozen with that day."""

    _name = "utility.check.finding"
    _description = "Finding of a Daily Check"
    _order = "check_id desc, gone, id"
    _rec_name = "difference_id"

    check_id = fields.Many2one(
        "utility.check", required=True, readonly=True, index=True, ondelete="cascade"
    )
    difference_id = fields.Many2one(
        "utility.check.difference", required=True, readonly=True, index=True, ondelete="restrict"
    )
    date = fields.Date(related="check_id.date", store=True)
    company_id = fields.Many2one(related="check_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    code = fields.Selection(
        lambda self: (
            self.env["utility.check.difference"]._fields["code"]._description_selection(self.env)
        ),
        "Class",
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(readonly=True)
    money = fields.Monetary(
        "In money", readonly=True, help="Its part of money taken less credit proved."
    )
    ledger = fields.Monetary(
        "In the ledger",
        readonly=True,
        help="Its part of the open credit on the customers' account.",
    )
    site_id = fields.Many2one("utility.site", readonly=True)
    utility = fields.Selection([("electricity", "Electricity"), ("water", "Water")], readonly=True)
    journal_id = fields.Many2one("account.journal", "Payment method", readonly=True)
    gone = fields.Boolean(
        "Not found again", readonly=True, help="The day was checked again, and it was not there."
    )
    state = fields.Selection(related="difference_id.state", string="Today")
    user_id = fields.Many2one(related="difference_id.user_id")
    since = fields.Datetime(related="difference_id.since")
    vend_id = fields.Many2one(related="difference_id.vend_id")
    contract_id = fields.Many2one(related="difference_id.contract_id")
    meter_id = fields.Many2one(related="difference_id.meter_id")
    partner_id = fields.Many2one(related="difference_id.partner_id")

    _once = models.Constraint("UNIQUE(check_id, difference_id)", "A day finds a difference once.")

    def action_open(self):
        """Open the difference itself."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.check.difference",
            "res_id": self.difference_id.id,
            "view_mode": "form",
        }
