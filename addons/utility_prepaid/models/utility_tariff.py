from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import tariff as pricing
from ..tools.decimals import dec, text


class UtilityTariff(models.Model):
    """Prices of one utility for one class of customers, each from its date on, tax included."""

    _name = "utility.tariff"
    _description = "Tariff"
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
    price_ids = fields.One2many("utility.tariff.price", "tariff_id", "Prices")
    price = fields.Float("Price today", digits=(16, 4), compute="_compute_price")
    amount_min = fields.Monetary("Minimum sale", help="Zero means no minimum.")
    amount_max = fields.Monetary("Maximum sale", help="Zero means no maximum.")
    contract_ids = fields.One2many("utility.contract", "tariff_id", "Contracts")

    _amount_limits = models.Constraint(
        "CHECK(amount_min >= 0 AND (amount_max = 0 OR amount_max >= amount_min))",
        "The minimum and maximum sale cannot be negative or cross each other.",
    )

    @api.depends("price_ids.price", "price_ids.date_from")
    def _compute_price(self):
        for tariff in self:
            company = tariff.company_id or self.env.company
            tariff.price = tariff._price_row(company._utility_today()).price

    def _price_row(self, date):
        rows = self.price_ids.filtered(lambda row: row.date_from and row.date_from <= date)
        return rows.sorted("date_from")[-1:]

    def _price_at(self, date):
        """The price in force on a local date.

        :param date: the day of the sale where the desk stands
        :rtype: Decimal
        :return: money per primary unit, tax included, four decimals
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
        return dec(row.price)

    def _quote(self, meter, money, date, remainder=0):
        """Price a sale on a meter by ``tools.tariff.quote``, with translated refusals.

        :param meter: `utility.meter`
        :param Decimal money: money taken, exactly as typed
        :param date: local date of the sale
        :param remainder: the contract's carried credit
        :return: (Quote, price as Decimal)
        :raises UserError: with the words of the refusal
        """
        self.ensure_one()
        price = self._price_at(date)
        minor = self._minor()
        try:
            answer = pricing.quote(
                money,
                price,
                dec(meter.type_id.step),
                ct_ratio=dec(meter.ct_ratio),
                remainder=dec(remainder, self.currency_id.decimal_places),
                credit=meter.credit,
                minor=minor,
                minimum=dec(self.amount_min),
                maximum=dec(self.amount_max),
            )
        except pricing.TariffError as error:
            raise UserError(self._words(error)) from error
        return answer, price

    def _minor(self):
        """The currency's minor unit as a Decimal, for example 0.01."""
        return dec(self.currency_id.rounding, places=None)

    @api.model
    def _words(self, error):
        """The text of a `TariffError` in the user's language."""
        _ = self.env._
        values = {name: text(value) for name, value in error.params.items()}
        if error.code == "price":
            return _("Price missing: there is no price above zero for this sale.")
        if error.code == "setup":
            return _("The meter's smallest step and its CT ratio must be above zero.")
        if error.code == "amount":
            return _("The amount must be above zero.")
        if error.code == "decimals":
            return _(
                "%(money)s has more decimals than the currency (smallest unit %(minor)s).", **values
            )
        if error.code == "minimum":
            return _("The amount is below the minimum sale of %(limit)s.", **values)
        if error.code == "maximum":
            return _("The amount is above the maximum sale of %(limit)s.", **values)
        if error.code == "too_little":
            return _(
                "The amount buys nothing: the smallest step of this meter costs %(cost)s.", **values
            )
        return str(error)
