"""From what a customer had left to what is left: credit that came, went and was used in a period.

Units are what the meter counts, on paper: kWh or m3 after the CT ratio, or money on meters that
count money. Their value is that of the lots that are still there, first in first out.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .lots import Lot, left

ZERO = Decimal(0)
# kind of movement -> its column
COLUMNS = {
    "sale": "sold",
    "reversal": "reversed",
    "quota": "quota",
    "temporary": "temporary",
    "emergency": "emergency",
    "transfer": "transferred",
    "adjustment": "adjusted",
}


class Movement(NamedTuple):
    """Credit that a meter proved to have received, or to have given back.

    :param kind: key of COLUMNS
    :param at: when it was proved
    :param units: signed
    :param amount: its value, signed
    :param lot: what it put on the meter; none for what only takes off
    :param gone_at: when a reversal of it was proved
    """

    kind: str
    at: datetime
    units: Decimal
    amount: Decimal
    lot: Lot | None = None
    gone_at: datetime | None = None


def roll(movements, start, end, used_before, used, settled=None):
    """The roll-forward of one contract over a period.

    :param movements: sequence of Movement, oldest first
    :param start: first moment of the period
    :param end: first moment after it
    :param Decimal used_before: units used from the contract's beginning to `start`
    :param Decimal used: units used in the period
    :param settled: units that were settled when the contract ended in the period, if it did
    :return: dictionary of opening, the COLUMNS, used, settled and closing, in units and, with
        `_amount`, in money; opening + columns - used - settled = closing, in both

    >>> day = [datetime(2026, 11, number) for number in range(1, 8)]
    >>> lots = [Lot(1, Decimal(100), Decimal(60)), Lot(2, Decimal(50), Decimal(40))]
    >>> moves = [
    ...     Movement("sale", day[0], Decimal(100), Decimal(60), lots[0]),
    ...     Movement("sale", day[2], Decimal(50), Decimal(40), lots[1]),
    ... ]
    >>> row = roll(moves, day[1], day[4], Decimal(30), Decimal(90))
    >>> [str(row[name]) for name in ("opening", "sold", "used", "closing")]
    ['70', '50', '90', '30']
    >>> [str(row[name + "_amount"]) for name in ("opening", "sold", "used", "closing")]
    ['42.00', '40', '58.00', '24.00']
    """
    row = dict.fromkeys(COLUMNS.values(), ZERO)
    row |= {f"{name}_amount": ZERO for name in COLUMNS.values()}
    opening = -used_before
    for move in movements:
        if move.at < start:
            opening += move.units
        elif move.at < end:
            column = COLUMNS[move.kind]
            row[column] += move.units
            row[f"{column}_amount"] += move.amount
    came = sum((row[name] for name in COLUMNS.values()), ZERO)
    worth = sum((row[f"{name}_amount"] for name in COLUMNS.values()), ZERO)
    gone = settled or ZERO
    closing = opening + came - used - gone
    opening_amount = _worth(movements, start, opening)
    settled_amount = _worth(movements, end, gone)
    closing_amount = ZERO if settled is not None else _worth(movements, end, closing)
    return {
        **row,
        "opening": opening,
        "used": used,
        "settled": gone,
        "closing": closing,
        "opening_amount": opening_amount,
        "used_amount": opening_amount + worth - settled_amount - closing_amount,
        "settled_amount": settled_amount,
        "closing_amount": closing_amount,
    }


def moved(movements, first, last):
    """Units that came, less those that went, from one moment to another (not included)."""
    return sum((move.units for move in movements if first <= move.at < last), ZERO)


def _worth(movements, moment, units):
    lots = [
        move.lot
        for move in movements
        if move.lot and move.at < moment and not (move.gone_at and move.gone_at < moment)
    ]
    return sum((amount for __, __, amount in left(lots, units)), ZERO)
