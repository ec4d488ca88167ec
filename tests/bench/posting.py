"""What posting costs beside Odoo's own documents, on a durable PostgreSQL.

Alone: `.local/venv/bin/python tests/bench/posting.py`; SALES=200 for fewer.
"""

import json
import os
import statistics
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SALES = int(os.environ.get("SALES", "1000"))


def measure(folder):
    """Run `shell_posting.py` in a database with both addons; what it reports."""
    from cluster import Cluster

    cluster, database = Cluster(), "bench_posting"
    reply = folder / "posting.json"
    try:
        cluster.drop(database)
        cluster.copy(cluster.template(folder / "template.log"), database)
        with (TOP / "tests" / "bench" / "shell_posting.py").open() as script:
            cluster.odoo(
                "shell", "-d", database, "--no-http",
                log=folder / "posting.log",
                env={"BENCH_REPLY": reply, "BENCH_SALES": SALES},
                stdin=script,
                seconds=3600,
            )  # fmt: skip
        return json.loads(reply.read_text())
    finally:
        cluster.drop(database)
        cluster.stop()


def tell(report):
    """report: as `shell_posting.py` writes it; milliseconds and queries"""
    ours, theirs = report["batch"], report["documents"]
    count = len(theirs)
    print(f"\nPosting {ours['sales']} delivered sales in batches, against Odoo's own invoice and")
    print(f"registered payment for {count} such documents, by turns; for each sale")
    print(f"{'':34}{'ms':>8}{'queries':>9}")
    our = [ours["ms"] / ours["sales"], ours["queries"] / ours["sales"]]
    their = [statistics.fmean(values) for values in zip(*theirs, strict=True)]
    for name, (spent, queries) in (("posted in batches", our), ("invoice + payment", their)):
        print(f"{name:34}{spent:8.1f}{queries:9.1f}")
    print(
        f"of Odoo's own: {our[0] / their[0]:.2f} of the time, "
        f"{our[1] / their[1]:.2f} of the queries"
    )
    print(f"\nThe counter's request against a bare payment, median of {len(report['sell'])} pairs")
    print(f"{'':34}{'ms':>8}{'queries':>9}")
    for name, key in (("order to paid, payment posted", "sell"), ("payment, posted", "payment")):
        spent, queries = (statistics.median(values) for values in zip(*report[key], strict=True))
        print(f"{name:34}{spent:8.1f}{queries:9.0f}")
    for index, what in ((0, "time"), (1, "queries")):
        ratio = statistics.median(
            ours[index] / theirs[index]
            for ours, theirs in zip(report["sell"], report["payment"], strict=True)
        )
        print(f"in {what}: {ratio:.2f} times")


def main():
    from cluster import HOME

    folder = HOME / "runs" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    tell(measure(folder))


if __name__ == "__main__":
    sys.path.insert(0, str(TOP / "tests" / "system"))
    main()
