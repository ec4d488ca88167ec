from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    utility_board_low_days = fields.Integer(
        "Days of credit that are low",
        default=3,
        help="Rooms whose credit lasts so many days or fewer are red on the building board.",
    )
    utility_board_soon_days = fields.Integer(
        "Days of credit that are soon low",
        default=7,
        help="Rooms whose credit lasts so many days or fewer are amber on the building board.",
    )

    _utility_board_days_order = models.Constraint(
        "CHECK(utility_board_low_days >= 0 AND utility_board_soon_days >= utility_board_low_days)",
        "The days of credit that are soon low cannot be fewer than those that are low.",
    )
