"""DL/T 645-1997: frame <-> bytes, requests, replies and registers.

The outline is that of the 2007 edition, the functions and the identifiers (two bytes) are others;
old and new meters can share a line, since neither answers the other's functions. The standard
knows no relay and no prepayment. Sources: public drivers, and the captured frames in
``tests/wire/vectors``.
"""

from . import dlt645
from .buffer import FrameBuffer
from .dlt645 import (
    ABNORMAL,
    BROADCAST,
    PLAIN,
    REPLY,
    authority,
    encode,
    one_meter,
    wrong_reply,
)
from .errors import FrameError, WrongReply
from .registers_2007 import Register, block, number
from .values import address_matches as _same
from .values import digits_to_wire, le_to_int, moment_to_wire, wire_to_digits, wire_to_moment

READ = 0x01
READ_NEXT = 0x02
READ_AGAIN = 0x03
WRITE = 0x04
BROADCAST_TIME = 0x08
WRITE_ADDRESS = 0x0A
BAUD = 0x0C
PASSWORD = 0x0F
CLEAR_DEMAND = 0x10
#: there is no function for it: any reading to the broadcast address is answered
READ_ADDRESS = READ

FUNCTIONS = {
    READ: "read",
    READ_NEXT: "read-next",
    READ_AGAIN: "read-again",
    WRITE: "write",
    BROADCAST_TIME: "broadcast-time",
    WRITE_ADDRESS: "write-address",
    BAUD: "baud-rate",
    PASSWORD: "change-password",
    CLEAR_DEMAND: "clear-demand",
}

ERR = (
    ("illegal-data", "illegal data"),
    ("wrong-identifier", "no such data"),
    ("password", "wrong password"),
    ("reserved", "reserved error bit"),
    ("year-zones-exceeded", "too many year zones"),
    ("day-slots-exceeded", "too many day slots"),
    ("tariffs-exceeded", "too many tariffs"),
    ("reserved", "reserved error bit"),
)

Buffer = FrameBuffer
WILDCARD = dlt645.WILDCARD
address_of = dlt645.address_of


class Frame(dlt645.Frame):
    """One frame: address as printed (12 digits, high first), control byte, data without the 33."""

    __slots__ = ()

    @property
    def di(self):
        """The data identifier, or None where there is no room for one."""
        return le_to_int(self.data[:2]) if len(self.data) >= 2 else None


def parse(raw):
    """The frame in ``raw``, exactly one frame from its first ``68`` to ``16``.

    :raises FrameError: these bytes are not one frame
    """
    dlt645.check(raw)
    return decode(raw)


def decode(raw):
    """As ``parse``, for bytes that ``Buffer`` has checked already."""
    return Frame(wire_to_digits(raw[1:7]), raw[8], bytes(raw[10:-2]).translate(PLAIN))


def address_matches(asked, answered):
    """Whether a reply from ``answered`` can answer a question to ``asked``.

    ``A`` is any digit, and a reading to the broadcast address is answered by whoever hears it.
    """
    return asked == BROADCAST or _same(asked, answered)


def err_words(err):
    """Words for an ERR byte.

    >>> err_words(0x06)
    'no such data; wrong password'
    """
    return dlt645.bit_words(err, ERR)


def refusal(frame):
    """The typed error of an abnormal reply."""
    return dlt645.refusal(frame, ERR)


# --- requests ---------------------------------------------------------------------------------


def read_request(address, di, preamble=4):
    """The bytes that ask ``address`` for ``di``."""
    return encode(Frame(address, READ, di.to_bytes(2, "little")), preamble)


def read_next_request(address, di, preamble=4):
    """The bytes that ask for the next part of a reply that had ``has_more``."""
    return encode(Frame(address, READ_NEXT, di.to_bytes(2, "little")), preamble)


def write_request(address, di, value, level, password, preamble=4):
    """The bytes that write a register.

    :param bytes value: as it goes on the wire (before the 33)
    :param int level: PA byte
    :param str password: 6 digits
    :raises ValueFault: one of them does not fit, or the address is not that of one meter
    """
    data = di.to_bytes(2, "little") + authority(level, password) + value
    return encode(Frame(one_meter(address), WRITE, data), preamble)


def broadcast_time_request(when, preamble=4):
    """The bytes that set the clock of every meter on the line; none answers."""
    return encode(Frame(BROADCAST, BROADCAST_TIME, moment_to_wire(when, "ssmmhhDDMMYY")), preamble)


def read_address_request(preamble=4):
    """The bytes that ask the only meter on a line for its energy, and so for its address; see
    ``address_of``."""
    return read_request(BROADCAST, TOTAL, preamble)


def write_address_request(new, preamble=4):
    """The bytes that give the only meter on a line the address ``new`` (12 digits)."""
    return encode(Frame(BROADCAST, WRITE_ADDRESS, digits_to_wire(one_meter(new))), preamble)


# --- replies ----------------------------------------------------------------------------------


def payload_of(frame, address, di):
    """What the meter sent for ``di``, without the identifier; ``frame.has_more`` tells whether
    ``read_next_request`` brings more.

    :raises MeterRefused: an abnormal reply; ``refusal`` is the ERR byte
    :raises WrongReply: not the reply to this question
    """
    control = frame.control
    if (
        not control & REPLY
        or control & 0x1F not in (READ, READ_NEXT, READ_AGAIN)
        or not address_matches(address, frame.address)
    ):
        raise wrong_reply(frame)
    if control & ABNORMAL:
        raise refusal(frame)
    if frame.di != di:
        raise WrongReply(
            f"asked for {di:04X}, the reply is about "
            f"{frame.data[:2][::-1].hex().upper() or 'nothing'}"
        )
    return frame.data[2:]


def check_ack(frame, address, function):
    """Whether the meter accepted ``function``.

    :raises MeterRefused: an abnormal reply; ``refusal`` is the ERR byte
    :raises WrongReply: not the reply to this function
    """
    if (
        not frame.is_reply
        or frame.function != function
        or not address_matches(address, frame.address)
    ):
        raise wrong_reply(frame)
    if frame.is_abnormal:
        raise refusal(frame)


# --- data identifiers -------------------------------------------------------------------------

TOTAL = 0x9010
TARIFFS = 0x901F
CLOCK_DATE = 0xC010
CLOCK_TIME = 0xC011

_TARIFFS = ("total", "tariff 1", "tariff 2", "tariff 3", "tariff 4")

REGISTERS = {
    0x9000: Register("combined active energy", "kWh", 4, number(2)),
    CLOCK_DATE: Register("date", "", 4, lambda data: wire_to_moment(data, "WWDDMMYY").date()),
    CLOCK_TIME: Register("time", "", 3, lambda data: wire_to_moment(data, "ssmmhh").time()),
    0xC020: Register("status", "", 1, le_to_int),
    0xC032: Register("meter number", "", 6, wire_to_digits),
    0xC033: Register("customer number", "", 6, wire_to_digits),
    0xB630: Register("active power", "kW", 3, number(4)),
    0xB650: Register("power factor", "", 2, number(3)),
}
for _group, _name, _unit in (
    (0x9000, "active energy", "kWh"),
    (0x9100, "reactive energy", "kvarh"),
):
    for _month, _when in ((0, ""), (0x400, ", last month"), (0x800, ", month before last")):
        for _way, _word in ((0x10, "forward"), (0x20, "reverse")):
            _base = _group + _month | _way
            for _at, _tariff in enumerate(_TARIFFS):
                REGISTERS[_base | _at] = Register(
                    f"{_word} {_name}, {_tariff}{_when}", _unit, 4, number(2)
                )
            REGISTERS[_base | 0xF] = Register(
                f"{_word} {_name}, all tariffs{_when}", _unit, None, block(4, 2)
            )
for _at, _letter in ((1, "A"), (2, "B"), (3, "C")):
    REGISTERS[0xB610 | _at] = Register(f"voltage {_letter}", "V", 2, number(0))
    REGISTERS[0xB620 | _at] = Register(f"current {_letter}", "A", 2, number(2))
    REGISTERS[0xB630 | _at] = Register(f"active power {_letter}", "kW", 3, number(4))


def read_value(di, payload):
    """The value of a data identifier: Decimal, tuple of Decimals (a block: the total, the tariffs,
    and whatever spare registers the meter adds), int, text of digits, date or time; None where the
    field is filled with FF; the bytes as they are if the table has no such identifier.

    :raises FrameError: wrong length, or digits that are none
    """
    register = REGISTERS.get(di)
    if register is None:
        return payload
    if register.size is not None and len(payload) != register.size:
        raise FrameError(f"{register.name} has {len(payload)} bytes, should have {register.size}")
    return register.read(payload)


def parse_reply(frame, address, di):
    """The value in the reply to ``read_request(address, di)``; errors as ``payload_of``."""
    payload = payload_of(frame, address, di)
    if frame.has_more:
        raise FrameError(f"the reply about {di:04X} goes on in further frames")
    return read_value(di, payload)
