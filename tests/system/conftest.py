"""Real Odoo servers, a real PostgreSQL, real simulated meters; see `desk.py`."""

import os
import shutil
from pathlib import Path

import pytest

pytest.register_assert_rewrite("books", "day", "desk", "till")

from cluster import HOME, Cluster
from desk import Desk
from processes import LOCAL

SAID = []


def pytest_terminal_summary(terminalreporter):
    for line in SAID:
        terminalreporter.write_line(line)


@pytest.fixture
def say(request):
    """``say("...")``: a line at the end of the whole run, whatever pytest captures."""
    return lambda line: SAID.append(f"{request.node.name}: {line}")


@pytest.fixture(scope="session")
def cluster():
    if not (LOCAL / "venv" / "bin" / "python").exists():
        pytest.fail("run bin/setup --test first")
    cluster = Cluster()
    yield cluster
    if not os.environ.get("KEEP"):
        cluster.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.fixture
def make_desk(cluster, request):
    """``make_desk(meters=6)``: a desk with its database; its files stay when the test fails."""
    folder = Path(HOME / "runs" / request.node.name.partition("[")[0])
    shutil.rmtree(folder, ignore_errors=True)
    desks = []

    def make(**values):
        own = folder / str(len(desks) + 1)
        own.mkdir(parents=True)
        desks.append(Desk(cluster, own, **values))
        return desks[-1]

    yield make
    failed = getattr(request.node, "failed", True)
    for desk in desks:
        if failed:
            print(desk.report())
        desk.close(keep=bool(os.environ.get("KEEP")))
    if not failed and not os.environ.get("KEEP"):
        shutil.rmtree(folder, ignore_errors=True)
