"""Which row of a payment provider's settlement is which of our own items, one to one."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Row(NamedTuple):
    """A row of the provider: money to us is positive, money back is negative."""

    key: int
    reference: str
    amount: Decimal
    day: date | None


class Item(NamedTuple):
    """An item of ours on the clearing account: ``settled`` when it was matched before."""

    key: int
    references: frozenset
    amount: Decimal
    day: date
    settled: bool = False


class Match(NamedTuple):
    """``result``: matched, amount (differs), again (settled before) or unknown.

    ``by``: reference, day (amount and day) or "" for unknown.
    """

    result: str
    item: int | None = None
    by: str = ""


UNKNOWN = Match("unknown")


def match(rows, items):
    """Match rows to items; no item is used twice.

    First by reference, then what is left by amount and day, where as many rows as items have
    them: rows without any reference of ours are then worth the same, whichever is taken.

    :param rows: list of `Row`
    :param items: list of `Item`
    :return: {row's key: `Match`}

    >>> d, a, b = date(2026, 5, 1), Decimal(100), Decimal(50)
    >>> ours = [Item(1, frozenset({"S1"}), a, d), Item(2, frozenset({"S2"}), b, d),
    ...         Item(3, frozenset(), b, d), Item(4, frozenset({"S4"}), a, d, settled=True)]
    >>> for key, found in match([Row(7, "S1", a, d), Row(8, "S2", a, d), Row(9, "x", b, d),
    ...                          Row(10, "S4", a, d), Row(11, "S1", a, d)], ours).items():
    ...     print(key, *found)
    7 matched 1 reference
    8 amount 2 reference
    9 matched 3 day
    10 again 4 reference
    11 again 1 reference

    The one of two equal items that is really meant cannot be told:

    >>> match([Row(1, "", b, d)], [Item(1, frozenset(), b, d), Item(2, frozenset(), b, d)])
    {1: Match(result='unknown', item=None, by='')}
    """
    by_reference = defaultdict(list)
    for item in items:
        for reference in item.references:
            by_reference[reference].append(item)
    used, found = set(), {}
    # An exact amount goes first: another row with the same reference may have a wrong one.
    for exact in (True, False):
        for row in rows:
            if row.key in found or not row.reference:
                continue
            named = [
                item
                for item in by_reference.get(row.reference, ())
                if (item.amount < 0) == (row.amount < 0)
            ]
            free = [item for item in named if not item.settled and item.key not in used]
            same = [item for item in free if item.amount == row.amount]
            if same:
                found[row.key] = Match("matched", same[0].key, "reference")
                used.add(same[0].key)
            elif exact:
                continue
            elif free:
                found[row.key] = Match("amount", free[0].key, "reference")
                used.add(free[0].key)
            elif named:
                found[row.key] = Match("again", named[0].key, "reference")
    _match_days(rows, items, used, found)
    return {row.key: found.get(row.key, UNKNOWN) for row in rows}


def _match_days(rows, items, used, found):
    rows_of, items_of = defaultdict(list), defaultdict(list)
    for row in rows:
        if row.key not in found and row.day:
            rows_of[row.amount, row.day].append(row)
    for item in items:
        if item.key not in used and not item.settled:
            items_of[item.amount, item.day].append(item)
    for same, alike in rows_of.items():
        if len(alike) == len(items_of[same]):
            for row, item in zip(alike, items_of[same], strict=True):
                found[row.key] = Match("matched", item.key, "day")
