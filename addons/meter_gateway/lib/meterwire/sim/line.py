"""One RS485 line: half duplex, its meters, its speed. Where it is reached from, links know."""

from collections import deque

from .dlt1997 import PROTOCOL as DLT_1997
from .dlt2007 import PROTOCOL as DLT_2007
from .meter188 import PROTOCOL as CJT_188

BITS = 11  # start, 8 data, parity, stop
QUEUE_MAX = 64
SILENT = ("dead", "lost_request", "late_request")
SPOILED = ("corrupt", "wrong_address")
SLICE = 64  # bytes that a converter hands over at once; a frame usually is one piece
WHOLE = 1024
PROTOCOLS = {
    "dlt645_1997": DLT_1997,
    "dlt645_2007": DLT_2007,
    "cjt188_2004": CJT_188,
    "cjt188_2018": CJT_188,
}


class Stats:
    """What a line did since the start.

    ``busy_seconds``: bytes were on the line; ``taken_seconds``: from the first byte of a request
    to the last of its reply; ``overlaps``: requests that came while it was busy; ``unanswered``:
    those that got no reply, or got it late, or a spoiled one.
    """

    __slots__ = (
        *("busy_seconds", "bytes_in", "bytes_out", "collisions", "overlaps", "replies"),
        *("requests", "taken_seconds", "unanswered"),
    )

    def __init__(self):
        self.requests = self.replies = self.bytes_in = self.bytes_out = 0
        self.overlaps = self.collisions = self.unanswered = 0
        self.busy_seconds = self.taken_seconds = 0.0

    def to_dict(self):
        return {name: getattr(self, name) for name in self.__slots__}


class Line:
    """A line and its meters.

    :param site: :class:`~.site_parts.PortSite`.
    :param meters: by address as it travels: a Meter, or what ``make`` makes one of.
    :param world: shared by all lines: ``clockwork``, ``faults``, ``held``, ``make(wire, value)``,
        ``commit(meter, record)``, ``td``, ``paced``, ``preamble``.
    """

    __slots__ = (
        *("_byte", "_free", "_queue", "access", "busy", "meters", "name", "number", "powered"),
        *("site", "stats", "world"),
    )

    def __init__(self, site, meters, world):
        self.site, self.name, self.number = site, site.name, site.number
        self.meters, self.world = meters, world
        self.stats, self.access = Stats(), None
        self._byte = BITS / site.baudrate
        self._queue, self.busy, self._free = None, False, 0.0
        self.powered = True

    # -- requests ------------------------------------------------------------------------------

    def ask(self, link, request, first, now):
        """Take a request that came over a link; it waits for the line.

        :param link: has ``reply(line, data)`` and ``open``.
        :param first: when its first byte came, :param now: its last.
        """
        if not self.powered:
            return
        self.stats.requests += 1
        if self.busy:
            self.stats.overlaps += 1
        self.take((link, request, first, now, False))

    def take(self, job):
        """Do a job when the line is free.

        :param job: (link, request, first byte, last byte, held) or (link, bytes of a reply).
        """
        if self.busy:
            if self._queue is None:
                self._queue = deque()
            if len(self._queue) < QUEUE_MAX:
                self._queue.append(job)
            return
        self.busy = True
        self._begin(job)

    def _begin(self, job):
        if len(job) == 2:
            link, data = job
            self._send(link, [data], self.world.clockwork.now())
            return
        _link, request, first, came, _held = job
        seconds = request.size * self._byte
        self.stats.busy_seconds += seconds
        if not self.world.paced:
            self._serve(job)
            return
        # Until the last byte would be through the line.
        begin = max(first, self._free)
        self._free = arrived = max(begin + seconds, came)
        self.stats.taken_seconds += arrived - begin
        self.world.clockwork.at(arrived, self._serve, job)

    def _no_answer(self, held):
        """The line is free again; what was held was counted when it came."""
        self.stats.unanswered += not held
        self._done()

    def _done(self):
        if self._queue:
            self._begin(self._queue.popleft())
        else:
            self.busy = False

    # -- meters --------------------------------------------------------------------------------

    def meter(self, wire):
        """Return the meter of an address, made when it is first needed; None for a stranger."""
        meter = self.meters.get(wire)
        if type(meter) is tuple:
            meter = self.meters[wire] = self.world.make(wire, meter)
        return meter

    def all_meters(self):
        return [self.meter(wire) for wire in self.meters]

    def _find(self, request):
        """Return the one meter that takes a request, and how; a wildcard for several is lost."""
        meter = self.meter(request.wire)
        if meter is not None:
            return (meter, "own") if _speaks(meter.kind, request) else (None, None)
        if request.wire[-1] not in (0x99, 0xAA):
            return None, None
        hearing = [
            (meter, how)
            for meter in self.all_meters()
            if (how := PROTOCOLS[meter.kind.protocol].hears(meter, request))
        ]
        if hearing and hearing[0][1] == "broadcast":
            self._broadcast(hearing, request)
            return None, None
        if len(hearing) == 1:
            return hearing[0]
        # Several would reply at once, and nobody could read it.
        self.stats.collisions += len(hearing) > 1
        return None, None

    def _broadcast(self, hearing, request):
        """Taken in silence."""
        for meter, how in hearing:
            if meter.books.powered:
                meter.catch_up()
                answer = PROTOCOLS[meter.kind.protocol].answer(meter, request, how)
                if answer is not None and answer.changed:
                    self.world.commit(meter, None)

    def _serve(self, job):
        link, request, _first, _came, held = job
        world, wire = self.world, request.wire
        meter = self.meters.get(wire)
        how = "own"
        if meter is None or type(meter) is tuple or not _speaks(meter.kind, request):
            meter, how = self._find(request)
        if meter is None or not meter.account.books.powered or not self.powered:
            self._no_answer(held)
            return
        protocol = PROTOCOLS[meter.kind.protocol]
        faults, fault = world.faults, None
        if not faults.quiet and not held:
            fault = faults.draw(meter, self, protocol.moment(meter, request))
            if fault in SILENT:
                if fault == "late_request":
                    job = (link, request, 0.0, 0.0, True)
                    world.held.hold(self, meter, job, faults.late_seconds)
                self._no_answer(held)
                return
        meter.catch_up()
        answer = protocol.answer(meter, request, how)
        if answer is None or answer.control is None:
            if answer is not None and answer.changed:
                world.commit(meter, answer.record)
            self._no_answer(held)
            return
        if answer.changed:
            meter.executed += 1
            world.commit(meter, answer.record)
        if answer.record is not None and not fault and not faults.quiet:
            fault = faults.draw_executed(meter, self)
        frames = [protocol.build(meter, request, answer, world.preamble)]
        if fault:
            frames = self._spoil(link, meter, request, answer, fault, frames[0])
            if not frames:
                self._no_answer(held)
                return
            self.stats.unanswered += fault in SPOILED
        if world.td or world.paced:
            if world.paced:
                self.stats.taken_seconds += world.td
                # From the request's last byte, however late this program came to it.
                begin = max(world.clockwork.now(), self._free) if held else self._free
                self._send(link, frames, begin + world.td)
            else:
                world.clockwork.at(world.clockwork.now() + world.td, self._sent, (link, frames))
            return
        self._sent((link, frames))

    def _spoil(self, link, meter, request, answer, fault, frame):
        """Return the frames that leave at this fault."""
        world, protocol = self.world, PROTOCOLS[meter.kind.protocol]
        if fault in ("lost_reply", "executed_reply_lost"):
            return []
        if fault == "close_link":
            self.access.cut(0.0)
            return []
        if fault == "wrong_address":
            wire = self._other(meter.wire)
            return [protocol.build(meter, request, answer, world.preamble, wire)]
        if fault == "corrupt":
            return [world.faults.corrupt(meter, frame, world.preamble)]
        if fault == "late":
            world.held.hold(self, meter, (link, frame), world.faults.late_seconds)
            return []
        if fault == "heartbeat":
            link.disturb()
        return [frame, frame] if fault == "duplicate" else [frame]

    def _other(self, wire):
        """Return another address: a neighbour's if there is one."""
        for other in self.meters:
            if other != wire and len(other) == len(wire):
                return other
        size = 2 * len(wire)
        return bytes.fromhex(f"{(int(wire[::-1].hex()) + 1) % 10**size:0{size}d}")[::-1]

    # -- replies -------------------------------------------------------------------------------

    def _send(self, link, frames, begin):
        """Send frames at the line's speed, beginning at a moment."""
        if not self.world.paced:
            self._sent((link, frames))
            return
        clockwork, end = self.world.clockwork, begin
        size = WHOLE if self.access.route.gathers else getattr(link, "slice", SLICE)
        for number, frame in enumerate(frames):
            for at in range(0, len(frame), size):
                part = frame[at : at + size]
                end += len(part) * self._byte
                last = number == len(frames) - 1 and at + size >= len(frame)
                clockwork.at(end, self._part, (link, part, at == 0, last))
        self.stats.busy_seconds += end - begin
        self.stats.taken_seconds += end - begin
        self._free = end

    def _part(self, job):
        link, data, first, last = job
        if first:
            self.stats.replies += 1
        self._write(link, data)
        if last:
            self._done()

    def _sent(self, job):
        link, frames = job
        for frame in frames:
            self.stats.replies += 1
            self.stats.busy_seconds += len(frame) * self._byte
            self._write(link, frame)
        self._done()

    def _write(self, link, data):
        """Give bytes to the client that asked, or to the newest one when that is gone."""
        if not self.powered:
            return
        if not link.open:
            link = self.access.newest()
        if link is not None:
            self.stats.bytes_out += len(data)
            link.reply(self, data)


def _speaks(kind, request):
    """Whether a frame is of the meter's standard."""
    return (request.kind is None) == (kind.protocol[0] == "d")
