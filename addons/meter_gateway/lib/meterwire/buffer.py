"""Frames out of a byte stream that may be split, glued and garbled anywhere.

Both editions of DL/T 645 share the outline ``68 | address 6 | 68 | C | L | data | CS | 16``.
``68`` and ``16`` may stand inside the data, so neither can be split on: a frame is one only when
its length, checksum and end fit. Otherwise *one* byte is dropped and the search goes on.
"""

START = 0x68
END = 0x16
OVERHEAD = 12
MAX_FRAME = OVERHEAD + 255
_PREAMBLE = 0xFE
_LENGTH_AT = 9


class FrameBuffer:
    """Reassembles frames; holds less than one frame's worth of bytes between calls.

    >>> buffer = FrameBuffer()
    >>> buffer.feed(bytes.fromhex("FEFE681290785634126893")), buffer.noise
    ([], 0)
    >>> [frame.hex() for frame in buffer.feed(bytes.fromhex("0645C3AB89674507160016"))]
    ['6812907856341268930645c3ab8967450716']
    >>> buffer.noise
    2
    """

    __slots__ = ("_data", "noise")

    def __init__(self):
        self._data = bytearray()
        #: bytes dropped so far that were neither frame nor preamble
        self.noise = 0

    def __len__(self):
        return len(self._data)

    def feed(self, chunk):
        """Take bytes in; return the frames that are complete now, oldest first, as raw bytes
        from the first ``68`` to ``16``."""
        self._data += chunk
        return self._scan(wait=True)

    def flush(self):
        """The line is silent: what is incomplete will stay so.

        Gives up the first candidate and looks behind it, since a ``68`` of noise with a long
        length can hide a whole frame. Leaves nothing in the buffer.
        """
        return self._scan(wait=False) if self._data else []

    def clear(self):
        """Forget everything held."""
        self._data.clear()

    def _scan(self, wait):
        data = self._data
        size = len(data)
        frames = []
        kept = start = 0  # kept: first byte not yet accounted for
        while True:
            head = data.find(START, start)
            if head < 0:
                head = size
                break
            have = size - head
            if have > 7 and data[head + 7] != START:
                start = head + 1
                continue
            end = head + OVERHEAD + data[head + _LENGTH_AT] if have > _LENGTH_AT else size + 1
            if end > size:
                if wait:
                    break
                start = head + 1
                continue
            if data[end - 1] == END and sum(data[head : end - 2]) & 0xFF == data[end - 2]:
                frames.append(bytes(data[head:end]))
                self._count(data[kept:head])
                kept = start = end
            else:
                start = head + 1
        self._count(data[kept:head])
        del data[:head]
        return frames

    def _count(self, dropped):
        if dropped:
            self.noise += len(dropped) - dropped.count(_PREAMBLE)
