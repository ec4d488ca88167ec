"""Which exchange goes wrong, and how.

========================  =====================================================================
``lost_request``          the meter never sees the request
``lost_reply``            the meter executes, the reply is lost
``executed_reply_lost``   the same, but only on a money function that was really executed
``late``                  the meter executes at once, the reply comes ``late_seconds`` later
``late_request``          the link holds the request: executed ``late_seconds`` after it came
``corrupt``               one byte of the reply is wrong
``duplicate``             the reply comes twice
``wrong_address``         the reply carries another meter's address
``close_link``            the meter executes and the link closes in place of the reply
``heartbeat``             heartbeats come in the middle of the reply (DTUs that dial in)
``dead``                  the meter is silent (counted faults only)
========================  =====================================================================
"""

import random

from .site_parts import FAULTS

KINDS = (*FAULTS, "dead")
MOMENTS = ("any", "money", "query", "read", "switch", "write")


class Counted:
    """A fault for the next ``left`` exchanges of one place (None: until revived)."""

    __slots__ = ("kind", "left", "when")

    def __init__(self, kind, left, when="any"):
        self.kind, self.left, self.when = kind, left, when

    def to_dict(self):
        return {"kind": self.kind, "left": self.left, "when": self.when}


class Faults:
    """Draws the fault of each exchange.

    Every meter has a random generator of its own, so that its row of faults depends on the seed
    and on its own exchanges only, however many lines run side by side. Counted faults are for a
    place: a meter (address), a port (``C1/2``) or a concentrator (``C1``).
    """

    def __init__(self, rates=None, late_seconds=2.0, seed=1):
        self.rates = dict.fromkeys(FAULTS, 0.0)
        self.rates.update(rates or {})
        self.late_seconds = late_seconds
        self.drawn = dict.fromkeys(KINDS, 0)
        self._counted = {}
        self.reseed(seed)
        self._look()

    def _look(self):
        #: nothing can go wrong: what every exchange asks first
        self.quiet = not any(self.rates.values()) and not any(self._counted.values())

    def set_rates(self, rates):
        self.rates.update(rates)
        self._look()

    def reseed(self, seed):
        self.seed = seed
        self._random = {}

    def random(self, address):
        """Return the random generator of a meter."""
        if address not in self._random:
            self._random[address] = random.Random(f"{self.seed}/{address}")
        return self._random[address]

    def add(self, place, kind, count, when="any"):
        self._counted.setdefault(place, []).append(Counted(kind, count, when))
        self._look()

    def revive(self, place=None):
        """Forget the counted faults of one place, or of all."""
        if place is None:
            self._counted.clear()
        else:
            self._counted.pop(place, None)
        self._look()

    def waiting(self):
        """Return the counted faults still to come, by place."""
        return {
            place: [item.to_dict() for item in items]
            for place, items in self._counted.items()
            if items
        }

    def _items(self, meter, line):
        for place in (meter.address, line.name, line.site.concentrator):
            for item in self._counted.get(place, ()):
                yield place, item

    def draw(self, meter, line, moment):
        """Return the kind of fault for this exchange, or None.

        :param moment: what the request asks; one of ``MOMENTS``, or ``other``.
        """
        if self._counted:
            for place, item in self._items(meter, line):
                if item.kind != "executed_reply_lost" and item.when in ("any", moment):
                    return self._use(place, item)
        rates = [(kind, rate) for kind, rate in self.rates.items() if rate]
        if not rates:
            return None
        point = self.random(meter.address).random()
        for kind, rate in rates:
            if point < rate:
                # This one has to wait for what the meter does: see draw_executed().
                return None if kind == "executed_reply_lost" else self._count(kind)
            point -= rate
        return None

    def draw_executed(self, meter, line):
        """Return ``executed_reply_lost`` or None, after a money function was executed."""
        kind = "executed_reply_lost"
        for place, item in self._items(meter, line):
            if item.kind == kind:
                return self._use(place, item)
        rate = self.rates[kind]
        if rate and self.random(meter.address).random() < rate:
            return self._count(kind)
        return None

    def _use(self, place, item):
        if item.left is not None:
            item.left -= 1
            if item.left <= 0:
                self._counted[place].remove(item)
                self._look()
        return self._count(item.kind)

    def _count(self, kind):
        self.drawn[kind] += 1
        return kind

    def corrupt(self, meter, frame, preamble):
        """Return the frame with one byte behind the wake-up bytes changed (never to itself)."""
        generator = self.random(meter.address)
        spoiled = bytearray(frame)
        at = generator.randrange(preamble, len(frame))
        spoiled[at] ^= generator.randrange(1, 256)
        return bytes(spoiled)
