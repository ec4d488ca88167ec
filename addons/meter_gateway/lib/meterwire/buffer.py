"""Frames out of a byte stream that may be split, glued and garbled anywhere.

``68`` and ``16`` may stand inside the data of every protocol here, so neither can be split on: a
frame is one only when its length, checksum and end fit. Otherwise *one* byte is dropped and the
search goes on. What differs is where the length stands: each protocol says it in ``_end``.
"""

START = 0x68
END = 0x16
_PREAMBLE = b"\xfe"


class StreamBuffer:
    """Reassembles frames; holds less than one frame's worth of bytes between calls."""

    __slots__ = ("_data", "noise")

    #: longest frame there can be
    max_frame = 0
    #: where, counted from the first ``68``, the bytes begin that the checksum covers
    _summed = 0

    def __init__(self):
        self._data = bytearray()
        #: bytes dropped so far that were neither frame nor preamble
        self.noise = 0

    def __len__(self):
        return len(self._data)

    @staticmethod
    def _end(data, head, size):
        """Where a frame that starts at ``head`` ends: 0 if none can start there, more than
        ``size`` while that cannot be told or the frame is not all there."""
        raise NotImplementedError

    @classmethod
    def frame_at(cls, data, head):
        """Where the whole frame that starts at ``head`` ends; 0 if there is none."""
        end = cls._end(data, head, len(data)) if data[head] == START else 0
        return end if 0 < end <= len(data) and cls._fits(data, head, end) else 0

    def feed(self, chunk):
        """Take bytes in; return the frames that are complete now, oldest first, as raw bytes
        from the first ``68`` to ``16``."""
        if not self._data and chunk:
            # Nearly always one chunk is one frame: no search then, and no copy.
            raw = bytes(chunk).lstrip(_PREAMBLE)
            if raw and self.frame_at(raw, 0) == len(raw):
                return [raw]
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

    @classmethod
    def _fits(cls, data, head, end):
        return (
            data[end - 1] == END and sum(data[head + cls._summed : end - 2]) & 0xFF == data[end - 2]
        )

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
            end = self._end(data, head, size)
            if end > size and wait:
                break
            if 0 < end <= size and self._fits(data, head, end):
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


OVERHEAD = 12
MAX_FRAME = OVERHEAD + 255


class FrameBuffer(StreamBuffer):
    """Both editions of DL/T 645: ``68 | address 6 | 68 | C | L | data | CS | 16``.

    >>> buffer = FrameBuffer()
    >>> buffer.feed(bytes.fromhex("FEFE681290785634126893")), buffer.noise
    ([], 0)
    >>> [frame.hex() for frame in buffer.feed(bytes.fromhex("0645C3AB89674507160016"))]
    ['6812907856341268930645c3ab8967450716']
    >>> buffer.noise
    2
    """

    __slots__ = ()
    max_frame = MAX_FRAME

    @staticmethod
    def _end(data, head, size):
        have = size - head
        if have > 7 and data[head + 7] != START:
            return 0
        return head + OVERHEAD + data[head + 9] if have > 9 else size + 1
