"""Many 2400-baud lines at once: one worker with its storage, against the sum of the lines' limits.

    .local/venv/bin/python tests/bench fleet            100 boxes x 16 ports x 40 meters
    BOXES=10 ...   fewer
    KEEP=0 or 1    without or with evidence of good scheduled readings, else both
    POSTGRES=apart ...   PostgreSQL on the simulator's core

Where the machine allows it, the worker and PostgreSQL have one core and the simulator the other.
The limit of a line is what its bytes alone allow: the simulator counts the time for which the bytes
of questions and answers were on it, and every meter takes its response delay besides. The
silence that a bus is owed between an answer and the next question is counted in a row of its own.
"""

import contextlib
import json
import os
import shutil
import statistics
import threading
import time
from pathlib import Path

from desk import Desk, Simulator
from meterwire.jobs import Timing
from processes import free_ports

TOP = Path(__file__).resolve().parents[2]
DELAY = 0.02
IDLE = Timing().bus_idle  # the silence that the standard wants before the next question
CUSTOMER = "000000000042"
SECONDS = int(os.environ.get("FLEET_SECONDS", "40"))
# PostgreSQL shares the worker's core or, apart, the simulator's, which leaves much of it idle.
APART = os.environ.get("POSTGRES") == "apart"
COLD = 8.0  # connections are opened, queues fill


class Fleet(Desk):
    """A desk whose site is made in bulk."""

    def __init__(self, cluster, folder, boxes, lines, meters, sold):
        self.request = {
            "boxes": boxes,
            "lines": lines,
            "meters": meters,
            "sold": sold,
            "customer": CUSTOMER,
            "delay": str(DELAY),
            "tcp_port": free_ports(16 * boxes),
        }
        super().__init__(cluster, folder, meters=0)

    def _build(self, *_arguments):
        """Nothing yet: ``shell`` makes all of it."""

    def shell(self, name, request):
        """Run one script of this folder inside Odoo; its reply."""
        ask, reply = (self.folder / f"{name}.{kind}.json" for kind in ("request", "reply"))
        ask.write_text(json.dumps(request))
        with (TOP / "tests" / "bench" / f"shell_{name}.py").open() as script:
            self.cluster.odoo(
                "shell", "-d", self.database, "--no-http",
                log=self.folder / f"{name}.log",
                env={
                    "BENCH_REQUEST": ask, "BENCH_REPLY": reply,
                    "METERWIRE_KEYS": self.keys, "METER_INSTANCE_FILE": self.instance,
                },
                stdin=script,
            )  # fmt: skip
        return json.loads(reply.read_text())


def pin(pid, cores):
    """Keep a process, and what it starts, to some cores; quietly nothing where that is refused."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(pid, cores)


def postmaster(cluster):
    text = (Path(cluster.env["PGHOST"])).glob(".s.PGSQL.*.lock")
    return [int(path.read_text().split()[0]) for path in text]


def measure(cluster, folder, boxes=100, ports=16, meters=40, keep_frames=True, orders=60):
    """One round; a dictionary of figures."""
    folder = folder / f"fleet-{boxes}-{int(keep_frames)}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = boxes * ports
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = {cores[0]}, {cores[-1]}
    fleet = Fleet(cluster, folder, boxes, lines, meters, sold=min(16, lines))
    try:
        made = fleet.shell("fleet", fleet.request)
        site = folder / "fleet.json"
        site.write_text(json.dumps(made["site"]))
        simulator = Simulator(site, folder / "books", fleet.keys, folder / "simulator.log")
        try:
            pin(simulator.pid, theirs)
            for pid in postmaster(cluster):
                pin(pid, theirs if APART else ours)
            return _round(fleet, simulator, made, lines, keep_frames, orders, ours)
        finally:
            simulator.end()
            for pid in postmaster(cluster):
                pin(pid, set(cores))
    finally:
        fleet.close()


def _round(fleet, simulator, made, lines, keep_frames, orders, cores):
    prepaid, customer = made["prepaid"], CUSTOMER
    run = {"worker": made["worker"], "seconds": SECONDS, "keep_frames": keep_frames}
    sales = {"prepaid": prepaid, "customer": customer, "pause": 0.3}
    before = os.sched_getaffinity(0)
    reply = {}

    def busy():
        reply["busy"] = fleet.shell(
            "orders", {**sales, "orders": orders, "seconds": SECONDS - COLD - 5}
        )

    pin(0, cores)
    try:
        worker = threading.Thread(target=lambda: reply.update(run=fleet.shell("round", run)))
        worker.start()
        time.sleep(COLD + 6)  # Odoo's own start comes first
        first, begun = simulator("stats"), time.monotonic()
        seller = threading.Thread(target=busy)
        seller.start()
        time.sleep(SECONDS - COLD - 8)
        last, ended = simulator("stats"), time.monotonic()
        worker.join()
        seller.join()
    finally:
        pin(0, before)
    return _figures(fleet, reply, first, last, ended - begun, lines)


def _figures(fleet, reply, first, last, seconds, lines):
    requests = _sum(last, "requests") - _sum(first, "requests")
    replies = _sum(last, "replies") - _sum(first, "replies")
    busy = _sum(last, "busy_seconds") - _sum(first, "busy_seconds")
    run = reply["run"]
    stored = fleet.value("SELECT count(*) FROM utility_reading_raw WHERE source = 'scheduled'")
    took = [done - at for at, state, _left, done in reply.get("busy", ()) if state == "done"]
    waited = [left - at for at, _state, left, _done in reply.get("busy", ())]
    return {
        "lines": lines,
        "seconds": seconds,
        "exchanges/s": replies / seconds,
        "of the limit": (busy + requests * DELAY) / (seconds * lines),
        "of the limit, bus idle counted": (busy + requests * (DELAY + IDLE)) / (seconds * lines),
        "worker CPU": run["cpu"] / (run["ended"] - run["begun"]),
        "simulator CPU": (last.get("cpu_seconds", 0) - first.get("cpu_seconds", 0)) / seconds,
        "kB per line": run["rss_kb"] / lines,
        "stored": stored,
        "orders done": len(took),
        "order to first byte, median ms": _median(waited),
        "order to first byte, p99 ms": _p99(waited),
        "order to proved, median ms": _median(took),
        "order to proved, p99 ms": _p99(took),
    }


def _sum(stats, name):
    return sum(port[name] for port in stats["ports"].values())


def _median(values):
    return statistics.median(values) * 1000 if values else None


def _p99(values):
    return sorted(values)[int(len(values) * 0.99)] * 1000 if values else None


def tell(figures, keep_frames):
    kept = "every exchange kept" if keep_frames else "good scheduled exchanges not kept"
    print(f"\n{figures['lines']} lines of 2400 baud, one worker, PostgreSQL beside it, {kept}")
    for name, value in figures.items():
        if value is None:
            text = "-"
        elif name.startswith(("of the", "worker CPU", "simulator CPU")):
            text = f"{value:.1%}"
        else:
            text = f"{value:,.1f}"
        print(f"{name:34}{text:>14}")
