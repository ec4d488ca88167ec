"""The program: a site's meters behind their ports, the books on disk, the control port."""

import asyncio
import contextlib
import dataclasses
import functools
import resource
import signal
import sys
import time
from ipaddress import ip_address

from .books import Books
from .cipher import MeterKeys, load_keys
from .control import Client, Control
from .faults import Faults
from .line import Port
from .meter import Meter
from .site import Site, SiteError, parse_site
from .store import Store


class Simulator:
    """All ports of a site in one event loop.

    :param site: the JSON object, or a :class:`~.site.Site`.
    :param state_dir: directory of the books.
    :param control: ``HOST:PORT`` of the control port (loopback; port 0 takes a free one), or None.
    :param keys: ``{version: 16 bytes}``; None takes them from the environment.
    :raise SiteError: the site is wrong.
    :raise StoreError: the state directory is not usable.
    :raise KeyProblem: the keys are not usable.
    """

    def __init__(self, site, state_dir, control=None, keys=None):
        self.site = site if isinstance(site, Site) else parse_site(site)
        self._control_at = parse_control(control) if control else None
        keys = load_keys() if keys is None else keys
        self.faults = Faults(self.site.rates, self.site.late_seconds, self.site.seed)
        self.store = Store(state_dir)
        self.meters, self.ports = {}, []
        self.error, self.missing_keys = None, set()
        self._seed(keys)
        self.control, self._server = Control(self), None
        self._done = asyncio.Event()

    def _seed(self, keys):
        """Make the meters from the stored books; those not stored begin as the site says."""
        known, now = self.store.load(), time.time()
        # A clean stop is a power cut: the meters used nothing until now. After a crash they catch
        # up from their last commit, so that a balance once told never rises by itself.
        clean = self.store.fact("clean") == "1"
        for port in self.site.ports:
            meters = []
            for item in port.meters:
                books = known.get(item.address) or _born(item, now)
                if clean:
                    books.at = now
                meter = Meter(item, books, self._keys(item, keys), self.site.speed, self.site.zone)
                self.meters[item.address] = meter
                meters.append(meter)
            self.ports.append(
                Port(
                    port,
                    meters,
                    self.faults,
                    self.commit,
                    td=self.site.td,
                    paced=self.site.line_speed,
                    preamble=self.site.preamble,
                )
            )
        self.save_all()
        self.store.set_fact("clean", "0")

    def _keys(self, item, keys):
        """Return the function that derives a meter's keys, or None."""
        if not item.credit:
            return None
        version = item.key_version
        master = keys.get(version)
        if master is None:
            self.missing_keys.add(version)
            return None
        return functools.partial(MeterKeys, master, version, item.address, item.algorithm)

    # -- books ---------------------------------------------------------------------------------

    def commit(self, meter, record=None):
        """Bring the books of one meter to the disk; returns when they are there."""
        address = meter.site.address
        self.store.save({address: meter.books}, [(address, record)] if record else ())

    def save_all(self):
        self.store.save({address: meter.books for address, meter in self.meters.items()})

    # -- life ----------------------------------------------------------------------------------

    async def start(self):
        """Open every port and the control port; raise SiteError when one cannot be had."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        for port in self.ports:
            try:
                await port.start()
            except OSError as error:
                words = error.strerror or error
                raise SiteError(f"port {port.site.name}: {port.site.listen}: {words}") from error
        if self._control_at:
            host, number = self._control_at
            try:
                self._server = await loop.create_server(lambda: Client(self.control), host, number)
            except OSError as error:
                raise SiteError(f"control {host}:{number}: {error.strerror}") from error

    @property
    def control_address(self):
        """``HOST:PORT`` where the control port listens, or None."""
        if not self._server:
            return None
        host, number = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"

    def _failed(self, loop, context):
        if context.get("message") == "a line failed":
            self.error = context["exception"]
            self._done.set()
        else:
            loop.default_exception_handler(context)

    def finish(self):
        """Ask :meth:`wait` to return."""
        self._done.set()

    async def wait(self):
        await self._done.wait()

    async def stop(self):
        """Close everything and note that this was a clean stop."""
        if self._server:
            self._server.close()
        self.control.close()
        for port in self.ports:
            await port.stop()
        if self.error is None:
            for meter in self.meters.values():
                meter.catch_up()
            self.save_all()
            self.store.set_fact("clean", "1")
        self.store.close()


def _born(item, now):
    # Registers of a meter that has them add up to its total.
    tariffs = (0, 0, item.total, 0) if item.multi_tariff else (0, 0, 0, 0)
    names = {field.name for field in dataclasses.fields(Books)}
    values = {key: value for key, value in vars(item).items() if key in names}
    return Books(**values, tariffs=tariffs, at=now)


def parse_control(text):
    """Return (host, port) of a control address; SiteError unless it is a loopback address."""
    host, _colon, number = str(text).rpartition(":")
    host = host.strip("[]")
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
        if loopback and 0 <= int(number) <= 65535:
            return host, int(number)
    except ValueError:
        pass
    raise SiteError(f"control: must be a loopback address like 127.0.0.1:7900, got {text!r}")


def _raise_file_limit():
    """A big site has more sockets than the usual soft limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def run(site, state_dir, control=None, keys=None, out=None):
    """Run until SIGTERM or SIGINT; print ``ready ...`` when everything listens."""
    simulator = Simulator(site, state_dir, control, keys)
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
        out.write(
            f"ready control={simulator.control_address or 'none'}"
            f" ports={len(simulator.ports)} meters={len(simulator.meters)}\n"
        )
        out.flush()
        await simulator.wait()
    finally:
        await simulator.stop()
    if simulator.error:
        raise simulator.error


def serve(site, state_dir, control=None, keys=None, out=None):
    """Run a site in the foreground until SIGTERM or SIGINT.

    Parameters and errors are those of :class:`Simulator`.

    :return: 0 after a clean end.
    """
    _raise_file_limit()
    asyncio.run(run(site, state_dir, control, keys, out))
    return 0
