"""Seven kinds of link side by side, one line of each kind for every command; the real engine.

Every line has a meter and a neighbour: behind the same wire, or on the next port of its box.
"""

import asyncio
import queue
import select
import threading
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple
from unittest.mock import patch
from urllib.parse import quote

import mosquitto
from conftest import CUSTOMER, PATIENCE, Sim, address, meter
from engine_client import LIMIT, EngineClient
from fault_table import COMMANDS, LINKS
from hub_desk import SECRET, HubProcess
from meterwire.envelope import parse_envelope
from meterwire.jobs import Timing
from meterwire.line import Line
from silences import LOOK_SECONDS, Silences

#: nobody waits for these limits: silence is told, see silences.py
TIMING = Timing(
    first_byte=PATIENCE,
    gap=PATIENCE,
    total=PATIENCE,
    drain=0.1,
    bus_idle=0.0,
    reconnect_min=0.01,
    reconnect_max=0.02,
)
#: what a link holds comes when the test says so
LATE = 3600
ATTEMPTS = 2
TERMINAL = "33029A1B"
SELECTOR = "hex:A5{port:02X}"
HEARTBEAT = "70696E67"
ENVELOPES = {"selector": SELECTOR, "gdw3761": f"gdw3761:{TERMINAL}"}
ZONE = "Asia/Shanghai"


class Place(NamedTuple):
    """A line and its two meters."""

    link: str
    command: str
    name: str
    meter: str
    neighbour: str

    def envelope(self, port):
        return parse_envelope(ENVELOPES.get(self.link, ""), port)

    @property
    def neighbour_port(self):
        return 1 if self.link in ("tcp", "pty") else 2


def _place(link, command):
    at = 100 * (1 + LINKS.index(link)) + 2 * COMMANDS.index(command)
    name = f"{link}-{COMMANDS.index(command)}"
    return Place(link, command, name, address(at), address(at + 1))


PLACES = {(link, command): _place(link, command) for link in LINKS for command in COMMANDS}


def own_total(place):
    return f"{int(place.meter) % 1000}.01"


def neighbours_total(place):
    return f"{int(place.neighbour) % 1000}.02"


class Crowd(EngineClient):
    """An ``EngineClient`` for many threads at once, each with a job on a line of its own.

    :param site: ``Locked``
    :param dict homes: see ``Silences``
    """

    def __init__(self, endpoints, secrets, site, homes):
        super().__init__(endpoints, secrets, TIMING)
        self.silences = Silences(self.engine, site.sim, homes)
        self.silences.connected = self._connected = site.connected
        self._specs = [
            replace(spec, read_attempts=ATTEMPTS, ask_attempts=ATTEMPTS) for spec in self._specs
        ]
        self._queues, self._over = {}, threading.Event()
        self._pump = threading.Thread(target=self._sort)

    def __enter__(self):
        connected = self._connected
        open_link = Line._open

        async def open_when_connected(line, urgent):
            """Whoever was cut off dials in again; an engine in a hurry would find nobody."""
            loop = asyncio.get_running_loop()
            while not await loop.run_in_executor(None, connected, line.spec.key):
                await asyncio.sleep(LOOK_SECONDS)
            await open_link(line, urgent)

        self._patch = patch.object(Line, "_open", open_when_connected)
        self._patch.start()
        self.silences.__enter__()
        super().__enter__()
        self._pump.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        self._pump.join()
        super().__exit__(*exc)
        self.silences.__exit__(*exc)
        self._patch.stop()

    def _sort(self):
        while not self._over.is_set():
            select.select([self.engine.wake_fd], [], [], 0.2)
            for event in self.engine.drain():
                self._queues[event.id].put(event)

    def next_id(self):
        return next(self._ids)

    def events(self, job):
        events = self._queues[job.id] = queue.SimpleQueue()
        self.engine.submit([job])
        terminal = False
        while not terminal:
            event = events.get(timeout=LIMIT)
            terminal = event.terminal
            yield event


class Locked:
    """The control port of a simulator, for many threads."""

    def __init__(self):
        self._lock, self._sim = threading.Lock(), None

    def sim(self, op, **values):
        with self._lock:
            return self._sim(op, **values)

    def books(self, at):
        return self.sim("books", address=at)["meters"][0]

    def connected(self, _line):
        """Whether the boxes of a line can be reached."""
        return True


class Site(Locked):
    """Simulator, hub and broker as processes, and the engine before them."""

    def __init__(self, path: Path):
        super().__init__()
        self._hub_lock = threading.Lock()
        self.broker = mosquitto.Mosquitto(path / "broker")
        dtus = [{"id": place.name, "heartbeat": HEARTBEAT} for place in self._of("dialin")]
        self.hub = HubProcess(path / "hub", dtus)
        self._path = path

    @staticmethod
    def _of(link):
        return [place for place in PLACES.values() if place.link == link]

    def __enter__(self):
        try:
            self.broker.start()
            self.hub.start()
            self._sim = Sim(self._path, self._content())
            self._sim.start()
            self.desk = Crowd(self._endpoints(), self._secrets(), self, self._homes())
            self._until_connected()
            return self
        except BaseException:
            self._close()
            raise

    def __exit__(self, *exc):
        self._close()

    def _close(self):
        if self._sim is not None:
            self._sim.close()
        self.hub.close()
        self.broker.kill()

    # -- the simulator's side ----------------------------------------------------------------------

    def _content(self):
        boxes = [self._box(place) for place in PLACES.values()]
        return {
            "td": 0,
            "timezone": ZONE,
            "faults": {"late_seconds": LATE},
            "concentrators": boxes,
        }

    def _box(self, place):
        number = int(place.meter) % 1000
        own = meter(number, customer=CUSTOMER, total=own_total(place))
        neighbour = meter(number + 1, total=neighbours_total(place))
        if place.link in ("tcp", "pty"):
            listen = "tcp://127.0.0.1:0"
            if place.link == "pty":
                listen = f"pty://{self._path}/{place.name}"
            return {
                "name": place.name,
                "ports": [{"number": 1, "listen": listen, "meters": [own, neighbour]}],
            }
        return {
            "name": place.name,
            "link": self._link(place),
            "ports": [{"number": 1, "meters": [own]}, {"number": 2, "meters": [neighbour]}],
        }

    def _link(self, place):
        if place.link == "dialin":
            return {
                "kind": "dialin",
                "server": f"127.0.0.1:{self.hub.ports[0]}",
                "id": place.name,
                "heartbeat": HEARTBEAT,
                "reconnect_seconds": 0.05,
            }
        if place.link == "mqtt":
            return {
                "kind": "mqtt",
                "broker": f"127.0.0.1:{self.broker.port}",
                "up": f"{place.name}/up",
                "down": f"{place.name}/down",
                **mosquitto.BOX,
            }
        box = {"kind": "box", "listen": "tcp://127.0.0.1:0", "select": place.link}
        if place.link == "selector":
            box["selector"] = SELECTOR
        if place.link == "gdw3761":
            box["terminal"] = TERMINAL
        return box

    # -- the desk's side ---------------------------------------------------------------------------

    def _endpoints(self):
        return {place.name: self._endpoint(place) for place in PLACES.values()}

    def _endpoint(self, place):
        listen = self._sim.ports[f"{place.name}/1"]
        if place.link == "pty":
            return f"{listen.replace('pty://', 'serial://')}?baudrate=2400&parity=E"
        if place.link == "dialin":
            return f"hub://{self.hub.workers}/{place.name}?generation=1&worker=test"
        if place.link == "mqtt":
            up, down = (quote(f"{place.name}/{way}", "") for way in ("up", "down"))
            port = self.broker.port
            return f"mqtt://127.0.0.1:{port}/?up={up}&down={down}&credentials=default"
        return listen

    @staticmethod
    def _secrets():
        return {"hub": SECRET, "mqtt": {"default": mosquitto.DESK}}

    @staticmethod
    def _homes():
        return {
            address: (place.name, f"{place.name}/{port}")
            for place in PLACES.values()
            for address, port in ((place.meter, 1), (place.neighbour, place.neighbour_port))
        }

    def connected(self, line):
        link = line.partition("-")[0]
        if link not in ("pty", "dialin", "mqtt"):
            return True
        name = f"{line}/1" if link == "pty" else line
        if not self.sim("links")["links"][name]["clients"]:
            return False
        with self._hub_lock:
            return link != "dialin" or self.hub.tell()["dtus"][line]["online"]

    def _until_connected(self):
        deadline = monotonic() + PATIENCE
        for place in PLACES.values():
            while not self.connected(place.name):
                assert monotonic() < deadline, f"{place.name} is not connected"
                sleep(LOOK_SECONDS)
