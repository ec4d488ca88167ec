"""Switching: what is sent, and that only the meter's own state proves it."""

from datetime import datetime

import pytest
from conversing import PASSWORD, SECRETS, START, Meter188, Meter645, lead
from meterwire import cjt188
from meterwire.conversation import set_clock, switch
from meterwire.dialect import Dialect, shipped
from meterwire.errors import BadJob, KeyMissing, MeterRefused, NoReply, NotConfirmed
from meterwire.jobs import Meter
from meterwire.recharge import KeyRing
from meterwire.values import digits_to_wire, wire_to_moment

ADDRESS = "202611000001"
WATER = "33201170000018"
METERING = "00000200 2C 00000100 2C 56341222112620 0000".replace(" ", "")
CLOCK, STATUS, DATE, TIME = 0x0400010C, 0x04000503, 0x04000101, 0x04000102
READ, WRITE, RELAY = 0x11, 0x14, 0x1C


def meter_of(code="d_single", address=ADDRESS, **changes):
    return Meter(address, Dialect.from_json({**shipped()[code], **changes}))


def switching(double, action, meter=None, secrets=SECRETS):
    talk = switch(meter or meter_of(), action, secrets, double.clock, double.now)
    return lead(talk, double)


def relays(double):
    return [frame.data for frame in double.requests if frame.function == RELAY]


def test_off_and_on():
    double = Meter645()
    assert switching(double, "off") == {"supply": "off", "acked": True}
    assert double.relay_open
    assert switching(double, "on") == {"supply": "on", "acked": True}
    assert not double.relay_open
    assert [data[8] for data in relays(double)] == [0x1A, 0x1C]


def test_the_frame_of_a_relay_command():
    """Level, password, operator, N1, N2, and ten minutes of the meter's own clock."""
    double = Meter645(offset=20)
    switching(double, "off")
    (data,) = relays(double)
    assert data[:1] + data[1:4] == b"\x02" + digits_to_wire(PASSWORD, 3)
    assert data[4:10].hex() == "000000001a00"
    assert wire_to_moment(data[10:], "ssmmhhDDMMYY") == datetime(2026, 11, 22, 12, 10, 20)
    assert double.asked() == [(READ, CLOCK), (RELAY, None), (READ, STATUS)]


def test_a_clock_within_the_tolerance_is_left_alone():
    double = Meter645(offset=-59)
    switching(double, "off")
    assert [step[0] for step in double.asked()] == [READ, RELAY, READ]


def test_a_clock_that_is_off_is_corrected_first():
    double = Meter645(offset=-3600)
    assert switching(double, "off")["supply"] == "off"
    functions = [frame.function for frame in double.requests]
    assert functions == [READ, WRITE, WRITE, READ, RELAY, READ]
    assert double.time() == double.clock()
    assert wire_to_moment(relays(double)[0][10:], "ssmmhhDDMMYY") == datetime(2026, 11, 22, 12, 10)


@pytest.mark.parametrize("offset", [-86400 * 900, 86400 * 300])
def test_a_clock_that_cannot_be_set_does_not_hinder(offset):
    """The stamp follows the time that the meter shows, or it would refuse as too late."""
    double = Meter645(offset=offset)
    double.refuse[WRITE, DATE] = 0x01
    assert switching(double, "off") == {"supply": "off", "acked": True}


def test_an_expired_stamp_would_be_refused():
    """The meter of this test really compares: without its own clock the command is lost."""
    double = Meter645(offset=86400)
    meter = meter_of(clock=None)
    with pytest.raises(MeterRefused, match="password"):
        switching(double, "off", meter)


def test_the_state_is_asked_for_until_the_relay_has_moved():
    double = Meter645()
    double.delay = 5
    assert switching(double, "off") == {"supply": "off", "acked": True}
    assert double.pauses == [2, 2, 2]


def test_a_relay_that_never_moves_is_not_confirmed():
    double = Meter645()
    double.moves = False
    with pytest.raises(NotConfirmed, match="does not show 'off' within 30 s, but on"):
        switching(double, "off")
    assert len(relays(double)) == 1 and sum(double.pauses) == 30


def test_without_an_acknowledgement_the_state_decides():
    double = Meter645()
    double.lost.add((RELAY, None))
    assert switching(double, "off") == {"supply": "off", "acked": False}


def test_a_silent_meter_is_not_waited_for():
    double = Meter645()
    double.deaf |= {(RELAY, None), (READ, STATUS)}
    with pytest.raises(NoReply):
        switching(double, "off")
    assert double.pauses == []


def test_a_refusal_is_believed_only_if_the_state_agrees():
    double = Meter645()
    double.refuse[RELAY, None] = 0x01
    assert switching(double, "off") == {"supply": "off", "acked": False}
    double.moves = False
    with pytest.raises(MeterRefused, match="other error"):
        switching(double, "on")


def test_a_wrong_password_is_tried_once():
    double = Meter645(offset=-3600)
    wrong = KeyRing(secrets={"passwords": {"default": "654321"}})
    with pytest.raises(MeterRefused, match="password"):
        switching(double, "off", secrets=wrong)
    assert [frame.function for frame in double.requests] == [READ, WRITE]


def test_without_the_password_nothing_is_asked():
    double = Meter645()
    with pytest.raises(KeyMissing):
        switching(double, "off", secrets=KeyRing())
    assert double.requests == []


def test_an_action_without_bits_is_only_accepted():
    double = Meter645()
    assert switching(double, "keep") == {"acked": True}
    assert relays(double)[0][8] == 0x3A


def test_local_control_is_proved_where_the_meter_shows_it():
    double = Meter645()
    true = double.read
    control = {"bits": 0x0800}

    def read(di):
        return (int.from_bytes(true(di), "little") | control["bits"]).to_bytes(2, "little")

    double.read = lambda di: read(di) if di == STATUS else true(di)
    meter = meter_of("d_water", supply=shipped()["d_water"]["supply"])
    double.wait = lambda seconds: control.update(bits=0)
    assert switching(double, "local", meter) == {"control": "local", "acked": True}


@pytest.mark.parametrize("code, action", [("b_07", "off"), ("d_water", "keep"), ("d_single", "x")])
def test_what_a_meter_cannot_is_refused(code, action):
    double = Meter645()
    with pytest.raises(BadJob, match="no way to switch"):
        switching(double, action, meter_of(code))
    assert double.requests == []


# --- valves -------------------------------------------------------------------------------------


def test_a_valve():
    double = Meter188(x901F=METERING)
    meter = meter_of("f_water", WATER)
    assert switching(double, "off", meter) == {"supply": "off", "acked": True}
    assert switching(double, "on", meter) == {"supply": "on", "acked": True}
    writes = [frame for frame in double.requests if frame.function == cjt188.WRITE]
    assert [frame.data[:2].hex() + frame.payload.hex() for frame in writes] == ["a01799", "a01755"]


def test_a_valve_that_is_stuck():
    double = Meter188(x901F=METERING)
    double.moves, double.valve = False, 0x03
    with pytest.raises(NotConfirmed, match="but neither state"):
        switching(double, "off", meter_of("f_water", WATER))


def test_a_switch_that_is_a_register():
    source = shipped()["b_07"]
    source["switch"] = {"form": "write", "di": "04009901", "codes": {"off": "01", "on": "00"}}
    source["registers"]["relay"] = {"di": "04009901", "size": 1, "coding": "le"}
    source["supply"] = {"register": "relay", "mask": "01", "off": "01"}
    double = Meter645(x04009901="00")
    meter = Meter(ADDRESS, Dialect.from_json(source))
    assert switching(double, "off", meter) == {"supply": "off", "acked": True}
    assert double.registers[0x04009901] == b"\x01"


# --- the clock ----------------------------------------------------------------------------------


def test_the_clock_is_set_and_read_back():
    double = Meter645(offset=-3600)
    result = lead(set_clock(meter_of(), double.clock, SECRETS), double)
    assert result == {"clock": {"was": datetime(2026, 11, 22, 11, 0), "is": START, "ok": True}}
    assert double.asked() == [(READ, CLOCK), (WRITE, DATE), (WRITE, TIME), (READ, CLOCK)]


def test_a_clock_that_refuses():
    double = Meter645(offset=-3600)
    double.refuse[WRITE, DATE] = 0x01
    double.set_time = lambda when: None
    found = lead(set_clock(meter_of(), double.clock, SECRETS), double)["clock"]
    assert (found["ok"], found["words"]) == (False, "the meter refused: other error")


def test_a_clock_set_by_broadcast():
    double = Meter645(offset=100)
    clock = {"register": "clock", "set": [], "broadcast": True}
    found = lead(set_clock(meter_of(clock=clock), double.clock, SECRETS), double)["clock"]
    assert found["ok"] and found["is"] == START
    assert [frame.address for frame in double.requests] == [ADDRESS, "9" * 12, ADDRESS]


def test_the_clock_of_a_water_meter():
    double = Meter188(x901F=METERING)
    true = double.reply

    def reply(frame, function, di):
        answer = true(frame, function, di)
        if di == cjt188.SET_CLOCK:
            data = double.registers[cjt188.METERING]
            double.registers[cjt188.METERING] = data[:10] + frame.payload + data[17:]
        return answer

    double.reply = reply
    found = lead(set_clock(meter_of("e_water", WATER), double.clock, SECRETS), double)["clock"]
    assert found["ok"] and found["was"] == datetime(2026, 11, 22, 12, 34, 56)


def test_a_meter_whose_clock_cannot_be_set():
    with pytest.raises(BadJob, match="cannot be set"):
        lead(set_clock(meter_of("a_97"), Meter645().clock, SECRETS), Meter645())
