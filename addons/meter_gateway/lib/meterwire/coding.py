"""How a meter writes values into a register, by the name that a dialect gives it.

``read`` turns the bytes of a register into a value, ``write`` a value into bytes. A number is an
int where its register has no places, a Decimal otherwise; a field filled with FF is one that the
meter has but does not fill, and reads as None.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from .errors import FrameError, ValueFault
from .values import (
    bcd_to_decimal,
    bcd_to_int,
    decimal_to_bcd,
    digits_to_wire,
    int_to_bcd,
    is_digits,
    moment_to_wire,
    wire_to_digits,
    wire_to_moment,
)
from .water188 import quantity

_ENTRY = 3
_END_OF_BLOCK = b"\xaa"


class Coding(NamedTuple):
    """``read(register, data)`` and ``write(register, value)``; ``sized``: the register says how
    many bytes; ``open``: it may go on to the end of the reply."""

    read: Callable
    write: Callable
    sized: bool = True
    open: bool = False


def read(register, data):
    """The value in the bytes of a register.

    :param Register register: see ``dialect``
    :raises FrameError: the bytes make no sense
    """
    return CODINGS[register.coding].read(register, data)


def write(register, value):
    """The bytes of a value; text is taken for every kind of value.

    :raises ValueFault: the register cannot hold it
    """
    try:
        return CODINGS[register.coding].write(register, value)
    except (ArithmeticError, TypeError, ValueError, InvalidOperation):
        raise ValueFault(f"{value!r} is no value of {register.name}") from None


def _empty(data):
    return not data.strip(b"\xff")


# --- numbers ------------------------------------------------------------------------------------


def _whole(register, value):
    return value if register.places else int(value)


def _read_bcd(register, data):
    if _empty(data):
        return None
    return _whole(register, bcd_to_decimal(data, register.places, register.signed))


def _write_bcd(register, value):
    return decimal_to_bcd(Decimal(str(value)), register.size, register.places, register.signed)


def _binary(order):
    def read(register, data):
        # All ones are a value like any other in a word of flags, and -1 in a signed number.
        number = int.from_bytes(data, order, signed=register.signed)
        return Decimal(number).scaleb(-register.places) if register.places else number

    def write(register, value):
        scaled = Decimal(str(value)).scaleb(register.places)
        if scaled != scaled.to_integral_value():
            raise ValueFault(f"{value} has more than {register.places} digits behind the point")
        try:
            return int(scaled).to_bytes(register.size, order, signed=register.signed)
        except OverflowError:
            raise ValueFault(f"{value} does not fit {register.size} bytes") from None

    return Coding(read, write)


def _read_unit(register, data):
    value, unit = quantity(data)
    if value is not None and register.unit and unit != register.unit:
        raise FrameError(f"{register.name} is in {unit}, should be in {register.unit}")
    return value


def _no_write(register, value):
    raise ValueFault(f"{register.name} can only be read")


def _read_block(register, data):
    size = register.size
    if len(data) % size == 1 and data.endswith(_END_OF_BLOCK):
        data = data[:-1]
    if not data or len(data) % size:
        raise FrameError(f"a block of {len(data)} bytes is no multiple of {size}")
    return tuple(_read_bcd(register, data[at : at + size]) for at in range(0, len(data), size))


def _write_block(register, value):
    return b"".join(_write_bcd(register, one) for one in value)


# --- text ---------------------------------------------------------------------------------------


def _read_digits(register, data):
    return None if _empty(data) else wire_to_digits(data)


def _write_digits(register, value):
    text = str(value)
    if not is_digits(text, 2 * register.size):
        raise ValueFault(f"{text!r} is not {2 * register.size} digits")
    return digits_to_wire(text, register.size)


def _write_bytes(register, value):
    data = bytes(value) if isinstance(value, bytes | bytearray) else bytes.fromhex(value)
    if register.size is not None and len(data) != register.size:
        raise ValueFault(f"{register.name} has {register.size} bytes, not {len(data)}")
    return data


# --- time ---------------------------------------------------------------------------------------


def _read_clock(register, data):
    """A datetime; a date or a time where the layout has no more. The meter's own time, without a
    zone. None where it was never set."""
    if _empty(data) or not any(data):
        return None
    moment = wire_to_moment(data, register.layout)
    if "DD" not in register.layout:
        return moment.time()
    return moment if "hh" in register.layout else moment.date()


def _write_clock(register, value):
    return moment_to_wire(_moment(register, value), register.layout)


def _moment(register, value):
    if isinstance(value, datetime):
        return value
    if isinstance(value, time):
        return datetime.combine(date(2000, 1, 1), value)
    if isinstance(value, date):
        return datetime.combine(value, time())
    if "DD" not in register.layout:
        return datetime.combine(date(2000, 1, 1), time.fromisoformat(value))
    return datetime.fromisoformat(value)


def _table(low, high, mark, least, most):
    """A table of entries ``NN low high`` on the wire, ``("high<mark>low", NN)`` as a value."""

    def read(register, data):
        if not data or len(data) % _ENTRY:
            raise FrameError(f"a table of {len(data)} bytes is no multiple of {_ENTRY}")
        entries = []
        for at in range(0, len(data), _ENTRY):
            entry = data[at : at + _ENTRY]
            if not _empty(entry):
                number, first, second = (bcd_to_int(entry[i : i + 1]) for i in range(_ENTRY))
                entries.append((f"{second:02d}{mark}{first:02d}", number))
        return tuple(entries)

    def write(register, value):
        data = b""
        entries = [_entry(register, entry) for entry in value]
        if register.count and entries:
            # A meter keeps a full table: by the standard the last entry fills it up.
            entries += entries[-1:] * (register.count - len(entries))
            if len(entries) > register.count:
                raise ValueFault(f"{register.name} has room for {register.count} entries")
        if not entries:
            raise ValueFault(f"{register.name} needs one entry at least")
        for text, number in entries:
            second, first = (int(part) for part in text.split(mark))
            if not (least[0] <= second <= most[0] and least[1] <= first <= most[1]):
                raise ValueFault(f"{text} is no {high} and {low}")
            data += b"".join(int_to_bcd(part, 1) for part in (number, first, second))
        return data

    return Coding(read, write, sized=False, open=True)


def _entry(register, entry):
    text, number = entry
    return text, int(number)


CODINGS = {
    "bcd": Coding(_read_bcd, _write_bcd),
    "bcd_unit": Coding(_read_unit, _no_write),
    "le": _binary("little"),
    "be": _binary("big"),
    "digits": Coding(_read_digits, _write_digits),
    "block": Coding(_read_block, _write_block, open=True),
    "clock": Coding(_read_clock, _write_clock, sized=False),
    "slots": _table("minute", "hour", ":", (0, 0), (23, 59)),
    "zones": _table("day", "month", "-", (1, 1), (12, 31)),
    "bytes": Coding(lambda register, data: bytes(data), _write_bytes, sized=False, open=True),
}


def same(register, wanted, found):
    """Whether the register holds what was written: a table may be filled up with its last entry."""
    if wanted == found:
        return True
    if register.coding in ("slots", "zones") and wanted and found:
        return found[: len(wanted)] == wanted and set(found[len(wanted) :]) <= {wanted[-1]}
    return False
