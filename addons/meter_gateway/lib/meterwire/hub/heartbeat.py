"""Takes heartbeats, prefixes and repeated registrations out of a stream of meter frames.

A DTU puts them in whenever it likes: before, after and between frames, glued or split. A meter's
data may hold the same bytes by chance, above all when they are few or all alike. So the stream is
followed: inside a meter's frame only a mark that can hardly be chance is taken out.
"""

_START = 0x68
_STRONG_SIZE, _STRONG_VALUES = 4, 3
_PAUSE = 1.0  # seconds after which a frame that was not finished counts as ended


class Place:
    """Where in a meter's frame the stream is: DL/T 645, CJ/T 188 and Q/GDW 376.1, by their
    lengths."""

    def __init__(self):
        self._head = bytearray()
        self._left = 0  # bytes to come, 0: not known, or outside

    @property
    def inside(self):
        return bool(self._head)

    def reset(self):
        self._head.clear()
        self._left = 0

    def step(self, byte):
        head = self._head
        if not head:
            if byte == _START:
                head.append(byte)
        elif self._left:
            self._left -= 1
            if not self._left:
                head.clear()
        else:
            head.append(byte)
            self._left = self._rest()
            if self._left < 0:
                self.reset()

    def _rest(self):
        head, size = self._head, len(self._head)
        if size == 6 and head[5] == _START and head[1:3] == head[3:5]:
            return ((head[2] << 8 | head[1]) >> 2) + 2
        if size == 8 and head[7] != _START and not 0x10 <= head[1] <= 0x49:
            return -1  # neither DL/T 645 nor a type of meter of CJ/T 188
        if size == 10 and head[7] == _START:
            return head[9] + 2
        return head[10] + 2 if size == 11 else 0


class Marks:
    """See the module.

    :param marks: ``{bytes: answer}``
    """

    def __init__(self, marks):
        self._marks = sorted((mark for mark in marks if mark), key=len, reverse=True)
        self._answers = dict(marks)
        self._strong = {
            mark
            for mark in self._marks
            if len(mark) >= _STRONG_SIZE and len(set(mark)) >= _STRONG_VALUES
        }
        self._place = Place()
        self._held = b""  # may be the beginning of a mark
        self._heard_at = 0.0

    @property
    def holding(self):
        """Whether bytes are held back; ``release`` them when nothing follows soon."""
        return bool(self._held)

    def feed(self, data, now):
        """``(bytes of the meters, answers to heartbeats)``.

        :param float now: seconds of any clock
        """
        if not self._marks:
            return data, b""
        if now - self._heard_at > _PAUSE:
            self._place.reset()
        self._heard_at = now
        data, self._held = self._held + data, b""
        plain, answer = bytearray(), bytearray()
        at, size = 0, len(data)
        while at < size:
            for mark in self._strong_first():
                if data.startswith(mark, at):
                    answer += self._answers[mark]
                    at += len(mark)
                    break
                if size - at < len(mark) and mark.startswith(data[at:]):
                    self._held = data[at:]
                    return bytes(plain), bytes(answer)
            else:
                plain.append(data[at])
                self._place.step(data[at])
                at += 1
        return bytes(plain), bytes(answer)

    def release(self):
        """What was held back: nothing came that would have made it a mark."""
        held, self._held = self._held, b""
        for byte in held:
            self._place.step(byte)
        return held

    def _strong_first(self):
        if not self._place.inside:
            return self._marks
        return [mark for mark in self._marks if mark in self._strong]
