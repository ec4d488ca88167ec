from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..tools import tariff as pricing
from ..tools.decimals import dec, text
from ..tools.tariff_terms import Gauge, TariffError, Terms


class UtilityVend(models.Model):
    """What money buys, or units cost: the same code before paying and at the sale."""

    _inherit = "utility.vend"

    @api.model
    def _quote(self, meter, amount=None, units=None, only_units=False):
        """Price a sale on a meter for some money, or for some units.

        :param meter: `utility.meter` with a contract
        :param amount: Decimal, money offered
        :param units: Decimal, units on paper wanted, instead of an amount
        :param only_units: leave out fees, arrears, limits and what was carried over
        :return: (`tools.tariff.Quote`, its price: the only one of the units, or their average)
        :raises UserError: the reason, in words, why it cannot be sold
        """
        contract = meter.contract_id
        currency = contract.tariff_id.currency_id
        terms = contract._terms(meter.company_id._utility_today())
        remainder = dec(contract.remainder, currency.decimal_places)
        if only_units:
            terms = Terms(terms.steps, terms.bought)
            remainder = dec(0, currency.decimal_places)
        gauge = Gauge(dec(meter.type_id.step), dec(meter.ct_ratio), meter.credit)
        minor = dec(currency.rounding, places=None)
        try:
            if units is None:
                answer = pricing.quote(amount, terms, gauge, remainder, minor)
            else:
                answer = pricing.quote_units(units, terms, gauge, remainder, minor)
        except TariffError as error:
            raise UserError(self._refusal_words(error)) from error
        return answer, answer.price

    @api.model
    def _quote_line_values(self, quote, meter):
        """The lines of a quote as those of a sale.

        :return: list of dictionaries, in the order in which the money is used
        """
        tariff = meter.contract_id.tariff_id
        several = len(tariff._version(meter.company_id._utility_today())._steps()) > 1
        lines = []
        for line in quote.lines:
            values = {
                "kind": line.kind,
                "name": self._line_name(line.kind, meter),
                "quantity": line.quantity,
                "price": line.price,
                "amount": line.amount,
            }
            if line.kind == "units" and several:
                values["step"] = line.key
                values["name"] = self.env._(
                    "%(utility)s, step %(number)s", utility=values["name"], number=line.key
                )
            elif line.kind == "fee":
                values["month"] = line.key
                values["product_id"] = tariff.fee_product_id.id
                values["name"] = self.env._(
                    "Monthly fee, %s", format_date(self.env, line.key, date_format="MMMM yyyy")
                )
            elif line.kind == "service":
                values["product_id"] = tariff.service_product_id.id
                values["name"] = self.env._("Service fee, %s %%", text(line.key))
            elif line.kind == "arrears":
                values["arrears_line_id"] = line.key.id
                values["name"] = self.env._("Arrears, %s", line.key.sudo().move_id.name)
            lines.append(values)
        return lines

    @api.model
    def _line_name(self, kind, meter):
        if kind == "units":
            return self.env._("Water") if meter.utility == "water" else self.env._("Electricity")
        labels = dict(
            self.env["utility.vend.line"]._fields["kind"]._description_selection(self.env)
        )
        return labels[kind]

    @api.model
    def _refusal_words(self, error):
        """The text of a `TariffError` in the user's language."""
        _ = self.env._
        words = {
            "price": _("Price missing: there is no price above zero for this sale."),
            "setup": _("The meter's smallest step and its CT ratio must be above zero."),
            "amount": _("The amount must be above zero."),
            "units": _("The units must be above zero."),
            "decimals": _(
                "%(money)s has more decimals than the currency (smallest unit %(minor)s)."
            ),
            "minimum": _("The amount is below the minimum sale of %(limit)s."),
            "maximum": _("The amount is above the maximum sale of %(limit)s."),
            "fees": _(
                "Fees of %(fees)s for %(months)s month(s) are owed: "
                "the sale must be at least %(least)s."
            ),
            "arrears": _("Arrears of %(arrears)s come first: the sale must be at least %(least)s."),
            "too_little": _("The amount buys nothing: the sale must be at least %(least)s."),
        }
        return words[error.code] % {name: text(value) for name, value in error.params.items()}
