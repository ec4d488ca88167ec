"""One 2400-baud line: what the engine reaches of what the bytes alone would allow."""

import json
import select
import statistics
import time
from itertools import pairwise

from desk import MASTER, Simulator
from meterwire import jobs
from meterwire.engine import Engine
from meterwire.recharge import KeyRing, Order, build
from processes import free_ports

BAUD, BITS, DELAY = 2400, 11, 0.02
METERS, READS, TURNS, COLD = 5, 60, 12, 2
TOTAL_ENERGY = 0x00010000


def measure(folder):
    """Rows (what, bytes of request and reply, seconds at the limit, seconds reached)."""
    folder = folder / "wire"
    folder.mkdir()
    keys = folder / "keys.json"
    keys.touch(mode=0o600)
    keys.write_text(json.dumps({"1": MASTER}))
    port = free_ports(1)
    addresses = [f"2026110{number:05d}" for number in range(1, METERS + 1)]
    meters = [
        {"address": address, "type": "d_single", "credit": "units", "actuator": "relay",
         "customer": "000000000001", "total": "1234.56"}
        for address in addresses
    ]  # fmt: skip
    site = {
        "speed": 0,
        "line_speed": True,
        "td": DELAY,
        "concentrators": [
            {
                "name": "C1",
                "ports": [{"number": 1, "listen": f"tcp://127.0.0.1:{port}", "meters": meters}],
            }
        ],
    }
    path = folder / "site.json"
    path.write_text(json.dumps(site))
    simulator = Simulator(path, folder / "state", keys, folder / "simulator.log")
    ring = KeyRing({1: bytes.fromhex(MASTER)})
    try:
        with Engine(ring) as engine:
            engine.configure([jobs.LineSpec("line", f"tcp://127.0.0.1:{port}")])
            return [
                _reading(engine, addresses),
                _asking(engine, addresses),
                _charging(engine, addresses, ring),
            ]
    finally:
        simulator.end()


def _events(engine, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([engine.wake_fd], [], [], 1.0)[0]:
            yield from engine.drain()
    raise AssertionError("the line is silent")


def _bytes(exchange):
    """Bytes on the wire; what is masked counts as well."""
    return sum(len(text.replace(" ", "")) / 2 for text in (exchange.tx_masked, exchange.rx_masked))


def _limit(size, replies=1):
    return size * BITS / BAUD + replies * DELAY


def _round(engine, name, work):
    """Let the line work without a pause; the median time from one end to the next."""
    engine.submit(work)
    last, times, size = None, [], 0
    for event in _events(engine):
        if not event.terminal:
            continue
        assert len(event.exchanges) == 1, (name, event)
        now = event.exchanges[0].ended
        if last is not None:
            times.append(now - last)
            size = _bytes(event.exchanges[0])
        last = now
        if len(times) == len(work) - 1:
            return name, size, _limit(size), statistics.median(times[COLD:])


def _reading(engine, addresses):
    work = [
        jobs.Read(f"read {n}", "line", addresses[n % METERS], (TOTAL_ENERGY,)) for n in range(READS)
    ]
    return _round(engine, "read total energy", work)


def _asking(engine, addresses):
    work = [
        jobs.Ask(f"ask {n}", "line", addresses[n % METERS], 1, "3des") for n in range(READS // 2)
    ]
    return _round(engine, "status query", work)


def _charging(engine, addresses, ring):
    """Whole money turns: question, order, question; the desk answers at once."""
    work = [jobs.Money(n, "line", addresses[n % METERS], 1, "3des") for n in range(TURNS)]
    engine.submit(work)
    sizes, ends = {}, []
    for event in _events(engine, 120):
        sizes[event.id] = sizes.get(event.id, 0) + sum(map(_bytes, event.exchanges))
        if isinstance(event, jobs.Asked):
            address = addresses[event.id % METERS]
            order = Order(
                kind="charge",
                amount_steps=100,
                customer="000000000001",
                reference=1000 + event.id,
                number=event.status.number + 1,
                epoch=event.status.epoch,
            )
            frame = build(order, address, ring.meter_keys(address, 1, "3des"))
            engine.answer(event.id, frame)
        if event.terminal:
            assert isinstance(event, jobs.Settled), event
            assert event.status.last_reference == 1000 + event.id, event
            ends.append(event.exchanges[-1].ended)
            if len(ends) == TURNS:
                break
    times = [after - before for before, after in pairwise(ends)]
    size = statistics.median(sizes.values())
    return "charge, asked and proved", size, _limit(size, 3), statistics.median(times[COLD:])
