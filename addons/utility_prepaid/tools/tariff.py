"""Pricing of one sale: money to units, and every cent explained.

Pure: no ORM, no clock, no float. The same call gives the quote before paying and the sale after it.

The money is used in this order: monthly fees that are owed, the oldest first; arrears, within the
cap; the service fee, a percentage of what is left; units, step by step. What the last sale left
over buys units too, and pays no service fee twice.

The rules, which hold for every quote:

- the amounts of the lines sum to the money taken, exactly;
- what is sent to the meter is a whole count of the meter's smallest step;
- what is too small to buy one step more stays the customer's credit and is a line of its own;
- more money never buys less;
- a part of the smallest coin is rounded up in all that the customer pays, so that a sale in two
  parts never buys more than one sale of the same money.
"""

from decimal import Decimal, localcontext
from typing import NamedTuple

from .decimals import ceil_to, round_places
from .tariff_steps import room_at, spans
from .tariff_terms import ZERO, TariffError, check, check_money
from .tariff_use import money_for, money_spans, nothing_bought, use_money

FEE = "fee"
ARREARS = "arrears"
SERVICE = "service"
UNITS = "units"
REMAINDER_USED = "remainder_used"
REMAINDER_KEPT = "remainder_kept"

CENT = Decimal("0.01")


class QuoteLine(NamedTuple):
    """One line of a sale.

    :param key: month of a fee, record of arrears, number of the step of units, % of a service fee
    """

    kind: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    key: object = None


class StepLeft(NamedTuple):
    """What more can be had at the step that the sale ends in, and what comes after it."""

    units: Decimal
    money: Decimal
    price: Decimal
    next_price: Decimal


class Quote(NamedTuple):
    """What some money buys on one meter.

    :param money: money taken
    :param units: primary units on paper (kWh or m3)
    :param credit: what is sent to the meter: units / CT ratio, or money on a money meter
    :param cost: price of the units
    :param fees: monthly fees and service fee
    :param arrears: recovered of older debts
    :param remainder_after: the customer's credit carried to the next sale
    :param lines: tuple of QuoteLine; their amounts sum to the money taken
    :param step_left: StepLeft; None on a money meter, with one price, and on the last step
    """

    money: Decimal
    units: Decimal
    credit: Decimal
    cost: Decimal
    fees: Decimal
    arrears: Decimal
    remainder_after: Decimal
    lines: tuple
    step_left: StepLeft | None

    @property
    def price(self):
        """The only price of the units, or their average, to four decimals."""
        prices = [line.price for line in self.lines if line.kind == UNITS]
        if len(prices) == 1 or not self.units:
            return prices[-1]
        return round_places(self.cost / self.units, 4)


def quote(money, terms, gauge, remainder=ZERO, minor=CENT):
    """Price one sale.

    :param Decimal money: money taken, a whole count of ``minor``
    :param Terms terms: prices, fees and debts
    :param Gauge gauge: how the meter counts
    :param Decimal remainder: the customer's credit from earlier sales, zero or more
    :param Decimal minor: the currency's smallest unit
    :rtype: Quote
    :raise TariffError: with words for the cashier

    100.00 at 0.5483 a kWh buys 182.38 kWh, which cost 99.998954, that is 100.00:

    >>> from .decimals import text
    >>> from .tariff_steps import Step
    >>> from .tariff_terms import Gauge, Owed, Terms
    >>> home = Terms((Step(Decimal(0), Decimal("0.5483")),))
    >>> def show(answer):
    ...     for line in answer.lines:
    ...         print(line.kind, text(line.quantity), text(line.price), line.amount)
    >>> answer = quote(Decimal("100.00"), home, Gauge(CENT))
    >>> answer.units, answer.credit, answer.remainder_after
    (Decimal('182.38'), Decimal('182.38'), Decimal('0.00'))
    >>> show(answer)
    units 182.38 0.5483 100.00

    A water meter that counts whole tenths keeps what does not buy the next tenth ...

    >>> water = Terms((Step(Decimal(0), Decimal("3.4500")),))
    >>> show(quote(Decimal("10.00"), water, Gauge(Decimal("0.1"))))
    units 2.8 3.45 9.66
    remainder_kept 1 0.34 0.34

    ... and the next sale uses it:

    >>> show(quote(Decimal("10.00"), water, Gauge(Decimal("0.1")), remainder=Decimal("0.34")))
    units 2.9 3.45 10.01
    remainder_used 1 -0.34 -0.34
    remainder_kept 1 0.33 0.33

    Behind current transformers of 40/1 the meter is sent a fortieth of what is on paper:

    >>> answer = quote(Decimal("100.00"), home, Gauge(CENT, Decimal(40)))
    >>> answer.units, answer.credit, answer.cost, answer.remainder_after
    (Decimal('182.00'), Decimal('4.55'), Decimal('99.80'), Decimal('0.20'))

    A meter that counts money is sent the money; its units are information only:

    >>> answer = quote(Decimal("50.00"), home, Gauge(CENT, credit="money"))
    >>> answer.units, answer.credit, answer.cost, answer.remainder_after
    (Decimal('91.19'), Decimal('50.00'), Decimal('50.00'), Decimal('0.00'))

    Two months' fees, a debt of 80 to which half of the rest may go, 2 % for the service, and 150 of
    the 200 cheap kWh of this month already bought:

    >>> answer = quote(
    ...     Decimal("100.00"),
    ...     Terms(
    ...         steps=(Step(Decimal(0), Decimal("0.5")), Step(Decimal(200), Decimal("0.6"))),
    ...         bought=Decimal(150),
    ...         fees=(Owed("October", Decimal(5)), Owed("November", Decimal(5))),
    ...         arrears=(Owed("INV/7", Decimal(80)),),
    ...         arrears_percent=Decimal(50),
    ...         service=Decimal(2),
    ...     ),
    ...     Gauge(CENT),
    ... )
    >>> show(answer)
    fee 1 5 5
    fee 1 5 5
    arrears 1 45 45.00
    service 1 0.9 0.90
    units 50 0.5 25.00
    units 31.83 0.6 19.10
    >>> answer.cost, answer.fees, answer.arrears, answer.price
    (Decimal('44.10'), Decimal('10.90'), Decimal('45.00'), Decimal('0.5389'))

    >>> try:
    ...     quote(Decimal("1.005"), home, Gauge(CENT))
    ... except TariffError as error:
    ...     print(error.code, "-", error)
    decimals - 1.005 has more decimals than the currency (smallest unit 0.01).
    """
    with localcontext() as context:
        context.prec = 50
        check(terms, gauge, remainder, minor)
        check_money(money, terms, minor)
        use = use_money(money, terms, gauge, remainder, minor)
        if not use.credit:
            raise nothing_bought(money, terms, gauge, remainder, minor)
        return _quote(money, use, terms, gauge, remainder, minor)


def quote_units(units, terms, gauge, remainder=ZERO, minor=CENT):
    """Price a sale by units: the smallest money that buys them, fees and arrears included.

    :param Decimal units: primary units wanted; a part of the meter's smallest step is rounded up
    :rtype: Quote
    :raise TariffError: with words for the cashier, as for that money

    >>> from .tariff_steps import Step
    >>> from .tariff_terms import Gauge, Owed, Terms
    >>> home = Terms((Step(Decimal(0), Decimal("0.5483")),), fees=(Owed("May", Decimal(3)),))
    >>> answer = quote_units(Decimal("182.38"), home, Gauge(CENT))
    >>> answer.money, answer.units
    (Decimal('103.00'), Decimal('182.38'))
    >>> answer == quote(Decimal("103.00"), home, Gauge(CENT))
    True
    """
    with localcontext() as context:
        context.prec = 50
        check(terms, gauge, remainder, minor)
        if units <= 0:
            raise TariffError("units")
        money = money_for(lambda use: use.units >= units, terms, gauge, remainder, minor)
    return quote(money, terms, gauge, remainder, minor)


def _quote(money, use, terms, gauge, remainder, minor):
    spent = use.fees + use.arrears + use.service + use.cost
    remainder_after = money + remainder - spent
    return Quote(
        money=money,
        units=use.units,
        credit=use.credit,
        cost=use.cost,
        fees=use.fees + use.service,
        arrears=use.arrears,
        remainder_after=remainder_after,
        lines=tuple(_lines(use, terms, gauge, remainder, remainder_after, minor)),
        step_left=_step_left(money, use, terms, gauge, remainder, minor),
    )


def _lines(use, terms, gauge, remainder, remainder_after, minor):
    """The lines of a sale in the order in which the money is used."""
    for fee in terms.fees:
        yield _single(FEE, fee.amount, fee.key)
    arrears = use.arrears
    for debt in terms.arrears:
        paid = min(debt.amount, arrears)
        if paid:
            yield _single(ARREARS, paid, debt.key)
        arrears -= paid
    if use.service:
        yield _single(SERVICE, use.service, terms.service)
    yield from _unit_lines(use, terms, gauge, minor)
    if remainder:
        yield _single(REMAINDER_USED, -remainder)
    if remainder_after:
        yield _single(REMAINDER_KEPT, remainder_after)


def _single(kind, amount, key=None):
    return QuoteLine(kind, Decimal(1), amount, amount, key)


def _unit_lines(use, terms, gauge, minor):
    """One line a step: each is what the sum up to it adds, so that they sum to the cost."""
    in_money = gauge.credit == "money"
    bought = (
        money_spans(use.cost, terms) if in_money else spans(terms.steps, terms.bought, use.units)
    )
    exact = before = ZERO
    for span in bought:
        exact += span.units * span.price
        # a quotient's last digit must not become a coin
        after = use.cost if span is bought[-1] else ceil_to(exact, minor)
        units = round_places(span.units, 2) if in_money else span.units
        yield QuoteLine(UNITS, units, span.price, after - before, span.number)
        before = after


def _step_left(money, use, terms, gauge, remainder, minor):
    """How much more of this step the same sale could take."""
    if gauge.credit == "money":
        return None
    room = room_at(terms.steps, terms.bought + use.units, gauge.grain)
    if not room:
        return None
    more = ZERO
    if room.units:
        wanted = use.units + room.units
        full = money_for(lambda use: use.units >= wanted, terms, gauge, remainder, minor)
        more = full - money
    return StepLeft(room.units, more, room.price, room.next_price)
