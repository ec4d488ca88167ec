"""DL/T 645-2007: frame <-> bytes, the abnormal replies, and the data identifiers we use.

Every data byte travels plus 33 hex. The checksum starts at the first ``68``; the preamble of
``FE`` (wakes sleeping receivers) is not part of the frame. Sources: the standard as implemented
by public drivers and firmwares; ``tests/wire/vectors`` holds frames of other people.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from .buffer import END, OVERHEAD, START
from .errors import FrameError, MeterRefused, WrongReply
from .values import (
    bcd_to_decimal,
    bcd_to_int,
    digits_to_wire,
    le_to_int,
    wire_to_digits,
)

REPLY = 0x80
ABNORMAL = 0x40
MORE = 0x20

SECURITY = 0x03
BROADCAST_TIME = 0x08
READ = 0x11
READ_NEXT = 0x12
READ_ADDRESS = 0x13
WRITE = 0x14
WRITE_ADDRESS = 0x15
FREEZE = 0x16
BAUD = 0x17
PASSWORD = 0x18
CLEAR_DEMAND = 0x19
CLEAR_METER = 0x1A
CLEAR_EVENTS = 0x1B
RELAY = 0x1C
OUTPUT = 0x1D

FUNCTIONS = {
    SECURITY: "security-auth",
    BROADCAST_TIME: "broadcast-time",
    READ: "read",
    READ_NEXT: "read-next",
    READ_ADDRESS: "read-address",
    WRITE: "write",
    WRITE_ADDRESS: "write-address",
    FREEZE: "freeze",
    BAUD: "baud-rate",
    PASSWORD: "change-password",
    CLEAR_DEMAND: "clear-demand",
    CLEAR_METER: "clear-meter",
    CLEAR_EVENTS: "clear-events",
    RELAY: "relay-control",
    OUTPUT: "multi-function-output",
}

#: meaning of the bits of ERR, the one-byte reason of an abnormal reply
ERR = (
    ("other", "other error"),
    ("no-requested-data", "no such data"),
    ("password-or-unauthorised", "wrong password or not authorised"),
    ("baud-cannot-change", "the baud rate cannot be changed"),
    ("year-zones-exceeded", "too many year zones"),
    ("day-slots-exceeded", "too many day slots"),
    ("tariffs-exceeded", "too many tariffs"),
    ("reserved", "reserved error bit"),
)

_OFFSET = bytes((value + 0x33) & 0xFF for value in range(256))
_PLAIN = bytes((value - 0x33) & 0xFF for value in range(256))

WILDCARD = "A" * 12


class Frame(NamedTuple):
    """One frame: address as printed (12 digits, high first), control byte, data without the 33."""

    address: str
    control: int
    data: bytes = b""

    @property
    def is_reply(self):
        return bool(self.control & REPLY)

    @property
    def is_abnormal(self):
        return bool(self.control & ABNORMAL)

    @property
    def has_more(self):
        return bool(self.control & MORE)

    @property
    def function(self):
        return self.control & 0x1F

    @property
    def di(self):
        """The data identifier, or None where there is no room for one."""
        return le_to_int(self.data[:4]) if len(self.data) >= 4 else None


def encode(frame, preamble=4):
    """The bytes of ``frame`` with ``preamble`` bytes of FE before it.

    :raises ValueFault: the address is not 12 digits
    :raises FrameError: more than 255 data bytes
    """
    if len(frame.data) > 255:
        raise FrameError(f"{len(frame.data)} data bytes do not fit one frame")
    body = (
        bytes([START])
        + digits_to_wire(frame.address)
        + bytes([START, frame.control, len(frame.data)])
        + frame.data.translate(_OFFSET)
    )
    return b"\xfe" * preamble + body + bytes([sum(body) & 0xFF, END])


def parse(raw):
    """The frame in ``raw``, exactly one frame from its first ``68`` to ``16``.

    :raises FrameError: these bytes are not one frame
    """
    if len(raw) < OVERHEAD or raw[0] != START or raw[7] != START or raw[-1] != END:
        raise FrameError("not a frame: start or end mark missing")
    if len(raw) != OVERHEAD + raw[9]:
        raise FrameError(f"length says {raw[9]} data bytes, there are {len(raw) - OVERHEAD}")
    if sum(raw[:-2]) & 0xFF != raw[-2]:
        raise FrameError(f"checksum is {raw[-2]:02X}, should be {sum(raw[:-2]) & 0xFF:02X}")
    return decode(raw)


def decode(raw):
    """As ``parse``, for bytes that ``FrameBuffer`` has checked already."""
    return Frame(wire_to_digits(raw[1:7]), raw[8], bytes(raw[10:-2]).translate(_PLAIN))


def err_words(err):
    """Words for an ERR byte.

    >>> err_words(0x06)
    'no such data; wrong password or not authorised'
    """
    return (
        "; ".join(words for bit, (_, words) in enumerate(ERR) if err >> bit & 1)
        or "no reason given"
    )


def refusal(frame):
    """The typed error of an abnormal reply.

    SERR has two bytes (see ``recharge``); here only ERR of one byte is put in words.
    """
    if len(frame.data) != 1:
        code = le_to_int(frame.data)
        return MeterRefused(
            code, f"the meter refused with {frame.data.hex().upper() or 'no reason'}"
        )
    return MeterRefused(frame.data[0], f"the meter refused: {err_words(frame.data[0])}")


# --- data identifiers -------------------------------------------------------------------------

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


def _number(places, signed=False):
    def read(data):
        # A field filled with FF is one that the meter has but does not fill.
        return None if data.count(0xFF) == len(data) else bcd_to_decimal(data, places, signed)

    return read


def _block(size, places, signed=False):
    one = _number(places, signed)

    def read(data):
        data = data[:-1] if len(data) % size == 1 and data.endswith(b"\xaa") else data
        if not data or len(data) % size:
            raise FrameError(f"a block of {len(data)} bytes is no multiple of {size}")
        return tuple(one(data[at : at + size]) for at in range(0, len(data), size))

    return read


def _clock(data):
    second, minute, hour, _weekday, day, month, year = (
        bcd_to_int(data[i : i + 1]) for i in range(7)
    )
    try:
        # The meter's own time; it says nothing of a zone.
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001
    except ValueError as error:
        raise FrameError(f"the meter's clock is no time: {data[::-1].hex()} ({error})") from None


_ENERGY = {
    0x00000000: "combined active energy",
    0x00010000: "forward active energy",
    0x00020000: "reverse active energy",
}
_TARIFFS = ("total", "sharp", "peak", "flat", "valley")

REGISTERS = {
    REMAINING_UNITS: Register("remaining units", "kWh", 4, _number(2)),
    OVERDRAFT_UNITS: Register("overdraft units", "kWh", 4, _number(2)),
    REMAINING_MONEY: Register("remaining money", "", 4, _number(2)),
    OVERDRAFT_MONEY: Register("overdraft money", "", 4, _number(2)),
    0x02010100: Register("voltage A", "V", 2, _number(1)),
    0x02010200: Register("voltage B", "V", 2, _number(1)),
    0x02010300: Register("voltage C", "V", 2, _number(1)),
    0x02020100: Register("current A", "A", 3, _number(3, signed=True)),
    0x02020200: Register("current B", "A", 3, _number(3, signed=True)),
    0x02020300: Register("current C", "A", 3, _number(3, signed=True)),
    0x02030000: Register("active power", "kW", 3, _number(4, signed=True)),
    0x02060000: Register("power factor", "", 2, _number(3, signed=True)),
    0x02800002: Register("frequency", "Hz", 2, _number(2)),
    PURCHASE_COUNT: Register("purchase count", "", 2, bcd_to_int),
    CLOCK: Register("clock", "", 7, _clock),
    COMM_ADDRESS: Register("address", "", 6, wire_to_digits),
    METER_NUMBER: Register("meter number", "", 6, wire_to_digits),
    CUSTOMER_NUMBER: Register("customer number", "", 6, wire_to_digits),
    STATUS_3: Register("status word 3", "", 2, le_to_int),
}
for _di, _name in _ENERGY.items():
    # Combined energy is forward minus reverse (or their sum, by setting) and may be negative.
    _signed = _di == TOTAL_COMBINED
    for _tariff, _word in enumerate(_TARIFFS):
        REGISTERS[_di | _tariff << 8] = Register(f"{_name}, {_word}", "kWh", 4, _number(2, _signed))
    REGISTERS[_di | 0xFF00] = Register(f"{_name}, all tariffs", "kWh", None, _block(4, 2, _signed))


def read_value(di, payload):
    """The value of a data identifier: Decimal, tuple of Decimals, int, text of digits or datetime;
    None where the meter fills the field with FF; the bytes as they are if the table has no such
    identifier.

    :raises FrameError: wrong length, or digits that are none
    """
    register = REGISTERS.get(di)
    if register is None:
        return payload
    if register.size is not None and len(payload) != register.size:
        raise FrameError(f"{register.name} has {len(payload)} bytes, should have {register.size}")
    return register.read(payload)


def read_request(address, di, preamble=4):
    """The bytes that ask ``address`` for ``di``."""
    return encode(Frame(address, READ, di.to_bytes(4, "little")), preamble)


def address_matches(asked, answered):
    """Whether a reply from ``answered`` can answer a question to ``asked`` (``A`` is any digit).

    >>> address_matches("AAAAAAAA9012", "123456789012")
    True
    """
    if asked == answered:
        return True
    return "A" in asked and all(a in ("A", b) for a, b in zip(asked, answered, strict=True))


def parse_reply(frame, address, di):
    """The value in the reply to ``read_request(address, di)``.

    :raises MeterRefused: an abnormal reply; ``refusal`` is the ERR byte
    :raises WrongReply: not the reply to this question
    :raises FrameError: the right reply, but with content that makes no sense
    """
    if not frame.is_reply or frame.function != READ or not address_matches(address, frame.address):
        raise WrongReply(f"a frame of {frame.address} with control {frame.control:02X} is no reply")
    if frame.is_abnormal:
        raise refusal(frame)
    if frame.di != di:
        raise WrongReply(
            f"asked for {di:08X}, the reply is about {frame.data[:4][::-1].hex().upper()}"
        )
    if frame.has_more:
        raise FrameError(f"the reply about {di:08X} goes on in further frames")
    return read_value(di, frame.data[4:])
