"""Writing registers: was, is, and whether it is as wanted; tables by their standby set."""

from datetime import datetime
from decimal import Decimal

import pytest
from conversing import SECRETS, Meter188, Meter645, lead
from meterwire.conversation import write
from meterwire.dialect import Dialect, shipped
from meterwire.errors import BadJob, KeyMissing, MeterRefused, NoReply, ValueFault
from meterwire.jobs import Meter
from meterwire.recharge import KeyRing

ADDRESS = "202611000001"
ALARM_1, ALARM_2 = 0x04000F01, 0x04000F02
READ, WRITE = 0x11, 0x14
PRICES = {f"x0405010{n}": f"0{n}500000" for n in range(1, 5)}
STANDBY_PRICES = {f"x0405020{n}": f"0{n}400000" for n in range(1, 5)}


def meter_of(code="d_single"):
    return Meter(ADDRESS, Dialect.from_json(shipped()[code]))


def writing(double, *items, meter=None, secrets=SECRETS):
    return lead(write(meter or meter_of(), items, secrets, double.clock), double)


def written(double):
    return [frame for frame in double.requests if frame.function == WRITE]


def test_was_and_is():
    double = Meter645(x04000F01="00100000", x04000F02="00050000")
    assert writing(double, ("alarm_1", "50.00"), ("alarm_2", Decimal(20))) == {
        "alarm_1": {"was": Decimal("10.00"), "is": Decimal("50.00"), "ok": True},
        "alarm_2": {"was": Decimal("5.00"), "is": Decimal("20.00"), "ok": True},
    }
    assert double.asked() == [
        (READ, ALARM_1),
        (WRITE, ALARM_1),
        (READ, ALARM_1),
        (READ, ALARM_2),
        (WRITE, ALARM_2),
        (READ, ALARM_2),
    ]


def test_the_frame_of_a_write():
    double = Meter645(x04000F01="00100000")
    writing(double, ("alarm_1", "50.00"))
    (frame,) = written(double)
    # identifier, level 02, password 123456, operator, 50.00
    assert frame.data.hex() == "010f0004" + "02563412" + "00000000" + "00500000"


def test_what_is_there_already_is_not_written():
    double = Meter645(x04000F01="00500000")
    found = writing(double, ("alarm_1", "50"))["alarm_1"]
    assert found == {"was": Decimal("50.00"), "is": Decimal("50.00"), "ok": True}
    assert written(double) == []


def test_accepted_and_not_done():
    double = Meter645(x04000F01="00100000")
    double.refuse[WRITE, ALARM_1] = 0  # the double keeps its value, and accepts
    double.refused = lambda frame, err: double.frame(0x94, b"")
    found = writing(double, ("alarm_1", "50.00"))["alarm_1"]
    assert found == {"was": Decimal("10.00"), "is": Decimal("10.00"), "ok": False}


def test_refused_and_yet_done():
    double = Meter645(x04000F01="00100000")
    true = double.reply

    def reply(frame, function, di):
        answer = true(frame, function, di)
        return double.refused(frame, 0x01) if function == WRITE else answer

    double.reply = reply
    found = writing(double, ("alarm_1", "50.00"))["alarm_1"]
    assert found["ok"] and found["words"] == "the meter refused: other error"


def test_done_but_the_acknowledgement_is_lost():
    double = Meter645(x04000F01="00100000")
    double.lost.add((WRITE, ALARM_1))
    found = writing(double, ("alarm_1", "50.00"))["alarm_1"]
    assert found["ok"] and found["words"] == "no answer in time"


def test_a_wrong_password_ends_it():
    double = Meter645(x04000F01="00100000", x04000F02="00050000")
    wrong = KeyRing(secrets={"passwords": {"default": "654321"}})
    with pytest.raises(MeterRefused, match="password"):
        writing(double, ("alarm_1", "50.00"), ("alarm_2", "1"), secrets=wrong)
    assert len(written(double)) == 1


def test_what_was_done_before_a_failure_is_told():
    double = Meter645(x04000F01="00100000", x04000F02="00050000")
    double.deaf.add((READ, ALARM_2))
    found = writing(double, ("alarm_1", "50.00"), ("alarm_2", "1"), ("hoard_limit", "9"))
    assert found["alarm_1"]["ok"]
    for name in ("alarm_2", "hoard_limit"):
        assert found[name] == {"was": None, "is": None, "ok": False, "words": "no answer in time"}


def test_a_silent_meter_fails_the_job():
    double = Meter645(x04000F01="00100000")
    double.deaf.add((READ, ALARM_1))
    with pytest.raises(NoReply):
        writing(double, ("alarm_1", "50.00"))


@pytest.mark.parametrize(
    "items, error, words",
    [
        ([("total", "1")], BadJob, "can only be read"),
        ([("speed", "1")], BadJob, "no register 'speed'"),
        ([("alarm_1", "1"), ("alarm_1", "2")], BadJob, "one register twice"),
        ([], BadJob, "nothing to write"),
        ([("alarm_1", "1.005")], ValueFault, "more than 2 digits"),
        ([("alarm_1", "-1")], ValueFault, "negative"),
        ([("alarm_1", "much")], ValueFault, "'much' is no value of alarm_1"),
        ([("alarm_1", None)], ValueFault, "None is no value of alarm_1"),
        ([("alarm_1", "1"), ("alarm_2", "9999999")], ValueFault, "does not fit"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_asked(items, error, words):
    double = Meter645(x04000F01="00100000")
    with pytest.raises(error, match=words):
        writing(double, *items)
    assert double.requests == []


def test_no_password_no_write():
    double = Meter645(x04000F01="00100000")
    with pytest.raises(KeyMissing):
        writing(double, ("alarm_1", "50.00"), secrets=KeyRing())
    assert written(double) == []


def test_a_water_meter_is_written_without_a_password():
    source = shipped()["f_water"]
    source["registers"]["alarm"] = {"di": "A105", "size": 4, "places": 2, "writable": True}
    double = Meter188(xA105="00010000")
    meter = Meter(double.address, Dialect.from_json(source))
    found = writing(double, ("alarm", "5.00"), meter=meter, secrets=KeyRing())["alarm"]
    assert found == {"was": Decimal("1.00"), "is": Decimal("5.00"), "ok": True}


# --- standby sets -------------------------------------------------------------------------------


def smart(**changes):
    double = Meter645(x04050108="0000000000", x04000108="0000000000", **PRICES, **STANDBY_PRICES)
    double.registers.update(changes)
    double.standby[0x04000108] = {0x04050100 | n: 0x04050200 | n for n in range(1, 5)}
    return double


def test_a_price_goes_into_the_standby_set_and_becomes_live():
    double = smart()
    found = writing(double, ("price_2", "0.6150"), meter=meter_of("d_smart"))
    assert found == {"price_2": {"was": Decimal("0.5002"), "is": Decimal("0.6150"), "ok": True}}
    # The other prices of the set are brought up to the live ones before the set becomes live.
    assert double.sequence == [0x04050201, 0x04050203, 0x04050204, 0x04050202, 0x04000108]
    for n in (1, 3, 4):
        assert double.registers[0x04050100 | n].hex() == f"0{n}500000"


def test_the_live_set_is_read_after_the_moment():
    double = smart()
    writing(double, ("price_1", "0.7000"), meter=meter_of("d_smart"))
    moment = next(f for f in written(double) if f.di == 0x04000108).data[12:]
    assert moment.hex() == "0112221126"  # 12:01, the clock says 12:00:00
    assert double.pauses == [65.0]
    assert double.asked()[-1] == (READ, 0x04050101)


def test_a_standby_that_is_right_already_is_not_written():
    double = smart()
    for n in range(1, 5):
        double.registers[0x04050200 | n] = double.registers[0x04050100 | n]
    writing(double, ("price_2", "0.6150"), meter=meter_of("d_smart"))
    assert double.sequence == [0x04050202, 0x04000108]


def test_nothing_is_made_live_when_the_standby_set_does_not_take_it():
    double = smart()
    double.refuse[WRITE, 0x04050203] = 0x01
    found = writing(double, ("price_2", "0.6150"), meter=meter_of("d_smart"))["price_2"]
    assert found == {
        "was": Decimal("0.5002"),
        "is": Decimal("0.5002"),
        "ok": False,
        "words": "the meter refused: other error",
    }
    assert 0x04000108 not in double.sequence


def test_a_moment_of_ones_own_is_left_to_come():
    double = smart()
    moment = datetime(2026, 12, 1)
    found = writing(
        double,
        ("price_1", "0.7000"),
        ("switch_prices", "2026-12-01 00:00"),
        meter=meter_of("d_smart"),
    )
    price = Decimal("0.5001")
    assert found["price_1"] == {"was": price, "is": price, "ok": True, "from": moment}
    assert found["switch_prices"] == {"was": None, "is": moment, "ok": True}
    assert double.pauses == [] and double.registers[0x04050201].hex() == "00700000"


def test_a_moment_alone_is_an_ordinary_register():
    double = smart()
    moment = datetime(2026, 12, 1)
    found = writing(double, ("switch_prices", moment), meter=meter_of("d_smart"))
    assert found == {"switch_prices": {"was": None, "is": moment, "ok": True}}
    assert double.sequence == [0x04000108]


def test_a_day_table():
    slots = {f"x0401000{n}": "030000" for n in range(2, 9)}
    standby = {f"x0402000{n}": "030000" for n in range(1, 9)}
    double = Meter645(x04010001="030000", x04000107="0000000000", **slots, **standby)
    double.standby[0x04000107] = {0x04010000 | n: 0x04020000 | n for n in range(1, 9)}
    wanted = [["00:00", 3], ["06:00", 2], ["08:30", 1], ["22:00", 4]]
    found = writing(double, ("day_slots", wanted), meter=meter_of("c_07"))["day_slots"]
    assert found["was"] == (("00:00", 3),)
    assert found["is"] == (("00:00", 3), ("06:00", 2), ("08:30", 1), ("22:00", 4)) and found["ok"]
    assert double.registers[0x04010001].hex() == "030000020006013008040022"


@pytest.mark.parametrize(
    "wanted", [[], [["24:00", 1]], [["06:60", 1]], [["six", 1]], [["06:00"]], [["06:00", 100]], 7]
)
def test_a_day_table_that_is_none(wanted):
    double = Meter645(x04010001="030000")
    with pytest.raises(ValueFault):
        writing(double, ("day_slots", wanted), meter=meter_of("c_07"))
    assert double.requests == []


def test_a_full_table_may_come_back_filled_up():
    """By the standard the last entry fills the table."""
    double = Meter645(x04010000="010101", x04000106="0000000000", x04020000="010101")
    double.standby[0x04000106] = {0x04010000: 0x04020000}
    true = double.write

    def write(frame, di):
        answer = true(frame, di)
        if di == 0x04020000:
            double.registers[di] += double.registers[di][-3:] * 3
        return answer

    double.write = write
    found = writing(double, ("zones", [["01-01", 1], ["07-15", 2]]), meter=meter_of("c_07"))
    assert found["zones"]["ok"]
    assert found["zones"]["is"] == (("01-01", 1),) + (("07-15", 2),) * 4
