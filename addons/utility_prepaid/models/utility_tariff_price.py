from odoo import fields, models


class UtilityTariffPrice(models.Model):
    _name = "utility.tariff.price"
    _description = "Tariff Price"
    _order = "tariff_id, date_from desc, id"
    _rec_name = "date_from"

    tariff_id = fields.Many2one("utility.tariff", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="tariff_id.company_id", store=True, index=True)
    date_from = fields.Date(
        "In force from", required=True, default=lambda self: fields.Date.context_today(self)
    )
    price = fields.Float(
        digits=(16, 4), required=True, help="Money per unit, tax included, four decimals."
    )

    _date_uniq = models.Constraint(
        "UNIQUE(tariff_id, date_from)", "This tariff already has a price from that day on."
    )
    _price_positive = models.Constraint("CHECK(price > 0)", "A price must be above zero.")
