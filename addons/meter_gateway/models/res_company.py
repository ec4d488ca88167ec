from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    meter_price_auto = fields.Boolean(
        "Write prices to meters by itself",
        help="Prices and periods go to the meters that hold them as soon as their tariff changes.",
    )
    meter_price_days = fields.Integer(
        "Days between two readings of a meter's prices",
        default=1,
        help="Zero: they are read only when the tariff changed, or somebody asks.",
    )
    meter_price_sale = fields.Selection(
        [("warn", "Warn the cashier"), ("hold", "Hold the sale")],
        "When a meter counts at another price",
        required=True,
        default="warn",
    )

    _meter_price_days_positive = models.Constraint(
        "CHECK(meter_price_days >= 0)", "The days cannot be negative."
    )

    def write(self, vals):
        result = super().write(vals)
        if vals.get("meter_price_auto"):
            self.env["meter.price"]._mark([("company_id", "in", self.ids)])
        return result
