"""Where lines are reached from: the clients of one socket, device or topic.

Every link has ``open``, ``write(bytes)``, ``reply(line, bytes)``, ``disturb()``, ``confirmed()``
and ``cut()``.
"""


class Link:
    """One client; subclasses write and cut."""

    __slots__ = ("access", "reader")
    open = True

    def __init__(self, access):
        self.access, self.reader = access, access.route.reader()

    def received(self, data):
        self.access.received(self, data)

    def reply(self, line, data):
        self.write(self.access.route.wrap(line, data))

    def disturb(self):
        """Let heartbeats come in the middle of the next reply; only DTUs have any."""

    def confirmed(self):
        """The server confirmed a login or heartbeat."""


class Access:
    """The links of one place.

    :param name: of the port or concentrator, for the control port.
    :param route: see ``routes``.
    :param world: shared by all: ``clockwork`` and more.
    """

    def __init__(self, name, route, world):
        self.name, self.route, self.world = name, route, world
        self.links = []
        self.powered = True
        for line in route.lines:
            line.access = self

    @property
    def lines(self):
        return self.route.lines

    def received(self, link, data):
        if not self.powered:
            return
        # Bytes of a shared link are counted where they end up; noise on the first line.
        self.lines[0].stats.bytes_in += len(data)
        link.reader.feed(link, data, self.world.clockwork.now())

    def lost(self, link):
        """A connection has ended."""

    def newest(self):
        return next((link for link in reversed(self.links) if link.open), None)

    async def start(self):
        """Listen, or call; raise OSError when the place cannot be had."""

    def cut(self, seconds):
        """Close every link; with ``seconds``, let nobody in for that long."""

    def power(self, on):
        """Take the power from it, or give it back."""

    async def stop(self):
        """Close everything for good."""

    def to_dict(self):
        """What the control port tells of it."""
        return {"clients": len(self.links), "powered": self.powered}
