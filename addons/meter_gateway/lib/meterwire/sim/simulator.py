"""The program: a site's meters behind their links, the books on disk, control port and page."""

import asyncio
import contextlib
import ctypes
import gc
import json
import resource
import signal
import sys
import time
from ipaddress import ip_address

from .access_dialin import DialAccess
from .access_mqtt import MqttAccess
from .access_pty import PtyAccess
from .access_tcp import TcpAccess
from .cipher import load_keys
from .clockwork import Clockwork
from .control import Client, Control
from .faults import Faults
from .line import Line
from .meter import born
from .page import Page
from .routes import OneLine, route_of
from .site import Site, SiteError, parse_site
from .store import Store
from .world import Chips, World

GAPS_MAX = 1000
# Up to so many lines at real speed, exact times cost little.
FEW_LINES = 32


class Simulator:
    """All lines of a site in one event loop.

    :param site: the JSON object, or a :class:`~.site_parts.Site`.
    :param state_dir: directory of the books.
    :param control: ``HOST:PORT`` of the control port (loopback; port 0 takes a free one), or None.
    :param keys: ``{version: 16 bytes}``; None takes them from the environment.
    :param page: ``HOST:PORT`` of the trainer's page (loopback), or None.
    :param chips: identity and purchase key of meters with a security chip, or None.
    :param only: names of the concentrators to play; None plays all.
    :raise SiteError: the site is wrong.
    :raise StoreError: the state directory is not usable.
    :raise KeyProblem: the keys are not usable.
    """

    def __init__(self, site, state_dir, control=None, keys=None, page=None, chips=None, only=None):
        self.site = site if isinstance(site, Site) else parse_site(site, only)
        self._control_at = parse_loopback(control, "control") if control else None
        self._page_at = parse_loopback(page, "page") if page else None
        keys = load_keys() if keys is None else keys
        self.faults = Faults(self.site.rates, self.site.late_seconds, self.site.seed)
        self.store = Store(state_dir)
        self.error = None
        self._done = asyncio.Event()
        many = len(self.site.ports) > FEW_LINES
        self.clockwork = Clockwork(self.site.line_speed and many, self.fail)
        gaps = self._mind_the_gap()
        self.world = World(
            self.site, self.clockwork, self.faults, self.store, keys, chips and Chips(*chips), gaps
        )
        self.lines, self.accesses, self.boxes, self._homes = [], [], {}, {}
        self.missing_keys = self._needed_keys() - set(keys)
        self._build()
        self.control, self._server, self._page_server = Control(self), None, None
        self.page = None
        self.started = time.time()

    def _mind_the_gap(self):
        """Note the time since a clean stop, in which nothing was used, and return all such times.

        After a crash there is none: the meters catch up from their last commit, so that a balance
        once told never rises by itself.
        """
        gaps = json.loads(self.store.fact("gaps") or "[]")
        stopped = self.store.fact("stopped")
        if stopped:
            gaps = [*gaps, [float(stopped), time.time()]][-GAPS_MAX:]
            self.store.set_fact("gaps", json.dumps(gaps))
            self.store.set_fact("stopped", "")
        return gaps

    def _needed_keys(self):
        """Versions of master keys that some meter needs."""
        kinds = {meter.kind for port in self.site.ports for meter in port.meters}
        return {
            kind.key_version
            for kind in kinds
            if kind.shape in ("sealed", "vendor") or kind.shape and kind.recharge.get("cipher")
        }

    def _build(self):
        """Make lines and links; meters not stored yet begin as the site says."""
        known, now = self.store.addresses(), time.time()
        self.store.save(
            (meter.address, born(meter.kind, meter.born, now))
            for port in self.site.ports
            for meter in port.meters
            if meter.address not in known
        )
        off = set(json.loads(self.store.fact("off") or "[]"))
        for box in self.site.boxes:
            lines = []
            for port in box.ports:
                meters = {meter.wire: (meter.kind,) for meter in port.meters}
                line = Line(port._replace(meters=()), meters, self.world)
                self._homes.update(dict.fromkeys(meters, line))
                lines.append(line)
            self.lines += lines
            accesses = self._accesses(box, lines)
            for line in lines:
                line.powered = box.name not in off
            for access in accesses:
                access.powered = box.name not in off
            self.accesses += accesses
            self.boxes[box.name] = (lines, accesses)
        # What the site said about each meter is in lines and books by now.
        self.site = Site(**{**vars(self.site), "boxes": ()})

    def _accesses(self, box, lines):
        link, world = box.link, self.world
        if link is None:
            return [self._own(line) for line in lines]
        route = route_of(lines, link)
        if link.kind == "dialin":
            return [DialAccess(box.name, route, world, link)]
        if link.kind == "mqtt":
            return [MqttAccess(box.name, route, world, link)]
        host, _colon, number = link.listen.removeprefix("tcp://").rpartition(":")
        if link.listen.startswith("pty:"):
            return [PtyAccess(box.name, route, world, link.listen.removeprefix("pty://"))]
        return [TcpAccess(box.name, route, world, host.strip("[]"), int(number))]

    def _own(self, line):
        site = line.site
        if site.kind == "pty":
            return PtyAccess(line.name, OneLine(line), self.world, site.path)
        return TcpAccess(line.name, OneLine(line), self.world, site.host, site.tcp_port)

    # -- meters --------------------------------------------------------------------------------

    def find(self, address):
        """Return the Meter of an address as printed, or None."""
        line = self.line_of(address)
        return line and line.meter(bytes.fromhex(address)[::-1])

    def line_of(self, address):
        """Return the Line of a meter, or None."""
        try:
            return self._homes.get(bytes.fromhex(address)[::-1])
        except (TypeError, ValueError):
            return None

    @property
    def meter_count(self):
        return len(self._homes)

    def all_meters(self):
        for line in self.lines:
            yield from line.all_meters()

    def live_meters(self):
        """The meters that somebody asked for since the start."""
        for line in self.lines:
            for value in line.meters.values():
                if type(value) is not tuple:
                    yield value

    def commit(self, meter, record=None):
        self.world.commit(meter, record)

    def save_all(self):
        self.store.save([(meter.address, meter.books) for meter in self.live_meters()])

    def power(self, name, on):
        """Take the power from a concentrator, or give it back; it stays so over a restart."""
        lines, accesses = self.boxes[name]
        for line in lines:
            line.powered = on
        for access in accesses:
            if access.powered != on:
                access.power(on)
        off = {box for box, (_lines, items) in self.boxes.items() if not items[0].powered}
        self.store.set_fact("off", json.dumps(sorted(off)))

    # -- life ----------------------------------------------------------------------------------

    async def start(self):
        """Open every link, control port and page; raise SiteError when one cannot be had."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        self.clockwork.start()
        for access in self.accesses:
            if not access.powered and not isinstance(access, DialAccess | MqttAccess):
                continue
            try:
                await access.start()
            except OSError as error:
                words = error.strerror or error
                raise SiteError(f"port {access.name}: {access.listen}: {words}") from error
        self._server = await self._listen(self._control_at, "control", Client, self.control)
        if self._page_at:
            self.page = Page(self)
            try:
                self._page_server = await asyncio.start_server(self.page.serve, *self._page_at)
            except OSError as error:
                host, number = self._page_at
                raise SiteError(f"page {host}:{number}: {error.strerror}") from error

    async def _listen(self, at, name, protocol, argument):
        if not at:
            return None
        host, number = at
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(lambda: protocol(argument), host, number)
        except OSError as error:
            raise SiteError(f"{name} {host}:{number}: {error.strerror}") from error

    @property
    def control_address(self):
        """``HOST:PORT`` where the control port listens, or None."""
        return _address(self._server)

    @property
    def page_address(self):
        return _address(self._page_server)

    def _failed(self, loop, context):
        error = context.get("exception")
        if error is None or isinstance(error, OSError):
            loop.default_exception_handler(context)
        else:
            self.fail(error)

    def fail(self, error):
        """End the program: books that cannot be kept must not go on."""
        self.error = self.error or error
        self._done.set()

    def finish(self):
        """Ask :meth:`wait` to return."""
        self._done.set()

    async def wait(self):
        await self._done.wait()

    async def stop(self):
        """Close everything and note that this was a clean stop."""
        for server in (self._server, self._page_server):
            if server:
                server.close()
        self.control.close()
        for access in self.accesses:
            await access.stop()
        self.clockwork.stop()
        if self.error is None:
            for meter in self.live_meters():
                meter.catch_up()
            self.save_all()
            self.store.set_fact("stopped", repr(time.time()))
        self.store.close()


def _address(server):
    if not server:
        return None
    host, number = server.sockets[0].getsockname()[:2]
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def parse_loopback(text, name):
    """Return (host, port) of an address; SiteError unless it is a loopback address."""
    host, _colon, number = str(text).rpartition(":")
    host = host.strip("[]")
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
        if loopback and 0 <= int(number) <= 65535:
            return host, int(number)
    except ValueError:
        pass
    raise SiteError(f"{name}: must be a loopback address like 127.0.0.1:7900, got {text!r}")


def _raise_file_limit():
    """A big site has more sockets than the usual soft limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _settle_memory():
    """Give back what reading the site took; what lives now lives long, so it is not looked at."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


async def run(site, state_dir, control=None, keys=None, out=None, **options):
    """Run until SIGTERM or SIGINT; print ``ready ...`` when everything listens."""
    simulator = Simulator(site, state_dir, control, keys, **options)
    del site  # a big one is most of what would stay in memory
    try:
        for version in sorted(simulator.missing_keys):
            sys.stderr.write(
                f"metersim: no master key of version {version}: its meters will refuse money"
                f" (give --keys, METERWIRE_KEYS or METERWIRE_KEY_{version})\n"
            )
        await simulator.start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Only the main thread may; elsewhere the caller ends it with finish().
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(number, simulator.finish)
        out = out or sys.stdout
        page = f" page=http://{simulator.page_address}/" if simulator.page_address else ""
        out.write(
            f"ready control={simulator.control_address or 'none'}"
            f" ports={len(simulator.lines)} meters={simulator.meter_count}{page}\n"
        )
        out.flush()
        _settle_memory()
        await simulator.wait()
    finally:
        await simulator.stop()
    if simulator.error:
        raise simulator.error


def serve(site, state_dir, control=None, keys=None, out=None, **options):
    """Run a site in the foreground until SIGTERM or SIGINT.

    Parameters and errors are those of :class:`Simulator`.

    :return: 0 after a clean end.
    """
    _raise_file_limit()
    # Handed over, not held: see run().
    parsed = [site if isinstance(site, Site) else parse_site(site, options.get("only"))]
    del site
    asyncio.run(run(parsed.pop(), state_dir, control, keys, out, **options))
    return 0
