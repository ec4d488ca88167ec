"""One 2400-baud line: what the engine reaches of what the bytes alone would allow.

Two limits. The first is bytes and the meter's response delay; the second adds the silence that
DL/T 645 wants on the bus before each request, which no master may leave out. Reads are measured
once more without that silence, to show what the engine itself takes beside it.
"""

import dataclasses
import json
import os
import select
import statistics
import time
from itertools import pairwise
from typing import NamedTuple

from desk import MASTER, Simulator
from meterwire import jobs
from meterwire.dialect import Dialect, shipped
from meterwire.engine import Engine
from meterwire.recharge import KeyRing, Order
from processes import free_ports

BAUD, BITS, DELAY, IDLE = 2400, 11, 0.02, 0.03
METERS, COLD = 5, 2
READS, TURNS = int(os.environ.get("READS", "60")), 12
TCP, SERIAL, BARE = (1, 2, 3)
CUSTOMER = "000000000001"
DIALECT = Dialect.from_json(shipped()["d_single"])
NO_IDLE = dataclasses.replace(jobs.Timing(), bus_idle=0.0)


class Row(NamedTuple):
    """``size``: bytes of requests and replies; ``reached``: seconds from end to end."""

    name: str
    size: float
    exchanges: int
    idle: float
    reached: float

    @property
    def limit(self):
        """Seconds that bytes and delays take."""
        return self.size * BITS / BAUD + self.exchanges * DELAY

    @property
    def limit_idle(self):
        """The same with the silence that is owed."""
        return self.limit + self.exchanges * self.idle


def address(line, number):
    return f"202611{line:02d}{number % METERS:04d}"


def simulate(folder, ports, **site):
    """Start a simulator with a line on each of ``ports``: {line: where it listens}."""
    folder.mkdir()
    keys = folder / "keys.json"
    keys.touch(mode=0o600)
    keys.write_text(json.dumps({"1": MASTER}))
    boxes = []
    for line, listen in ports.items():
        meters = [
            {"address": address(line, number), "type": "d_single", "credit": "units",
             "actuator": "relay", "customer": CUSTOMER, "total": "1234.56"}
            for number in range(METERS)
        ]  # fmt: skip
        port = {"number": 1, "listen": listen, "meters": meters}
        boxes.append({"name": f"C{line}", "ports": [port]})
    path = folder / "site.json"
    path.write_text(json.dumps({"speed": 0, **site, "concentrators": boxes}))
    return Simulator(path, folder / "state", keys, folder / "simulator.log")


def measure(folder):
    """A ``Row`` for each kind of exchange."""
    folder = folder / "wire"
    first, device = free_ports(2), folder / "port"
    tcp, bare = (f"tcp://127.0.0.1:{number}" for number in (first, first + 1))
    ports = {TCP: tcp, SERIAL: f"pty://{device}", BARE: bare}
    simulator = simulate(folder, ports, line_speed=True, td=DELAY)
    try:
        with Engine(KeyRing({1: bytes.fromhex(MASTER)})) as engine:
            engine.configure(
                [
                    jobs.LineSpec(TCP, tcp),
                    jobs.LineSpec(SERIAL, f"serial://{device}"),
                    jobs.LineSpec(BARE, bare, NO_IDLE),
                ]
            )
            return [
                read(engine, TCP, "read one register"),
                read(engine, SERIAL, "the same, serial port"),
                read(engine, BARE, "the same without the silence", idle=0.0),
                _ask(engine),
                _charge(engine),
            ]
    finally:
        simulator.end()


def events(engine, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([engine.wake_fd], [], [], 1.0)[0]:
            yield from engine.drain()
    raise AssertionError("the line is silent")


def _bytes(exchange):
    """Bytes on the wire; what is masked counts as well."""
    return sum(len(text.replace(" ", "")) / 2 for text in (exchange.tx_masked, exchange.rx_masked))


def _round(engine, name, work, idle=IDLE):
    """Let the line work without a pause; the median time from one end to the next."""
    engine.submit(work)
    last, times, size = None, [], 0
    for event in events(engine):
        if not event.terminal:
            continue
        assert [one.outcome for one in event.exchanges] == ["reply"], (name, event)
        now = event.exchanges[0].ended
        if last is not None:
            times.append(now - last)
            size = _bytes(event.exchanges[0])
        last = now
        if len(times) == len(work) - 1:
            return Row(name, size, 1, idle, statistics.median(times[COLD:]))


def read(engine, line, name, idle=IDLE, count=READS):
    work = [
        jobs.Read(f"{line} {n}", line, jobs.Meter(address(line, n), DIALECT), ("total",))
        for n in range(count)
    ]
    return _round(engine, name, work, idle)


def _ask(engine):
    work = [
        jobs.Ask(f"ask {n}", TCP, jobs.Meter(address(TCP, n), DIALECT)) for n in range(READS // 2)
    ]
    return _round(engine, "status query", work)


def _charge(engine):
    """Whole money turns: question, order, question; the desk answers at once."""
    engine.submit(jobs.Money(n, TCP, jobs.Meter(address(TCP, n), DIALECT)) for n in range(TURNS))
    sizes, ends = {}, []
    for event in events(engine):
        sizes[event.id] = sizes.get(event.id, 0) + sum(map(_bytes, event.exchanges))
        if isinstance(event, jobs.Asked):
            order = Order(
                kind="charge",
                amount_steps=100,
                customer=CUSTOMER,
                reference=1000 + event.id,
                number=event.status.number + 1,
                epoch=event.status.epoch,
            )
            engine.answer(event.id, order)
        if event.terminal:
            assert isinstance(event, jobs.Settled), event
            assert event.status.last_reference == 1000 + event.id, event
            ends.append(event.exchanges[-1].ended)
            if len(ends) == TURNS:
                break
    times = [after - before for before, after in pairwise(ends)]
    size = statistics.median(sizes.values())
    return Row("charge: asked, sent, proved", size, 3, IDLE, statistics.median(times[COLD:]))
