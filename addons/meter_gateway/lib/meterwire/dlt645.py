"""What both editions of DL/T 645 share: the outline of a frame, and how a reply is recognised.

``68 | address 6 | 68 | C | L | data | CS | 16``. Every data byte travels plus 33 hex. The checksum
starts at the first ``68``; the preamble of ``FE`` (wakes sleeping receivers) is not part of the
frame. The codecs are ``dlt645_1997`` and ``dlt645_2007``; this module is theirs alone.
"""

from typing import NamedTuple

from .buffer import END, OVERHEAD, START
from .errors import FrameError, MeterRefused, ValueFault, WrongReply
from .values import digits_to_wire, is_digits, le_to_int, wire_to_digits

REPLY = 0x80
ABNORMAL = 0x40
MORE = 0x20

WILDCARD = "A" * 12
BROADCAST = "9" * 12

_OFFSET = bytes((value + 0x33) & 0xFF for value in range(256))
PLAIN = bytes((value - 0x33) & 0xFF for value in range(256))


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


def check(raw):
    """:raises FrameError: ``raw`` is not exactly one frame from its first ``68`` to ``16``"""
    if len(raw) < OVERHEAD or raw[0] != START or raw[7] != START or raw[-1] != END:
        raise FrameError("not a frame: start or end mark missing")
    if len(raw) != OVERHEAD + raw[9]:
        raise FrameError(f"length says {raw[9]} data bytes, there are {len(raw) - OVERHEAD}")
    if sum(raw[:-2]) & 0xFF != raw[-2]:
        raise FrameError(f"checksum is {raw[-2]:02X}, should be {sum(raw[:-2]) & 0xFF:02X}")


def bit_words(err, bits):
    """Words for the bits of an ERR byte; ``bits`` is a table of (name, words)."""
    return "; ".join(words for bit, (_, words) in enumerate(bits) if err >> bit & 1) or (
        "no reason given"
    )


def refusal(frame, bits):
    """The typed error of an abnormal reply: ERR of one byte is put in words."""
    if len(frame.data) != 1:
        reason = frame.data.hex().upper() or "no reason"
        return MeterRefused(le_to_int(frame.data), f"the meter refused with {reason}")
    return MeterRefused(frame.data[0], f"the meter refused: {bit_words(frame.data[0], bits)}")


def wrong_reply(frame):
    """For a frame that is not the reply to the function or the meter asked."""
    return WrongReply(f"a frame of {frame.address} with control {frame.control:02X} is no reply")


def one_meter(address):
    """The address, if it is that of one meter: what changes a meter is not for whoever hears it.

    :raises ValueFault: not 12 digits; wildcards and the broadcast address are refused
    """
    if not is_digits(address) or address == BROADCAST:
        raise ValueFault(f"{address!r} is not the address of one meter")
    return address


def authority(level, password):
    """``PA P0 P1 P2``: class and digits of a password.

    :param int level: the PA byte
    :param str password: 6 digits
    :raises ValueFault: either does not fit
    """
    if not 0 <= level <= 0xFF or not is_digits(password, 6):
        # Without the password itself: words end up in logs.
        raise ValueFault("a password is a level of one byte and 6 digits")
    return bytes([level]) + digits_to_wire(password, 3)


def address_of(frame):
    """The address in the head of a reply.

    :raises FrameError: no digits
    """
    return _digits(frame.address)


def told_address(data):
    """The address that a reply has for its data, six bytes.

    :raises FrameError: no digits
    """
    return _digits(wire_to_digits(data))


def _digits(found):
    if not is_digits(found):
        raise FrameError(f"{found or 'nothing'} is not the address of a meter")
    return found
