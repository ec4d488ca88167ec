"""Frames that a person enters by hand: completed, examined, and refused unless known as harmless.

A password is never entered: its three bytes are written ``**`` and filled in when the frame is
sent, so that what is kept of the frame gives nothing away. What a frame would do to money, keys,
passwords, addresses or the supply is refused, and so is whatever is not understood.

Functions and identifiers: DL/T 645-2007 and 645-1997, CJ/T 188, as ``dlt645_2007``,
``dlt645_1997`` and ``cjt188`` read them.
"""

import re
from typing import NamedTuple

from .errors import BadJob
from .values import wire_to_digits

HIDDEN = "**"
_OFFSET = 0x33
_START, _END = 0x68, 0x16
_REPLY = 0x80
_PREAMBLE = b"\xfe" * 4


class RawRefused(BadJob):
    """A frame that is not sent. ``reason`` is a short constant, ``words`` one sentence.

    Reasons: frame, checksum, reply, broadcast, address, wildcard, money, clear, key, password,
    secret, switching, line, unknown.
    """

    def __init__(self, reason, words):
        super().__init__(words)
        self.reason = reason


class RawFrame(NamedTuple):
    """A frame that may be sent.

    ``text`` is the frame in hexadecimal with ``**`` for password and checksum where there is a
    password; ``asks`` says that it changes nothing in the meter.
    """

    protocol: str
    text: str
    address: str
    control: int
    asks: bool

    @property
    def function(self):
        return self.control & 0x1F


class _Outline(NamedTuple):
    address: slice
    control: int

    @property
    def length(self):
        return self.control + 1

    @property
    def overhead(self):
        return self.control + 4


_645 = _Outline(slice(1, 7), 8)
_188 = _Outline(slice(2, 9), 9)
PROTOCOLS = {
    "dlt645_2007": _645,
    "dlt645_1997": _645,
    "cjt188_2004": _188,
    "cjt188_2018": _188,
}


# --- bytes ----------------------------------------------------------------------------------------


def _tokens(text):
    """Byte values of a hexadecimal text, None for ``**``; the preamble is dropped.

    :raises RawRefused: not hexadecimal
    """
    packed = re.sub(r"[\s,;]+", "", text)
    parts = [packed[at : at + 2].upper() for at in range(0, len(packed), 2)]
    if not all(re.fullmatch(r"[0-9A-F]{2}|\*\*", part) for part in parts):
        raise RawRefused("frame", "only pairs of hexadecimal digits, and ** for hidden bytes")
    values = [None if part == HIDDEN else int(part, 16) for part in parts]
    while values and values[0] == 0xFE:
        del values[0]
    return values


def _text(values):
    return " ".join(HIDDEN if value is None else f"{value:02X}" for value in values)


def complete(protocol, text):
    """The frame with its length, checksum and end; bytes already right stay.

    :param text: from the first ``68`` on, with or without checksum and end
    :return: text
    :raises RawRefused: not the outline of a frame

    >>> complete("dlt645_2007", "68 12 90 78 56 34 12 68 11 04 33 33 34 33")
    '68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16'
    """
    outline = PROTOCOLS[protocol]
    values = _tokens(text)
    if len(values) <= outline.length or values[0] != _START:
        raise RawRefused("frame", "a frame begins with 68, address, control and length")
    if outline is _645 and values[7] != _START:
        raise RawRefused("frame", "a second 68 belongs behind the address")
    size = values[outline.length]
    if None in values[: outline.length + 1]:
        raise RawRefused("frame", "only a password may be hidden")
    body = values[: outline.length + 1 + size]
    rest = values[outline.length + 1 + size :]
    if (
        len(body) != outline.length + 1 + size
        or len(rest) not in (0, 2)
        or rest[1:]
        not in (
            [],
            [_END],
        )
    ):
        raise RawRefused(
            "frame",
            f"the length says {size} data bytes, there are "
            f"{max(len(values) - outline.length - 1 - len(rest), 0)}",
        )
    checksum = None if None in body else sum(body) & 0xFF
    return _text([*body, checksum, _END])


def fill(frame, password=None):
    """The bytes of a frame that was examined, with its preamble.

    :param frame: ``RawFrame``
    :param password: six digits as printed, where the frame has hidden bytes
    :raises RawRefused: hidden bytes and no password

    >>> fill(examine("dlt645_2007", "68 AA AA AA AA AA AA 68 13 00 DF 16")).hex()
    'fefefefe68aaaaaaaaaaaa681300df16'
    """
    outline = PROTOCOLS[frame.protocol]
    body = _tokens(frame.text)[:-2]
    hidden = [at for at, value in enumerate(body) if value is None]
    if hidden:
        if not password or not re.fullmatch(r"[0-9]{6}", password) or len(hidden) != 3:
            raise RawRefused("password", "the frame needs a password, and none is installed")
        shift = _OFFSET if outline is _645 else 0
        for at, value in zip(hidden, bytes.fromhex(password)[::-1], strict=True):
            body[at] = (value + shift) & 0xFF
    return _PREAMBLE + bytes([*body, sum(body) & 0xFF, _END])


def revealed(text):
    """Bytes of masked evidence: hidden ones as zero, hidden checksums as they would then be.

    For decoding what can be decoded; never to be sent.

    :raises RawRefused: not hexadecimal

    >>> revealed("68 12 90 78 56 34 12 68 14 01 ** ** 16").hex()[-8:]
    '0133ce16'
    """
    values = _tokens(text)
    for at in range(len(values)):
        for outline in (_645, _188):
            _reveal_frame(values, at, outline)
    return bytes(_OFFSET if value is None else value for value in values)


def _reveal_frame(values, at, outline):
    """Fill the hidden bytes of the frame that starts at ``at``, if one of that outline does."""
    if values[at] != _START or len(values) <= at + outline.length:
        return
    if outline is _645 and values[at + 7] != _START:
        return
    size = values[at + outline.length]
    end = at + outline.overhead + (size or 0)
    if size is None or end > len(values) or values[end - 1] != _END or values[end - 2] is not None:
        return
    hidden = _OFFSET if outline is _645 else 0
    body = [hidden if value is None else value for value in values[at : end - 2]]
    values[at : end - 2] = body
    values[end - 2] = sum(body) & 0xFF


# --- meaning --------------------------------------------------------------------------------------


def examine(protocol, text, recharge_dis=()):
    """Look at a frame that a person entered.

    :param protocol: one of ``PROTOCOLS``
    :param text: hexadecimal, complete; see ``complete``
    :param recharge_dis: identifiers by which this meter model is charged, as printed
    :return: ``RawFrame``
    :raises RawRefused: it is not sent, and why
    """
    outline = PROTOCOLS[protocol]
    whole = complete(protocol, text)
    values, entered = _tokens(whole), _tokens(text)
    if len(entered) != len(values):
        raise RawRefused("checksum", "checksum and end are missing: complete the frame first")
    if entered[-2] not in (None, values[-2]):
        raise RawRefused(
            "checksum",
            "a frame with a hidden password hides its checksum too"
            if values[-2] is None
            else f"the checksum is {entered[-2]:02X}, should be {values[-2]:02X}",
        )
    control = values[outline.control]
    if control & _REPLY:
        raise RawRefused("reply", "this is what a meter says, not what it is told")
    address = wire_to_digits(bytes(values[outline.address]))
    if set(address) == {"9"}:
        raise RawRefused("broadcast", "this address calls every meter on the line")
    data = values[outline.length + 1 : -2]
    if outline is _645:
        data = [None if value is None else (value - _OFFSET) & 0xFF for value in data]
    frame = RawFrame(protocol, whole, address, control, False)
    asks = _RULES[protocol](frame, data, {di.upper() for di in recharge_dis})
    if "A" in address and not asks:
        raise RawRefused("wildcard", "only a question may go to whoever is there")
    return frame._replace(asks=asks)


def _no(reason, words):
    raise RawRefused(reason, words)


def _no_secret(data):
    if None in data:
        _no("secret", "only the password of a write may be hidden")


def _identifier(data, size):
    """An identifier as printed; refused when it is cut short or hidden."""
    if len(data) < size or None in data[:size]:
        _no("unknown", "there is no data identifier")
    return bytes(data[:size][::-1]).hex().upper()


def _password(data, at):
    """Level and password of a write: plain levels only, and the password hidden."""
    if len(data) < at + 4:
        _no("unknown", "level and password are missing")
    if data[at] not in (0x02, 0x03, 0x04, 0x00, 0x01):
        _no("unknown", "enciphered parameters are not understood here")
    if data[at + 1 : at + 4] != [None] * 3:
        _no("secret", "write ** for the three bytes of the password: it is filled in when sent")
    if None in data[: at + 1] or None in data[at + 4 :]:
        _no("secret", "only the password of a write may be hidden")


_FORBIDDEN_2007 = {
    0x08: ("line", "the clock is set by its own command"),
    0x15: ("address", "an address is not changed by hand"),
    0x17: ("line", "the speed of one meter on a shared line is not changed by hand"),
    0x18: ("password", "passwords are not changed by hand"),
    0x19: ("clear", "demand is not cleared by hand"),
    0x1A: ("clear", "a meter is not cleared by hand: money and energy would be gone"),
    0x1B: ("clear", "events are evidence and are not cleared"),
    0x1C: ("switching", "supply is switched by its own command, which expires and is proved"),
}
#: of function 03 only the status query: it opens no session and moves no money
_STATUS_QUERY = "078102FF"
_MONEY_2007 = re.compile(r"0490|0090|033[234]|07")
_SECRET_2007 = re.compile(r"04000C")
_ADDRESS_2007 = re.compile(r"0400040[12]")


def _rule_2007(frame, data, recharge_dis):
    """:return: whether the frame only asks"""
    function = frame.control
    if function in _FORBIDDEN_2007:
        _no(*_FORBIDDEN_2007[function])
    if function == 0x13 and not data:
        return True
    if function in (0x11, 0x12):
        _no_secret(data)
        _identifier(data, 4)
        return True
    if function == 0x03:
        _no_secret(data)
        di = _identifier(data, 4)
        if di == _STATUS_QUERY:
            return True
        _no("money", "security functions carry money and keys")
    if function == 0x14:
        di = _identifier(data, 4)
        if di in recharge_dis or _MONEY_2007.match(di):
            _no("money", f"{di} carries money")
        if _SECRET_2007.match(di):
            _no("password", f"{di} is a password")
        if _ADDRESS_2007.match(di):
            _no("address", "an address is not changed by hand")
        if not di.startswith("04"):
            _no("unknown", f"{di} is no parameter that is known here")
        _password(data, 4)
        return False
    if function in (0x16, 0x1D) and data:
        _no_secret(data)
        return False
    return _no("unknown", f"function {function:02X} is not understood")


_FORBIDDEN_1997 = {
    0x08: ("line", "the clock is set by its own command"),
    0x0A: ("address", "an address is not changed by hand"),
    0x0C: ("line", "the speed of one meter on a shared line is not changed by hand"),
    0x0F: ("password", "passwords are not changed by hand"),
    0x10: ("clear", "demand is not cleared by hand"),
}


def _rule_1997(frame, data, recharge_dis):
    function = frame.control
    if function in _FORBIDDEN_1997:
        _no(*_FORBIDDEN_1997[function])
    if function in (0x01, 0x02, 0x03):
        _no_secret(data)
        if function != 0x03:
            _identifier(data, 2)
        return True
    if function == 0x04:
        di = _identifier(data, 2)
        if di in recharge_dis:
            _no("money", f"{di} carries money")
        # C0 has numbers and clock, C1..C5 settings and tables; C21x are the passwords.
        if di.startswith("C21"):
            _no("password", f"{di} is a password")
        if di in ("C032", "C033", "C034"):
            _no("address", "an address is not changed by hand")
        if not re.match(r"C[0-5]", di):
            _no("unknown", f"{di} is no parameter that is known here")
        _password(data, 2)
        return False
    return _no("unknown", f"function {function:02X} is not understood")


_FORBIDDEN_188 = {
    "A013": ("money", "A013 is a purchase"),
    "A0EC": ("money", "A0EC takes money back"),
    "A014": ("key", "keys are not changed by hand"),
    "A107": ("key", "keys are not changed by hand"),
    "A017": ("switching", "the valve is worked by its own command, which is proved"),
    "A018": ("address", "an address is not changed by hand"),
    "A019": ("unknown", "factory settings are not changed by hand"),
}
_PARAMETERS_188 = ("A010", "A011", "A012", "A015", "A105", "A106")


def _rule_188(frame, data, recharge_dis):
    _no_secret(data)
    function = frame.control
    if function == 0x03:
        return True
    if function not in (0x01, 0x04, 0x09):
        _no("unknown", f"control {frame.control:02X} is not understood")
    if len(data) < 3:
        _no("unknown", "there is no data identifier")
    # Makers differ in the order of the two bytes: either reading must be harmless.
    readings = {bytes(data[:2]).hex().upper(), bytes(data[1::-1]).hex().upper()}
    for di in readings & _FORBIDDEN_188.keys():
        if function == 0x04:
            _no(*_FORBIDDEN_188[di])
    if function in (0x01, 0x09):
        return True
    if readings & set(recharge_dis):
        _no("money", f"{min(readings)} carries money")
    if not readings & set(_PARAMETERS_188):
        _no("unknown", f"{min(readings)} is no parameter that is known here")
    return False


_RULES = {
    "dlt645_2007": _rule_2007,
    "dlt645_1997": _rule_1997,
    "cjt188_2004": _rule_188,
    "cjt188_2018": _rule_188,
}
