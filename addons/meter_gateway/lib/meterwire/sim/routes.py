"""From the bytes of a link to the lines behind it, and back: one line, or the ports of a box.

A route gives each link a reader: ``reader.feed(link, data, now)`` asks the lines.
"""

from .forward3761 import Forwarder
from .frames import Splitter

GAP = 0.5  # seconds of silence that end a frame which stopped in the middle
BROADCASTS = (0x99, 0xAA)


class Reader:
    """The requests in what one link brings.

    :param choose: function of a request that returns the lines it is for.
    """

    __slots__ = ("_choose", "_first", "_heard", "_splitter")

    def __init__(self, choose):
        self._choose, self._splitter = choose, Splitter()
        self._first = self._heard = 0.0

    def feed(self, link, data, now):
        splitter = self._splitter
        if splitter.pending and now - self._heard > GAP:
            splitter.reset()
        if not splitter.pending:
            self._first = now
        self._heard = now
        for request in splitter.feed(data):
            for line in self._choose(request):
                line.ask(link, request, self._first, now)
            self._first = now


class OneLine:
    """A port with a socket or device of its own: bytes go out as they come."""

    gathers = False

    def __init__(self, line):
        self.lines = (line,)
        self._choose = lambda _request: self.lines

    def reader(self):
        return Reader(self._choose)

    def wrap(self, _line, data):
        return data


class ByAddress:
    """A box that knows which meter hangs on which port. It hands over whole frames, so that those
    of two ports do not mix."""

    gathers = True

    def __init__(self, lines):
        self.lines = tuple(lines)
        self._lines = {wire: line for line in lines for wire in line.meters}

    def reader(self):
        return Reader(self._choose)

    def _choose(self, request):
        line = self._lines.get(request.wire)
        if line is not None:
            return (line,)
        # Whoever is there, everybody: on every port.
        return self.lines if request.wire[-1] in BROADCASTS else ()

    def wrap(self, _line, data):
        return data


class BySelector:
    """A box whose frames have the port in front, in a form of its own.

    :param template: hexadecimal digits with ``{port:02X}``.
    """

    gathers = True

    def __init__(self, lines, template):
        self.lines = tuple(lines)
        self._heads = {bytes.fromhex(template.format(port=line.number)): line for line in lines}
        self._of = {line: head for head, line in self._heads.items()}

    def reader(self):
        return Reader(self._choose)

    def _choose(self, request):
        before = request.before.rstrip(b"\xfe")
        for head, line in self._heads.items():
            if before.endswith(head):
                # The selector is for the box; it does not travel on the line.
                request.size -= len(request.before) - len(request.before[len(before) :])
                return (line,)
        return ()

    def wrap(self, line, data):
        return self._of[line] + data


class Forwarding:
    """A concentrator of Q/GDW 376.1 that passes frames on (AFN 10 F1)."""

    gathers = True

    def __init__(self, lines, terminal):
        self.lines = tuple(lines)
        self.terminal = terminal
        self._ports = {line.number: line for line in lines}

    def reader(self):
        return Forwarder(self.terminal, self._ports)

    def wrap(self, _line, data):
        return data


def route_of(lines, link):
    """Return the route of a box's link (:class:`~.site_parts.LinkSite`)."""
    if link.select == "selector":
        return BySelector(lines, link.selector)
    if link.select == "gdw3761":
        return Forwarding(lines, link.terminal)
    return ByAddress(lines)
