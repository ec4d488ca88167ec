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
``dead``                  the meter is silent (counted faults only)
========================  =====================================================================
"""

import random
from dataclasses import dataclass

from .site import FAULTS

KINDS = (*FAULTS, "dead")
MOMENTS = ("any", "money", "query", "read", "switch")


@dataclass
class Counted:
    """A fault for the next ``left`` exchanges of one meter (None: until revived)."""

    kind: str
    left: int | None
    when: str = "any"


class Faults:
    """Draws the fault of each exchange.

    Every meter has a random generator of its own, so that its row of faults depends on the seed
    and on its own exchanges only, however many lines run side by side.
    """

    def __init__(self, rates=None, late_seconds=2.0, seed=1):
        self.rates = dict.fromkeys(FAULTS, 0.0)
        self.rates.update(rates or {})
        self.late_seconds = late_seconds
        self.drawn = dict.fromkeys(KINDS, 0)
        self._counted = {}
        self.reseed(seed)

    def reseed(self, seed):
        self.seed = seed
        self._random = {}

    def random(self, address):
        """Return the random generator of a meter."""
        if address not in self._random:
            self._random[address] = random.Random(f"{self.seed}/{address}")
        return self._random[address]

    def add(self, address, kind, count, when="any"):
        self._counted.setdefault(address, []).append(Counted(kind, count, when))

    def revive(self, address=None):
        """Forget the counted faults of one meter, or of all."""
        if address is None:
            self._counted.clear()
        else:
            self._counted.pop(address, None)

    def waiting(self):
        """Return the counted faults still to come, by address."""
        return {
            address: [vars(item) for item in items]
            for address, items in self._counted.items()
            if items
        }

    def draw(self, address, moment):
        """Return the kind of fault for this exchange, or None.

        :param moment: what the request asks: ``money``, ``query``, ``read`` or ``switch``.
        """
        for item in self._counted.get(address, ()):
            if item.kind != "executed_reply_lost" and item.when in ("any", moment):
                return self._use(address, item)
        rates = [(kind, rate) for kind, rate in self.rates.items() if rate]
        if not rates:
            return None
        point = self.random(address).random()
        for kind, rate in rates:
            if point < rate:
                # This one has to wait for what the meter does: see draw_executed().
                return None if kind == "executed_reply_lost" else self._count(kind)
            point -= rate
        return None

    def draw_executed(self, address):
        """Return ``executed_reply_lost`` or None, after a money function was executed."""
        kind = "executed_reply_lost"
        for item in self._counted.get(address, ()):
            if item.kind == kind:
                return self._use(address, item)
        rate = self.rates[kind]
        if rate and self.random(address).random() < rate:
            return self._count(kind)
        return None

    def _use(self, address, item):
        if item.left is not None:
            item.left -= 1
            if item.left <= 0:
                self._counted[address].remove(item)
        return self._count(item.kind)

    def _count(self, kind):
        self.drawn[kind] += 1
        return kind

    def corrupt(self, address, frame, preamble):
        """Return the frame with one byte behind the wake-up bytes changed (never to itself)."""
        generator = self.random(address)
        spoiled = bytearray(frame)
        at = generator.randrange(preamble, len(frame))
        spoiled[at] ^= generator.randrange(1, 256)
        return bytes(spoiled)
