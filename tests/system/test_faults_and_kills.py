"""Cashiers sell while exchanges fail, cards move numbers, and servers die. The books hold."""

import pytest
from day import Day, faulty

LATE_REQUEST, LOST_REPLY = "late_request", "lost_reply"


def open_desk(make_desk, meters, seed):
    """A desk whose every second meter keeps remainders, and one that refuses what is too much."""
    desk = make_desk(
        meters=meters,
        hoard={"3": 300},
        ct={str(number): 40 for number in range(2, meters + 1, 2)},
    )
    desk.start_simulator(seed=seed)
    desk.start_server().wait_ready()
    desk.open_contracts()
    desk.simulator("faults", **faulty(0.15))
    return desk


def test_short_day(make_desk, say):
    seed = 19
    desk = open_desk(make_desk, 6, seed)
    fate = [
        (4, "kill_between", LATE_REQUEST),
        (10, "card"),
        (14, "kill"),
        (20, "crash_postgresql"),
        (24, "card"),
        (30, "kill_between", LOST_REPLY),
    ]
    day = Day(desk, seed, sales=40, cashiers=3, fate=fate, say=say)
    day.run(settle_seconds=90)
    day.check()
    assert day.kills >= 3
    assert day.kills_between == 2


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
def test_long_day(make_desk, say, seed):
    desk = open_desk(make_desk, 10, seed)
    fate = [
        *((10 + 40 * n, "kill_between", LATE_REQUEST) for n in range(3)),
        *((30 + 40 * n, "kill_between", LOST_REPLY) for n in range(2)),
        *((20 + 25 * n, "kill") for n in range(7)),
        *((15 + 22 * n, "card") for n in range(8)),
        (100, "crash_postgresql"),
    ]
    day = Day(desk, seed, sales=200, cashiers=4, fate=fate, say=say)
    day.run(settle_seconds=240)
    day.check()
    assert day.kills >= 10
    assert day.kills_between == 5
