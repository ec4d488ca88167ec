"""make bench: wire, sale, readings and daily check against what they are to be measured by.

With the word `wire`: only one line, and the package `dlt645` on it (wire.py, dlt645_package.py).
With `fleet`: many lines at once (fleet.py). Beside it: hub.py, posting.py.
"""

import json
import os
import platform
import shutil
import statistics
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(TOP / "tests" / "system"),
    str(TOP / "tests" / "bench"),
    str(TOP / "addons" / "meter_gateway" / "lib"),
]

import check
import dlt645_package
import fleet
import readings
from cluster import HOME, Cluster
from desk import Desk
from wire import measure

PAIRS = int(os.environ.get("PAIRS", "40"))


def main():
    folder = HOME / "runs" / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if sys.argv[1:] == ["fleet"]:
        tell_fleet(folder)
        return
    tell_wire(measure(folder))
    dlt645_package.main(folder)
    if sys.argv[1:] == ["wire"]:
        return
    tell_sale(sale(folder))
    readings.tell(readings.measure(folder))
    check.tell(check.measure(folder))


def tell_fleet(folder):
    cluster = Cluster()
    try:
        boxes = int(os.environ.get("BOXES", "100"))
        keep = os.environ.get("KEEP")
        for keep_frames in (False, True) if keep is None else (keep == "1",):
            fleet.tell(fleet.measure(cluster, folder, boxes, keep_frames=keep_frames), keep_frames)
    finally:
        cluster.stop()


def tell_wire(rows):
    print("\nOne line of 2400 baud, 8E1, meters answer after 20 ms, simulator keeps line speed")
    print("Limit: bytes and the meter's delay. With idle: and 30 ms of silence before a request.")
    print(
        f"{'':30}{'bytes':>6}{'limit ms':>10}{'with idle':>10}{'reached':>9}{'of limit':>10}",
        end="",
    )
    print(f"{'of it with idle':>17}")
    for row in rows:
        print(
            f"{row.name:30}{row.size:6.0f}{row.limit * 1000:10.1f}{row.limit_idle * 1000:10.1f}"
            f"{row.reached * 1000:9.1f}{row.limit / row.reached:10.1%}"
            f"{row.limit_idle / row.reached:17.1%}"
        )


def sale(folder):
    """Run the comparison inside Odoo, on a durable PostgreSQL."""
    cluster = Cluster()
    desk = Desk(cluster, folder, meters=20)
    try:
        reply = folder / "sale.json"
        with (TOP / "tests" / "bench" / "shell_sale.py").open() as script:
            cluster.odoo(
                "shell", "-d", desk.database, "--no-http",
                log=folder / "sale.log",
                env={
                    "BENCH_REPLY": reply, "BENCH_PAIRS": PAIRS,
                    "METERWIRE_KEYS": desk.keys, "METER_INSTANCE_FILE": desk.instance,
                },
                stdin=script,
            )  # fmt: skip
        return json.loads(reply.read_text())
    finally:
        desk.close()
        cluster.stop()


def tell_sale(rows):
    """rows: {step: [[milliseconds, queries] ...]}"""
    print(f"\nSale against Odoo's own invoice and payment, median of {len(rows['sell'])} pairs")
    print(f"{'':34}{'ms':>8}{'p90':>8}{'queries':>9}")
    rows["sell + posting"] = both(rows["sell"], rows["posting"])
    rows["invoice + payment"] = both(rows["invoice"], rows["payment"])
    for name, pairs in rows.items():
        times = [time for time, _queries in pairs]
        print(
            f"{name:34}{statistics.median(times):8.0f}"
            f"{statistics.quantiles(times, n=10)[-1]:8.0f}"
            f"{statistics.median(queries for _time, queries in pairs):9.0f}"
        )
    for index, what in ((0, "time"), (1, "queries")):
        ratio = statistics.median(
            ours[index] / theirs[index]
            for ours, theirs in zip(rows["sell + posting"], rows["invoice + payment"], strict=True)
        )
        till = statistics.median(
            ours[index] / theirs[index]
            for ours, theirs in zip(rows["sell"], rows["invoice + payment"], strict=True)
        )
        print(
            f"in {what}: sell + posting is {ratio:.2f} times Odoo's invoice + payment, "
            f"sell alone {till:.2f} times"
        )


def both(one, other):
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]


if __name__ == "__main__":
    main()
