"""How fast readings are stored and found again, on a durable PostgreSQL.

Alone: `.local/venv/bin/python tests/bench/readings.py`
"""

import json
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def measure(folder):
    """Run `shell_readings.py` in a database with both addons; what it reports, in seconds."""
    from cluster import Cluster

    cluster, database = Cluster(), "bench_readings"
    reply = folder / "readings.json"
    try:
        cluster.drop(database)
        cluster.copy(cluster.template(folder / "template.log"), database)
        with (TOP / "tests" / "bench" / "shell_readings.py").open() as script:
            cluster.odoo(
                "shell", "-d", database, "--no-http",
                log=folder / "readings.log", env={"BENCH_REPLY": reply}, stdin=script,
            )  # fmt: skip
        return json.loads(reply.read_text())
    finally:
        cluster.drop(database)
        cluster.stop()


def tell(report):
    """report: as `shell_readings.py` writes it; seconds"""
    copy = report["storing"]["copy"]
    print("\nReadings stored, batches of 800, each committed; ms a reading, speed against COPY")
    for name, words in (
        ("copy", "COPY into the same table"),
        ("store", "rows and the meters' mirror"),
    ):
        spent = report["storing"][name]
        print(f"{words:34}{spent * 1000:9.4f}{copy / spent:10.0%}")
    print(f"{'rolled up: hours, days, months':34}{report['rolling'] * 1000:9.4f}")
    scan = report["finding"]["every row, once"]
    print(f"\nFound among {report['rows'] / 1e6:.1f} million readings; ms, part of a look at all")
    for words, spent in report["finding"].items():
        print(f"{words:34}{spent * 1000:9.1f}{spent / scan:10.1%}")


def main():
    from cluster import HOME

    folder = HOME / "runs" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    tell(measure(folder))


if __name__ == "__main__":
    sys.path.insert(0, str(TOP / "tests" / "system"))
    main()
