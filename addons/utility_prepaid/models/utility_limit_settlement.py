from odoo import api, models

from ..tools.decimals import dec


class UtilityLimit(models.Model):
    """What a settlement pays back counts as money back."""

    _inherit = "utility.limit"

    @api.model
    def _used_today(self, company, act):
        count, amount = super()._used_today(company, act)
        if act != "refund":
            return count, amount
        settlements = (
            self.env["utility.settlement"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("amount_paid", ">", 0),
                    ("paid_by_id", "=", self.env.uid),
                    ("paid_at", ">=", company._utility_midnight(company._utility_today())),
                ]
            )
        )
        paid = sum((dec(settlement.amount_paid, 2) for settlement in settlements), amount)
        return count + len(settlements), paid
