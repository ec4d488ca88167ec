"""Hongdian's DDP: what its DTUs wrap everything into.

``7B | type | length 2 | identity 11 | data | 7B``; the length counts all of it, high byte first.
A DTU registers (01, with its address and port as data) and repeats that as its heartbeat; each is
to be confirmed (81). 09 and 89 carry the meters' bytes up and down, 02 logs out (confirmed by 82).
Source: published frames and summaries of the DDP specification, V3.0; some models close a frame
with 7D instead, which is taken too.
"""

from typing import NamedTuple

MARK, OTHER_END = 0x7B, 0x7D
REGISTER, LOG_OUT, DATA_UP = 0x01, 0x02, 0x09
DATA_DOWN = 0x89
CONFIRMED = 0x80  # is added to the type that is confirmed
MAX_DATA = 1024
_SHORTEST = 16


class Frame(NamedTuple):
    """One frame; ``size`` is how many bytes it takes in the stream."""

    type: int
    id: bytes
    data: bytes
    size: int


def frame_at(data):
    """The frame at the beginning of ``data``; None if more bytes are needed; False if there can
    be none."""
    if data[:1] != b"\x7b":
        return False if data else None
    if len(data) < 4:
        return None
    size = int.from_bytes(data[2:4], "big")
    if not _SHORTEST <= size <= _SHORTEST + MAX_DATA:
        return False
    if len(data) < size:
        return None
    if data[size - 1] not in (MARK, OTHER_END):
        return False
    return Frame(data[1], bytes(data[4:15]), bytes(data[15 : size - 1]), size)


def build(kind, identity, data=b""):
    """The bytes of one frame."""
    size = _SHORTEST + len(data)
    return bytes([MARK, kind, *size.to_bytes(2, "big")]) + identity + data + bytes([MARK])


class Buffer:
    """Frames out of a stream; what is no frame is dropped."""

    def __init__(self):
        self._data = bytearray()

    def feed(self, chunk):
        self._data += chunk
        frames = []
        while self._data:
            frame = frame_at(self._data)
            if frame is None:
                break
            if frame:
                frames.append(frame)
                del self._data[: frame.size]
            else:
                start = self._data.find(MARK, 1)
                del self._data[: start if start > 0 else len(self._data)]
        return frames
