from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.utility_prepaid.models.utility_tariff_slot import RATES
from odoo.addons.utility_prepaid.tools.decimals import dec

from ..lib.meterwire import coding
from ..lib.meterwire.errors import WireError
from ..worker import operations
from ..worker.words import problem

# By the standard: tariff 1 is sharp, 2 peak, 3 flat, 4 valley.
NUMBERS = {rate: number for number, (rate, __) in enumerate(RATES, 1)}
PRICES = ("price", *(f"price_{number}" for number in NUMBERS.values()), "prices")
# So many days before a version is in force it is put into the meter's standby.
LEAD_DAYS = 3


class MeterPrice(models.Model):
    """What a meter should hold by its tariff, and whether it does."""

    _inherit = "meter.price"

    def _wanted(self, version):
        """What the meter should hold while a version of its tariff is in force.

        :param version: `utility.tariff.price`
        :return: value by register, as texts and lists of texts; empty when it holds nothing of it
        :raises UserError: the meter cannot hold this tariff; the words say why
        """
        meter = self.meter_id
        dialect = meter._dialect()
        if dialect is None:
            raise UserError(
                self.env._("Nothing says yet how meter %s is spoken to.", meter.vending_id)
            )
        use = version._time_of_use()
        periods = meter.type_id.multi_tariff and "day_slots" in dialect.registers
        values = {}
        if meter.credit == "money":
            if use["slots"] and not periods:
                raise UserError(
                    self.env._("The tariff has times of use, and this meter holds no periods.")
                )
            values |= self._wanted_prices(version, use, dialect)
        if use["slots"] and periods:
            values["day_slots"] = [[start, NUMBERS[rate]] for start, rate in use["slots"]]
            if "zones" in dialect.registers:
                # One day table holds the whole year.
                values["zones"] = [["01-01", 1]]
        try:
            return {
                name: operations.text_of(operations.wire_value(dialect, name, value))
                for name, value in values.items()
            }
        except WireError as error:
            raise UserError(problem(self.env, error)) from None

    def _wanted_prices(self, version, use, dialect):
        """The prices of a meter that counts money, in the registers that it has."""
        if version.step_ids:
            raise UserError(
                self.env._("The tariff has steps, and this meter holds one price for each rate.")
            )
        by_rate = use["prices"] or dict.fromkeys(NUMBERS, dec(version.price))
        registers = dialect.registers
        names = {rate: f"price_{NUMBERS[rate]}" for rate in by_rate}
        if registers.keys() >= set(names.values()):
            return {
                name: self._rounded(by_rate[rate], registers[name]) for rate, name in names.items()
            }
        if "prices" in registers:
            plain = dec(version.price)
            register = registers["prices"]
            return {
                "prices": [self._rounded(by_rate.get(rate, plain), register) for rate in NUMBERS]
            }
        if "price" in registers and len(set(by_rate.values())) == 1:
            [amount] = set(by_rate.values())
            return {"price": self._rounded(amount, registers["price"])}
        raise UserError(self.env._("This meter has no register for the prices of the tariff."))

    def _rounded(self, amount, register):
        """A price per unit on paper as the meter must count it, behind its transformers."""
        amount *= dec(self.meter_id.ct_ratio)
        return f"{amount.quantize(Decimal(1).scaleb(-register.places), ROUND_HALF_UP):f}"

    def _coming(self, today):
        """The next version that is to be put into the standby.

        :return: (first local day, value by register), or None
        """
        tariff = self.meter_id.contract_id.tariff_id
        rows = tariff.price_ids.filtered(
            lambda row: today < row.date_from <= today + timedelta(days=LEAD_DAYS)
        )
        for row in rows.sorted("date_from")[:1]:
            try:
                return row.date_from, self._wanted(row)
            except UserError:
                # Said on the day on which it is in force.
                return None
        return None

    def _different(self, wanted, live):
        """Names of the registers of ``wanted`` that are read to hold something else."""
        dialect = self.meter_id._dialect()
        return [
            name
            for name in wanted
            if dialect and not self._same(dialect, name, wanted[name], live.get(name))
        ]

    def _same(self, dialect, name, wanted, live):
        register = dialect.registers.get(name)
        if register is None or not live:
            return False
        try:
            return coding.same(
                register,
                operations.wire_value(dialect, name, wanted),
                operations.wire_value(dialect, name, live),
            )
        except WireError:
            return False

    def _figures(self, values):
        """Prices of some values: one figure when all rates have the same."""
        prices = {name: self._typed(values[name]) for name in PRICES if name in values}
        if len(set(prices.values())) == 1:
            return next(iter(prices.values()))
        labels = dict(
            self.env["utility.tariff.slot"]._fields["rate"]._description_selection(self.env)
        )
        rates = {f"price_{number}": labels[rate] for rate, number in NUMBERS.items()}
        return ", ".join(
            f"{rates.get(name, '')} {figure}".strip() for name, figure in prices.items()
        )

    @staticmethod
    def _typed(value):
        """A value as a person would type it for the command.

        >>> MeterPrice._typed([["06:00", "2"], ["22:00", "4"]])
        '06:00 2, 22:00 4'
        """
        if isinstance(value, list):
            pairs = any(isinstance(one, list) for one in value)
            return (", " if pairs else " ").join(
                " ".join(map(str, one)) if isinstance(one, list) else str(one) for one in value
            )
        return str(value) if value else ""
