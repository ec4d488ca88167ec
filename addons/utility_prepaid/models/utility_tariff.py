from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec, text


class UtilityTariff(models.Model):
    """Prices of one utility for one class of customers, each from its date on, tax included."""

    _name = "utility.tariff"
    _description = "Tariff"
    _inherit = "utility.tariff.part"
    _order = "utility, name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    utility = fields.Selection(
        [("electricity", "Electricity"), ("water", "Water")], required=True, default="electricity"
    )
    class_id = fields.Many2one("utility.customer.class", "Customer class", ondelete="restrict")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    product_id = fields.Many2one(
        "product.product",
        check_company=True,
        ondelete="restrict",
        help="What the invoice sells: its income account and its tax are used.",
    )
    fee_product_id = fields.Many2one(
        "product.product",
        "Product of the monthly fee",
        check_company=True,
        ondelete="restrict",
        help="Income account and tax of the monthly fee; empty: the company's own product.",
    )
    service_product_id = fields.Many2one(
        "product.product",
        "Product of the service fee",
        check_company=True,
        ondelete="restrict",
        help="Income account and tax of the service fee; empty: the company's own product.",
    )
    is_default = fields.Boolean(
        "Default of new contracts",
        help="New contracts of this utility and customer class get this tariff. One without a "
        "class is the default of all classes that have none.",
    )
    price_ids = fields.One2many("utility.tariff.price", "tariff_id", "Prices", copy=True)
    price = fields.Float("Price today", digits=(16, 4), compute="_compute_price")
    amount_min = fields.Monetary("Minimum sale", help="Zero means no minimum.")
    amount_max = fields.Monetary("Maximum sale", help="Zero means no maximum.")
    arrears_percent = fields.Float(
        "Arrears: at most % of the money",
        digits=(5, 2),
        help="How much of the money that is left after monthly fees may go to old debts. Zero "
        "means no such cap.",
    )
    arrears_amount = fields.Monetary(
        "Arrears: at most",
        help="How much of a sale may go to old debts. Zero means no such cap; of two caps the "
        "smaller holds, without any all of the debts are taken first.",
    )
    contract_ids = fields.One2many("utility.contract", "tariff_id", "Contracts")

    _amount_limits = models.Constraint(
        "CHECK(amount_min >= 0 AND (amount_max = 0 OR amount_max >= amount_min))",
        "The minimum and maximum sale cannot be negative or cross each other.",
    )
    _arrears_caps = models.Constraint(
        "CHECK(arrears_percent BETWEEN 0 AND 100 AND arrears_amount >= 0)",
        "A cap on arrears is a percentage up to 100 or an amount, not negative.",
    )
    _default_once = models.UniqueIndex(
        "(company_id, utility, COALESCE(class_id, 0)) WHERE is_default AND active",
        "Another tariff is the default of this utility and customer class.",
    )

    @api.depends("price_ids.price", "price_ids.date_from")
    def _compute_price(self):
        for tariff in self:
            company = tariff.company_id or self.env.company
            tariff.price = tariff._price_row(company._utility_today()).price

    def _tariff(self):
        return self

    def _summary(self):
        """What is not of a version; versions tell their own changes."""
        parts = [self.name]
        for name in ("amount_min", "amount_max", "arrears_percent", "arrears_amount"):
            if self[name]:
                label = self._fields[name].get_description(self.env, ["string"])["string"]
                parts.append(f"{label} {text(dec(self[name]))}")
        if self.is_default:
            parts.append(self.env._("default of new contracts"))
        return ", ".join(parts)

    @api.model
    def _default_for(self, company, utility, customer_class):
        """The tariff of a new contract.

        :param utility: electricity or water
        :param customer_class: `utility.customer.class`, may be empty
        :return: `utility.tariff`, empty when none is the default
        """
        tariffs = self.search(
            [
                ("company_id", "=", company.id),
                ("utility", "=", utility),
                ("is_default", "=", True),
                ("class_id", "in", [customer_class.id, False]),
            ]
        )
        return tariffs.sorted(lambda tariff: tariff.class_id != customer_class)[:1]

    def _price_row(self, date):
        """The version in force on a local date, empty before the first."""
        rows = self.price_ids.filtered(lambda row: row.date_from and row.date_from <= date)
        return rows.sorted("date_from")[-1:]

    def _version(self, date):
        """The version in force on a local date.

        :raises UserError: no price is in force on that day
        """
        self.ensure_one()
        row = self._price_row(date)
        if not row:
            raise UserError(
                self.env._(
                    "Price missing: tariff %(tariff)s has no price on %(date)s.",
                    tariff=self.name,
                    date=date,
                )
            )
        return row

    def _price_at(self, date):
        """The price in force on a local date; with steps, that of the first.

        :param date: the day of the sale where the desk stands
        :rtype: Decimal
        :return: money per primary unit, tax included, four decimals
        :raises UserError: no price is in force on that day
        """
        return dec(self._version(date).price)
