"""Block prices: the more units a customer has bought in the period, the further up the steps.

Pure, in Decimal. A plain price is one step that begins at zero. Positions are units already bought
since the period began; what was bought before a change of the prices counts for the new steps too.
"""

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from .decimals import floor_to


class Step(NamedTuple):
    """From ``above`` units of the period on, one unit costs ``price``."""

    above: Decimal
    price: Decimal


class Span(NamedTuple):
    """Units that are bought at one price; ``number`` counts the steps from 1."""

    number: int
    units: Decimal
    price: Decimal


class Room(NamedTuple):
    """What is left at the present step: units, its price, and the price after it."""

    units: Decimal
    price: Decimal
    next_price: Decimal


def _walk(steps, bought):
    """The steps from a position on, as (number, units that the step still has or None, price)."""
    ends = [step.above for step in steps[1:]] + [None]
    for number, (step, end) in enumerate(zip(steps, ends, strict=True), 1):
        if end is None or end > bought:
            yield number, end and end - max(step.above, bought), step.price


def spans(steps, bought, units):
    """Split units over the steps.

    :param steps: tuple of Step, ascending, the first above zero units
    :param Decimal bought: units of the period before these
    :param Decimal units: units to split
    :return: list of Span, none of them empty

    >>> steps = (Step(Decimal(0), Decimal("0.5")), Step(Decimal(200), Decimal("0.6")))
    >>> [(span.number, str(span.units)) for span in spans(steps, Decimal(150), Decimal(80))]
    [(1, '50'), (2, '30')]
    >>> [(span.number, str(span.units)) for span in spans(steps, Decimal(200), Decimal(80))]
    [(2, '80')]
    """
    found = []
    for number, room, price in _walk(steps, bought):
        part = units if room is None else min(units, room)
        if part:
            found.append(Span(number, part, price))
        units -= part
    return found


def cost(steps, bought, units):
    """The exact price of units, not rounded.

    >>> steps = (Step(Decimal(0), Decimal("0.5")), Step(Decimal(200), Decimal("0.6")))
    >>> cost(steps, Decimal(150), Decimal(80))
    Decimal('43.0')
    """
    return sum((span.units * span.price for span in spans(steps, bought, units)), Decimal(0))


def units_for(steps, bought, money):
    """The units that some money buys, to the digits of the context.

    >>> steps = (Step(Decimal(0), Decimal("0.5")), Step(Decimal(200), Decimal("0.6")))
    >>> units_for(steps, Decimal(150), Decimal(43))
    Decimal('80')
    """
    units = Decimal(0)
    for __, room, price in _walk(steps, bought):
        if room is None or money < room * price:
            return units + money / price
        units += room
        money -= room * price
    return units


def grains_for(steps, bought, money, grain):
    """How many whole grains some money buys: the next one would cost more than there is.

    >>> steps = (Step(Decimal(0), Decimal("0.5")), Step(Decimal(1), Decimal("0.7")))
    >>> grains_for(steps, Decimal(0), Decimal("1.19"), Decimal("0.4"))
    Decimal('4')
    """
    count = (units_for(steps, bought, money) / grain).to_integral_value(rounding=ROUND_DOWN)
    # A quotient's last digit is rounded: what the grains cost is exact and settles it.
    if cost(steps, bought, (count + 1) * grain) <= money:
        return count + 1
    if cost(steps, bought, count * grain) > money:
        return count - 1
    return count


def price_at(steps, bought):
    """The price of the next unit.

    >>> steps = (Step(Decimal(0), Decimal("0.5")), Step(Decimal(200), Decimal("0.6")))
    >>> [str(price_at(steps, Decimal(bought))) for bought in ("199.99", "200")]
    ['0.5', '0.6']
    """
    __, __, price = next(_walk(steps, bought))
    return price


def room_at(steps, bought, grain):
    """What can still be bought at the price of the step that a position is in.

    :param Decimal grain: the smallest count of units that is sold
    :return: Room, or None on the last step

    >>> steps = (Step(Decimal(0), Decimal("0.5")), Step(Decimal(200), Decimal("0.6")))
    >>> room_at(steps, Decimal("150.5"), Decimal(20))
    Room(units=Decimal('40'), price=Decimal('0.5'), next_price=Decimal('0.6'))
    >>> room_at(steps, Decimal(200), Decimal(20)) is None
    True
    """
    number, room, price = next(_walk(steps, bought))
    if room is None:
        return None
    return Room(floor_to(room, grain), price, steps[number].price)
