"""CJ/T 188, editions 2004 and 2018: frame <-> bytes, requests and replies.

``68 | T | address 7 | C | L | DI0 DI1 | SER | data | CS | 16``: one ``68`` only, nothing is added
to the data, the checksum starts at the ``68``. The 2004 text sends the high byte of a data
identifier first, the 2018 text and many makers the low byte; some meters mix both. So either order
is taken from a meter, and what is sent follows the meter's dialect. Sources: the standard as
implemented by public drivers, captured frames in ``tests/wire/vectors``. What a reply holds is
read by ``water188``.
"""

from typing import NamedTuple

from .buffer import END, START, StreamBuffer
from .errors import FrameError, MeterRefused, ValueFault, WrongReply
from .values import address_matches, digits_to_wire, is_digits, le_to_int, wire_to_digits

REPLY = 0x80
ABNORMAL = 0x40

READ = 0x01
READ_ADDRESS = 0x03
WRITE = 0x04
READ_KEY_VERSION = 0x09
WRITE_ADDRESS = 0x15
WRITE_SYNC = 0x16

FUNCTIONS = {
    READ: "read",
    READ_ADDRESS: "read-address",
    WRITE: "write",
    READ_KEY_VERSION: "read-key-version",
    WRITE_ADDRESS: "write-address",
    WRITE_SYNC: "write-sync",
}

METERING = 0x901F
PRICES = 0x8102
PURCHASE = 0x8105
KEY_VERSION = 0x8106
ADDRESS = 0x810A
SET_PRICES = 0xA010
SET_SETTLEMENT_DAY = 0xA011
SET_READING_DAY = 0xA012
SET_PURCHASE = 0xA013
SET_KEY = 0xA014
SET_CLOCK = 0xA015
SET_SYNC = 0xA016
VALVE = 0xA017
SET_ADDRESS = 0xA018
SET_FACTORY = 0xA019
SET_KEY_2018 = 0xA107

#: identifier -> function that reads or writes it, where it is not READ or WRITE
FUNCTION_OF = {
    ADDRESS: READ_ADDRESS,
    KEY_VERSION: READ_KEY_VERSION,
    SET_ADDRESS: WRITE_ADDRESS,
    SET_SYNC: WRITE_SYNC,
}

VALVE_OPEN = 0x55
VALVE_CLOSE = 0x99

WILDCARD = "A" * 14
ANY_TYPE = 0xAA
COLD_WATER = 0x10
HIGH_FIRST = "high_first"
LOW_FIRST = "low_first"

#: first byte, as printed, of every identifier of either edition: tells in which order it came
_HIGH_BYTES = frozenset(bytes.fromhex("8190 91A0A1D1D2D3D4"))

OVERHEAD = 13
_HEAD = 3  # DI and SER


class Frame(NamedTuple):
    """One frame: address as printed (14 digits, high first), control byte, data as on the wire
    (DI0 DI1 SER payload), meter type (T)."""

    address: str
    control: int
    data: bytes = b""
    meter_type: int = COLD_WATER

    @property
    def is_reply(self):
        return bool(self.control & REPLY)

    @property
    def is_abnormal(self):
        return bool(self.control & ABNORMAL)

    @property
    def has_more(self):
        """Never: this standard has no further frames."""
        return False

    @property
    def function(self):
        return self.control & 0x3F

    @property
    def di(self):
        """The data identifier as the 2004 text prints it, whichever order it came in; None in an
        abnormal reply, and where there is no room for one."""
        data = self.data
        if len(data) < 2 or self.control & ABNORMAL:
            return None
        if data[0] not in _HIGH_BYTES and data[1] in _HIGH_BYTES:
            return data[1] << 8 | data[0]
        return data[0] << 8 | data[1]

    @property
    def ser(self):
        """The serial of the request, repeated by the reply; None where there is no room."""
        if self.control & ABNORMAL:
            return self.data[0] if self.data else None
        return self.data[2] if len(self.data) >= _HEAD else None

    @property
    def payload(self):
        """What stands behind identifier and serial."""
        return self.data[_HEAD:]


class Buffer(StreamBuffer):
    """Reassembles frames of CJ/T 188.

    With a single ``68`` in the outline nearly any ``68`` of noise can be taken for a start; what
    it hides is found when the line is silent.

    >>> buffer = Buffer()
    >>> chunk = bytes.fromhex("FEFE6810180212202000000103901F009716")
    >>> [frame.hex() for frame in buffer.feed(chunk[:9]) + buffer.feed(chunk[9:])]
    ['6810180212202000000103901f009716']
    """

    __slots__ = ()
    max_frame = OVERHEAD + 255

    @staticmethod
    def _end(data, head, size):
        return head + OVERHEAD + data[head + 10] if size - head > 10 else size + 1


def encode(frame, preamble=4):
    """The bytes of ``frame`` with ``preamble`` bytes of FE before it.

    :raises ValueFault: the address is not 14 digits
    :raises FrameError: more than 255 data bytes
    """
    if len(frame.data) > 255:
        raise FrameError(f"{len(frame.data)} data bytes do not fit one frame")
    body = (
        bytes([START, frame.meter_type])
        + digits_to_wire(frame.address, 7)
        + bytes([frame.control, len(frame.data)])
        + frame.data
    )
    return b"\xfe" * preamble + body + bytes([sum(body) & 0xFF, END])


def parse(raw):
    """The frame in ``raw``, exactly one frame from its ``68`` to ``16``.

    :raises FrameError: these bytes are not one frame
    """
    if len(raw) < OVERHEAD or raw[0] != START or raw[-1] != END:
        raise FrameError("not a frame: start or end mark missing")
    if len(raw) != OVERHEAD + raw[10]:
        raise FrameError(f"length says {raw[10]} data bytes, there are {len(raw) - OVERHEAD}")
    if sum(raw[:-2]) & 0xFF != raw[-2]:
        raise FrameError(f"checksum is {raw[-2]:02X}, should be {sum(raw[:-2]) & 0xFF:02X}")
    return decode(raw)


def decode(raw):
    """As ``parse``, for bytes that ``Buffer`` has checked already."""
    return Frame(wire_to_digits(raw[2:9]), raw[9], bytes(raw[11:-2]), raw[1])


def status_words(status):
    """Words for ST, the two status bytes, as the standard lays them out. Some makers shift the
    bits: a dialect says how.

    >>> status_words(bytes.fromhex("0500"))
    'valve closed, battery low'
    """
    valve = ("open", "closed", "in state 2", "abnormal")[status[0] & 3]
    return f"valve {valve}{', battery low' if status[0] & 4 else ''}"


def refusal(frame):
    """The typed error of an abnormal reply: SER and ST, no identifier. ``refusal`` is ST, low
    byte first."""
    status = frame.data[-2:]
    if len(frame.data) < 2:
        reason = frame.data.hex().upper() or "no reason"
        return MeterRefused(le_to_int(frame.data), f"the meter refused with {reason}")
    return MeterRefused(
        le_to_int(status),
        f"the meter refused: {status_words(status)} (status {status.hex().upper()})",
    )


# --- requests ---------------------------------------------------------------------------------


def di_bytes(di, di_order=HIGH_FIRST):
    """An identifier in the order of the meter's dialect.

    :param str di_order: high_first (text of 2004) or low_first (2018)

    >>> di_bytes(0x901F).hex(), di_bytes(0x901F, "low_first").hex()
    ('901f', '1f90')
    """
    if di_order not in (HIGH_FIRST, LOW_FIRST) or not 0 <= di <= 0xFFFF:
        raise ValueFault(f"no identifier: {di!r}, {di_order!r}")
    return di.to_bytes(2, "big" if di_order == HIGH_FIRST else "little")


def read_request(address, di, ser=0, meter_type=COLD_WATER, di_order=HIGH_FIRST, preamble=4):
    """The bytes that ask ``address`` (14 digits) for ``di`` (as printed: 901F hex).

    :param int ser: serial, 0..255; a reply repeats it
    :param int meter_type: T byte
    :param str di_order: high_first or low_first
    """
    data = di_bytes(di, di_order) + _serial(ser)
    return encode(Frame(address, FUNCTION_OF.get(di, READ), data, meter_type), preamble)


def write_request(
    address,
    di,
    ser,
    payload,
    meter_type=COLD_WATER,
    di_order=HIGH_FIRST,
    control=None,
    preamble=4,
):
    """The bytes that write ``di``.

    :param bytes payload: as it goes on the wire
    :param int control: None: the function that the standard has for this identifier
    :raises ValueFault: the address is not that of one meter: a valve is nothing to move by wildcard
    """
    if not is_digits(address, 14):
        raise ValueFault(f"{address!r} is not the address of one meter")
    if control is None:
        control = FUNCTION_OF.get(di, WRITE)
    data = di_bytes(di, di_order) + _serial(ser) + payload
    return encode(Frame(address, control, data, meter_type), preamble)


def read_address_request(ser=0, meter_type=ANY_TYPE, di_order=HIGH_FIRST, preamble=4):
    """The bytes that ask the only meter on a line who it is; see ``address_of``."""
    return read_request(WILDCARD, ADDRESS, ser, meter_type, di_order, preamble)


def _serial(ser):
    if not 0 <= ser <= 0xFF:
        raise ValueFault(f"{ser} does not fit the serial of a frame")
    return bytes([ser])


# --- replies ----------------------------------------------------------------------------------


def payload_of(frame, address, di):
    """What the meter sent for ``di``, without identifier and serial. The serial is not looked at:
    some meters always send the same one (see ``serial_remark``).

    :param int di: as printed; either order is taken
    :raises MeterRefused: an abnormal reply; ``refusal`` is its status
    :raises WrongReply: not the reply to this question
    :raises FrameError: the right reply, but without room for identifier and serial
    """
    check_ack(frame, address, FUNCTION_OF.get(di, READ), di)
    return frame.data[_HEAD:]


def check_ack(frame, address, function=WRITE, di=None):
    """Whether the meter accepted ``function``; returns what the acknowledgement holds behind
    identifier and serial: ST after prices, valve and sync, serial and amount after a purchase,
    version after a key, nothing after the others. Makers send less, so nothing is demanded.

    :param int di: None: not looked at
    :raises MeterRefused: an abnormal reply; ``refusal`` is its status
    :raises WrongReply: not the reply to this function
    :raises FrameError: the right reply, but without room for identifier and serial
    """
    control = frame.control
    if (
        not control & REPLY
        or control & 0x3F != function
        or not address_matches(address, frame.address)
    ):
        raise WrongReply(f"a frame of {frame.address} with control {control:02X} is no reply")
    if control & ABNORMAL:
        raise refusal(frame)
    data = frame.data
    if di is not None and data[:2] != (high := di.to_bytes(2, "big")) and data[:2] != high[::-1]:
        raise WrongReply(
            f"asked for {di:04X}, the reply is about {data[:2].hex().upper() or 'nothing'}"
        )
    if len(data) < _HEAD:
        raise FrameError(f"a reply of {len(data)} bytes has no identifier and serial")
    return data[_HEAD:]


def address_of(frame):
    """The address in a reply to ``read_address_request``: the head always has it, whether or not
    the payload repeats it.

    :raises FrameError: no digits
    """
    if not is_digits(frame.address, 14):
        raise FrameError(f"{frame.address} is not the address of a meter")
    return frame.address


def serial_remark(ser, frame):
    """A note for the evidence when a reply does not repeat the serial ``ser``; else empty."""
    if frame.ser is None or frame.ser == ser:
        return ""
    return f"serial {frame.ser:02X} came back instead of {ser:02X}"
