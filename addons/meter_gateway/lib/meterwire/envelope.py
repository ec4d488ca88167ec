"""What the box between a line and a meter wants around a frame, so that it finds the right port.

Several ports of one box share a line; each has an envelope of its own. ``wrap`` makes the bytes of
a request, ``reader`` gives a fresh object whose ``feed`` takes what came in and returns what of it
is the meter's.
"""

import functools
import itertools
import re
import string

from . import gdw3761
from .errors import BadJob, WireError

#: seconds that a concentrator waits for its meter; the line must wait longer than that
_METER_SECONDS = 2


class Prefix:
    """A few bytes before each frame select the port; a reply may have them or not.

    >>> Prefix(b"\\xa5\\x03").wrap(b"\\x68").hex()
    'a50368'
    """

    __slots__ = ("prefix",)

    def __init__(self, prefix):
        self.prefix = prefix

    def wrap(self, frame):
        return self.prefix + frame

    def reader(self):
        return _PrefixReader(self.prefix)


class _PrefixReader:
    """Drops the prefix where it begins the reply, and only there: in a frame it may be data."""

    __slots__ = ("_held", "_prefix")

    def __init__(self, prefix):
        self._prefix = prefix
        self._held = b""

    def feed(self, chunk):
        prefix = self._prefix
        if not prefix:
            return chunk
        held = self._held + chunk
        if len(held) < len(prefix) and prefix.startswith(held):
            self._held = held
            return b""
        self._prefix = self._held = b""
        return held.removeprefix(prefix)


class Gdw3761:
    """Transparent forwarding by a concentrator of Q/GDW 376.1 (AFN 10 F1).

    :param str terminal: eight digits, see ``gdw3761``
    :param int port: of the concentrator
    :param int baud: of that port; 8 data bits and 1 stop bit
    :param str parity: N, E or O
    :raises ValueFault: one of them does not fit
    """

    __slots__ = ("_seq", "baud", "parity", "port", "terminal")

    def __init__(self, terminal, port, baud=2400, parity="E"):
        self.terminal = terminal
        self.port = port
        self.baud = baud
        self.parity = parity
        self._seq = itertools.count()
        self.wrap(b"")

    def wrap(self, frame):
        return gdw3761.forward_request(
            self.terminal,
            self.port,
            frame,
            self.baud,
            self.parity,
            timeout=_METER_SECONDS,
            seq=next(self._seq) & 0x0F,
        )

    def reader(self):
        return _GdwReader(self)


class _GdwReader:
    """Takes forwarded frames of one terminal and port out of the stream; what else a concentrator
    says (heartbeats, denials) answers nothing."""

    __slots__ = ("_buffer", "_envelope")

    def __init__(self, envelope):
        self._envelope = envelope
        self._buffer = gdw3761.Buffer()

    def feed(self, chunk):
        return b"".join(map(self._inside, self._buffer.feed(chunk)))

    def _inside(self, raw):
        frame = gdw3761.decode(raw)
        try:
            port, data = gdw3761.forwarded(frame)
        except WireError:
            return b""
        ours = (self._envelope.terminal, self._envelope.port)
        return data if (frame.terminal, port) == ours else b""


@functools.lru_cache(maxsize=4096)
def parse_envelope(text, port=1, baud=2400, parity="E"):
    """The envelope that a text describes; the same one for the same arguments.

    :param str text: ``hex:A5{port:02X}`` (hexadecimal, with the port put in), ``gdw3761:12345678``
        (the terminal), or empty: None
    :param int port: number of the port
    :raises BadJob: the text is not understood
    :raises ValueFault: a setting of the forwarding port does not fit

    >>> parse_envelope("hex:A5{port:02X}", 3).wrap(b"").hex()
    'a503'
    """
    kind, _, rest = text.partition(":")
    if not text:
        return None
    if kind == "gdw3761":
        return Gdw3761(rest, port, baud, parity)
    if kind != "hex":
        raise BadJob(f"{text!r} is no envelope: hex:… or gdw3761:…")
    return Prefix(_prefix(rest, port))


def _prefix(template, port):
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        digits = template.format(port=port) if fields <= {"port"} else ""
        if not re.fullmatch(r"([0-9A-Fa-f]{2}){1,32}", digits):
            raise ValueError
    except (ValueError, LookupError, AttributeError):
        raise BadJob(
            f"{template!r} is no selector: hexadecimal digits, and {{port:02X}} for the port"
        ) from None
    return bytes.fromhex(digits)
