"""DL/T 645-2007 frames as the *meter* sees them.

Written apart from the codec of the desk on purpose: when both sides share one mistake, no test
between them can find it. Nothing here imports the rest of the package.
"""

from dataclasses import dataclass

START = 0x68
END = 0x16
WAKE = 0xFE
OFFSET = 0x33
HEAD = 10  # 68, six address bytes, 68, control, length
BROADCAST = "99" * 6


@dataclass(frozen=True)
class Request:
    """A frame that arrived whole and with a good checksum.

    ``address`` is as printed (high digits first; wildcard bytes stay ``AA``), ``data`` has the 33
    taken off, ``size`` counts every byte that came since the frame before, wake-up bytes included.
    """

    address: str
    control: int
    data: bytes
    size: int


def build(address, control, data=b"", preamble=4):
    """Return the bytes of one frame, wake-up bytes first."""
    body = bytearray([START])
    body += bytes.fromhex(address)[::-1]
    body += bytes([START, control, len(data)])
    body += bytes((byte + OFFSET) % 256 for byte in data)
    body.append(sum(body) % 256)
    body.append(END)
    return bytes([WAKE]) * preamble + bytes(body)


class Splitter:
    """Cuts one stream of bytes into requests; what is no good frame is passed over in silence."""

    def __init__(self):
        self._bytes = bytearray()
        self._passed = 0

    @property
    def pending(self):
        """Whether a frame has begun and not ended."""
        return bool(self._bytes)

    def reset(self):
        """Forget a frame that stopped in the middle (more than the gap the standard allows)."""
        self._passed += len(self._bytes)
        self._bytes.clear()

    def feed(self, data):
        """Take the next bytes and return the requests that are complete with them."""
        self._bytes += data
        found = []
        while True:
            start = self._bytes.find(START)
            if start < 0:
                self._drop(len(self._bytes))
                return found
            self._drop(start)
            if len(self._bytes) < HEAD:
                return found
            length = self._bytes[9]
            if self._bytes[7] != START or length > 200:
                self._drop(1)
                continue
            whole = HEAD + length + 2
            if len(self._bytes) < whole:
                return found
            frame = bytes(self._bytes[:whole])
            if frame[-1] != END or sum(frame[:-2]) % 256 != frame[-2]:
                self._drop(1)
                continue
            self._drop(whole)
            found.append(
                Request(
                    address=frame[6:0:-1].hex().upper(),
                    control=frame[8],
                    data=bytes((byte - OFFSET) % 256 for byte in frame[HEAD:-2]),
                    size=self._passed,
                )
            )
            self._passed = 0

    def _drop(self, count):
        del self._bytes[:count]
        self._passed += count


def bcd(value, size):
    """Return a number as packed decimal, low byte first; digits that do not fit are cut off."""
    digits = f"{value:0{2 * size}d}"[-2 * size :]
    return bytes.fromhex(digits)[::-1]


def unbcd(data):
    """Return the number of packed decimal bytes, low byte first; ValueError when not decimal."""
    digits = data[::-1].hex()
    if not digits.isdecimal():
        raise ValueError(f"not packed decimal: {digits}")
    return int(digits)
