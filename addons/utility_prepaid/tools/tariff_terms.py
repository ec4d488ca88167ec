"""What a sale is priced with: the tariff's and the contract's terms, the meter's way to count.

Pure. What cannot be priced is refused here, with words for the cashier.
"""

from decimal import Decimal
from typing import NamedTuple

from .decimals import is_multiple, text

ZERO = Decimal(0)


class TariffError(ValueError):
    """A sale that cannot be priced; its text is fit for a cashier.

    :param code: key of ``TEXTS``; translated texts are chosen by it
    :param params: the values named in the text, as Decimals
    """

    TEXTS = {
        "price": "There is no price above zero for this sale.",
        "setup": "The meter's smallest step and its CT ratio must be above zero.",
        "amount": "The amount must be above zero.",
        "units": "The units must be above zero.",
        "decimals": "%(money)s has more decimals than the currency (smallest unit %(minor)s).",
        "minimum": "The amount is below the minimum sale of %(limit)s.",
        "maximum": "The amount is above the maximum sale of %(limit)s.",
        "fees": "Fees of %(fees)s for %(months)s month(s) are owed: "
        "the sale must be at least %(least)s.",
        "arrears": "Arrears of %(arrears)s come first: the sale must be at least %(least)s.",
        "too_little": "The amount buys nothing: the sale must be at least %(least)s.",
    }

    def __init__(self, code, **params):
        super().__init__(self.TEXTS[code] % {key: text(value) for key, value in params.items()})
        self.code = code
        self.params = params


class Owed(NamedTuple):
    """Something owed, paid before units: ``key`` is the month of a fee or the debt's own record."""

    key: object
    amount: Decimal


class Terms(NamedTuple):
    """What the tariff and the contract say on the day of the sale. Money includes tax.

    :param steps: tuple of `tariff_steps.Step`; a plain price is one step
    :param bought: units already bought in the steps' period
    :param fees: tuple of Owed, the fixed fees of whole months, oldest first
    :param arrears: tuple of Owed, open debts, oldest first
    :param arrears_percent: at most so much of the money after fees goes to arrears; zero is no cap
    :param arrears_amount: the same as an amount; of two caps the smaller holds
    :param service: service fee in %, below 100
    :param minimum: smallest sale allowed; zero is no limit
    :param maximum: largest sale allowed; zero is no limit
    """

    steps: tuple
    bought: Decimal = ZERO
    fees: tuple = ()
    arrears: tuple = ()
    arrears_percent: Decimal = ZERO
    arrears_amount: Decimal = ZERO
    service: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum: Decimal = ZERO


class Gauge(NamedTuple):
    """How a meter counts.

    :param step: its smallest credit step, in what it counts
    :param ct_ratio: primary units per unit that it counts; a money meter ignores it
    :param credit: what it counts, ``units`` or ``money``
    """

    step: Decimal
    ct_ratio: Decimal = Decimal(1)
    credit: str = "units"

    @property
    def grain(self):
        """The fewest primary units that a meter of units can be sold."""
        return self.step * self.ct_ratio


def check(terms, gauge, remainder, minor):
    """Refuse what nothing can be priced with."""
    if not terms.steps or any(not step.price or step.price <= 0 for step in terms.steps):
        raise TariffError("price")
    if gauge.step <= 0 or gauge.ct_ratio <= 0:
        raise TariffError("setup")
    starts = [step.above for step in terms.steps]
    if starts[0] or starts != sorted(set(starts)):
        raise ValueError(f"the steps do not rise from zero: {starts}")
    if not 0 <= terms.service < 100:
        raise ValueError(f"not a service fee: {terms.service} %")
    if not 0 <= terms.arrears_percent <= 100:
        raise ValueError(f"not a cap: {terms.arrears_percent} %")
    coins = [remainder, *(owed.amount for owed in terms.fees + terms.arrears)]
    if any(coin < 0 or not is_multiple(coin, minor) for coin in coins):
        raise ValueError(f"not all whole counts of {minor}, zero or more: {coins}")


def check_money(money, terms, minor):
    """Refuse the cashier's own mistakes."""
    if money <= 0:
        raise TariffError("amount")
    if not is_multiple(money, minor):
        raise TariffError("decimals", money=money, minor=minor)
    if terms.minimum and money < terms.minimum:
        raise TariffError("minimum", limit=terms.minimum)
    if terms.maximum and money > terms.maximum:
        raise TariffError("maximum", limit=terms.maximum)
