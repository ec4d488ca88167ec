"""One port: a half-duplex line with its meters, offered on TCP or on a pseudo terminal."""

import asyncio
import contextlib
import errno
import os
import tty
from collections import deque
from dataclasses import dataclass, field

from . import recharge
from .answers import READ, READ_ADDRESS, SECURITY, SWITCH
from .frames import Request, Splitter, build

BITS = 11  # start, 8 data, parity, stop
GAP = 0.5  # seconds of silence that end a frame which stopped in the middle
SLICE = 0.04  # a paced reply is handed over in pieces of this many seconds
QUEUE_MAX = 64
SILENT = ("dead", "lost_request", "late_request")


@dataclass
class Stats:
    """What a port did since the start. ``overlaps`` counts requests that came while it was busy."""

    requests: int = 0
    replies: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    overlaps: int = 0
    collisions: int = 0
    busy_seconds: float = 0.0


@dataclass
class _Job:
    """Work of the line: a request to answer, or bytes that come late."""

    link: object
    request: Request | None = None
    data: bytes = b""
    first: float = 0.0
    came: float = 0.0
    held: bool = field(default=False)


class TcpLink(asyncio.Protocol):
    """One client of a TCP port."""

    def __init__(self, port):
        self.port, self.splitter, self.first, self.heard = port, Splitter(), 0.0, 0.0
        self.transport = None

    @property
    def open(self):
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport):
        self.transport = transport
        self.port.links.append(self)

    def connection_lost(self, exc):
        if self in self.port.links:
            self.port.links.remove(self)

    def data_received(self, data):
        self.port.received(self, data)

    def write(self, data):
        self.transport.write(data)

    def cut(self):
        self.transport.abort()


class PtyLink:
    """A pseudo terminal; the client opens the symbolic link like a serial device.

    The simulator keeps the client's side open as well, so that a client may close and come back.
    """

    def __init__(self, port, path):
        self.port, self.path = port, path
        self.splitter, self.first, self.heard = Splitter(), 0.0, 0.0
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.device = os.ttyname(self._slave)
        beside = f"{path}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        os.symlink(self.device, beside)
        os.replace(beside, path)
        asyncio.get_running_loop().add_reader(self.master, self._readable)
        self.open = True
        port.links.append(self)

    def _readable(self):
        try:
            data = os.read(self.master, 4096)
        except BlockingIOError:
            return
        if data:
            self.port.received(self, data)

    def write(self, data):
        # A wire does not wait for its reader: what finds no room is lost.
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, data)

    def cut(self):
        self.open = False
        asyncio.get_running_loop().remove_reader(self.master)
        with contextlib.suppress(OSError):
            if os.readlink(self.path) == self.device:
                os.unlink(self.path)
        os.close(self.master)
        os.close(self._slave)
        self.port.links.remove(self)


class Port:
    """A line and its meters.

    :param site: :class:`~.site.PortSite`.
    :param meters: the :class:`~.meter.Meter` objects on it.
    :param faults: :class:`~.faults.Faults`.
    :param commit: called with (meter, record or None) before a reply may leave; it returns when
        the books are on the disk.
    :param td: response delay of the meters, seconds.
    :param paced: keep to the line's speed in both directions.
    """

    def __init__(self, site, meters, faults, commit, *, td=0.02, paced=False, preamble=4):
        self.site, self.meters, self.faults = site, meters, faults
        self.stats, self.links = Stats(), []
        self._by_address = {meter.site.address: meter for meter in meters}
        self._commit, self._td, self._paced, self._preamble = commit, td, paced, preamble
        self._byte = BITS / site.baudrate
        self._jobs, self._task, self._free = deque(), None, 0.0
        self._server = self._reopen = None
        self._stopped = False
        self.listen = site.listen

    # -- open and close ------------------------------------------------------------------------

    async def start(self):
        """Listen; raise OSError when the address or path cannot be had."""
        if self.site.kind == "pty":
            path = self.site.path
            if os.path.lexists(path) and not os.path.islink(path):
                raise FileExistsError(errno.EEXIST, "exists and is no symbolic link", path)
            PtyLink(self, path)
            return
        # The number is kept when the system chose it, for reopening after a cut.
        wanted = int(self.listen.rpartition(":")[2])
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: TcpLink(self), self.site.host, wanted)
        number = self._server.sockets[0].getsockname()[1]
        self.listen = f"{self.listen.rpartition(':')[0]}:{number}"

    def cut(self, seconds=0.0):
        """Close every client's connection; with ``seconds``, let nobody in for that long."""
        for link in list(self.links):
            link.cut()
        if seconds and self._server:
            self._server.close()
        if (seconds or self.site.kind == "pty") and not self._stopped:
            loop = asyncio.get_running_loop()
            self._reopen = loop.call_later(seconds, lambda: loop.create_task(self.start()))

    async def stop(self):
        self._stopped = True
        if self._reopen:
            self._reopen.cancel()
        if self._server:
            self._server.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.cut()

    # -- the line ------------------------------------------------------------------------------

    def received(self, link, data):
        """Take bytes of a client; whole requests wait for the line."""
        now = asyncio.get_running_loop().time()
        splitter = link.splitter
        if splitter.pending and now - link.heard > GAP:
            splitter.reset()
        if not splitter.pending:
            link.first = now
        link.heard = now
        self.stats.bytes_in += len(data)
        for request in splitter.feed(data):
            self.stats.requests += 1
            if self._task or self._jobs:
                self.stats.overlaps += 1
            self._put(_Job(link, request, first=link.first, came=now))
            link.first = now

    def _put(self, job):
        if self._stopped or len(self._jobs) >= QUEUE_MAX:
            return
        self._jobs.append(job)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(_report)

    def _put_later(self, job, seconds):
        asyncio.get_running_loop().call_later(seconds, self._put, job)

    async def _work(self):
        """Do the jobs one after the other; the task lives only while there are any."""
        try:
            while self._jobs:
                job = self._jobs.popleft()
                if job.request is None:
                    await self._send(job.link, job.data)
                    continue
                await self._arrive(job)
                await self._serve(job)
        finally:
            self._task = None

    async def _arrive(self, job):
        """Wait until the last byte of a request would be through the line."""
        seconds = job.request.size * self._byte
        self.stats.busy_seconds += seconds
        if self._paced:
            start = max(job.first, self._free)
            self._free = max(start + seconds, job.came)
            await self._sleep_until(self._free)

    async def _serve(self, job):
        request = job.request
        meter, how = self._find(request.address)
        if meter is None:
            return
        address = meter.site.address
        fault = None if job.held else self.faults.draw(address, _moment(request))
        if fault in SILENT:
            if fault == "late_request":
                job.held, job.first, job.came = True, 0.0, 0.0
                self._put_later(job, self.faults.late_seconds)
            return
        answer = meter.answer(request, how)
        if answer is None:
            return
        if answer.changed:
            self._commit(meter, answer.record)
        if answer.record and not fault:
            fault = self.faults.draw_executed(address)
        await self._reply(job.link, address, answer, fault)

    async def _reply(self, link, address, answer, fault):
        if fault in ("lost_reply", "executed_reply_lost"):
            return
        if fault == "close_link":
            self.cut()
            return
        if fault == "wrong_address":
            frame = self._build(self._other(address), answer)
        else:
            frame = self._build(address, answer)
        if fault == "corrupt":
            frame = self.faults.corrupt(address, frame, self._preamble)
        if fault == "late":
            self._put_later(_Job(link, data=frame), self.faults.late_seconds)
            return
        if self._td:
            await asyncio.sleep(self._td)
        await self._send(link, frame)
        if fault == "duplicate":
            await self._send(link, frame)

    def _build(self, address, answer):
        return build(address, answer.control, answer.data, self._preamble)

    def _other(self, address):
        """Return another address: a neighbour's if there is one."""
        for meter in self.meters:
            if meter.site.address != address and len(meter.site.address) == 12:
                return meter.site.address
        return f"{(int(address) + 1) % 10**12:012d}"

    def _find(self, address):
        """Return the one meter that takes a request, and how; a wildcard for several is lost."""
        meter = self._by_address.get(address)
        if meter is not None:
            return (meter, "own") if meter.hears(address) else (None, None)
        if not address.startswith("A"):
            return None, None  # a stranger, or a broadcast: taken in silence
        hearing = [meter for meter in self.meters if meter.hears(address)]
        if len(hearing) == 1:
            return hearing[0], "wild"
        # Several would reply at once, and nobody could read it.
        self.stats.collisions += len(hearing) > 1
        return None, None

    async def _send(self, link, data):
        """Send bytes to the client that asked, or to the newest one when that is gone."""
        if not link.open:
            link = next((item for item in reversed(self.links) if item.open), None)
        self.stats.replies += 1
        self.stats.busy_seconds += len(data) * self._byte
        if not self._paced:
            self._write(link, data)
            return
        start = max(asyncio.get_running_loop().time(), self._free)
        self._free = start + len(data) * self._byte
        piece = max(1, int(SLICE / self._byte))
        for at in range(0, len(data), piece):
            part = data[at : at + piece]
            await self._sleep_until(start + (at + len(part)) * self._byte)
            self._write(link, part)

    def _write(self, link, data):
        if link is not None and link.open:
            link.write(data)
            self.stats.bytes_out += len(data)

    async def _sleep_until(self, moment):
        wait = moment - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)


def _moment(request):
    if request.control in (READ, READ_ADDRESS):
        return "read"
    if request.control == SECURITY:
        return "money" if recharge.is_money(request.data) else "query"
    return "switch" if request.control == SWITCH else "other"


def _report(task):
    """Let an error in a line end the program: books that cannot be kept must not go on."""
    if not task.cancelled() and task.exception():
        task.get_loop().call_exception_handler(
            {"message": "a line failed", "exception": task.exception(), "task": task}
        )
