"""Many 2400-baud lines at once: one worker with its storage, against the sum of the lines' limits.

    .local/venv/bin/python tests/bench fleet            100 boxes x 16 ports x 40 meters
    BOXES=10 ...   fewer
    KEEP=0 or 1    without or with evidence of good scheduled readings, else both
    POSTGRES=apart ...   PostgreSQL on the simulator's core
    FLEET_SECONDS=60 ... longer

Where the machine allows it, the worker and PostgreSQL have one core, and the simulator and the desk
that sells have the other. Processor time is counted by the system for the whole process, so that
other programs disturb it less than they do the shares.
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
from processes import free_ports, until

TOP = Path(__file__).resolve().parents[2]
DELAY = 0.02
IDLE = Timing().bus_idle  # the silence that the standard wants before the next question
CUSTOMER = "000000000042"
SECONDS = int(os.environ.get("FLEET_SECONDS", "40"))
# PostgreSQL shares the worker's core or, apart, the simulator's, which leaves much of it idle.
APART = os.environ.get("POSTGRES") == "apart"
COLD = 8.0  # connections are opened, queues fill
TICK = os.sysconf("SC_CLK_TCK")


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


def _stat(pid):
    """(parent, seconds of processor time, the same of its ended children)"""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (sum(int(word) for word in words[at : at + 2]) / TICK for at in (11, 13))
    return int(words[1]), own, children


def postgres_seconds(cluster):
    """Processor time of a server and all its processes."""
    found = 0.0
    for server in postmaster(cluster):
        found += sum(_stat(server)[1:])
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent, own, _children = _stat(path.name)
                found += own if parent == server else 0.0
    return found


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
    pid = fleet.folder / "worker.pid"
    run = {
        "worker": made["worker"],
        "seconds": SECONDS,
        "keep_frames": keep_frames,
        "pid": str(pid),
    }
    sales = {"prepaid": prepaid, "customer": customer, "pause": 0.3}
    before = os.sched_getaffinity(0)
    reply = {}

    def read():
        pin(0, cores)  # this thread, and so what it starts
        reply.update(run=fleet.shell("round", run))

    def busy():
        reply["busy"] = fleet.shell(
            "orders", {**sales, "orders": orders, "seconds": SECONDS - COLD - 8}
        )

    worker = threading.Thread(target=read)
    seller = threading.Thread(target=busy)
    try:
        pin(0, before - cores or before)
        worker.start()
        until(pid.exists, 120, "the worker runs")
        seller.start()  # Odoo's own start comes first
        time.sleep(COLD)
        first = _figures(fleet, simulator, pid)
        time.sleep(SECONDS - COLD - 8)
        last = _figures(fleet, simulator, pid)
        worker.join()
        seller.join()
    finally:
        pin(0, before)
    return _told(reply, first, last, lines)


def _figures(fleet, simulator, pid):
    """What has been until now."""
    stats = simulator("stats")
    return {
        "at": time.monotonic(),
        "requests": _sum(stats, "requests"),
        "replies": _sum(stats, "replies"),
        "busy": _sum(stats, "busy_seconds"),
        "simulator": stats.get("cpu_seconds", 0),
        "worker": _stat(pid.read_text())[1],
        "postgres": postgres_seconds(fleet.cluster),
        "stored": fleet.value("SELECT last_value FROM utility_reading_raw_id_seq"),
    }


def _told(reply, first, last, lines):
    new = {name: last[name] - first[name] for name in last}
    seconds, stored = new["at"], new["stored"]
    run = reply["run"]
    took = [done - at for at, state, _left, done in reply.get("busy", ()) if state == "done"]
    waited = [left - at for at, _state, left, _done in reply.get("busy", ())]
    needed = new["busy"] + new["requests"] * DELAY
    return {
        "lines": lines,
        "load of the machine": os.getloadavg()[0],
        "seconds": seconds,
        "exchanges/s": new["replies"] / seconds,
        "stored/s": stored / seconds,
        "of the limit": needed / (seconds * lines),
        "of the limit, bus idle counted": (needed + new["requests"] * IDLE) / (seconds * lines),
        "worker CPU": new["worker"] / seconds,
        "PostgreSQL CPU": new["postgres"] / seconds,
        "simulator CPU": new["simulator"] / seconds,
        "worker us per reading": new["worker"] / stored * 1e6,
        "PostgreSQL us per reading": new["postgres"] / stored * 1e6,
        "kB per line": run["rss_kb"] / lines,
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
        elif name.startswith("of the") or name.endswith(" CPU"):
            text = f"{value:.1%}"
        else:
            text = f"{value:,.1f}"
        print(f"{name:34}{text:>14}")
