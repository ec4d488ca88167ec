"""Fields one behind the other: how a dialect says what stands in a money frame.

A field is a name, or an object ``{"field": "amount", "size": 4, "coding": "bcd", "places": 2}``.

==========  ====================================================  =======================
field       what it holds                                         size and coding unless given
==========  ====================================================  =======================
amount      the order's amount                                    4 bcd, places 2
number      the order's purchase number                           4 bcd
reference   the desk's mark                                       4 le
epoch       how often the meter was cleared                       2 le
customer    12 digits                                             6 digits
address     of the meter                                          6 digits
operator    8 digits                                              4 digits
version     of the key                                            1 le
random      new bytes each time                                   4
constant    ``value``, hexadecimal, as it goes on the wire
balance     (replies) credit left                                 4 bcd, places 2
skip        (replies) whatever stands there                       1
di          data identifier, in wire order                        as long as it is
plain cipher mac   the enciphered body before and after, its MAC  as long as they are
==========  ====================================================  =======================

Codings of numbers: ``le`` and ``be`` binary, ``bcd`` and ``bcd_be`` packed decimal; ``le`` and
``bcd`` low byte first. Of digits: ``digits`` low byte first, ``digits_be`` as printed. A binary
balance has a sign.
"""

from typing import NamedTuple

from ..errors import BadJob, FrameError, ValueFault
from ..values import bcd_to_int, int_to_bcd
from .options import Options

NUMBERS = ("le", "be", "bcd", "bcd_be")
DIGITS = ("digits", "digits_be")
#: name -> size, coding
_DEFAULTS = {
    "amount": (4, "bcd"),
    "balance": (4, "bcd"),
    "number": (4, "bcd"),
    "reference": (4, "le"),
    "epoch": (2, "le"),
    "version": (1, "le"),
    "customer": (6, "digits"),
    "address": (6, "digits"),
    "operator": (4, "digits"),
    "random": (4, "bytes"),
    "skip": (1, "bytes"),
}
_WHOLE = ("di", "plain", "cipher", "mac")
_MONEY = ("amount", "balance")
#: fields of an order that a body can be made of
ORDER_FIELDS = (
    "amount", "number", "reference", "epoch", "customer", "address", "operator", "version",
    "random", "constant",
)  # fmt: skip
REPLY_FIELDS = ("number", "balance", "amount", "customer", "skip")


class Field(NamedTuple):
    """One field; ``size`` None: as long as its value is."""

    name: str
    size: int | None
    coding: str
    places: int = 2
    value: bytes = b""

    @property
    def capacity(self):
        """How many different numbers it can hold."""
        return (100 if self.coding.startswith("bcd") else 256) ** self.size


def read_fields(options, key, allowed, default=...):
    """The fields under ``key`` of a shape's options.

    :param tuple allowed: names of fields that make sense there
    :raises DialectError: names the place
    """
    return tuple(_field(place, one, allowed) for place, one in options.each(key, default))


def _field(place, source, allowed):
    form = Options({"field": source} if isinstance(source, str) else source, place)
    name = form.choice("field", allowed)
    if name == "constant":
        value = form.hexadecimal("value")
        form.end()
        return Field(name, len(value), "bytes", 0, value)
    if name in _WHOLE:
        form.end()
        return Field(name, None, "bytes")
    size, coding = _DEFAULTS[name]
    size = form.whole("size", 1, 32, size)
    if coding == "bytes":
        form.end()
        return Field(name, size, coding)
    coding = form.choice("coding", DIGITS if coding == "digits" else NUMBERS, coding)
    places = form.whole("places", 0, 4, 2) if name in _MONEY else 0
    form.end()
    return Field(name, size, coding, places)


def build(fields, values):
    """The bytes of ``fields``.

    :param dict values: by name of field: int (amounts in steps), text of digits, or bytes
    :raises BadJob: a field cannot hold its value exactly
    """
    return b"".join(_bytes(field, values) for field in fields)


def _bytes(field, values):
    if field.name == "constant":
        return field.value
    value = values[field.name]
    if field.coding == "bytes":
        return value
    if field.coding in DIGITS:
        if len(value) > 2 * field.size:
            raise BadJob(f"{field.name} {value} does not fit {2 * field.size} digits")
        data = bytes.fromhex(value.zfill(2 * field.size))
        return data[::-1] if field.coding == "digits" else data
    return write_number(field, to_places(value, field.places) if field.name in _MONEY else value)


def read(fields, data):
    """What stands in ``data``, by name of field; amounts in steps. More bytes may follow.

    :raises FrameError: too short, or digits that are none
    """
    found, at = {}, 0
    for field in fields:
        part = data[at : at + field.size]
        at += field.size
        if len(part) < field.size:
            raise FrameError(f"the reply ends in the middle of its {field.name}")
        if field.coding in DIGITS:
            found[field.name] = (part[::-1] if field.coding == "digits" else part).hex().upper()
        elif field.coding != "bytes":
            number = read_number(field, part)
            money = field.name in _MONEY
            found[field.name] = from_places(number, field.places) if money else number
    return found


def to_places(steps, places):
    """Steps of 0.01 as a whole number with ``places`` digits behind the point.

    :raises BadJob: it has more digits than that

    >>> to_places(1250, 1), to_places(1250, 4)
    (125, 125000)
    """
    if places >= 2:
        return steps * 10 ** (places - 2)
    whole, rest = divmod(steps, 10 ** (2 - places))
    if rest:
        raise BadJob(f"this meter takes {places} digits behind the point, not {steps} hundredths")
    return whole


def from_places(number, places):
    """The reverse of ``to_places``; what is less than a step is cut off, as it is on receipts.

    >>> from_places(125, 1), from_places(125099, 4), from_places(-125099, 4)
    (1250, 1250, -1251)
    """
    return number * 10 ** (2 - places) if places < 2 else number // 10 ** (places - 2)


def write_number(field, number):
    """:raises BadJob: the field cannot hold it"""
    try:
        if field.coding in ("le", "be"):
            order = "little" if field.coding == "le" else "big"
            return number.to_bytes(field.size, order)
        data = int_to_bcd(number, field.size)
        return data if field.coding == "bcd" else data[::-1]
    except (OverflowError, ValueFault):
        raise BadJob(f"{field.name} {number} does not fit {field.size} bytes") from None


def read_number(field, data):
    """:raises FrameError: digits that are none"""
    if field.coding in ("le", "be"):
        order = "little" if field.coding == "le" else "big"
        return int.from_bytes(data, order, signed=field.name == "balance")
    return bcd_to_int(data if field.coding == "bcd" else data[::-1])
