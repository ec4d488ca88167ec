"""Shape ``plain`` on the meter's side: an ordinary write (14) with the password, amount, number.

The meter refuses a number that it has only when its maker says so (``rejects_repeats``).
"""

from .account import Refused
from .answers import Answer
from .fields import cut, fields, values
from .orders import execute, functions
from .shape_sealed import register

LAYOUT = ["amount", "number"]
DEFAULT = {"charge": "04900000"}
WRITTEN, REFUSED, ERR_OTHER = 0x94, 0xD4, 0x01
HEAD = 12  # DI, PA P0 P1 P2, operator

__all__ = ["register", "security", "write"]


def security(_meter, _data):
    """No function 03."""


def write(meter, identifier, data):
    kind = functions(meter, DEFAULT).get(identifier)
    if kind is None:
        return None
    options = meter.kind.recharge
    layout = fields(options.get("layout") or LAYOUT)
    try:
        found = values(layout, cut(layout, data[HEAD:]))
        record = execute(meter, kind, found, rejects=options.get("rejects_repeats", False))
    except (Refused, ValueError, KeyError):
        return Answer(REFUSED, bytes([ERR_OTHER]))
    return Answer(WRITTEN, changed=True, record=record)
