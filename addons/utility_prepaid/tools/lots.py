"""Which of the credit that a meter received is used, and which is still there.

A lot is what one sale (or quota, or emergency credit) put on the meter. Free lots are used first,
then paid ones, first in first out. Every lot may tell what the meter held when it came, so that
units which were used up before a free lot came are not taken for free ones afterwards.
"""

from collections import deque
from decimal import Decimal
from typing import NamedTuple

from .decimals import round_to

CENT = Decimal("0.01")
NOTHING = Decimal(0)


class Lot(NamedTuple):
    """Credit that one movement put on a meter.

    :param key: whatever the caller knows it by
    :param Decimal units: what the meter counts, on paper; below zero it was taken off the meter
    :param Decimal amount: what was paid for all its units
    :param bool free: given away: used first, worth nothing
    :param before: units that the meter held when the lot came, below zero when it was owed; none
        when nobody knows
    """

    key: object
    units: Decimal
    amount: Decimal
    free: bool = False
    before: Decimal | None = None


def lot_of(key, kind, units, credit, cost, before, ratio):
    """A movement of credit as a lot.

    :param kind: of `utility.vend`
    :param Decimal units: on paper
    :param Decimal credit: the same as it was sent to the meter
    :param Decimal cost: what was paid for it
    :param before: what the meter counted when it came (Decimal); none when nobody knows
    :param ratio: of the meter's current transformer (Decimal); none for a meter that counts money

    >>> lot_of("a", "sale", Decimal(40), Decimal(2), Decimal("22.00"), Decimal(1), Decimal(30))
    Lot(key='a', units=Decimal('40'), amount=Decimal('22.00'), free=False, before=Decimal('20'))
    >>> lot_of("b", "transfer", Decimal(40), Decimal(2), Decimal(0), Decimal(0), Decimal(20)).before
    Decimal('40')
    """
    came = on_paper(credit, units, credit, ratio)
    if kind == "transfer":
        # The same credit on another meter: what is left of the lots, and no lot of its own.
        return Lot(key, NOTHING, NOTHING, free=True, before=came)
    before = None if before is None else on_paper(before, units, credit, ratio)
    free = kind in ("quota", "temporary") or not cost
    return Lot(key, came, NOTHING if free else cost, free, before)


def on_paper(counted, units, credit, ratio):
    """What a meter counted, as on paper: times the CT ratio that a movement had; see `lot_of`.

    >>> on_paper(Decimal(3), Decimal(0), Decimal(0), Decimal(30))
    Decimal('90')
    """
    if ratio is None:
        return counted
    return counted * units / credit if credit else counted * ratio


def worth(lot, units, minor=CENT):
    """What so many of a lot's units, those that are used first, were paid.

    >>> lot = Lot("a", Decimal("182.38"), Decimal("100.00"))
    >>> worth(lot, Decimal("82.38")), worth(lot, lot.units)
    (Decimal('45.17'), Decimal('100.00'))
    >>> worth(lot._replace(free=True), Decimal("82.38"))
    Decimal('0')
    """
    if lot.free or not units:
        return NOTHING
    return lot.amount if units == lot.units else round_to(lot.amount * units / lot.units, minor)


def left(lots, units, minor=CENT):
    """What of the lots is still there.

    What is left of a lot is its amount less what its used units were worth, so that the two sum to
    what was paid. Units that no lot explains (the meter holds more than was ever sold) are not
    among the answers; with fewer than none left, nothing is.

    :param lots: Lots, oldest first
    :param Decimal units: what the meter still holds
    :param Decimal minor: the currency's minor unit
    :return: list of (Lot, units, amount), oldest first

    >>> lots = [Lot("a", Decimal(100), Decimal("60.00")), Lot("b", Decimal(50), Decimal("40.00"))]
    >>> [(lot.key, str(units), str(amount)) for lot, units, amount in left(lots, Decimal(70))]
    [('a', '20', '12.00'), ('b', '50', '40.00')]

    Thirty free units that came when twenty were left go before what was left then, and not before
    what had been used already:

    >>> free = Lot("f", Decimal(30), Decimal(0), free=True, before=Decimal(20))
    >>> [(lot.key, str(units)) for lot, units, __ in left([lots[0], free], Decimal(35))]
    [('a', '20'), ('f', '15')]
    >>> [(lot.key, str(units)) for lot, units, __ in left([lots[0], free], Decimal(15))]
    [('a', '15')]

    A lot that found the meter five units below zero pays for them at once:

    >>> late = Lot("c", Decimal(40), Decimal("32.00"), before=Decimal(-5))
    >>> [(lot.key, str(units), str(amount)) for lot, units, amount in left([lots[0], late], 35)]
    [('c', '35', '28.00')]

    What was taken off the meter is the newest of it:

    >>> off = Lot("d", Decimal(-10), Decimal("-8.00"), before=Decimal(70))
    >>> [(lot.key, str(units)) for lot, units, __ in left([*lots, off], Decimal(60))]
    [('a', '20'), ('b', '40')]
    """
    if units <= 0:
        return []
    return [
        (lot, rest, _worth_above(lot, lot.units - off - rest, lot.units - off, minor))
        for lot, rest, off in _walk(lots, units)
        if rest
    ]


def taken_off(lots, held, units, minor=CENT):
    """What goes when so many units are taken off a meter, the newest paid ones first.

    It is the last part of its lots: with what was used by then and with what will be used of the
    rest it sums to what was paid, to the cent.

    :param lots: Lots, oldest first
    :param Decimal held: what the meter holds before
    :param Decimal units: what is taken off
    :param Decimal minor: the currency's minor unit
    :return: list of (Lot, units, amount), oldest first

    >>> lots = [Lot("a", Decimal("182.38"), Decimal("100.00"))]
    >>> off = Lot("off", Decimal("-0.38"), Decimal(0), before=Decimal("82.38"))
    >>> [str(amount) for __, __, amount in taken_off(lots, Decimal("82.38"), Decimal("0.38"))]
    ['0.21']
    >>> [str(amount) for __, __, amount in left([*lots, off], Decimal("82.00"))]
    ['44.96']
    >>> str(consume([*lots, off], {}, Decimal("82.00"))["a"][1])
    '54.83'
    """
    # What it is worth is found here: the amount of this lot is asked by nobody.
    gone = Lot(None, -units, NOTHING, before=held)
    before, after = _walk(lots, held), _walk([*lots, gone], held - units)
    return [
        (lot, off - old, _worth_above(lot, lot.units - off, lot.units - old, minor))
        for (lot, __, old), (__, __, off) in zip(before, after, strict=True)
        if off != old
    ]


def consume(lots, already, units, minor=CENT):
    """What is to be booked as used, now that so many units are left, beyond what was booked before.

    :param lots: Lots, oldest first
    :param dict already: {key: (units, amount)} booked as used before, also of lots that are no
        longer there: a lot that was reversed since is taken back
    :param Decimal units: what the meter still holds
    :param Decimal minor: the currency's minor unit
    :return: {key: (units, amount)}, without those that did not change; below zero where more was
        booked before than was used

    >>> lots = [Lot("a", Decimal(100), Decimal("60.00")), Lot("b", Decimal(50), Decimal("40.00"))]
    >>> first = consume(lots, {}, Decimal(70))
    >>> {key: (str(units), str(amount)) for key, (units, amount) in first.items()}
    {'a': ('80', '48.00')}
    >>> then = consume(lots, first, Decimal(25))
    >>> {key: (str(units), str(amount)) for key, (units, amount) in then.items()}
    {'a': ('20', '12.00'), 'b': ('25', '20.00')}
    >>> consume(lots[:1], {"a": then["a"], "b": then["b"]}, Decimal(80))["b"]
    (Decimal('-25'), Decimal('-20.00'))
    """
    used = {}
    for lot, rest, off in _walk(lots, units):
        units_used = lot.units - rest - off
        used[lot.key] = (units_used, worth(lot, units_used, minor))
    return _difference(used, already)


def _worth_above(lot, first, last, minor):
    """What the units of a lot from one to another were paid; they are used in that order."""
    return worth(lot, last, minor) - worth(lot, first, minor)


def _walk(lots, units):
    """What became of each lot: list of [Lot, units left, units taken off the meter again]."""
    pool = _Pool()
    for lot in lots:
        if lot.before is not None:
            pool.use(lot.before)
        if lot.units < 0:
            pool.take_off(-lot.units)
        else:
            pool.add(lot)
            if lot.before is not None:
                pool.use(lot.before + lot.units)
    pool.use(units)
    return pool.entries


def _difference(now, before):
    nothing = (NOTHING, NOTHING)
    found = {}
    for key in {**now, **before}:
        (units, amount), (old_units, old_amount) = now.get(key, nothing), before.get(key, nothing)
        if (units, amount) != (old_units, old_amount):
            found[key] = (units - old_units, amount - old_amount)
    return found


class _Pool:
    """Lots with what is left of them. What is used up is not looked at again: years go quickly."""

    def __init__(self):
        self.entries = []
        # of these, with something left, oldest first
        self.free, self.paid = deque(), deque()
        self.there = NOTHING

    def add(self, lot):
        entry = [lot, lot.units, NOTHING]
        self.entries.append(entry)
        (self.free if lot.free else self.paid).append(entry)
        self.there += lot.units

    def use(self, target):
        """Use units until so many are left: free ones first, then the oldest."""
        over = self.there - max(target, NOTHING)
        if over > 0:
            self._take(over, (self.free, self.paid), oldest=True)

    def take_off(self, units):
        """Take units off again, the newest paid ones first; nobody used them."""
        self._take(units, (self.paid, self.free), oldest=False)

    def _take(self, units, queues, oldest):
        for queue in queues:
            while queue and units > 0:
                entry = queue[0 if oldest else -1]
                taken = min(entry[1], units)
                entry[1] -= taken
                if not oldest:
                    entry[2] += taken
                units -= taken
                self.there -= taken
                if not entry[1]:
                    (queue.popleft if oldest else queue.pop)()
