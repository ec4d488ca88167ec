"""Numbers as meters write them: packed decimal and binary, low byte first. No floats anywhere."""

from datetime import datetime
from decimal import Decimal

from .errors import FrameError, ValueFault

_SIGN = 0x80


def bcd_to_int(data):
    """Read packed decimal digits, low byte first.

    :raises ValueFault: a nibble is not a decimal digit

    >>> bcd_to_int(bytes.fromhex("76170300"))
    31776
    """
    digits = data[::-1].hex()
    if not digits.isdigit():
        raise ValueFault(f"{data.hex().upper()} is not packed decimal")
    return int(digits)


def int_to_bcd(value, size):
    """Write ``value`` as packed decimal of ``size`` bytes, low byte first.

    :raises ValueFault: negative, or too many digits

    >>> int_to_bcd(31776, 4).hex()
    '76170300'
    """
    digits = f"{value:0{2 * size}d}"
    if value < 0 or len(digits) > 2 * size:
        raise ValueFault(f"{value} does not fit {2 * size} decimal digits")
    return bytes.fromhex(digits)[::-1]


def bcd_to_decimal(data, places, signed=False):
    """Read packed decimal with ``places`` digits behind the point.

    :param bool signed: the top bit of the highest byte is the sign (sign and magnitude)
    :raises ValueFault: a nibble is not a decimal digit

    >>> bcd_to_decimal(bytes.fromhex("76170300"), 2)
    Decimal('317.76')
    >>> bcd_to_decimal(bytes.fromhex("500180"), 3, signed=True)
    Decimal('-0.150')
    """
    negative = signed and data and data[-1] & _SIGN
    if negative:
        data = data[:-1] + bytes([data[-1] & ~_SIGN])
    value = Decimal(bcd_to_int(data)).scaleb(-places)
    return -value if negative else value


def decimal_to_bcd(value, size, places, signed=False):
    """Write a Decimal as packed decimal of ``size`` bytes, exactly.

    :raises ValueFault: it has more digits than the field, on either side of the point, or a sign
        where none is kept

    >>> decimal_to_bcd(Decimal("317.76"), 4, 2).hex()
    '76170300'
    """
    value = Decimal(value)
    if not value.is_finite():
        raise ValueFault(f"{value} is not a number")
    scaled = value.scaleb(places)
    if scaled != scaled.to_integral_value():
        raise ValueFault(f"{value} has more than {places} digits behind the point")
    if scaled < 0 and not signed:
        raise ValueFault(f"{value} is negative and the field has no sign")
    data = int_to_bcd(int(abs(scaled)), size)
    if signed:
        if data[-1] & _SIGN:
            raise ValueFault(f"{value} reaches into the sign of its field")
        if scaled < 0:
            data = data[:-1] + bytes([data[-1] | _SIGN])
    return data


def digits_to_wire(digits, size=6):
    """Digits as printed -> packed, low byte first. ``A`` (a wildcard in addresses) is allowed.

    :raises ValueFault: not exactly ``2 * size`` digits

    >>> digits_to_wire("123456789012").hex()
    '129078563412'
    """
    if len(digits) != 2 * size or not all(digit in "0123456789ABCDEF" for digit in digits):
        raise ValueFault(f"{digits!r} is not {2 * size} digits")
    return bytes.fromhex(digits)[::-1]


def wire_to_digits(data):
    """Packed, low byte first -> digits as printed (hexadecimal where a nibble is no digit).

    >>> wire_to_digits(bytes.fromhex("129078563412"))
    '123456789012'
    """
    return data[::-1].hex().upper()


def is_digits(text, length=12):
    """Whether ``text`` is exactly ``length`` ASCII digits."""
    return len(text) == length and text.isascii() and text.isdigit()


def int_to_le(value, size, signed=False):
    """Binary integer, low byte first.

    :raises ValueFault: it does not fit
    """
    try:
        return value.to_bytes(size, "little", signed=signed)
    except OverflowError:
        raise ValueFault(f"{value} does not fit {size} bytes") from None


def le_to_int(data, signed=False):
    """Binary integer, low byte first."""
    return int.from_bytes(data, "little", signed=signed)


def address_matches(asked, answered):
    """Whether a reply from ``answered`` can answer a question to ``asked`` (``A`` is any digit).

    >>> address_matches("AAAAAAAA9012", "123456789012")
    True
    """
    if asked == answered:
        return True
    return (
        "A" in asked
        and len(asked) == len(answered)
        and all(a in ("A", b) for a, b in zip(asked, answered, strict=True))
    )


_PARTS = {
    "ss": lambda when: when.second,
    "mm": lambda when: when.minute,
    "hh": lambda when: when.hour,
    "WW": lambda when: when.isoweekday() % 7,  # Sunday is 0
    "DD": lambda when: when.day,
    "MM": lambda when: when.month,
    "YY": lambda when: when.year % 100,
    "CC": lambda when: when.year // 100,
}


def moment_to_wire(when, layout):
    """A moment of the meter's own clock as packed decimal, one byte for each part.

    :param datetime when: the meter's local time; a zone is not looked at
    :param str layout: parts in the order of the wire: ss mm hh WW (weekday) DD MM YY CC
    :raises ValueFault: a year that two digits do not tell

    >>> moment_to_wire(datetime(2026, 11, 22, 12, 34, 56), "ssmmhhWWDDMMYY").hex()
    '56341200221126'
    """
    if "CC" not in layout and "YY" in layout and when.year // 100 != 20:
        raise ValueFault(f"the year {when.year} does not fit two digits")
    return b"".join(int_to_bcd(_PARTS[part](when), 1) for part in _parts(layout))


def wire_to_moment(data, layout):
    """The reverse of ``moment_to_wire``: a datetime without a zone. The weekday is not looked at;
    parts that ``layout`` lacks are the first there is, of the year 2000.

    :raises FrameError: wrong length, or no moment of the calendar

    >>> wire_to_moment(bytes.fromhex("3412221126"), "mmhhDDMMYY")
    datetime.datetime(2026, 11, 22, 12, 34)
    """
    names = _parts(layout)
    if len(data) != len(names):
        raise FrameError(f"a moment has {len(names)} bytes, there are {len(data)}")
    parts = {"WW": 0, "CC": 20, "YY": 0, "MM": 1, "DD": 1, "hh": 0, "mm": 0, "ss": 0}
    for at, name in enumerate(names):
        parts[name] = bcd_to_int(data[at : at + 1])
    try:
        # The meter's own time; it says nothing of a zone.
        return datetime(  # noqa: DTZ001
            100 * parts["CC"] + parts["YY"],
            *(parts[name] for name in ("MM", "DD", "hh", "mm", "ss")),
        )
    except ValueError as error:
        raise FrameError(f"{data.hex().upper()} is no time ({error})") from None


def _parts(layout):
    return [layout[at : at + 2] for at in range(0, len(layout), 2)]
