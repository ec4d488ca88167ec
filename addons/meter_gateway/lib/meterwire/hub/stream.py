"""What of a DTU's stream belongs to the meters, and what is answered: one class for each family."""

from .. import gdw3761
from . import ddp
from .heartbeat import Marks


class Plain:
    """Bytes as they are, with heartbeats, prefixes and repeated registrations in between."""

    closed = False  # whether the DTU has logged out

    def __init__(self, dtu):
        marks = dict.fromkeys(dtu.packets(), b"")
        marks[dtu.prefix] = b""
        marks[dtu.heartbeat] = dtu.reply
        self._marks = Marks(marks)
        self._prefix = dtu.prefix

    @property
    def holding(self):
        return self._marks.holding

    def feed(self, data, now):
        """``(bytes of the meters, bytes to answer)``."""
        return self._marks.feed(data, now)

    def release(self):
        """What was held back because it might have been the beginning of a heartbeat."""
        return self._marks.release()

    def wrap(self, data):
        """``data`` as the DTU wants to have it."""
        return self._prefix + data


class Ddp:
    """Hongdian's frames; see ``ddp``."""

    holding = False

    def __init__(self, dtu):
        self.closed = False
        self._id = dtu.id.encode()
        self._buffer = ddp.Buffer()

    def feed(self, data, now):
        plain = answer = b""
        for frame in self._buffer.feed(data):
            if frame.id != self._id:
                continue
            if frame.type == ddp.DATA_UP:
                plain += frame.data
            elif frame.type in (ddp.REGISTER, ddp.LOG_OUT):
                answer += ddp.build(frame.type | ddp.CONFIRMED, self._id)
                self.closed = frame.type == ddp.LOG_OUT
        return plain, answer

    def wrap(self, data):
        return b"".join(
            ddp.build(ddp.DATA_DOWN, self._id, data[at : at + ddp.MAX_DATA])
            for at in range(0, len(data), ddp.MAX_DATA)
        )


class Gdw3761:
    """A concentrator's own protocol: logins and heartbeats are confirmed here, the rest passes."""

    holding = False

    def __init__(self, dtu):
        self.closed = False
        self._id = dtu.id
        self._buffer = gdw3761.Buffer()

    def feed(self, data, now):
        plain = answer = b""
        for raw in self._buffer.feed(data):
            frame = gdw3761.decode(raw)
            if frame.afn != gdw3761.LINK or not frame.is_reply:
                plain += raw
            elif frame.terminal == self._id:
                answer += gdw3761.confirm(frame)
                self.closed = gdw3761.is_logout(frame)
        return plain, answer

    def wrap(self, data):
        return data


def stream_of(dtu):
    """The stream of a DTU's family."""
    return {"ddp": Ddp, "gdw3761": Gdw3761}.get(dtu.registration, Plain)(dtu)
