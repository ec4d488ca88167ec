from odoo import api, fields, models

from ..tools.decimals import dec, text


class UtilityTariffStep(models.Model):
    """A block price: what a unit costs above so many units of the month or year."""

    _name = "utility.tariff.step"
    _description = "Tariff Step"
    _inherit = "utility.tariff.part"
    _order = "version_id, above, id"
    _rec_name = "above"

    version_id = fields.Many2one(
        "utility.tariff.price", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="version_id.company_id", store=True, index=True)
    above = fields.Float(
        "Above units",
        digits=(16, 4),
        min_display_digits=2,
        required=True,
        help="This price holds for what is bought above so many units of the period.",
    )
    price = fields.Float(
        digits=(16, 4), required=True, help="Money per unit, tax included, four decimals."
    )

    _above_uniq = models.Constraint(
        "UNIQUE(version_id, above)", "Two steps of a price begin at the same units."
    )
    _above_positive = models.Constraint(
        "CHECK(above > 0)", "A step begins above zero: below it the first price holds."
    )
    _price_positive = models.Constraint("CHECK(price > 0)", "A price must be above zero.")

    @api.depends("above", "price")
    def _compute_display_name(self):
        for step in self:
            step.display_name = f"> {text(dec(step.above))}: {text(dec(step.price))}"

    def _tariff(self):
        return self.version_id.tariff_id

    def _summary(self):
        return f"{self.version_id.date_from}, {self.display_name}"
