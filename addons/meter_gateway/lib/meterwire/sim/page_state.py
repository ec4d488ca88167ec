"""What the trainer's page shows: sums, concentrators, and the meters of one port."""

import time

from .meter188 import battery
from .operations import amount, rss_bytes


def overview(simulator):
    """Return the sums and every concentrator in brief."""
    waiting = simulator.faults.waiting()
    lines = simulator.lines
    return {
        "seconds": time.time() - simulator.started,
        "requests": sum(line.stats.requests for line in lines),
        "replies": sum(line.stats.replies for line in lines),
        "meters": simulator.meter_count,
        "rss": rss_bytes(),
        "rates": {kind: rate for kind, rate in simulator.faults.rates.items() if rate},
        "boxes": [
            _brief(name, lines, accesses, waiting)
            for name, (lines, accesses) in simulator.boxes.items()
        ],
    }


def _brief(name, lines, accesses, waiting):
    return {
        "name": name,
        "powered": lines[0].powered,
        "clients": sum(len(access.links) for access in accesses),
        "requests": sum(line.stats.requests for line in lines),
        "faults": len(waiting.get(name, ())) + sum(len(waiting.get(p.name, ())) for p in lines),
    }


def box_state(simulator, name, port):
    """Return the ports of a concentrator, and the meters of one of them."""
    lines, accesses = simulator.boxes[name]
    waiting = simulator.faults.waiting()
    chosen = next((line for line in lines if line.name == port), lines[0])
    return {
        "name": name,
        "powered": lines[0].powered,
        "dialin": hasattr(accesses[0], "storm"),
        "shared": len(accesses) == 1 and len(lines) > 1,
        "listen": accesses[0].listen if len(accesses) == 1 else None,
        "faults": waiting.get(name, []),
        "ports": [_port(line, simulator.started, waiting) for line in lines],
        "port": chosen.name,
        "meters": [_meter(meter, waiting) for meter in chosen.all_meters()],
    }


def _port(line, started, waiting):
    stats = line.stats
    return {
        "name": line.name,
        "number": line.number,
        "listen": line.access.listen,
        "baudrate": line.site.baudrate,
        "clients": len(line.access.links),
        "meters": len(line.meters),
        "requests": stats.requests,
        "replies": stats.replies,
        "overlaps": stats.overlaps,
        "taken": stats.taken_seconds,
        "faults": waiting.get(line.name, []),
        "spoiled": sum(1 for wire in line.meters if wire[::-1].hex() in waiting),
    }


def _meter(meter, waiting):
    meter.catch_up()
    books, kind, now = meter.books, meter.kind, time.time()
    true = now + meter.world.zone.offset(now)
    return {
        "address": meter.address,
        "type": kind.type,
        "protocol": kind.protocol,
        "credit": kind.credit,
        "shape": kind.shape,
        "actuator": kind.actuator,
        "water": kind.protocol.startswith("cjt188"),
        "balance": amount(books.balance) if kind.credit else None,
        "number": books.number,
        "total": amount(books.total),
        "power": round(meter.power, 3),
        "load": float(kind.load) if books.load is None else books.load,
        "off": kind.actuator != "none" and meter.account.supply_off,
        "tripped": books.tripped,
        "permitted": books.permitted,
        "stuck": books.stuck is not None,
        "kept": books.kept,
        "suspended": books.suspended,
        "powered": books.powered,
        "battery": battery(meter),
        "clock": meter.now().isoformat(sep=" ", timespec="seconds"),
        "ahead": round(meter.local(now) - true),
        "faults": waiting.get(meter.address, []),
    }
