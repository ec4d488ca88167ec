"""What the daily check and the roll-forward cost on a big site after years.

Alone: `.local/venv/bin/python tests/bench/check.py`; SALES=500000 for more, KEEP=1 to keep the
database.
"""

import json
import os
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SALES = int(os.environ.get("SALES", "50000"))
HOMES = int(os.environ.get("HOMES", "2000"))
DAYS = int(os.environ.get("DAYS", "1090"))


def measure(folder, sales=SALES, homes=HOMES, days=DAYS):
    """Run `shell_check.py` in a database with both addons.

    :param sales: in the whole history; a tenth of them are its last tenth of days
    :return: what it reports
    """
    from cluster import Cluster

    cluster, database = Cluster(), "bench_check"
    reply = folder / "check.json"
    try:
        cluster.drop(database)
        cluster.copy(cluster.template(folder / "template.log"), database)
        with (TOP / "tests" / "bench" / "shell_check.py").open() as script:
            cluster.odoo(
                "shell", "-d", database, "--no-http",
                log=folder / "check.log",
                env={
                    "BENCH_REPLY": reply, "BENCH_FOLDER": TOP / "tests" / "bench",
                    "BENCH_SALES": sales, "BENCH_HOMES": homes, "BENCH_DAYS": days,
                },
                stdin=script,
                seconds=4 * 3600,
            )  # fmt: skip
        return json.loads(reply.read_text())
    finally:
        if not os.environ.get("KEEP"):
            cluster.drop(database)
            cluster.stop()


def tell(report):
    """report: as `shell_check.py` writes it; seconds, queries, megabytes at the peak"""
    few, many = report["history"]
    print(f"\nDaily check and roll-forward, {report['homes']} contracts, {report['days']} days of")
    print(f"sales: {few['sales']} sales in the last tenth of the days, {many['sales']} in all")
    print(f"{'':32}{'few, s':>9}{'all, s':>9}{'times':>7}{'queries':>9}{'MB':>6}")
    for name in many:
        if not isinstance(many[name], list):
            continue
        (before, *__), (spent, queries, peak) = few[name], many[name]
        print(f"{name:32}{before:9.2f}{spent:9.2f}{spent / before:7.1f}{queries:9.0f}{peak:6.0f}")


def main():
    from cluster import HOME

    folder = HOME / "runs" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    tell(measure(folder))


if __name__ == "__main__":
    sys.path.insert(0, str(TOP / "tests" / "system"))
    main()
