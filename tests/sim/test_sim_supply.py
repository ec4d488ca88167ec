"""Consumption, cut-off, restoration and the relay. Time is moved by the control port."""

from decimal import Decimal

import pytest
from meterwire.dlt645_2007 import Frame, encode

TRIP, PERMIT, CLOSE = 0x1A, 0x1B, 0x1C
HOUR = 3600
RELAY, COMMAND = 1 << 4, 1 << 6
STATUS_WORD = 0x04000503


def make_site(lab):
    return lab.site(
        [
            lab.meter(1, load="2.5"),
            lab.meter(2, load="2.5", overdraft="10.00"),
            lab.meter(3, load="2", credit="money", price="0.5483", type="d_smart"),
            lab.meter(4, load="1", credit=None, actuator="none", balance="0"),
            lab.meter(5, load="1", actuator="none"),
            lab.meter(6),
            lab.meter(7, load="1"),
            lab.meter(8, password="123456"),
            lab.meter(9, actuator="valve", type="d_water"),
            lab.meter(10, load="1", balance="0.00"),
            lab.meter(11, load="4.8", credit=None, type="c_07", actuator="none"),
            lab.meter(12),
        ]
    )


@pytest.fixture
def desk(shared):
    return shared.desk()


def near(value, wanted):
    """Equal but for what the meter used in the seconds that the test itself takes."""
    return Decimal(wanted) - Decimal("0.50") <= Decimal(value) <= Decimal(wanted)


def test_consumes_with_time(shared, lab):
    at = lab.address(1)
    before = shared.books(at)
    shared("advance", address=at, seconds=4 * HOUR)
    after = shared.books(at)
    used = Decimal(before["balance"]) - Decimal(after["balance"])
    assert near(-used, "-10.00")
    assert Decimal(after["total"]) - Decimal(before["total"]) == used
    assert not after["supply_off"]


def test_cut_off_at_zero_and_restored_by_charge(shared, desk, lab):
    at = lab.address(7)
    desk.open(at)
    shared("advance", address=at, seconds=1000 * HOUR)
    status = desk.status(at)
    assert (status.balance, status.supply_off) == (0, True)
    assert desk.read(at, STATUS_WORD) & (RELAY | COMMAND) == RELAY
    # It used what it had and nothing more: without supply there is no load.
    assert desk.read(at, 0x00010000) == Decimal("1259.56")
    shared("advance", address=at, seconds=1000 * HOUR)
    assert desk.read(at, 0x00010000) == Decimal("1259.56")
    assert desk.order(at, lab.order("charge", "5.00", number=2)).number == 2
    assert not desk.status(at).supply_off
    assert desk.read(at, STATUS_WORD) & RELAY == 0
    shared("advance", address=at, seconds=HOUR)
    assert near(shared.books(at)["balance"], "4.00")


def test_overdraft_until_its_limit(shared, desk, lab):
    at = lab.address(2)
    desk.open(at)
    shared("advance", address=at, seconds=12 * HOUR)  # 30 of 25
    books = shared.books(at)
    assert near(books["balance"], "-5.00")
    assert not books["supply_off"]
    assert desk.read(at, 0x00900100) == 0
    assert near(-desk.read(at, 0x00900101), "-5.00")
    shared("advance", address=at, seconds=12 * HOUR)
    books = shared.books(at)
    assert (books["balance"], books["supply_off"]) == ("-10.00", True)
    assert desk.order(at, lab.order("charge", "15.00", number=2)).balance in (500, 499)


def test_money_meter_pays_its_price(shared, lab):
    at = lab.address(3)
    before = shared.books(at)
    shared("advance", address=at, seconds=5 * HOUR)
    after = shared.books(at)
    paid = Decimal(before["balance"]) - Decimal(after["balance"])
    units = Decimal(after["total"]) - Decimal(before["total"])
    assert near(-units, "-10.00")
    assert abs(paid - units * Decimal("0.5483")) <= Decimal("0.02")
    shared("advance", address=at, seconds=1000 * HOUR)
    books = shared.books(at)
    assert (books["balance"], books["supply_off"]) == ("0.00", True)
    # 25.00 at 0.5483 buys 45.59 units.
    assert Decimal("1280.14") <= Decimal(books["total"]) <= Decimal("1280.16")


def test_meter_without_credit_or_relay_is_never_cut(shared, lab):
    for number, balance in ((4, "0.00"), (5, None)):
        shared("advance", address=lab.address(number), seconds=100 * HOUR)
        books = shared.books(lab.address(number))
        assert not books["supply_off"]
        assert near(-Decimal(books["total"]), "-1334.56")
        if balance:
            assert books["balance"] == balance
        else:
            assert near(books["balance"], "-75.00")


def test_tariff_registers_add_up_to_the_total(shared, desk, lab):
    at = lab.address(11)
    shared("advance", address=at, seconds=24 * HOUR)
    total, *tariffs = desk.read(at, 0x0001FF00)
    assert total == sum(tariffs)
    assert near(-total, Decimal("-1234.56") - Decimal("115.20"))
    # A whole day passes all four: 3 hours sharp, 3 peak, 9 flat, 9 valley.
    flat = tariffs.pop(2) - Decimal("1234.56")
    for used, hours in zip((*tariffs, flat), (3, 3, 9, 9), strict=True):
        assert near(-used, Decimal("-4.8") * hours + Decimal("0.01"))
    assert desk.read(at, 0x00010300) >= flat + Decimal("1234.56")


def test_relay_trip_and_close(shared, desk, lab):
    at = lab.address(6)
    for command, off, word, remote in (
        (TRIP, True, RELAY | COMMAND, True),
        (CLOSE, False, 0, True),
        (TRIP, True, RELAY | COMMAND, True),
        (PERMIT, False, 0, False),
    ):
        reply = desk.switch(at, command)
        assert (reply.control, reply.data) == (0x9C, b"")
        status = desk.status(at)
        assert (status.supply_off, status.remote) == (off, remote)
        assert desk.read(at, STATUS_WORD) & (RELAY | COMMAND) == word


def test_trip_outlasts_a_charge(desk, lab):
    at = lab.address(9)
    desk.open(at)
    desk.switch(at, TRIP)
    desk.order(at, lab.order("charge", "5.00", number=2))
    assert desk.status(at).supply_off


def test_closing_gives_no_supply_without_credit(desk, lab):
    at = lab.address(10)
    for command in (CLOSE, PERMIT):
        assert desk.switch(at, command).control == 0x9C
        assert desk.status(at).supply_off


def test_relay_command_needs_password_and_time(desk, lab):
    at = lab.address(8)
    for values, error in (
        ({}, 4),  # the default password
        ({"password": "654321"}, 4),
        ({"password": "123456", "level": 0}, 4),
        ({"password": "123456", "stamp": "200101000000"}, 4),  # too late
        ({"password": "123456", "stamp": "991331235959"}, 1),  # no such date
        ({"password": "123456", "stamp": "99123123595A"}, 1),
    ):
        reply = desk.switch(at, TRIP, **values)
        assert (reply.control, reply.data) == (0xDC, bytes([error])), values
        assert not desk.status(at).supply_off
    assert desk.switch(at, TRIP, "123456").control == 0x9C
    assert desk.status(at).supply_off


def test_relay_command_refused_where_there_is_none(desk, lab):
    assert desk.switch(lab.address(4), TRIP).data == b"\x01"
    assert desk.switch(lab.address(12), 0x1D).data == b"\x01"
    short = desk.ask(encode(Frame(lab.address(12), 0x1C, bytes(15))))
    assert (short.control, short.data) == (0xDC, b"\x01")


def test_speed_factor(new_sim, lab):
    """3600 times faster than real time: one unit a second."""
    sim = new_sim(lab.site([lab.meter(1, load="1", balance="9000")], speed=3600)).start()
    first = sim.books(lab.address(1))
    sim("advance", seconds=100)
    second = sim.books(lab.address(1))
    used = Decimal(first["balance"]) - Decimal(second["balance"])
    # Real time passes as well, but hardly a quarter of an hour.
    assert 100 <= used <= 1000
