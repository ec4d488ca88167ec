from odoo import models


class ResCompany(models.Model):
    _inherit = "res.company"

    def write(self, vals):
        moved = self.browse()
        if "utility_tz" in vals:
            moved = self.filtered(
                lambda company: (company.utility_tz or "UTC") != (vals["utility_tz"] or "UTC")
            )
        result = super().write(vals)
        for company in moved:
            self.env["utility.reading.hour"].sudo()._roll_up_anew(company)
        return result
