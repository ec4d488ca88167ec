"""Reads on one port beside the package `dlt645` of PyPI, of the same simulated meters, by turns.

The package is no part of the project: it is installed into ``.local/dlt645``, and where that is not
possible there is no comparison. At 2400 baud the line is the limit and the question is who keeps
it busy; without a line's speed what is left is the work that each program does for a reading.
"""

import json
import statistics
import subprocess
import sys
import time
import venv
from decimal import Decimal
from pathlib import Path

from desk import MASTER
from meterwire import jobs
from meterwire.engine import Engine
from meterwire.recharge import KeyRing
from processes import LOCAL, free_ports
from wire import (
    DELAY,
    DIALECT,
    IDLE,
    METERS,
    NO_IDLE,
    TCP,
    address,
    events,
    simulate,
)

VERSION = "3.2.0"
HOME = LOCAL / "dlt645"
CLIENT = Path(__file__).with_name("dlt645_client.py")
ADDRESSES = [address(TCP, number) for number in range(METERS)]
# what is compared: reads in one turn, turns
AT_SPEED, UNPACED = (40, 3), (1000, 9)
VALUE = Decimal("1234.56")


class Unavailable(Exception):
    """There is nothing to compare with."""


def python():
    """The interpreter that has the package; installs it once."""
    found = HOME / "bin" / "python"
    if not found.exists():
        try:
            venv.create(HOME, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(str(error)) from None
    install = [found, "-m", "pip", "install", "-q", f"dlt645=={VERSION}"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable((done.stderr.strip() or "pip failed").splitlines()[-1])
    return found


def measure(folder):
    """Rows by title: (name, reads a second, CPU seconds of a read, ratios to the package).

    :raises Unavailable: the package cannot be installed
    """
    interpreter = python()
    paced = {"line_speed": True, "td": DELAY}
    return {
        "2400 baud, meters answer after 20 ms": _compare(
            interpreter, folder / "package-paced", paced, *AT_SPEED
        ),
        "no line speed, meters answer at once": _compare(
            interpreter, folder / "package-bare", {"line_speed": False, "td": 0}, *UNPACED
        ),
    }


def _compare(interpreter, folder, site, count, turns):
    port = free_ports(1)
    endpoint = f"tcp://127.0.0.1:{port}"
    simulator = simulate(folder, {TCP: endpoint}, **site)
    client = subprocess.Popen(
        [interpreter, CLIENT, str(port), *ADDRESSES],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip
    try:
        with Engine(KeyRing({1: bytes.fromhex(MASTER)})) as engine:
            ways = {
                "package": lambda: _ask(client, f"sync {count} 0"),
                "package, asyncio": lambda: _ask(client, f"async {count} 0"),
                "engine without the silence": lambda: _read(
                    engine, jobs.LineSpec(TCP, endpoint, NO_IDLE), count
                ),
            }
            if site["line_speed"]:
                ways |= {
                    "package, caller keeps the silence": lambda: _ask(
                        client, f"sync {count} {IDLE}"
                    ),
                    "engine": lambda: _read(engine, jobs.LineSpec(TCP, endpoint), count),
                }
            for way in ways.values():
                way()  # connections are opened, code is warm
            took = {name: [] for name in ways}
            for _ in range(turns):
                for name, way in ways.items():
                    took[name].append(way())
    finally:
        client.stdin.close()
        client.wait(10)
        simulator.end()
    return [_row(name, rounds, took["package"], count) for name, rounds in took.items()]


def _row(name, rounds, others, count):
    seconds, cpu = (statistics.median(one[n] for one in rounds) for n in (0, 1))
    ratio = statistics.median(other[0] / one[0] for one, other in zip(rounds, others, strict=True))
    return name, count / seconds, cpu / count, ratio


def _ask(client, line):
    client.stdin.write(f"{line}\n")
    client.stdin.flush()
    seconds, cpu, value = json.loads(client.stdout.readline())
    assert Decimal(value) == VALUE, value
    return seconds, cpu


def _read(engine, spec, count):
    work = [
        jobs.Read(number, TCP, jobs.Meter(ADDRESSES[number % METERS], DIALECT), ("total",))
        for number in range(count)
    ]
    begun, cpu = time.perf_counter(), time.process_time()
    engine.configure([spec])
    engine.submit(work)
    left = count
    for event in events(engine):
        assert event.values == {"total": VALUE}, event
        left -= 1
        if not left:
            return time.perf_counter() - begun, time.process_time() - cpu


def tell(rows):
    for title, group in rows.items():
        print(f"\nReads on one port beside dlt645 {VERSION}: {title}")
        print(f"{'':34}{'reads/s':>9}{'CPU us':>9}{'of the package':>16}")
        for name, rate, cpu, ratio in group:
            print(f"{name:34}{rate:9.2f}{cpu * 1e6:9.0f}{ratio:16.3f}")


def main(folder):
    try:
        tell(measure(folder))
    except Unavailable as reason:
        print(f"\nNo comparison with dlt645: {reason}", file=sys.stderr)
