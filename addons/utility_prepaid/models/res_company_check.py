from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    utility_check_days = fields.Integer(
        "Days until an open difference is an activity",
        default=2,
        help="Zero means that nobody is reminded.",
    )

    _utility_check_days_positive = models.Constraint(
        "CHECK(utility_check_days >= 0)", "The days cannot be negative."
    )
