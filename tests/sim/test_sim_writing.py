"""DL/T 645-2007 beyond reading: parameters, clock, tariff tables, long data, broadcasts, relay."""

import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from conftest import PATIENCE
from meterwire import dlt645_2007 as dlt
from meterwire.dlt645_2007 import Frame, encode, read_request

HOUR = 3600
STATUS, TOTAL, CLOCK = 0x04000503, 0x00010000, 0x0400010C
ERR_OTHER, ERR_NONE, ERR_PASSWORD, ERR_ZONES, ERR_SLOTS, ERR_TARIFFS = 1, 2, 4, 16, 32, 64


def make_site(lab):
    return lab.site(
        [
            lab.meter(1),
            lab.meter(2, credit="money", price="0.5", type="d_smart", load="1", balance="900.00"),
            lab.meter(3, credit=None, actuator="none"),
            lab.meter(4, type="c_07", credit=None, frame_limit=24, phases=3),
            lab.meter(5, relay_seconds=1.5),
            lab.meter(6, button=True),
            lab.meter(7, load="3", passwords={"02": "111111", "04": "444444"}),
            lab.meter(8, clock_offset=-90, drift="3600"),
            lab.meter(9, load="2", power_limit="2.5000", profile=[1] * 24),
            lab.meter(10, load="1", balance="0.50"),
            lab.meter(11, type="d_smart", credit="money", load="1", balance="900.00",
                      prices=["1.0000", "0.8000", "0.5000", "0.2000"]),
            lab.meter(12, type="c_07", credit=None, load="1", actuator="none"),
            lab.meter(13),
        ],
        timezone="Asia/Shanghai",
    )  # fmt: skip


@pytest.fixture
def desk(shared):
    return shared.desk()


def china_now():
    return datetime.now(timezone(timedelta(hours=8))).replace(tzinfo=None)


def digits(reply):
    """What a good reply to a reading says, as printed."""
    assert reply.control == 0x91, reply
    return reply.data[4:][::-1].hex()


# -- parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "identifier", "value"),
    [
        (1, 0x04000F01, "00002000"),
        (1, 0x04000F02, "00001000"),
        (1, 0x04000F03, "00099900"),
        (1, 0x04000F04, "00000500"),
        (2, 0x04001001, "00003000"),
        (2, 0x04001005, "00000100"),
        (1, 0x04090B01, "080000"),
        (1, 0x04000E01, "070000"),
    ],
)
def test_parameter_is_kept(desk, lab, shared, number, identifier, value):
    at = lab.address(number)
    reply = desk.write(at, identifier, value)
    assert (reply.control, reply.data) == (0x94, b"")
    assert digits(desk.raw_read(at, identifier)) == value


def test_parameters_work(shared, desk, lab):
    """A hoarding limit refuses, an overdraft gives time, an alarm shows."""
    at = lab.address(13)
    desk.open(at)
    assert desk.write(at, 0x04000F03, "00003000").control == 0x94
    charge = lab.order("charge", "10.00", number=2)
    assert desk.order(at, charge).code == 1 << 6
    assert desk.write(at, 0x04000F01, "00002600").control == 0x94
    assert desk.read(at, STATUS) & 1 << 7
    assert desk.write(at, 0x04000F04, "00000700").control == 0x94
    shared("spend", address=at, amount="29.00")
    assert shared.books(at)["balance"] == "-4.00"
    assert not shared.books(at)["supply_off"]
    shared("spend", address=at, amount="29.00")
    assert (shared.books(at)["balance"], shared.books(at)["supply_off"]) == ("-7.00", True)


@pytest.mark.parametrize(
    ("number", "identifier", "value", "options", "error"),
    [
        (1, 0x04000F01, "00002000", {"password": "111111"}, ERR_PASSWORD),
        (1, 0x04000F01, "00002000", {"level": 9}, ERR_PASSWORD),
        (7, 0x04000F01, "00002000", {"password": "444444"}, ERR_PASSWORD),
        (1, 0x04000F01, "000020", {}, ERR_OTHER),
        (1, 0x04000F01, "0000200A", {}, ERR_OTHER),
        (1, 0x04001001, "00002000", {}, ERR_NONE),
        (3, 0x04000F01, "00002000", {}, ERR_NONE),
        (1, 0x00010000, "00002000", {}, ERR_NONE),
        (1, 0x04020001, "000001", {}, ERR_NONE),
        (2, 0x04050101, "00001000", {}, ERR_NONE),
        (2, 0x04050205, "00001000", {}, ERR_TARIFFS),
        (2, 0x04020001, "000005", {}, ERR_TARIFFS),
        (2, 0x04020001, "000001" * 15, {}, ERR_SLOTS),
        (2, 0x04020000, "010101" * 15, {}, ERR_ZONES),
        (2, 0x04020001, "240001", {}, ERR_OTHER),
        (2, 0x04020001, "0001", {}, ERR_OTHER),
        (2, 0x04020000, "130101", {}, ERR_OTHER),
        (2, 0x04020000, "010109", {}, ERR_OTHER),
        (2, 0x04000107, "2613010000", {}, ERR_OTHER),
        (1, 0x04000101, "26023103", {}, ERR_OTHER),
        (1, 0x04000102, "250000", {}, ERR_OTHER),
    ],
)
def test_write_is_refused(desk, lab, number, identifier, value, options, error):
    reply = desk.write(lab.address(number), identifier, value, **options)
    assert (reply.control, reply.data) == (0xD4, bytes([error]))


def test_levels_have_passwords_of_their_own(desk, lab):
    at = lab.address(7)
    assert desk.write(at, 0x04000F01, "00000001", "111111", 2).control == 0x94
    assert desk.write(at, 0x04000F01, "00000002", "444444", 4).control == 0x94
    assert desk.write(at, 0x04000F01, "00000003", "000000", 3).control == 0x94


def test_written_parameters_survive_a_kill(new_sim, lab):
    sim = new_sim(lab.site([lab.meter(1, type="d_smart", credit="money", price="1")])).start()
    at, desk = lab.address(1), sim.desk()
    desk.write(at, 0x04001001, "00004000")
    desk.write(at, 0x04050202, "00012345")
    desk.write(at, 0x04000108, "9901010000")
    sim.kill()
    desk = sim.start().desk()
    assert digits(desk.raw_read(at, 0x04001001)) == "00004000"
    assert digits(desk.raw_read(at, 0x04050202)) == "00012345"
    assert digits(desk.raw_read(at, 0x04050102)) == "00010000"
    assert digits(desk.raw_read(at, 0x04000108)) == "9901010000"


# -- clock -----------------------------------------------------------------------------------------


def test_clock_is_off_and_drifts(shared, desk, lab):
    """An hour a day fast, and a minute and a half late at birth."""
    at = lab.address(8)
    late = china_now() - desk.read(at, CLOCK)
    assert timedelta(seconds=30) < late < timedelta(seconds=120)
    shared("clock", address=at, forward=HOUR)
    assert desk.read(at, CLOCK) - china_now() > timedelta(minutes=57)


def test_clock_is_written(desk, lab):
    at = lab.address(1)
    assert desk.write(at, 0x04000101, "30020100").control == 0x94  # YY MM DD WW
    assert desk.write(at, 0x04000102, "101112").control == 0x94
    clock = desk.read(at, CLOCK)
    assert datetime(2030, 2, 1, 10, 11, 12) <= clock < datetime(2030, 2, 1, 10, 16)
    value = china_now()
    both = f"{value:%y%m%d}00{value:%H%M%S}"
    assert desk.write(at, 0x0400010C, both).control == 0x94
    assert abs(desk.read(at, CLOCK) - china_now()) < timedelta(minutes=5)


def test_broadcast_time(shared, desk, lab):
    """Taken once a day, and only near the meter's own time."""
    at = lab.address(3)

    def broadcast(seconds):
        wanted = desk.read(at, CLOCK) + timedelta(seconds=seconds)
        assert desk.silent(dlt.broadcast_time_request(wanted), at)
        return round((desk.read(at, CLOCK) - wanted).total_seconds() + seconds)

    shared("clock", address=at, offset=-60)
    # And the seconds that the test itself takes.
    assert broadcast(600) in range(60)
    assert broadcast(120) in range(120, 180)
    assert broadcast(120) in range(60)


# -- tariff tables ---------------------------------------------------------------------------------


def test_prices_change_at_their_moment(shared, desk, lab):
    """By the meter's clock: standby, moment, and then what a kWh costs."""
    at = lab.address(2)
    for tariff in range(1, 5):
        assert desk.write(at, 0x04050200 | tariff, "00020000").control == 0x94
    moment = desk.read(at, CLOCK) + timedelta(hours=2)
    assert desk.write(at, 0x04000108, f"{moment:%y%m%d%H%M}").control == 0x94
    assert digits(desk.raw_read(at, 0x04050101)) == "00005000"

    def cost():
        before = Decimal(shared.books(at)["balance"])
        shared("advance", address=at, seconds=10 * HOUR)
        return before - Decimal(shared.books(at)["balance"])

    # Hours that are only played ahead do not move the clock.
    assert Decimal("4.99") <= cost() <= Decimal("5.20")
    shared("clock", address=at, forward=2 * HOUR + 60)
    assert digits(desk.raw_read(at, 0x04050101)) == "00020000"
    assert digits(desk.raw_read(at, 0x040501FF)) == "00020000" * 4
    assert Decimal("19.99") <= cost() <= Decimal("20.01")
    assert digits(desk.raw_read(at, 0x04000108)) == f"{moment:%y%m%d%H%M}"


def test_day_slots_and_zones_change_at_their_moment(shared, desk, lab):
    at = lab.address(12)
    # Table 2 is one tariff all day, sharp; the year is one zone with that table.
    assert desk.write(at, 0x04020002, "000001").control == 0x94
    assert desk.write(at, 0x04020000, "010102").control == 0x94
    assert desk.write(at, 0x04000106, "0001010000").control == 0x94
    assert desk.write(at, 0x04000107, "2001010000").control == 0x94
    # Both moments are over: at once.
    assert digits(desk.raw_read(at, 0x04010002)) == "000001"
    assert digits(desk.raw_read(at, 0x04010000)) == "010102"
    before = shared.books(at)["tariffs"]
    shared("advance", address=at, seconds=24 * HOUR)
    after = shared.books(at)["tariffs"]
    used = [Decimal(b) - Decimal(a) for a, b in zip(before, after, strict=True)]
    assert Decimal("23.99") <= used[0] <= Decimal("24.01")
    assert sum(used[1:]) <= Decimal("0.01")


def test_money_meter_pays_by_the_hour(shared, lab):
    """3 hours sharp, 3 peak, 9 flat, 9 valley."""
    at = lab.address(11)
    before = Decimal(shared.books(at)["balance"])
    shared("advance", address=at, seconds=24 * HOUR)
    paid = before - Decimal(shared.books(at)["balance"])
    wanted = 3 + 3 * Decimal("0.8") + 9 * Decimal("0.5") + 9 * Decimal("0.2")
    assert abs(paid - wanted) <= Decimal("0.05")


# -- long data -------------------------------------------------------------------------------------


def test_long_data_come_in_several_frames(desk, lab):
    """Settled registers of all months: 13 times 20 bytes, 19 in each frame."""
    at, identifier = lab.address(4), 0x0001FFFF
    frame = desk.raw_read(at, identifier)
    data, number = dlt.payload_of(frame, at, identifier), 0
    assert frame.has_more
    first = desk.ask(dlt.read_next_request(at, identifier, 1))
    while frame.has_more:
        number += 1
        frame = desk.ask(dlt.read_next_request(at, identifier, number))
        assert number > 1 or frame == first  # a lost reply may be asked for again
        data += dlt.payload_of(frame, at, identifier, seq=number)
    assert (len(data), number) == (260, 13)
    assert data[:4][::-1].hex() == "00123456"
    refused = desk.ask(dlt.read_next_request(at, identifier, number + 1))
    assert (refused.control, refused.data) == (0xD2, bytes([ERR_NONE]))


def test_blocks(desk, lab):
    at = lab.address(4)
    assert digits(desk.raw_read(at, 0x0201FF00)) == "2200" * 3
    assert digits(desk.raw_read(at, 0x0202FF00)) == "000000" * 3
    assert len(desk.raw_read(at, 0x0203FF00).data) == 4 + 4 * 3
    assert digits(desk.raw_read(lab.address(1), 0x0201FF00)) == "ffff" * 2 + "2200"


def test_freeze_and_days(shared, desk, lab):
    at = lab.address(12)
    reply = desk.frame_of(at, 0x16, b"\x99" * 4)
    assert (reply.control, reply.data) == (0x96, b"")
    frozen = digits(desk.raw_read(at, 0x05000101))
    shared("advance", address=at, seconds=24 * HOUR)
    assert digits(desk.raw_read(at, 0x05000101)) == frozen
    assert digits(desk.raw_read(at, 0x05060101))[-8:] >= frozen[-8:]
    assert desk.frame_of(at, 0x16, bytes(4)).control == 0xD6


# -- relay -----------------------------------------------------------------------------------------


def until_status(desk, at, bits):
    deadline = time.monotonic() + PATIENCE
    while desk.read(at, STATUS) & 0x50 != bits:
        assert time.monotonic() < deadline, f"status never is {bits:02X}"


def test_relay_takes_its_time(desk, lab):
    at = lab.address(5)

    def switch(command):
        """Switch, and ask in the same breath."""
        data = b"\x02" + bytes(7) + bytes([command, 0]) + bytes.fromhex("595923311299")
        desk.send(encode(Frame(at, 0x1C, data)) + read_request(at, STATUS))
        assert desk.receive().control == 0x9C
        return dlt.parse_reply(desk.receive(), at, STATUS) & 0x50

    # The command shows at once, the relay later.
    assert switch(0x1A) == 0x40
    until_status(desk, at, 0x50)
    assert desk.status(at).supply_off
    assert switch(0x1C) == 0x10
    until_status(desk, at, 0x00)


def test_permitted_closing_waits_for_the_button(shared, desk, lab):
    at = lab.address(6)
    desk.switch(at, 0x1A)
    assert desk.switch(at, 0x1B).control == 0x9C
    assert desk.status(at).supply_off
    assert desk.read(at, STATUS) & 0x50 == 0x10
    assert shared("press", address=at) == {"pressed": True}
    assert not desk.status(at).supply_off
    assert shared("press", address=at) == {"pressed": False}


def test_keep_power(shared, desk, lab):
    """Nothing takes the supply away until it ends: no command, no empty credit."""
    at = lab.address(10)
    assert desk.switch(at, 0x3A).control == 0x9C
    assert desk.read(at, STATUS) & 1 << 12
    assert (desk.switch(at, 0x1A).control, desk.switch(at, 0x1A).data) == (0xDC, b"\x01")
    shared("advance", address=at, seconds=HOUR)
    books = shared.books(at)
    assert (books["supply_off"], Decimal(books["balance"]) < 0) == (False, True)
    assert desk.switch(at, 0x3B).control == 0x9C
    assert shared.books(at)["supply_off"]


def test_expiry_is_by_the_meters_own_clock(shared, desk, lab):
    at = lab.address(1)
    stamp = f"{china_now() + timedelta(minutes=10):%y%m%d%H%M%S}"
    shared("clock", address=at, offset=HOUR)
    reply = desk.switch(at, 0x1A, stamp=stamp)
    assert (reply.control, reply.data) == (0xDC, bytes([ERR_PASSWORD]))
    shared("clock", address=at, offset=0)
    assert desk.switch(at, 0x1A, stamp=stamp).control == 0x9C
    assert desk.switch(at, 0x1C).control == 0x9C
    # When it was last tripped and closed.
    for identifier in (0x1D000101, 0x1E000101):
        moment = datetime.strptime(digits(desk.raw_read(at, identifier)), "%y%m%d%H%M%S")
        assert abs(moment - china_now()) < timedelta(minutes=5)


def test_stuck_relay(shared, desk, lab):
    at = lab.address(1)
    shared("stick", address=at)
    assert desk.switch(at, 0x1A).control == 0x9C
    assert desk.read(at, STATUS) & 0x50 == 0x40
    shared("stick", address=at, on=False)
    assert desk.read(at, STATUS) & 0x50 == 0x50
    desk.switch(at, 0x1C)
    assert "nothing that moves" in shared.raw({"op": "stick", "address": lab.address(3)})["error"]


def test_power_limit(shared, desk, lab):
    """A load above it takes the supply away; a closing command gives it back when that is over."""
    at = lab.address(9)
    assert digits(desk.raw_read(at, 0x02030000)) == "020000"
    shared("load", address=at, load=4)
    assert shared.books(at)["supply_off"]
    assert digits(desk.raw_read(at, 0x02030000)) == "000000"
    desk.switch(at, 0x1C)
    assert shared.books(at)["supply_off"]
    shared("load", address=at, load=None)
    desk.switch(at, 0x1C)
    assert not shared.books(at)["supply_off"]


def test_load_follows_its_profile(new_sim, lab):
    profile = [0] * 23 + [2]
    meter = lab.meter(1, load="3", profile=profile, credit=None, actuator="none")
    sim = new_sim(lab.site([meter])).start()
    before = Decimal(sim.books(lab.address(1))["total"])
    sim("advance", seconds=24 * HOUR)
    used = Decimal(sim.books(lab.address(1))["total"]) - before
    assert Decimal("5.99") <= used <= Decimal("6.50")


def test_requests_cut_short_are_errors(desk, lab):
    at = lab.address(1)
    for control, data in ((0x14, bytes(11)), (0x1C, bytes(15))):
        reply = desk.ask(encode(Frame(at, control, data)))
        assert (reply.control, reply.data) == (control | 0xC0, bytes([ERR_OTHER]))
    assert desk.silent(encode(Frame(at, 0x08, bytes(3))), at)
    assert desk.silent(encode(Frame("AA" * 6, 0x14, bytes(12))), at)
    assert desk.silent(read_request("AA" * 6, TOTAL), at)
