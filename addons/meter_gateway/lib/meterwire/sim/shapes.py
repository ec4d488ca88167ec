"""How a prepaid meter of DL/T 645-2007 takes money: one module a shape.

A shape has ``security(meter, data)`` for function 03, ``write(meter, identifier, data)`` for
function 14 and ``register(meter, di)`` for registers of its own; each returns None for "not mine".
"""

from . import shape_esam, shape_order, shape_plain, shape_sealed, shape_vendor
from .account import OTHER
from .answers import Answer

SECURITY_REFUSED = 0xC3
SHAPES = {
    "sealed": shape_sealed,
    "esam": shape_esam,
    "vendor": shape_vendor,
    "plain": shape_plain,
    "order": shape_order,
}
#: functions 03 that change what a meter has
MONEY = frozenset(
    identifier.to_bytes(4, "little")
    for identifier in (0x070101FF, 0x070102FF, 0x070103FF, 0x070108FF, 0x070109FF)
)
#: writes of function 14 that do, whatever the maker's group
MONEY_GROUPS = (0x90, 0x91)


def is_money(data):
    """Whether the data of a function 03 asks for a money function."""
    return data[:4] in MONEY


def is_money_write(data):
    """Whether the data of a function 14 does: 0490.... is where makers put it."""
    return len(data) > 4 and data[3] == 0x04 and data[2] in MONEY_GROUPS


def security(meter, data):
    """Return the Answer to a function 03."""
    shape = SHAPES.get(meter.kind.shape)
    answer = shape.security(meter, data) if shape else None
    if answer is None:
        return Answer(SECURITY_REFUSED, (1 << OTHER).to_bytes(2, "little"))
    return answer


def write(meter, identifier, data):
    """Return the Answer to a function 14 that a shape has, or None."""
    shape = SHAPES.get(meter.kind.shape)
    return shape.write(meter, identifier, data) if shape else None


def register(meter, identifier):
    """Return the bytes of a register that a shape has (``identifier`` as on the wire), or None."""
    shape = SHAPES.get(meter.kind.shape)
    return shape.register(meter, identifier) if shape else None
