"""Frames of meters as the *meter* sees them: DL/T 645 (1997 and 2007) and CJ/T 188.

Written apart from the codec of the desk on purpose: when both sides share one mistake, no test
between them can find it. Nothing here imports the rest of the package.
"""

START = 0x68
END = 0x16
WAKE = b"\xfe"
#: 645 sends every data byte plus 33
TAKE_33 = bytes((byte - 0x33) % 256 for byte in range(256))
ADD_33 = bytes((byte + 0x33) % 256 for byte in range(256))
MAX_645 = 200
MAX_188 = 0x60
# What a 188 frame may begin with (T) and ask (C): a single 68 says little.
TYPES_188 = frozenset((*range(0x10, 0x50), 0xAA))
ASKS_188 = frozenset((0x01, 0x03, 0x04, 0x09, 0x15, 0x16))
_MORE, _BAD = object(), object()


class Request:
    """A frame that arrived whole and with a good checksum.

    ``wire`` is the address as it travels, low byte first: six bytes of 645, seven of 188;
    ``data`` has no 33 any more; ``size`` counts every byte since the frame before, wake-up bytes
    included, ``before`` holds those in front of the 68; ``kind`` is T of 188, else None.
    """

    __slots__ = ("before", "control", "data", "kind", "raw", "size", "wire")

    def __init__(self, wire, control, data, size, before=b"", kind=None, raw=b""):
        self.wire, self.control, self.data, self.size = wire, control, data, size
        self.before, self.kind, self.raw = before, kind, raw

    @property
    def address(self):
        """As printed; wildcard bytes stay ``AA``."""
        return self.wire[::-1].hex().upper()


def build_645(wire, control, data=b"", preamble=4):
    """Return one frame of DL/T 645, wake-up bytes first."""
    body = b"\x68%b\x68%c%c%b" % (wire, control, len(data), data.translate(ADD_33))
    return b"%b%b%c\x16" % (WAKE * preamble, body, sum(body) & 0xFF)


def build_188(kind, wire, control, data=b"", preamble=4):
    """Return one frame of CJ/T 188, wake-up bytes first."""
    body = b"\x68%c%b%c%c%b" % (kind, wire, control, len(data), data)
    return b"%b%b%c\x16" % (WAKE * preamble, body, sum(body) & 0xFF)


class Splitter:
    """Cuts one stream of bytes into requests; what is no good frame is passed over in silence."""

    __slots__ = ("_bytes", "_skipped")

    def __init__(self):
        self._bytes = self._skipped = b""

    @property
    def pending(self):
        """Whether a frame has begun and not ended."""
        return bool(self._bytes)

    def reset(self):
        """Forget a frame that stopped in the middle (more than the gap the standard allows)."""
        self._skipped += self._bytes
        self._bytes = b""

    def feed(self, data):
        """Take the next bytes and return the requests that are complete with them."""
        rest = self._bytes + data if self._bytes else data
        found, at, begin = [], 0, 0
        while True:
            start = rest.find(START, at)
            if start < 0:
                self._bytes = b""
                self._skipped = (self._skipped + rest[begin:])[-512:]
                return found
            cut = _cut(rest, start)
            if cut is _MORE:
                self._skipped = (self._skipped + rest[begin:start])[-512:]
                self._bytes = rest[start:]
                return found
            if cut is _BAD:
                at = start + 1
                continue
            request, end = cut
            request.before = self._skipped + rest[begin:start]
            request.size = len(request.before) + end - start
            self._skipped = b""
            found.append(request)
            at = begin = end
            if end == len(rest):
                self._bytes = b""
                return found


def _cut(data, start):
    """Return (request, end) of a frame at ``start``, or ``_MORE`` or ``_BAD``."""
    have = len(data) - start
    if have < 8:
        # Which standard it is shows at the eighth byte; noise often earlier.
        maybe = have < 2 or data[start + 1] in TYPES_188 or have < 8
        return _MORE if maybe else _BAD
    more = False
    if data[start + 7] == START:
        if have < 10:
            return _MORE
        end = start + 12 + data[start + 9]
        if data[start + 9] <= MAX_645:
            if have < end - start:
                more = True
            elif data[end - 1] == END and sum(data[start : end - 2]) & 0xFF == data[end - 2]:
                raw = data[start:end]
                body = raw[10:-2].translate(TAKE_33)
                return Request(raw[1:7], raw[8], body, 0, raw=raw), end
    if data[start + 1] in TYPES_188:
        if have < 11:
            return _MORE
        end = start + 13 + data[start + 10]
        if data[start + 9] in ASKS_188 and data[start + 10] <= MAX_188:
            if have < end - start:
                more = True
            elif data[end - 1] == END and sum(data[start : end - 2]) & 0xFF == data[end - 2]:
                raw = data[start:end]
                return Request(raw[2:9], raw[9], raw[11:-2], 0, kind=raw[1], raw=raw), end
    return _MORE if more else _BAD


def bcd(value, size):
    """Return a number as packed decimal, low byte first; digits that do not fit are cut off."""
    digits = f"{value:0{2 * size}d}"[-2 * size :]
    return bytes.fromhex(digits)[::-1]


def bcd4(value):
    """Return the low eight digits as packed decimal, low byte first."""
    return bytes.fromhex(f"{value % 100_000_000:08d}")[::-1]


def unbcd(data):
    """Return the number of packed decimal bytes, low byte first; ValueError when not decimal."""
    digits = data[::-1].hex()
    if not digits.isdecimal():
        raise ValueError(f"not packed decimal: {digits}")
    return int(digits)
