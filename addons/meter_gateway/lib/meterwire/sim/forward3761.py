"""Q/GDW 376.1 as a concentrator speaks it: login, heartbeat, and passing frames to its ports.

``68 L L 68 | C | A1 2 A2 2 A3 1 | AFN | SEQ | DA 2 | DT 2 | data | CS 16``; L is the length of
what lies between the second 68 and CS, times four, plus 2. Source: Q/GDW 376.1, 5.2 to 5.16.
"""

from .frames import Splitter

START, END = 0x68, 0x16
CONFIRM, LINK, FORWARD = 0x00, 0x02, 0x10
F1, F3 = b"\x01\x00", b"\x04\x00"
LOGIN, HEARTBEAT = F1, F3
UP_LINK, UP_ANSWER = 0xC9, 0x88  # C of a link frame and of an answer, from the concentrator
FIRST_AND_LAST, WANTS_CONFIRM = 0x60, 0x10
HEAD = 12
LONGEST = 2048


def frame(terminal, control, afn, sequence, item, data=b"", host=0):
    """Return one frame of the terminal (eight digits: region and number)."""
    region, number = bytes.fromhex(terminal[:4]), bytes.fromhex(terminal[4:])
    body = bytes((control,)) + region[::-1] + number[::-1] + bytes((host, afn, sequence))
    body += b"\0\0" + item + data
    length = (len(body) << 2 | 2).to_bytes(2, "little")
    return b"\x68" + length * 2 + b"\x68" + body + bytes((sum(body) & 0xFF, END))


def link_frame(terminal, item, sequence):
    """Return a login or heartbeat, which asks to be confirmed."""
    sequence = FIRST_AND_LAST | WANTS_CONFIRM | sequence & 0x0F
    return frame(terminal, UP_LINK, LINK, sequence, item)


class Body:
    """What lies between the marks of one frame."""

    __slots__ = ("afn", "data", "host", "item", "sequence", "terminal")

    def __init__(self, body):
        self.terminal = (body[2:0:-1] + body[4:2:-1]).hex().upper()
        self.host, self.afn, self.sequence = body[5], body[6], body[7]
        self.item, self.data = body[10:12], body[12:]


def split(data):
    """Return (bodies, rest): the whole frames in ``data`` and the beginning of another."""
    bodies, at = [], 0
    while True:
        at = data.find(START, at)
        if at < 0:
            return bodies, b""
        have = len(data) - at
        if have < 6:
            return bodies, data[at:]
        length = int.from_bytes(data[at + 1 : at + 3], "little")
        good = data[at + 1 : at + 3] == data[at + 3 : at + 5] and data[at + 5] == START
        size = length >> 2
        if not good or length & 3 != 2 or not HEAD <= size <= LONGEST:
            at += 1
            continue
        if have < size + 8:
            return bodies, data[at:]
        body = data[at + 6 : at + 6 + size]
        if sum(body) & 0xFF != data[at + 6 + size] or data[at + 7 + size] != END:
            at += 1
            continue
        bodies.append(Body(body))
        at += size + 8


class Forwarder:
    """The requests in what one link of a 376.1 concentrator brings.

    :param ports: lines by their number.
    """

    __slots__ = ("_ports", "_rest", "_terminal")

    def __init__(self, terminal, ports):
        self._terminal, self._ports, self._rest = terminal.upper(), ports, b""

    def feed(self, link, data, now):
        bodies, self._rest = split(self._rest + data)
        for body in bodies:
            if body.terminal not in (self._terminal, "FFFFFFFF"):
                continue
            if body.afn == CONFIRM:
                link.confirmed()
            elif body.afn == FORWARD and body.item == F1:
                self._forward(link, body, now)

    def _forward(self, link, body, now):
        data = body.data
        if len(data) < 6:
            return
        size = int.from_bytes(data[4:6], "little")
        line = self._ports.get(data[0] & 0x1F if data[0] not in self._ports else data[0])
        requests = Splitter().feed(data[6 : 6 + size])
        passage = Passage(link, self._terminal, body, data[0])
        if line is None or not line.powered or len(requests) != 1:
            passage.answer(b"")
            return
        seconds = data[2] & 0x7F if data[2] & 0x80 else (data[2] & 0x7F) / 100
        line.world.clockwork.at(now + max(seconds, 0.1), passage.late, None)
        line.ask(passage, requests[0], now, now)


class Passage:
    """One forwarded frame on its way: the meter's reply goes back in the concentrator's."""

    __slots__ = ("_body", "_link", "_number", "_over", "_terminal")

    def __init__(self, link, terminal, body, number):
        self._link, self._terminal, self._body, self._number = link, terminal, body, number
        self._over = False

    @property
    def open(self):
        # The reply of a meter that comes too late is nobody's.
        return True

    def reply(self, _line, data):
        self.answer(data)

    def late(self, _argument):
        self.answer(b"")

    def disturb(self):
        self._link.disturb()

    def answer(self, data):
        if self._over or not self._link.open:
            return
        self._over = True
        content = bytes((self._number,)) + len(data).to_bytes(2, "little") + data
        sequence = FIRST_AND_LAST | self._body.sequence & 0x0F
        item, host = self._body.item, self._body.host
        self._link.write(frame(self._terminal, UP_ANSWER, FORWARD, sequence, item, content, host))
