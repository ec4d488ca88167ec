from odoo import fields, models


class ResCompany(models.Model):
    """How much credit may be given without money."""

    _inherit = "res.company"

    utility_emergency_limit = fields.Monetary(
        "Emergency credit up to",
        help="How much emergency credit of a contract may be unpaid; zero: none is given.",
    )
    utility_temporary_limit = fields.Float(
        "Temporary supply up to",
        digits=(16, 4),
        min_display_digits=2,
        help="How much a meter without a contract may be given, in what it counts; zero means no "
        "limit.",
    )
