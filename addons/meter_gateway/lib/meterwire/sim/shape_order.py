"""Shape ``order`` on the meter's side: an order number, no purchase number, no protection.

A frame that comes twice is executed twice: what one maker's meter is thought to do.
"""

import time

from .account import BAD_LAYOUT, OTHER, SUSPENDED, Refused
from .answers import Answer
from .books import CHARGE, REVERSE
from .orders import functions
from .shape_sealed import GOOD, refused, write

DEFAULT = {"charge": "070102FF", "reverse": "070108FF"}
LENGTH = 0x22
#: the last purchase, which such a meter does not show
HIDDEN = (0x0333, 0x0332)

__all__ = ["register", "security", "write"]


def security(meter, data):
    kind = functions(meter, DEFAULT).get(int.from_bytes(data[:4], "little"))
    if kind is None:
        return None
    try:
        return _execute(meter, kind, data)
    except Refused as error:
        return refused(error.bit)


def register(_meter, _identifier):
    """No registers of its own."""


def hides(identifier):
    """Whether a register is one that the meter does not have."""
    return int.from_bytes(identifier[2:4], "little") in HIDDEN


def _execute(meter, kind, data):
    """DI 4, operator 4, amount 4 LE, order 8, zeros 4, address 6, zeros 4."""
    if len(data) != LENGTH or data[20:24] != bytes(4) or data[30:] != bytes(4):
        raise Refused(BAD_LAYOUT)
    if data[24:30] != meter.wire:
        raise Refused(BAD_LAYOUT)
    if meter.books.suspended:
        raise Refused(SUSPENDED)
    amount = int.from_bytes(data[8:12], "little")
    # The last four bytes of the order number keep orders apart in the log.
    reference = int(data[12:16][::-1].hex()) if data[12:16].hex().isdecimal() else 0
    if kind == REVERSE:
        if not 0 < amount <= meter.books.balance:
            raise Refused(OTHER)
        meter.books.last_kind, meter.books.last_amount = CHARGE, amount
    record = meter.account.change(kind, amount, reference, time.time())
    return Answer(GOOD, data[:4], changed=True, record=record)
