"""Cashiers sell while exchanges fail, cards move numbers, and programs die. The books hold."""

import pytest
from day import Day, faulty

LATE_REQUEST, LOST_REPLY = "late_request", "lost_reply"
PARTS = {"server", "hub", "broker", "simulator"}


def open_desk(make_desk, meters, seed, link="tcp"):
    """A desk whose every second meter keeps remainders, and one that refuses what is too much."""
    desk = make_desk(
        meters=meters,
        link=link,
        hoard={"3": 300},
        ct={str(number): 40 for number in range(2, meters + 1, 2)},
    )
    desk.start_links()
    desk.start_simulator(seed=seed)
    desk.start_server().wait_ready()
    desk.open_contracts()
    desk.set_faults(**faulty(0.15))
    return desk


def test_short_day(make_desk, say):
    seed = 19
    desk = open_desk(make_desk, 6, seed)
    fate = [
        (4, "kill_between", "server", LATE_REQUEST),
        (10, "card"),
        (14, "kill", "server"),
        (20, "crash_postgresql"),
        (24, "card"),
        (30, "kill_between", "server", LOST_REPLY),
    ]
    day = Day(desk, seed, sales=40, cashiers=3, fate=fate, say=say)
    day.run(settle_seconds=90)
    day.check()
    assert day.kills["server"] >= 3
    assert day.between["server"] == 2


def test_every_program_dies(make_desk, say):
    """One box dials in to the hub, the other one is behind the broker."""
    seed = 3
    desk = open_desk(make_desk, 8, seed, link=("dialin", "mqtt"))
    fate = [
        (3, "kill_between", "hub", LATE_REQUEST, "dialin"),
        (6, "kill_between", "broker", LATE_REQUEST, "mqtt"),
        (9, "kill_between", "simulator", LOST_REPLY, "mqtt"),
        (12, "crash_postgresql"),
        (15, "kill", "hub"),
        (17, "kill_between", "server", LATE_REQUEST, "dialin"),
        (19, "kill", "broker"),
        (20, "card"),
        (21, "kill", "simulator"),
    ]
    day = Day(desk, seed, sales=24, cashiers=3, fate=fate, say=say)
    day.run(settle_seconds=120)
    day.check()
    assert set(day.kills) == set(day.between) == PARTS
    assert day.crashes == 1


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
def test_long_day(make_desk, say, seed):
    desk = open_desk(make_desk, 10, seed)
    fate = [
        *((10 + 40 * n, "kill_between", "server", LATE_REQUEST) for n in range(3)),
        *((30 + 40 * n, "kill_between", "server", LOST_REPLY) for n in range(2)),
        *((20 + 25 * n, "kill", "server") for n in range(7)),
        *((15 + 22 * n, "card") for n in range(8)),
        (100, "crash_postgresql"),
    ]
    day = Day(desk, seed, sales=200, cashiers=4, fate=fate, say=say)
    day.run(settle_seconds=240)
    day.check()
    assert day.kills["server"] >= 10
    assert day.between["server"] == 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_every_program_dies_all_day(make_desk, say, seed):
    desk = open_desk(make_desk, 12, seed, link=("dialin", "mqtt"))
    of_link = {"dialin": ("hub", "server", "simulator"), "mqtt": ("broker", "server", "simulator")}
    fate = [
        (8 + 10 * number, "kill_between", part, fault, link)
        for number, (part, fault, link) in enumerate(
            (part, fault, link)
            for link, parts in of_link.items()
            for part in parts
            for fault in (LATE_REQUEST, LOST_REPLY)
        )
    ]
    fate += [(13 + 7 * n, "kill", part) for n, part in enumerate(sorted(PARTS) * 4)]
    fate += [(20 + 30 * n, "card") for n in range(4)]
    fate += [(40, "crash_postgresql"), (100, "crash_postgresql")]
    day = Day(desk, seed, sales=150, cashiers=4, fate=fate, say=say)
    day.run(settle_seconds=300)
    day.check()
    assert set(day.kills) == set(day.between) == PARTS
    assert day.between.total() == 12
    assert day.crashes == 2
