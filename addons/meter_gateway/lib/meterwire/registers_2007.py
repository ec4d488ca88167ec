"""The data identifiers of DL/T 645-2007 that we read, and how each is written.

Names and formats: appendix A of the standard and the prepayment supplement (registers 0090, 0333,
0400 10, 0405, 0406), as implemented by public firmwares. Everything is packed decimal, low byte
first, unless its entry says otherwise.
"""

from collections.abc import Callable
from typing import NamedTuple

from .errors import FrameError
from .values import bcd_to_decimal, bcd_to_int, le_to_int, wire_to_digits, wire_to_moment

TOTAL = 0x00010000
TOTAL_COMBINED = 0x00000000
TARIFFS = 0x0001FF00
REMAINING_UNITS = 0x00900100
OVERDRAFT_UNITS = 0x00900101
REMAINING_MONEY = 0x00900200
OVERDRAFT_MONEY = 0x00900201
PURCHASE_COUNT = 0x03330201
CLOCK = 0x0400010C
COMM_ADDRESS = 0x04000401
METER_NUMBER = 0x04000402
CUSTOMER_NUMBER = 0x0400040E
STATUS_3 = 0x04000503

#: bits of status word 3
RELAY_OPEN = 1 << 4
RELAY_TRIP_COMMANDED = 1 << 6


class Register(NamedTuple):
    """How one data identifier is written: ``read`` turns its payload into a value."""

    name: str
    unit: str
    size: int | None  # bytes; None: as many as come
    read: Callable


def number(places, signed=False):
    """Reader of one packed decimal number."""

    def read(data):
        # A field filled with FF is one that the meter has but does not fill.
        return None if data.count(0xFF) == len(data) else bcd_to_decimal(data, places, signed)

    return read


def block(size, places, signed=False):
    """Reader of numbers of ``size`` bytes, as many as come; an ``AA`` that ends them is dropped."""
    one = number(places, signed)

    def read(data):
        data = data[:-1] if len(data) % size == 1 and data.endswith(b"\xaa") else data
        if not data or len(data) % size:
            raise FrameError(f"a block of {len(data)} bytes is no multiple of {size}")
        return tuple(one(data[at : at + size]) for at in range(0, len(data), size))

    return read


def moment(layout):
    """Reader of a moment that may not have been yet: None while it is all zeros or all FF."""

    def read(data):
        if not data.strip(b"\0") or not data.strip(b"\xff"):
            return None
        return wire_to_moment(data, layout)

    return read


def _clock(data):
    return wire_to_moment(data, "ssmmhhWWDDMMYY")


def _entries(data):
    """Entries of three bytes as printed: hhmmNN or MMDDNN."""
    if not data or len(data) % 3:
        raise FrameError(f"a table of {len(data)} bytes is no multiple of 3")
    return tuple(wire_to_digits(data[at : at + 3]) for at in range(0, len(data), 3))


_ENERGY = {
    0x00000000: "combined active energy",
    0x00010000: "forward active energy",
    0x00020000: "reverse active energy",
}
_TARIFFS = ("total", "sharp", "peak", "flat", "valley")
_MOMENT = "mmhhDDMMYY"

REGISTERS = {
    REMAINING_UNITS: Register("remaining units", "kWh", 4, number(2)),
    OVERDRAFT_UNITS: Register("overdraft units", "kWh", 4, number(2)),
    REMAINING_MONEY: Register("remaining money", "", 4, number(2)),
    OVERDRAFT_MONEY: Register("overdraft money", "", 4, number(2)),
    0x0201FF00: Register("voltages", "V", None, block(2, 1)),
    0x0202FF00: Register("currents", "A", None, block(3, 3, signed=True)),
    0x0203FF00: Register("active powers", "kW", None, block(3, 4, signed=True)),
    0x02030000: Register("active power", "kW", 3, number(4, signed=True)),
    0x02060000: Register("power factor", "", 2, number(3, signed=True)),
    0x02800002: Register("frequency", "Hz", 2, number(2)),
    0x0280000B: Register("price of the present step", "", 4, number(4)),
    0x04000101: Register("date", "", 4, lambda data: wire_to_moment(data, "WWDDMMYY").date()),
    0x04000102: Register("time", "", 3, lambda data: wire_to_moment(data, "ssmmhh").time()),
    0x04000106: Register("switch-over of the year zones", "", 5, moment(_MOMENT)),
    0x04000107: Register("switch-over of the day slots", "", 5, moment(_MOMENT)),
    0x04000108: Register("switch-over of the prices", "", 5, moment(_MOMENT)),
    0x04000109: Register("switch-over of the steps", "", 5, moment(_MOMENT)),
    CLOCK: Register("clock", "", 7, _clock),
    0x04000201: Register("number of year zones", "", 1, bcd_to_int),
    0x04000202: Register("number of day tables", "", 1, bcd_to_int),
    0x04000203: Register("number of day slots", "", 1, bcd_to_int),
    0x04000204: Register("number of tariffs", "", 1, bcd_to_int),
    0x04000205: Register("number of holidays", "", 2, bcd_to_int),
    0x04000207: Register("number of steps", "", 1, bcd_to_int),
    0x04000306: Register("current transformer ratio", "", 3, bcd_to_int),
    0x04000307: Register("voltage transformer ratio", "", 3, bcd_to_int),
    COMM_ADDRESS: Register("address", "", 6, wire_to_digits),
    METER_NUMBER: Register("meter number", "", 6, wire_to_digits),
    CUSTOMER_NUMBER: Register("customer number", "", 6, wire_to_digits),
    0x040005FF: Register(
        "status words",
        "",
        14,
        lambda data: tuple(le_to_int(data[i : i + 2]) for i in range(0, 14, 2)),
    ),
    0x04000703: Register("baud rate character of RS485", "", 1, le_to_int),
    0x04000B01: Register("settlement day and hour", "", 2, wire_to_digits),
    0x04000F01: Register("alarm 1, units", "kWh", 4, number(2)),
    0x04000F02: Register("alarm 2, units", "kWh", 4, number(2)),
    0x04000F03: Register("hoard limit, units", "kWh", 4, number(2)),
    0x04000F04: Register("overdraft limit, units", "kWh", 4, number(2)),
    0x04001001: Register("alarm 1, money", "", 4, number(2)),
    0x04001002: Register("alarm 2, money", "", 4, number(2)),
    0x04001003: Register("overdraft limit, money", "", 4, number(2)),
    0x04001004: Register("hoard limit, money", "", 4, number(2)),
    0x04001005: Register("limit for closing, money", "", 4, number(2)),
    0x04001401: Register("delay of tripping", "min", 2, bcd_to_int),
    0x05060001: Register("moment of the daily freeze", "", 5, moment(_MOMENT)),
    0x05060101: Register("forward active energy at the freeze", "kWh", None, block(4, 2)),
    0x1D000101: Register("last remote trip", "", 6, moment("ssmmhhDDMMYY")),
    0x1E000101: Register("last remote closing", "", 6, moment("ssmmhhDDMMYY")),
}
for _phase, _letter in ((1, "A"), (2, "B"), (3, "C")):
    _at = _phase << 8
    REGISTERS[0x02010000 | _at] = Register(f"voltage {_letter}", "V", 2, number(1))
    REGISTERS[0x02020000 | _at] = Register(f"current {_letter}", "A", 3, number(3, signed=True))
    REGISTERS[0x02030000 | _at] = Register(
        f"active power {_letter}", "kW", 3, number(4, signed=True)
    )
for _word in range(1, 8):
    REGISTERS[0x04000500 | _word] = Register(f"status word {_word}", "", 2, le_to_int)
for _di, _name in _ENERGY.items():
    # Combined energy is forward minus reverse (or their sum, by setting) and may be negative.
    _signed = _di == TOTAL_COMBINED
    for _back in range(13):  # the last byte: settlement days back
        _when = f", {_back} settlement days ago" if _back else ""
        for _tariff, _word in enumerate(_TARIFFS):
            REGISTERS[_di | _tariff << 8 | _back] = Register(
                f"{_name}, {_word}{_when}", "kWh", 4, number(2, _signed)
            )
        REGISTERS[_di | 0xFF00 | _back] = Register(
            f"{_name}, all tariffs{_when}", "kWh", None, block(4, 2, _signed)
        )
for _di, _what, _unit in ((0x03320000, "purchase of units", "kWh"), (0x03330000, "purchase", "")):
    for _back in range(1, 11):  # the last byte: purchases back
        _when = f", {_back - 1} before the last" if _back > 1 else ""
        for _part, _name, _size, _read, _u in (
            (0x0100, "date", 5, moment(_MOMENT), ""),
            (0x0200, "count", 2, bcd_to_int, ""),
            (0x0300, "amount", 4, number(2), _unit),
            (0x0400, "balance before", 4, number(2), _unit),
            (0x0500, "balance after", 4, number(2), _unit),
            (0x0600, "cumulative", 4, number(2), _unit),
        ):
            REGISTERS[_di | _part | _back] = Register(f"{_what} {_name}{_when}", _u, _size, _read)
for _di, _which in ((0x04010000, "present"), (0x04020000, "standby")):
    REGISTERS[_di] = Register(f"year zones, {_which}", "", None, _entries)
    for _table in range(1, 9):
        REGISTERS[_di | _table] = Register(f"day slots {_table}, {_which}", "", None, _entries)
for _di, _which in ((0x04050100, "present"), (0x04050200, "standby")):
    for _tariff in range(1, 64):
        REGISTERS[_di | _tariff] = Register(
            f"price of tariff {_tariff}, {_which}", "", 4, number(4)
        )


def read_value(di, payload):
    """The value of a data identifier: Decimal, tuple (of Decimals, ints or texts), int, text of
    digits, datetime, date or time; None where the meter fills the field with FF; the bytes as they
    are if the table has no such identifier.

    :raises FrameError: wrong length, or digits that are none
    """
    register = REGISTERS.get(di)
    if register is None:
        return payload
    if register.size is not None and len(payload) != register.size:
        raise FrameError(f"{register.name} has {len(payload)} bytes, should have {register.size}")
    return register.read(payload)
