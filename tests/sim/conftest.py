"""A simulator as a process of its own, a control client, and a desk that talks to its meters.

The desk's frames come from ``meterwire``'s own codec, which shares no code with the simulator:
every test here is also a check of the one against the other.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from meterwire.buffer import FrameBuffer
from meterwire.dlt645_2007 import Frame, encode, parse, parse_reply, read_request
from meterwire.recharge import Ack, KeyRing, Order
from meterwire.recharge import sealed_frame as recharge

LIB = Path(__file__).parents[2] / "addons" / "meter_gateway" / "lib"
MASTER = "00112233445566778899AABBCCDDEEFF"
PATIENCE = 120.0  # seconds until a test gives up waiting; never waited for when all is well
PROBE = 0x04000401
CUSTOMER = "000000000042"


def address(number):
    return f"2026110{number:05d}"


def meter(index, /, **values):
    """Return one meter of a site: prepaid in units, with a relay, and without any load."""
    return {
        "address": address(index),
        "type": "d_single",
        "credit": "units",
        "actuator": "relay",
        "balance": "25.00",
        "total": "1234.56",
        **values,
    }


def site(*ports, **values):
    """Return a site with one concentrator; each port is a list of meters, or a port's object."""
    items = []
    for number, port in enumerate(ports, start=1):
        port = port if isinstance(port, dict) else {"meters": port}
        items.append({"number": number, "listen": "tcp://127.0.0.1:0", **port})
    return {"td": 0, **values, "concentrators": [{"name": "C1", "ports": items}]}


class Sim:
    """The process and its control port."""

    def __init__(self, path, content, env=None, arguments=()):
        self.path, self.content = path, content
        self.file = path / "site.json"
        self.state = path / "state"
        self._env, self._arguments = env, list(arguments)
        self.process = self._control = None

    def launch(self):
        """Start the process and return it, whatever it will say."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.file.write_text(
            self.content if isinstance(self.content, str) else json.dumps(self.content)
        )
        env = {key: value for key, value in os.environ.items() if not key.startswith("METERWIRE_")}
        env |= {"PYTHONPATH": str(LIB), "METERWIRE_KEY_1": MASTER}
        env |= self._env or {}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "meterwire.sim", "--site", str(self.file)),
                *("--state", str(self.state), "--control", "127.0.0.1:0"),
                *self._arguments,
            ],
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return self.process

    def start(self):
        """Start and wait for ``ready``."""
        self.launch()
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line + self.process.stderr.read()
        self.ready = line
        host, _colon, port = line.split("control=")[1].split()[0].rpartition(":")
        self.control = (host, int(port))
        self._control = socket.create_connection(self.control, PATIENCE).makefile("rw")
        self.ports = self("ports")["ports"]
        return self

    def __call__(self, op, **values):
        """Carry out a control operation and return its reply."""
        reply = self.raw({"op": op, **values})
        assert reply.pop("ok"), reply
        return reply

    def raw(self, message):
        self._control.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
        self._control.flush()
        return json.loads(self._control.readline())

    def books(self, at):
        return self("books", address=at)["meters"][0]

    def desk(self, port="C1/1", **values):
        return Desk(self.connect(port), **values)

    def connect(self, port="C1/1"):
        host, _colon, number = self.ports[port].removeprefix("tcp://").rpartition(":")
        return socket.create_connection((host, int(number)), PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    @contextmanager
    def asleep(self):
        """What comes meanwhile is there when it wakes up, however slowly it was sent."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        """End it in order and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.process:
            self.process.stdout.close()
            self.process.stderr.close()


class Desk:
    """A client of one port: builds requests, collects whole frames."""

    def __init__(self, link, version=1, algorithm="3des", master=MASTER):
        self.link = link
        self._buffer, self._frames = FrameBuffer(), []
        self._ring = KeyRing({version: bytes.fromhex(master)})
        self._version, self._algorithm = version, algorithm

    def keys(self, at):
        return self._ring.meter_keys(at, self._version, self._algorithm)

    def send(self, data):
        self.link.sendall(data)

    def receive(self, patience=PATIENCE):
        """Return the next whole frame, or None when the link ends or nothing comes in time."""
        deadline = time.monotonic() + patience
        while not self._frames:
            self.link.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.link.recv(4096)
            except (TimeoutError, ConnectionError):
                return None
            if not data:
                return None
            self._frames += self._buffer.feed(data)
        return parse(self._frames.pop(0))

    def ask(self, data):
        self.send(data)
        frame = self.receive()
        assert frame is not None, "no reply"
        return frame

    def silent(self, data, probe):
        """Whether a request brings nothing: the next frame is the reply to a probe behind it.

        A line answers in order, so nothing has to be waited for.
        """
        self.send(data + read_request(probe, PROBE))
        frame = self.receive()
        return frame == Frame(probe, 0x91, PROBE.to_bytes(4, "little") + bytes.fromhex(probe)[::-1])

    def read(self, at, identifier):
        return parse_reply(self.ask(read_request(at, identifier)), at, identifier)

    def status(self, at):
        challenge = os.urandom(8)
        keys = self.keys(at)
        frame = self.ask(recharge.status_query(at, keys, challenge))
        return recharge.parse_status(frame, at, keys, challenge)

    def frame(self, at, order):
        return recharge.build(order, at, self.keys(at))

    def order(self, at, order):
        """Send a money function and return Ack or Refusal."""
        frame = self.ask(self.frame(at, order))
        return recharge.parse_answer(frame, at, order.kind, order.number)

    def open(self, at, amount="0", customer=CUSTOMER):
        """Open a fresh meter; its purchase number becomes 1."""
        order = make_order("open", amount, customer=customer)
        assert isinstance(self.order(at, order), Ack)
        return order

    def frame_of(self, at, control, data=b""):
        """Send a frame and return the reply."""
        return self.ask(encode(Frame(at, control, data)))

    def security(self, at, data):
        return self.frame_of(at, 0x03, data)

    def raw_read(self, at, identifier):
        """Return the reply to a reading, an abnormal one too."""
        return self.ask(read_request(at, identifier))

    def write(self, at, identifier, value, password="000000", level=2):
        """Write digits as printed (high first) and return the reply."""
        data = identifier.to_bytes(4, "little") + bytes([level]) + bytes.fromhex(password)[::-1]
        return self.frame_of(at, 0x14, data + bytes(4) + bytes.fromhex(value)[::-1])

    def switch(self, at, command, password="000000", stamp="991231235959", level=2):
        """Send a relay command and return the reply."""
        data = bytes([level]) + bytes.fromhex(password)[::-1] + bytes(4) + bytes([command, 0])
        return self.ask(encode(Frame(at, 0x1C, data + bytes.fromhex(stamp)[::-1])))


def make_order(kind, amount="0", number=1, customer=CUSTOMER, epoch=0, reference=700):
    steps = int(amount.replace(".", "")) if "." in amount else int(amount) * 100
    return Order(kind, steps, customer, reference, number, epoch)


class Helpers:
    """What test modules need of this file."""

    address, meter, site = staticmethod(address), staticmethod(meter), staticmethod(site)
    order = staticmethod(make_order)
    Sim, Desk = Sim, Desk
    CUSTOMER, MASTER, LIB, PATIENCE = CUSTOMER, MASTER, LIB, PATIENCE


@pytest.fixture(scope="session")
def lab():
    return Helpers


@pytest.fixture
def new_sim(tmp_path):
    """A function that makes a simulator (not started); all are ended with the test."""
    sims = []

    def make(content, **values):
        sims.append(Sim(tmp_path / f"sim{len(sims)}", content, **values))
        return sims[-1]

    yield make
    for sim in sims:
        sim.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, request):
    """A simulator for a whole module (its ``SITE`` function), with meters to use up."""
    sim = Sim(tmp_path_factory.mktemp("shared"), request.module.make_site(Helpers))
    yield sim.start()
    sim.close()


def readable(descriptor, patience=PATIENCE):
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(patience))
