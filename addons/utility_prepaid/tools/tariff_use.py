"""How the money of a sale is used: fees, arrears, service, units, and what is too small for more.

Pure. Units never fall when the money rises, so the money for some units is found by halving.
"""

from decimal import Decimal
from typing import NamedTuple

from .decimals import ceil_to, floor_to, round_places
from .tariff_steps import cost as exact_cost
from .tariff_steps import grains_for, spans, units_for
from .tariff_terms import ZERO, TariffError


class Use(NamedTuple):
    """How some money is used; ``credit`` is zero when it buys nothing."""

    fees: Decimal
    arrears: Decimal
    service: Decimal
    units: Decimal
    credit: Decimal
    cost: Decimal


def total(owed):
    return sum((one.amount for one in owed), ZERO)


def use_money(money, terms, gauge, remainder, minor):
    """Use the money in its order; units never fall when the money rises."""
    fees = total(terms.fees)
    rest = money - fees
    if rest < 0:
        return Use(fees, ZERO, ZERO, ZERO, ZERO, ZERO)
    arrears = min(total(terms.arrears), rest)
    if terms.arrears_percent:
        arrears = min(arrears, ceil_to(rest * terms.arrears_percent / 100, minor))
    if terms.arrears_amount:
        arrears = min(arrears, ceil_to(terms.arrears_amount, minor))
    rest -= arrears
    service = ceil_to(rest * terms.service / 100, minor)
    available = rest - service + remainder
    if gauge.credit == "money":
        credit = cost = floor_to(available, gauge.step)
        bought = money_spans(cost, terms)
        units = sum((round_places(span.units, 2) for span in bought), ZERO)
    else:
        count = grains_for(terms.steps, terms.bought, available, gauge.grain)
        units, credit = count * gauge.grain, count * gauge.step
        cost = ceil_to(exact_cost(terms.steps, terms.bought, units), minor)
    return Use(fees, arrears, service, units, credit, cost)


def money_spans(cost, terms):
    """The units that some credit of a money meter stands for, step by step."""
    return spans(terms.steps, terms.bought, units_for(terms.steps, terms.bought, cost))


def money_for(enough, terms, gauge, remainder, minor):
    """The smallest money whose use is enough, limits of a sale apart."""

    def reached(coins):
        return enough(use_money(coins * minor, terms, gauge, remainder, minor))

    high = 1
    while not reached(high):
        high *= 2
    low = high // 2
    # Not reached at low, reached at high: more money never buys less.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high * minor


def nothing_bought(money, terms, gauge, remainder, minor):
    """Say what stands in the way, and the smallest sale that there is."""
    least = money_for(lambda use: use.credit, terms, gauge, remainder, minor)
    fees = total(terms.fees)
    if money <= fees:
        return TariffError("fees", months=Decimal(len(terms.fees)), fees=fees, least=least)
    if terms.arrears:
        return TariffError("arrears", arrears=total(terms.arrears), least=least)
    return TariffError("too_little", least=least)
