"""Q/GDW 376.1: the frames of a concentrator that dials in, as far as a meter desk needs them.

``68 | L | L | 68 | C | A 5 | AFN | SEQ | DA 2 | DT 2 | data | CS | 16``, L = bytes from C to the
end of the data, times four, plus 2, low byte first; the checksum starts at C. The concentrator says
who it is (AFN 02: login, heartbeat), which must be confirmed (AFN 00 F1), and passes frames of
meters on (AFN 10 F1). Sources: public head ends and the captured frames in ``tests/wire/vectors``.
"""

from typing import NamedTuple

from .buffer import END, START, StreamBuffer
from .errors import FrameError, MeterRefused, ValueFault, WrongReply
from .values import int_to_le, le_to_int, moment_to_wire, wire_to_digits

UP = 0x80  # from the concentrator

CONFIRM = 0x00
LINK = 0x02
FORWARD = 0x10

F1 = b"\x01\x00"
F2 = b"\x02\x00"
F3 = b"\x04\x00"

AFNS = {CONFIRM: "confirm", LINK: "link", FORWARD: "forward"}

# C of what the desk sends: answer to a link test; request of class 2 data.
_C_LINK_STATE = 0x0B
_C_REQUEST = 0x4B

# bits of SEQ
TIMESTAMPED = 0x80
_SINGLE = 0x60  # first and last
_CONFIRM_WANTED = 0x10

PASSWORD_SIZE = 16
TIMESTAMP_SIZE = 6
_HEAD = 12  # C to DT
#: no frame of a concentrator on a mobile network is as long; the standard allows 16383
MAX_BODY = 2048

_BAUDS = (300, 600, 1200, 2400, 4800, 7200, 9600, 19200)
_PARITIES = {"N": 0x00, "E": 0x08, "O": 0x0C}


class Frame(NamedTuple):
    """One frame.

    :param str terminal: four digits of the region, and the number as four hexadecimal digits
    :param int control: C
    :param int afn: function of the application
    :param int seq: SEQ, flags included
    :param bytes da: which measuring point, as on the wire
    :param bytes dt: which item, as on the wire
    :param int msa: A3, address of the head end
    """

    terminal: str
    control: int
    afn: int
    seq: int
    dt: bytes
    data: bytes = b""
    da: bytes = b"\0\0"
    msa: int = 0

    @property
    def address(self):
        return self.terminal

    @property
    def is_reply(self):
        """Whether the concentrator sent it."""
        return bool(self.control & UP)

    @property
    def wants_confirmation(self):
        return bool(self.seq & _CONFIRM_WANTED)

    @property
    def item(self):
        """Fn as printed: 1 for F1; 0 where DT names none, or several.

        >>> Frame("02001234", 0xC9, LINK, 0x71, F3).item
        3
        """
        bits = self.dt[0]
        return 8 * self.dt[1] + bits.bit_length() if bits and not bits & (bits - 1) else 0


class Buffer(StreamBuffer):
    """Reassembles frames of Q/GDW 376.1.

    >>> login = bytes.fromhex("683200320068C900023412000271000001008516")
    >>> Buffer().feed(login) == [login]
    True
    """

    __slots__ = ()
    max_frame = 8 + MAX_BODY
    _summed = 6

    @staticmethod
    def _end(data, head, size):
        have = size - head
        if have < 6:
            return size + 1
        low, high = data[head + 1], data[head + 2]
        length = (high << 8 | low) >> 2
        if (
            data[head + 5] != START
            or low & 3 != 2
            or data[head + 3] != low
            or data[head + 4] != high
            or not _HEAD <= length <= MAX_BODY
        ):
            return 0
        return head + 8 + length


def encode(frame, preamble=0):
    """The bytes of ``frame``; ``preamble`` bytes of FE before it, of which there are none here.

    :raises ValueFault: ``terminal`` is not eight digits
    :raises FrameError: too long
    """
    body = (
        bytes([frame.control])
        + _terminal_to_wire(frame.terminal)
        + bytes([frame.msa, frame.afn, frame.seq])
        + frame.da
        + frame.dt
        + frame.data
    )
    if len(body) > MAX_BODY:
        raise FrameError(f"{len(frame.data)} data bytes do not fit one frame")
    length = int_to_le(len(body) << 2 | 2, 2)
    return (
        b"\xfe" * preamble
        + bytes([START])
        + length * 2
        + bytes([START])
        + body
        + bytes([sum(body) & 0xFF, END])
    )


def parse(raw):
    """The frame in ``raw``, exactly one frame.

    :raises FrameError: these bytes are not one frame
    """
    if not raw or Buffer.frame_at(raw, 0) != len(raw):
        raise FrameError("not a frame: marks, length or checksum do not fit")
    return decode(raw)


def decode(raw):
    """As ``parse``, for bytes that ``Buffer`` has checked already."""
    raw = bytes(raw)
    return Frame(
        terminal=wire_to_digits(raw[7:9]) + wire_to_digits(raw[9:11]),
        control=raw[6],
        afn=raw[12],
        seq=raw[13],
        dt=raw[16:18],
        data=raw[18:-2],
        da=raw[14:16],
        msa=raw[11],
    )


def _terminal_to_wire(terminal):
    try:
        wire = bytes.fromhex(terminal)
    except ValueError:
        wire = b""
    if len(wire) != 4 or len(terminal) != 8 or not terminal[:4].isdigit():
        raise ValueFault(
            f"{terminal!r} is no terminal: four digits of the region and four hexadecimal digits"
        )
    return wire[1::-1] + wire[:1:-1]


# --- link ---------------------------------------------------------------------------------------


def is_login(frame):
    """Whether the concentrator logs in."""
    return bool(frame.control & UP) and frame.afn == LINK and frame.dt == F1


def is_logout(frame):
    """Whether the concentrator logs out."""
    return bool(frame.control & UP) and frame.afn == LINK and frame.dt == F2


def is_heartbeat(frame):
    """Whether the concentrator only says that it is there."""
    return bool(frame.control & UP) and frame.afn == LINK and frame.dt in (F3, F3[::-1])


def confirm(frame):
    """The bytes that confirm ``frame`` (login, heartbeat, whatever wants it): AFN 00 F1. Without
    them a concentrator dials again."""
    return encode(
        Frame(frame.terminal, _C_LINK_STATE, CONFIRM, _SINGLE | frame.seq & 0x0F, F1, msa=frame.msa)
    )


# --- forwarding ---------------------------------------------------------------------------------


def forward_request(
    terminal,
    port,
    frame,
    baud=2400,
    parity="E",
    timeout=10,
    gap=0.1,
    seq=0,
    msa=2,
    password=bytes(PASSWORD_SIZE),
    when=None,
):
    """The bytes that have a concentrator pass ``frame`` to a meter.

    :param str terminal: eight digits, see ``Frame``
    :param int port: of the concentrator, 1..255; 1F hex is usual for RS485
    :param bytes frame: of the meter, whole
    :param int baud: of the port, with 8 data bits and 1 stop bit
    :param str parity: N, E or O
    :param float timeout: seconds the concentrator waits for the meter's frame, 1..127
    :param float gap: seconds of silence that end the meter's frame, 0.01..1.27
    :param int seq: 0..15, comes back
    :param int msa: the head end's own address, not zero; comes back
    :param bytes password: 16 bytes, all zeros where the concentrator checks none
    :param datetime when: local time; a request older than 5 minutes is not executed then
    :raises ValueFault: one of them does not fit
    """
    hundredths = round(gap * 100)
    if (
        not 0 <= port <= 0xFF
        or baud not in _BAUDS
        or parity not in _PARITIES
        or not 1 <= timeout <= 127
        or not 1 <= hundredths <= 127
        or not 0 <= seq <= 15
        or not 0 <= msa <= 0xFF
        or len(password) != PASSWORD_SIZE
    ):
        raise ValueFault("a setting of the forwarding port is out of range")
    data = (
        bytes(
            [
                port,
                _BAUDS.index(baud) << 5 | _PARITIES[parity] | 3,
                0x80 | int(timeout),
                hundredths,
            ]
        )
        + int_to_le(len(frame), 2)
        + frame
        + password
    )
    if when is not None:
        data += bytes([seq]) + moment_to_wire(when, "ssmmhhDD") + b"\x05"
        seq |= TIMESTAMPED
    return encode(Frame(terminal, _C_REQUEST, FORWARD, _SINGLE | seq, F1, data, msa=msa))


def forwarded(frame):
    """``(port, bytes)`` that a concentrator passes back; no bytes if the meter did not answer.

    :raises MeterRefused: the concentrator denies (AFN 00 F2); ``refusal`` is 0
    :raises WrongReply: not the reply to a forwarding
    :raises FrameError: the reply to one, but its content makes no sense
    """
    if not frame.control & UP:
        raise WrongReply("a frame that the concentrator did not send")
    if frame.afn == CONFIRM and frame.dt == F2:
        raise MeterRefused(0, "the concentrator refused to pass the frame on")
    if frame.afn != FORWARD or frame.dt != F1:
        raise WrongReply(f"AFN {frame.afn:02X} F{frame.item} is no forwarded frame")
    port, start, end = forward_span(frame)
    return port, frame.data[start:end]


def forward_span(frame):
    """Port, and from where to where in ``frame.data`` the meter's frame stands; of a request and
    of a reply.

    :raises FrameError: the data are too short
    """
    at = 1 if frame.control & UP else 4
    start = at + 2
    if len(frame.data) < start:
        raise FrameError("a forwarded frame without its length")
    end = start + le_to_int(frame.data[at:start])
    if end > len(frame.data):
        raise FrameError(f"a forwarded frame of {end - start} bytes that is not all there")
    return frame.data[0], start, end
