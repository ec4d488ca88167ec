"""Pricing of one sale: money to units, and every cent explained.

Pure: no ORM, no clock, no float. The same call gives the quote before paying and the sale after it.

The rules, which hold for every quote:

- the amounts of the lines sum to the money taken, exactly;
- what is sent to the meter is a whole count of the meter's smallest step;
- what is too small to buy one step more stays the customer's credit and is a line of its own.
"""

from decimal import ROUND_DOWN, Decimal, localcontext
from typing import NamedTuple

from .decimals import ceil_to, floor_to, is_multiple, round_places, round_to, text

UNITS = "units"
REMAINDER_USED = "remainder_used"
REMAINDER_KEPT = "remainder_kept"

CENT = Decimal("0.01")


class TariffError(ValueError):
    """A sale that cannot be priced; its text is fit for a cashier.

    :param code: ``price``, ``setup``, ``amount``, ``decimals``, ``minimum``, ``maximum`` or
        ``too_little``; translated texts are chosen by it
    :param params: the values named in the text, as Decimals
    """

    TEXTS = {
        "price": "There is no price above zero for this sale.",
        "setup": "The meter's smallest step and its CT ratio must be above zero.",
        "amount": "The amount must be above zero.",
        "decimals": "%(money)s has more decimals than the currency (smallest unit %(minor)s).",
        "minimum": "The amount is below the minimum sale of %(limit)s.",
        "maximum": "The amount is above the maximum sale of %(limit)s.",
        "too_little": "The amount buys nothing: the smallest step of this meter costs %(cost)s.",
    }

    def __init__(self, code, **params):
        super().__init__(self.TEXTS[code] % {key: text(value) for key, value in params.items()})
        self.code = code
        self.params = params


class QuoteLine(NamedTuple):
    """One line of a sale: ``units``, ``remainder_used`` (negative) or ``remainder_kept``."""

    kind: str
    quantity: Decimal
    price: Decimal
    amount: Decimal


class Quote(NamedTuple):
    """What some money buys on one meter.

    :param units: primary units on paper (kWh or m3)
    :param credit: what is sent to the meter: units / CT ratio, or money on a money meter
    :param lines: tuple of QuoteLine; their amounts sum to the money taken
    :param remainder_after: the customer's credit carried to the next sale
    :param cost: what of the money and the carried remainder is spent on this meter
    """

    units: Decimal
    credit: Decimal
    lines: tuple
    remainder_after: Decimal
    cost: Decimal


def quote(
    money,
    price,
    step,
    ct_ratio=Decimal(1),
    remainder=Decimal(0),
    credit="units",
    minor=CENT,
    minimum=None,
    maximum=None,
):
    """Price one sale.

    :param Decimal money: money taken, a whole count of ``minor``
    :param Decimal price: money per primary unit, tax included
    :param Decimal step: the meter's smallest credit step, in what the meter counts
    :param Decimal ct_ratio: primary units per unit that the meter counts; a money meter ignores it
    :param Decimal remainder: the customer's credit from earlier sales, zero or more
    :param str credit: what the meter counts, ``units`` or ``money``
    :param Decimal minor: the currency's minor unit
    :param Decimal minimum: smallest sale allowed; none or zero is no limit
    :param Decimal maximum: largest sale allowed; none or zero is no limit
    :rtype: Quote
    :raise TariffError: with words for the cashier

    100.00 at 0.5483 a kWh buys 182.38 kWh, which cost 99.998954, that is 100.00:

    >>> q = quote(Decimal("100.00"), Decimal("0.5483"), CENT)
    >>> q.units, q.credit, q.cost, q.remainder_after
    (Decimal('182.38'), Decimal('182.38'), Decimal('100.00'), Decimal('0.00'))
    >>> [(line.kind, str(line.amount)) for line in q.lines]
    [('units', '100.00')]

    A water meter that counts whole tenths keeps what does not buy the next tenth ...

    >>> q = quote(Decimal("10.00"), Decimal("3.4500"), Decimal("0.1"))
    >>> q.units, q.cost, q.remainder_after
    (Decimal('2.8'), Decimal('9.66'), Decimal('0.34'))
    >>> [(line.kind, str(line.amount)) for line in q.lines]
    [('units', '9.66'), ('remainder_kept', '0.34')]

    ... and the next sale uses it:

    >>> q = quote(Decimal("10.00"), Decimal("3.4500"), Decimal("0.1"), remainder=Decimal("0.34"))
    >>> [(line.kind, str(line.amount)) for line in q.lines]
    [('units', '10.01'), ('remainder_used', '-0.34'), ('remainder_kept', '0.33')]
    >>> sum(line.amount for line in q.lines)
    Decimal('10.00')

    Behind current transformers of 40/1 the meter is sent a fortieth of what is on paper:

    >>> q = quote(Decimal("100.00"), Decimal("0.5483"), CENT, ct_ratio=Decimal(40))
    >>> q.units, q.credit, q.cost, q.remainder_after
    (Decimal('182.00'), Decimal('4.55'), Decimal('99.79'), Decimal('0.21'))

    A meter that counts money is sent the money; its units are information only:

    >>> q = quote(Decimal("50.00"), Decimal("0.5483"), CENT, credit="money")
    >>> q.units, q.credit, q.cost, q.remainder_after
    (Decimal('91.19'), Decimal('50.00'), Decimal('50.00'), Decimal('0.00'))

    >>> try:
    ...     quote(Decimal("1.005"), Decimal("0.5483"), CENT)
    ... except TariffError as error:
    ...     print(error.code, "-", error)
    decimals - 1.005 has more decimals than the currency (smallest unit 0.01).
    """
    with localcontext() as context:
        context.prec = 50
        _check(money, price, step, ct_ratio, remainder, minor, minimum, maximum)
        available = money + remainder
        if credit == "money":
            sent = cost = floor_to(available, step)
            units = round_places(cost / price, 2)
            step_cost = step
        else:
            grain = step * ct_ratio
            # the quotient first: available / (price * grain) is exact enough at 50 digits, and the
            # comparison below settles the last digit without any rounding
            steps = (available / (price * grain)).to_integral_value(rounding=ROUND_DOWN)
            if (steps + 1) * grain * price <= available:
                steps += 1
            elif steps * grain * price > available:
                steps -= 1
            units = steps * grain
            sent = steps * step
            cost = round_to(units * price, minor)
            step_cost = grain * price
        if not sent:
            raise TariffError("too_little", cost=ceil_to(step_cost, minor))
        remainder_after = available - cost
        lines = [QuoteLine(UNITS, units, price, cost)]
        if remainder:
            lines.append(QuoteLine(REMAINDER_USED, Decimal(1), -remainder, -remainder))
        if remainder_after:
            lines.append(QuoteLine(REMAINDER_KEPT, Decimal(1), remainder_after, remainder_after))
        return Quote(units, sent, tuple(lines), remainder_after, cost)


def _check(money, price, step, ct_ratio, remainder, minor, minimum, maximum):
    """Refuse what cannot be priced, the cashier's own mistakes last."""
    if not price or price <= 0:
        raise TariffError("price")
    if step <= 0 or ct_ratio <= 0:
        raise TariffError("setup")
    if remainder < 0 or not is_multiple(remainder, minor):
        raise ValueError(f"the carried remainder is not a credit in whole minor units: {remainder}")
    if money <= 0:
        raise TariffError("amount")
    if not is_multiple(money, minor):
        raise TariffError("decimals", money=money, minor=minor)
    if minimum and money < minimum:
        raise TariffError("minimum", limit=minimum)
    if maximum and money > maximum:
        raise TariffError("maximum", limit=maximum)
