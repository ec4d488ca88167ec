"""Every fault x every command x every link: the desk's real engine walks the table."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from fault_cell import AMOUNT, MOMENTS, Cell
from fault_links import PLACES, Site
from fault_table import (
    COMMANDS,
    LINKS,
    NOT_ON,
    ON_LINK,
    ONLY_ALL,
    ONLY_FIRST,
    ROWS,
    expected,
)
from meterwire.sim.faults import KINDS


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A function: what was seen in one cell. All cells of a row are walked side by side, once."""
    with Site(tmp_path_factory.mktemp("faults")) as site, site.desk:
        cells = [Cell(site, place) for place in PLACES.values()]
        with ThreadPoolExecutor(len(cells)) as pool:
            rows = {}

            def seen(row, place):
                if row not in rows:
                    fault, which = row
                    rows[row] = {
                        (cell.place.link, cell.place.command): pool.submit(cell.play, fault, which)
                        for cell in cells
                        if (fault, cell.place.link) not in NOT_ON
                    }
                    for future in rows[row].values():
                        future.exception()
                return rows[row][place].result()

            yield seen


CELLS = [
    pytest.param(row, command, link, id="-".join((*row, command.replace(" ", "_"), link)))
    for row in ROWS
    for command in COMMANDS
    for link in LINKS
    if (row[0], link) not in NOT_ON
]


@pytest.mark.parametrize(("row", "command", "link"), CELLS)
def test_cell(walk, row, command, link):
    seen = walk(row, (link, command))
    end, times = expected(*row, command, link)
    assert seen.end == end
    if times is not None:
        assert seen.executed in times
    else:
        assert seen.executed == 0
    if end == "done" or seen.executed == 0 or end in ("differs", "not_confirmed"):
        assert seen.in_books in (None, end == "done")
    for heard, right in seen.next:
        assert heard == right
    _check_money(seen, charged=command in ("charge", "its proof") and end != "no_reply")


def _check_money(seen, charged):
    """The order is in the books once, and nothing else is, whatever came late after it."""
    times = int(charged)
    before, after = seen.before, seen.books
    assert seen.orders == times
    assert len(after["orders"]) == len(before["orders"]) + times
    assert after["number"] == before["number"] + times
    for name in ("cumulative", "balance"):
        risen = Decimal(after[name]) - Decimal(before[name])
        assert risen == times * Decimal(AMOUNT) / 100


def test_table_is_whole():
    """Each fault of the simulator has its lines, or a reason why not."""
    for kind in KINDS:
        lines = {which for fault, which in ROWS if fault == kind}
        excused = {"first"} if kind in ONLY_ALL else {"all"} if kind in ONLY_FIRST else set()
        assert lines == {"first", "all"} - excused, kind
    assert all(len(row) == len(COMMANDS) for row in ROWS.values())
    assert set(COMMANDS) == set(MOMENTS)
    assert {(fault, which) for fault, which, _link in ON_LINK} <= set(ROWS)
