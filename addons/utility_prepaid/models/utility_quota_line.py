from odoo import api, fields, models


class UtilityQuotaLine(models.Model):
    _name = "utility.quota.line"
    _description = "Monthly Quota"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("utility.quota.plan", required=True, index=True, ondelete="cascade")
    month = fields.Selection(
        [
            ("1", "January"),
            ("2", "February"),
            ("3", "March"),
            ("4", "April"),
            ("5", "May"),
            ("6", "June"),
            ("7", "July"),
            ("8", "August"),
            ("9", "September"),
            ("10", "October"),
            ("11", "November"),
            ("12", "December"),
        ],
        required=True,
    )
    sequence = fields.Integer(compute="_compute_sequence", store=True)
    units = fields.Float(
        "Free units",
        digits=(16, 4),
        min_display_digits=2,
        help="kWh or m3 that each meter gets on the first of this month; zero means none.",
    )

    _month_uniq = models.Constraint(
        "UNIQUE(plan_id, month)", "A month stands in a quota plan once."
    )
    _units_positive = models.Constraint("CHECK(units >= 0)", "A quota cannot be negative.")

    @api.depends("month")
    def _compute_sequence(self):
        for line in self:
            line.sequence = int(line.month or 0)
