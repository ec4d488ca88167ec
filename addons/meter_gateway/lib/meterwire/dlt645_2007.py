"""DL/T 645-2007: frame <-> bytes, requests, and what their replies may be.

Sources: the standard as implemented by public drivers and firmwares; ``tests/wire/vectors`` holds
frames of other people. The data identifiers are in ``registers_2007``.
"""

from . import dlt645
from .buffer import FrameBuffer
from .dlt645 import (
    ABNORMAL,
    BROADCAST,
    PLAIN,
    REPLY,
    WILDCARD,
    authority,
    encode,
    one_meter,
    wrong_reply,
)
from .errors import FrameError, ValueFault, WrongReply
from .registers_2007 import (  # noqa: F401 - part of this module's names
    CLOCK,
    COMM_ADDRESS,
    CUSTOMER_NUMBER,
    METER_NUMBER,
    OVERDRAFT_MONEY,
    OVERDRAFT_UNITS,
    PURCHASE_COUNT,
    REGISTERS,
    RELAY_OPEN,
    RELAY_TRIP_COMMANDED,
    REMAINING_MONEY,
    REMAINING_UNITS,
    STATUS_3,
    TARIFFS,
    TOTAL,
    TOTAL_COMBINED,
    Register,
    read_value,
)
from .values import (
    address_matches,
    digits_to_wire,
    int_to_bcd,
    le_to_int,
    moment_to_wire,
    wire_to_digits,
)

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

Buffer = FrameBuffer


class Frame(dlt645.Frame):
    """One frame: address as printed (12 digits, high first), control byte, data without the 33."""

    __slots__ = ()

    @property
    def di(self):
        """The data identifier, or None where there is no room for one."""
        return le_to_int(self.data[:4]) if len(self.data) >= 4 else None


def parse(raw):
    """The frame in ``raw``, exactly one frame from its first ``68`` to ``16``.

    :raises FrameError: these bytes are not one frame
    """
    dlt645.check(raw)
    return decode(raw)


def decode(raw):
    """As ``parse``, for bytes that ``Buffer`` has checked already."""
    return Frame(wire_to_digits(raw[1:7]), raw[8], bytes(raw[10:-2]).translate(PLAIN))


def err_words(err):
    """Words for an ERR byte.

    >>> err_words(0x06)
    'no such data; wrong password or not authorised'
    """
    return dlt645.bit_words(err, ERR)


def refusal(frame):
    """The typed error of an abnormal reply.

    SERR has two bytes (see ``recharge``); here only ERR of one byte is put in words.
    """
    return dlt645.refusal(frame, ERR)


# --- requests ---------------------------------------------------------------------------------


def read_request(address, di, preamble=4, count=None, since=None):
    """The bytes that ask ``address`` for ``di``.

    :param int count: of the load curve: how many records, 1 to 99
    :param datetime since: of the load curve, with ``count``: moment of the first record
    """
    data = di.to_bytes(4, "little")
    if count is not None:
        if not 1 <= count <= 99:
            raise ValueFault(f"{count} records cannot be asked for")
        data += int_to_bcd(count, 1)
        if since is not None:
            data += moment_to_wire(since, "mmhhDDMMYY")
    return encode(Frame(address, READ, data), preamble)


def read_next_request(address, di, seq, preamble=4):
    """The bytes that ask for the next part of a reply that had ``has_more``.

    :param int seq: 1 for the first part asked for so, one more for each that follows
    """
    if not 1 <= seq <= 255:
        raise ValueFault(f"a reply has no part {seq}")
    return encode(Frame(address, READ_NEXT, di.to_bytes(4, "little") + bytes([seq])), preamble)


def write_request(address, di, value, level, password, operator="00000000", preamble=4):
    """The bytes that write a register.

    :param bytes value: as it goes on the wire (before the 33)
    :param int level: PA byte: 2, 3 or 4 for a plain password
    :param str password: 6 digits
    :param str operator: 8 digits, kept by the meter in its log
    :raises ValueFault: one of them does not fit, or the address is not that of one meter
    """
    data = di.to_bytes(4, "little") + authority(level, password) + digits_to_wire(operator, 4)
    return encode(Frame(one_meter(address), WRITE, data + value), preamble)


def relay_request(address, code, expires, level, password, operator="00000000", n2=0, preamble=4):
    """The bytes that switch the supply, or change who may switch it.

    :param int code: N1: 1A trip, 1B permit closing, 1C close, 2A/2B alarm on/off, 3A/3B keep
        power on/off (hex)
    :param datetime expires: the meter's local time after which it refuses
    :param int n2: reserved by the standard; minutes with vendors' timed codes
    """
    data = (
        authority(level, password)
        + digits_to_wire(operator, 4)
        + bytes([code, n2])
        + moment_to_wire(expires, "ssmmhhDDMMYY")
    )
    return encode(Frame(one_meter(address), RELAY, data), preamble)


def broadcast_time_request(when, preamble=4):
    """The bytes that set the clock of every meter on the line; none answers.

    Meters take it once a day and within five minutes of their own time.
    """
    return encode(Frame(BROADCAST, BROADCAST_TIME, moment_to_wire(when, "ssmmhhDDMMYY")), preamble)


def read_address_request(preamble=4):
    """The bytes that ask the only meter on a line who it is; see ``address_of``."""
    return encode(Frame(WILDCARD, READ_ADDRESS), preamble)


def write_address_request(new, preamble=4):
    """The bytes that give the only meter on a line the address ``new`` (12 digits)."""
    return encode(Frame(WILDCARD, WRITE_ADDRESS, digits_to_wire(one_meter(new))), preamble)


# --- replies ----------------------------------------------------------------------------------


def payload_of(frame, address, di, seq=None):
    """What the meter sent for ``di``, without the identifier.

    Takes replies to ``read_request`` and ``read_next_request``; ``frame.has_more`` tells whether
    there is a next part.

    :param int seq: of the part asked for; None: not looked at
    :raises MeterRefused: an abnormal reply; ``refusal`` is the ERR byte
    :raises WrongReply: not the reply to this question
    :raises FrameError: the right reply, but with content that makes no sense
    """
    control = frame.control
    function = control & 0x1F
    if (
        not control & REPLY
        or (function != READ and function != READ_NEXT)
        or not address_matches(address, frame.address)
    ):
        raise wrong_reply(frame)
    if control & ABNORMAL:
        raise refusal(frame)
    data = frame.data
    if frame.di != di:
        raise WrongReply(
            f"asked for {di:08X}, the reply is about {data[:4][::-1].hex().upper() or 'nothing'}"
        )
    if function == READ:
        return data[4:]
    if len(data) < 5:
        raise FrameError("a further part of a reply without its sequence number")
    if seq is not None and data[-1] != seq:
        raise WrongReply(f"asked for part {seq} of the reply, part {data[-1]} came")
    return data[4:-1]


def check_ack(frame, address, function):
    """Whether the meter accepted ``function``. It says no more: only a read tells what was done.

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


def address_of(frame):
    """The address in a reply to ``read_address_request``, or in the head of any other reply.

    :raises FrameError: no digits
    """
    if frame.function == READ_ADDRESS and frame.data:
        return dlt645.told_address(frame.data)
    return dlt645.address_of(frame)


def parse_reply(frame, address, di):
    """The value in the reply to ``read_request(address, di)``; errors as ``payload_of``."""
    payload = payload_of(frame, address, di)
    if frame.has_more or frame.function != READ:
        raise FrameError(f"the reply about {di:08X} goes on in further frames")
    return read_value(di, payload)
