"""What a meter executed is on the disk before the first byte of its reply."""

import contextlib
import json
import signal
import sqlite3
from decimal import Decimal

import pytest
from meterwire.recharge import Ack, Refusal, judge


@pytest.fixture
def at(lab):
    return lab.address(1)


def test_kill_between_executing_and_replying(new_sim, lab, at):
    """The reply is held back for an hour; the process is killed while the desk still waits."""
    sim = new_sim(lab.site([lab.meter(1)], faults={"late_seconds": 3600})).start()
    desk = sim.desk()
    desk.open(at)
    sim("fault", address=at, kind="late", when="money")
    charge = lab.order("charge", "8.00", number=2, reference=4242)
    desk.send(desk.frame(at, charge))
    # The probe behind it is answered: the charge was executed and its reply is not out.
    assert desk.read(at, 0x03330201) == 2
    sim.kill()
    sim.start()
    desk = sim.desk()
    status = desk.status(at)
    assert (status.number, status.balance, status.last_reference) == (2, 3300, 4242)
    assert judge(charge, status).outcome == "proved"
    assert [item["reference"] for item in sim.books(at)["orders"]] == [700, 4242]


def test_replay_is_refused_after_kill(new_sim, lab, at):
    sim = new_sim(lab.site([lab.meter(1)])).start()
    desk = sim.desk()
    opened = desk.open(at)
    charge = lab.order("charge", "8.00", number=2)
    assert isinstance(desk.order(at, charge), Ack)
    sim.kill()
    sim.start()
    desk = sim.desk()
    before = desk.status(at)
    replies = [desk.order(at, order) for order in (charge, opened)]
    assert replies == [Refusal(2, replies[0].words, False), Refusal(32, replies[1].words, False)]
    assert desk.status(at) == before
    assert len(sim.books(at)["orders"]) == 2


def test_every_acknowledged_order_survives_many_kills(new_sim, lab, at):
    """Killed in the middle of a stream of orders: no number is lost, none is used twice."""
    sim = new_sim(lab.site([lab.meter(1)])).start()
    number = sim.desk().open(at).number
    for _round in range(4):
        desk = sim.desk()
        status = desk.status(at)
        assert status.number in (number, number + 1)
        number = status.number
        for _order in range(5):
            number += 1
            desk.order(at, lab.order("charge", "1.00", number=number))
        # One more is on its way while the process dies.
        desk.send(desk.frame(at, lab.order("charge", "1.00", number=number + 1)))
        sim.kill()
        sim.start()
    books = sim.books(at)
    assert [item["number"] for item in books["orders"]] == list(range(1, books["number"] + 1))
    assert books["number"] >= 21
    charged = sum(Decimal(item["amount"]) for item in books["orders"])
    assert Decimal(books["cumulative"]) == charged
    assert Decimal(books["balance"]) == 25 + charged


@pytest.mark.parametrize("command", [0x1A, 0x1C])
def test_switching_survives_kill(new_sim, lab, at, command):
    sim = new_sim(lab.site([lab.meter(1)])).start()
    sim.desk().switch(at, command)
    sim.kill()
    status = sim.start().desk().status(at)
    assert (status.supply_off, status.remote) == (command == 0x1A, True)


def test_card_survives_kill(new_sim, lab, at):
    sim = new_sim(lab.site([lab.meter(1)])).start()
    sim("card", address=at, amount="5.00")
    sim.kill()
    assert sim.start().books(at)["number"] == 1


def test_balance_never_rises_by_a_kill(new_sim, lab, at):
    """Consumption is not committed one by one; the meter catches up from its last commit."""
    site = lab.site([lab.meter(1, load="1", balance="9000")], speed=36000)
    sim = new_sim(site).start()
    told = sim.desk().read(at, 0x00900100)
    sim.kill()
    assert sim.start().desk().read(at, 0x00900100) <= told


@pytest.mark.parametrize("clean", [True, False])
def test_clean_stop_is_a_power_cut(new_sim, lab, at, clean):
    """Ten hours between end and start: used after a crash, not after a stop in order."""
    sim = new_sim(lab.site([lab.meter(1, load="1")])).start()
    sim("advance", seconds=3600)
    before = Decimal(sim.books(at)["balance"])
    if clean:
        assert sim.stop() == 0
    else:
        sim.kill()
    with contextlib.closing(sqlite3.connect(sim.state / "meters.sqlite3")) as database:
        (text,) = database.execute("SELECT books FROM books").fetchone()
        books = json.loads(text)
        books["at"] -= 10 * 3600
        database.execute("UPDATE books SET books = ?", (json.dumps(books),))
        # Ten hours ago it was that everything stopped.
        moved = "UPDATE facts SET value = value - 36000 WHERE name = 'stopped' AND value <> ''"
        database.execute(moved)
        database.commit()
    used = before - Decimal(sim.start().books(at)["balance"])
    assert (0 if clean else 10) <= used < (1 if clean else 11)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(new_sim, lab, at, number):
    sim = new_sim(lab.site([lab.meter(1)])).start()
    desk = sim.desk()
    desk.open(at)
    assert sim.stop(number) == 0
    assert desk.receive() is None
    assert sim.process.stderr.read() == ""
    assert sim.start().books(at)["number"] == 1


def test_site_seeds_unknown_meters_only(new_sim, lab, at):
    sim = new_sim(lab.site([lab.meter(1)])).start()
    sim.desk().open(at, "5.00")
    sim.stop()
    sim.content = lab.site([lab.meter(1, balance="777.00", number=9), lab.meter(2, number=9)])
    sim.start()
    assert [sim.books(lab.address(number))["number"] for number in (1, 2)] == [1, 9]
    assert sim.books(at)["balance"] == "30.00"
