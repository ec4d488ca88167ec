"""Listeners, who is connected, and who has whom."""

import asyncio
import collections
import logging
import resource
import time
from typing import NamedTuple

from .downstream import Downstream
from .limits import Limits, Rate
from .registration import Directory
from .upstream import Upstream

_logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 0.5
_PENDING_WORKERS = 128
_SPARE_FILES = 64
_UNKNOWN_TOLD = 20  # a minute


class Status(NamedTuple):
    """What the hub knows of one DTU now.

    :param float seen_at: seconds since the epoch of its last byte, or None
    :param str address: where it called from, with the port
    :param int signal: field strength, as it told, or None
    """

    online: bool = False
    seen_at: float | None = None
    address: str = ""
    signal: int | None = None


class Hub:
    """Everything runs in the loop in which it is made.

    :param str secret: what workers prove themselves by
    """

    def __init__(self, secret, limits=None):
        if not secret:
            raise ValueError("a hub without a secret would serve anybody")
        self.loop = asyncio.get_running_loop()
        self.secret = secret
        limits = limits or Limits()
        self.limits = limits._replace(connections=min(limits.connections, _files()))
        self.directory = Directory()
        self.counts = collections.Counter()
        self._online = {}  # id -> Downstream
        self._pending = {}  # Downstream -> None: in order of arrival
        self._sources = collections.Counter()
        self._workers = {}  # id -> Upstream
        self._pending_workers = {}
        self._newest = {}  # id -> generation
        self._gone = {}  # id -> Status of those that were here
        self._registrations = Rate(limits.registrations_per_minute)
        self._failures = Rate(limits.failures_per_minute)
        self._told = Rate(_UNKNOWN_TOLD)
        self._servers = []
        self._sweeper = None

    # --- from outside ---------------------------------------------------------------------------

    async def start(self, listen, workers):
        """Listen; returns the addresses, those of DTUs first, the workers' last.

        :param listen: ``(host, port)`` for DTUs, any number
        :param workers: ``(host, port)`` for workers
        :raises OSError: an address is taken
        """
        for host, port in listen:
            server = await self.loop.create_server(
                lambda: Downstream(self), host, port, backlog=1024
            )
            self._servers.append(server)
        self._servers.append(await self.loop.create_server(lambda: Upstream(self), *workers))
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)
        return [server.sockets[0].getsockname()[:2] for server in self._servers]

    def configure(self, dtus):
        """Make ``dtus`` all that may call; whoever is connected and no longer among them, or with
        other settings, is hung up on."""
        directory = Directory(dtus)
        for words in directory.problems:
            if words not in self.directory.problems:
                _logger.info("%s", words)
        self.directory = directory
        for dtu_id, connection in list(self._online.items()):
            if directory.dtus.get(dtu_id) != connection.dtu:
                connection.close("its settings were changed")
        for known in (self._gone, self._newest):
            for dtu_id in set(known).difference(directory.dtus):
                del known[dtu_id]

    def statuses(self):
        """``{id: Status}`` of all DTUs that may call."""
        result = {dtu_id: self._gone.get(dtu_id, Status()) for dtu_id in self.directory.dtus}
        result.update((dtu_id, self._status(one)) for dtu_id, one in self._online.items())
        return result

    def summary(self):
        """Figures for a person or a watchdog."""
        return {
            "configured": len(self.directory.dtus),
            "online": len(self._online),
            "pending": len(self._pending),
            "workers": len(self._workers),
            **self.counts,
        }

    async def close(self):
        """Hang up on everybody."""
        if self._sweeper:
            self._sweeper.cancel()
        for server in self._servers:
            server.close()
        for worker in [*self._workers.values(), *self._pending_workers]:
            worker.bye("the hub ends")
        for connection in [*self._online.values(), *self._pending]:
            connection.close("the hub ends")
        await asyncio.sleep(0)  # let the connections say goodbye

    # --- DTUs -----------------------------------------------------------------------------------

    def arrived(self, connection):
        """A connection was made; it may be closed at once."""
        limits, now = self.limits, self.loop.time()
        self.counts["connections"] += 1
        self._sources[connection.source] += 1
        self._pending[connection] = None
        if (
            self._sources[connection.source] > limits.per_address
            or len(self._online) + len(self._pending) > limits.connections
            or self._failures.full(connection.source, now)
        ):
            self.counts["refused"] += 1
            connection.close("too many", abort=True)
        elif len(self._pending) > limits.pending:
            self.counts["pushed_out"] += 1
            next(iter(self._pending)).close("newer ones came", abort=True)

    def turn_away(self, connection, data, why):
        """It is none of ours."""
        now = self.loop.time()
        self.counts[why] += 1
        self._failures.note(connection.source, now)
        if not self._told.full("", now):
            self._told.note("", now)
            _logger.info("%s: %s registration %r", connection.address, why, bytes(data[:64]))
        connection.close(f"{why} registration", abort=True)

    def registered(self, connection):
        """It has said who it is; returns whether it may stay. The newest of one identity wins: a
        DTU that lost its network dials again long before the old connection is found dead."""
        dtu, now = connection.dtu, self.loop.time()
        if self._registrations.full(connection.source, now):
            self.counts["too_often"] += 1
            connection.close("it registers too often", abort=True)
            return False
        self._registrations.note(connection.source, now)
        self._pending.pop(connection, None)
        self.counts["registered"] += 1
        old = self._online.get(dtu.id)
        if old:
            self.counts["replaced"] += 1
            _logger.info("DTU %s: %s takes over from %s", dtu.id, connection.address, old.address)
            old.close("it dialled in anew", abort=True)
        else:
            _logger.info("DTU %s: online, %s", dtu.id, connection.address)
        self._online[dtu.id] = connection
        return True

    def left(self, connection, words):
        """A connection has ended; called at least once for each."""
        if self._forget(connection) and connection.dtu:
            dtu_id = connection.dtu.id
            if self._online.get(dtu_id) is connection:
                del self._online[dtu_id]
                self._gone[dtu_id] = self._status(connection)._replace(online=False)
                _logger.info("DTU %s: offline: %s", dtu_id, words)
            worker, connection.worker = connection.worker, None
            if worker:
                worker.dtu = None
                worker.bye(f"DTU {dtu_id} is offline: {words}")

    def _forget(self, connection):
        self._pending.pop(connection, None)
        if connection.source is None:
            return False
        self._sources[connection.source] -= 1
        if not self._sources[connection.source]:
            del self._sources[connection.source]
        connection.source = None
        return True

    def _status(self, connection):
        seen_at = time.time() - (self.loop.time() - connection.heard_at)
        online = self._online.get(connection.dtu.id) is connection
        return Status(online, seen_at, connection.address, connection.signal)

    # --- workers --------------------------------------------------------------------------------

    def worker_arrived(self, worker):
        self._pending_workers[worker] = None
        if len(self._pending_workers) > _PENDING_WORKERS:
            next(iter(self._pending_workers)).bye("newer ones came")

    def attach(self, worker, request):
        """Give a worker its DTU, or return the words why not.

        The newest run wins, whichever worker it is of: generations are counted over all of them,
        and boxes change hands. Two lines of one run never share a DTU.
        """
        dtu_id, generation, name = request
        if dtu_id not in self.directory.dtus:
            return f"DTU {dtu_id} is not configured at the hub"
        newest = self._newest.get(dtu_id, generation)
        if generation < newest:
            self.counts["outdated"] += 1
            return f"run {generation} of worker {name} is not the newest ({newest})"
        holder = self._workers.get(dtu_id)
        if holder and holder.request.generation == generation:
            return f"another line of worker {holder.request.worker} has DTU {dtu_id}"
        self._newest[dtu_id] = generation
        if holder:
            holder.bye(f"a newer run ({generation} of worker {name}) has DTU {dtu_id} now")
        connection = self._online.get(dtu_id)
        if connection is None:
            return f"DTU {dtu_id} is offline{self._since(dtu_id)}"
        self._pending_workers.pop(worker, None)
        self._workers[dtu_id] = worker
        worker.dtu, connection.worker = connection, worker
        return ""

    def _since(self, dtu_id):
        seen_at = self._gone.get(dtu_id, Status()).seen_at
        if seen_at is None:
            return ": it has not called since the hub was started"
        return f": last heard {time.time() - seen_at:.0f} s ago"

    def worker_left(self, worker):
        self._pending_workers.pop(worker, None)
        if worker.request and self._workers.get(worker.request.dtu) is worker:
            del self._workers[worker.request.dtu]
        connection, worker.dtu = worker.dtu, None
        if connection and connection.worker is worker:
            connection.worker = None
            if not connection.lost:
                connection.transport.resume_reading()

    # --- time -----------------------------------------------------------------------------------

    def _sweep(self):
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)
        now = self.loop.time()
        for connection in list(self._pending):
            if now - connection.since > self.limits.register_seconds:
                self.turn_away(connection, b"", "late")
            else:
                connection.settle(now)
        for connection in list(self._online.values()):
            if now - connection.heard_at > connection.dtu.idle_seconds:
                self.counts["idle"] += 1
                words = f"nothing heard for {connection.dtu.idle_seconds:g} s"
                connection.close(words, abort=True)
        for worker in list(self._pending_workers):
            if now - worker.since > self.limits.worker_seconds:
                worker.bye("too slow")


def _files():
    """How many connections this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(hard - _SPARE_FILES, 16) if hard != resource.RLIM_INFINITY else 1_000_000
