"""Reading registers: which questions are asked, and what is made of the answers."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from conversing import Double, Meter188, Meter645, lead
from meterwire import cjt188, dlt645_1997
from meterwire.conversation import read
from meterwire.dialect import Dialect, shipped
from meterwire.errors import BadJob, FrameError, MeterRefused, WrongReply
from meterwire.jobs import Meter

ADDRESS = "202611000001"
WATER = "33201170000018"
TARIFFS = "01000000 02000000 03000000 04000000 05000000".replace(" ", "")


def meter_of(code, address=ADDRESS, **changes):
    return Meter(address, Dialect.from_json({**shipped()[code], **changes}))


class Meter1997(Double):
    """Answers function 01 only."""

    codec = dlt645_1997

    def reply(self, frame, function, di):
        data = self.registers.get(di)
        if function != dlt645_1997.READ or data is None:
            return self.refused(frame, 0x02)
        return dlt645_1997.Frame(self.address, 0x81, frame.data[:2] + data)

    def refused(self, frame, err):
        return dlt645_1997.Frame(self.address, 0xC0 | frame.function, bytes([err]))


def test_one_question_for_each_identifier():
    double = Meter645(x00010000="76170300", x00900100="00250000", x00900101="00000000")
    values = lead(read(meter_of("d_single"), ("total", "balance", "owed", "status")), double)
    assert values == {
        "total": Decimal("317.76"),
        "balance": Decimal("25.00"),
        "owed": Decimal("0.00"),
        "status": 0,
    }
    assert double.asked() == [
        (0x11, 0x00010000),
        (0x11, 0x00900100),
        (0x11, 0x00900101),
        (0x11, 0x04000503),
    ]


def test_the_tariffs_and_the_total_come_in_one_exchange():
    double = Meter645(x0001FF00=TARIFFS)
    values = lead(read(meter_of("c_07"), ("total", "tariffs", "tariff_4")), double)
    assert values["total"] == Decimal("0.01") and values["tariff_4"] == Decimal("0.05")
    assert values["tariffs"] == tuple(Decimal(n) / 100 for n in range(1, 6))
    assert double.asked() == [(0x11, 0x0001FF00)]


def test_one_part_of_a_block_is_read_alone():
    double = Meter645(x00010200="03000000", x0001FF00=TARIFFS)
    assert lead(read(meter_of("c_07"), ("tariff_2",)), double) == {"tariff_2": Decimal("0.03")}
    assert double.asked() == [(0x11, 0x00010200)]


def test_a_meter_without_the_block_is_asked_for_its_parts():
    double = Meter645(x00010000="01000000", x00010100="02000000")
    values = lead(read(meter_of("c_07"), ("total", "tariff_1", "tariff_2")), double)
    assert values == {"total": Decimal("0.01"), "tariff_1": Decimal("0.02"), "tariff_2": None}


def test_a_block_with_fewer_tariffs_than_named():
    double = Meter645(x0001FF00="0100000002000000")
    values = lead(read(meter_of("c_07"), ("tariff_1", "tariff_2")), double)
    assert values == {"tariff_1": Decimal("0.02"), "tariff_2": None}


def test_a_long_reply_is_followed_to_its_end():
    double = Meter645()
    whole = bytes.fromhex(TARIFFS * 12)
    double.parts[0x0001FF00] = [whole[:100], whole[100:200], whole[200:]]
    values = lead(read(meter_of("c_07"), ("tariffs",)), double)
    assert values["tariffs"] == tuple(Decimal(n) / 100 for n in range(1, 6)) * 12
    assert [frame.data[4:] for frame in double.requests] == [b"", b"\x01", b"\x02"]
    assert [frame.function for frame in double.requests] == [0x11, 0x12, 0x12]


def test_a_reply_that_never_ends_is_given_up():
    double = Meter645()
    double.parts[0x0001FF00] = [b"\0" * 4] * 1000
    with pytest.raises(FrameError, match="does not end"):
        lead(read(meter_of("c_07"), ("tariffs",)), double)
    assert len(double.requests) < 50


def test_the_wrong_part_of_a_long_reply_is_not_taken():
    double = Meter645()
    double.parts[0x0001FF00] = [b"\0" * 4, b"\0" * 4]
    true = double.frame
    double.frame = lambda control, data: true(
        control, data[:-1] + b"\x07" if control == 0x92 else data
    )
    with pytest.raises(WrongReply, match="part 1"):
        lead(read(meter_of("c_07"), ("tariffs",)), double)


def test_a_refusal_is_no_data_or_an_error():
    double = Meter645(x00010000="76170300")
    assert lead(read(meter_of("d_single"), ("total", "power")), double)["power"] is None
    with pytest.raises(MeterRefused, match="no such data"):
        lead(read(meter_of("d_single"), ("power",)), double)
    double.refuse[0x11, 0x00010000] = 0x04
    with pytest.raises(MeterRefused, match="password"):
        lead(read(meter_of("d_single"), ("power", "total")), double)


def test_a_longer_reply_than_its_register_is_not_taken():
    double = Meter645(x00010000="7617030000")
    with pytest.raises(FrameError, match="5 bytes came, should be 4"):
        lead(read(meter_of("d_single"), ("total",)), double)


def test_what_the_meter_does_not_fill_is_none():
    double = Meter645(x00010000="FFFFFFFF", x02010100="0022")
    values = lead(read(meter_of("d_single"), ("total", "voltage_a")), double)
    assert values == {"total": None, "voltage_a": Decimal("220.0")}


def test_numbers_with_a_sign_and_moments():
    double = Meter645(x02030000="500180", x03320101="3412221126")
    values = lead(read(meter_of("d_single"), ("power", "last_purchase_at", "clock")), double)
    assert values == {
        "power": Decimal("-0.0150"),
        "last_purchase_at": datetime(2026, 11, 22, 12, 34),
        "clock": datetime(2026, 11, 22, 12, 0, 0),
    }


def test_tables_of_day_slots_and_year_zones():
    double = Meter645(x04010001="030000 020006 013008".replace(" ", ""), x04010000="010101 021507")
    values = lead(read(meter_of("c_07"), ("day_slots", "zones")), double)
    assert values == {
        "day_slots": (("00:00", 3), ("06:00", 2), ("08:30", 1)),
        "zones": (("01-01", 1), ("07-15", 2)),
    }


def test_an_unknown_register_is_refused_before_anything_is_asked():
    double = Meter645(x00010000="76170300")
    with pytest.raises(BadJob, match="no register 'speed'"):
        lead(read(meter_of("d_single"), ("total", "speed")), double)
    assert double.requests == []


# --- 1997 ---------------------------------------------------------------------------------------


def test_a_meter_of_1997():
    double = Meter1997(
        x901F=TARIFFS + "AA", xB611="2202", xC010="00221126", xC011="563412", x9010="01000000"
    )
    meter = meter_of("a_97")
    values = lead(read(meter, ("total", "tariffs", "voltage_a", "date", "time")), double)
    assert values == {
        "total": Decimal("0.01"),
        "tariffs": tuple(Decimal(n) / 100 for n in range(1, 6)),
        "voltage_a": 222,
        "date": date(2026, 11, 22),
        "time": time(12, 34, 56),
    }
    assert double.asked()[0] == (0x01, 0x901F)
    assert lead(read(meter, meter.dialect.reading_items()), double) == {"total": Decimal("0.01")}


# --- CJ/T 188 -----------------------------------------------------------------------------------

METERING = "00000200 2C 00000100 2C 56341222112620 0400".replace(" ", "")


def test_a_water_meter_tells_all_of_it_in_one_exchange():
    double = Meter188(x901F=METERING)
    meter = meter_of("e_water", WATER)
    values = lead(read(meter, ("total", "settlement", "clock", "status")), double)
    assert values == {
        "total": Decimal("200.00"),
        "settlement": Decimal("100.00"),
        "clock": datetime(2026, 11, 22, 12, 34, 56),
        "status": 4,
    }
    assert len(double.requests) == 1
    assert meter.dialect.battery_low(values) is True
    assert meter.dialect.supply_of(values) is None


@pytest.mark.parametrize("order, wire", [("high_first", "901F"), ("low_first", "1F90")])
def test_the_order_of_an_identifier_is_that_of_the_dialect(order, wire):
    double = Meter188(x901F=METERING)
    lead(read(meter_of("e_water", WATER, di_order=order), ("total",)), double)
    assert double.requests[0].data[:2].hex().upper() == wire


def test_one_register_may_have_an_order_of_its_own():
    source = shipped()["f_water"]
    source["registers"]["balance"]["di_order"] = "low_first"
    double = Meter188(x901F=METERING, x8105="07 00010000 00020000 00050000 0000".replace(" ", ""))
    meter = Meter(WATER, Dialect.from_json(source))
    values = lead(read(meter, ("total", "balance")), double)
    assert values["balance"] == Decimal("5.00")
    assert [frame.data[:2].hex() for frame in double.requests] == ["901f", "0581"]


@pytest.mark.parametrize(
    "payload, total",
    [
        ("295900002C", "59.29"),  # the short form: the first value only
        ("005959002CFFFFFFFF2CFFFFFFFFFFFFFF0000", "5959.00"),  # fields that are not fitted
        ("29000000 2A 00000000 2C 00000000000000 0000".replace(" ", ""), "0.0029"),  # 10 L
        ("01002222 2C 00000000 2C 99999999999999 0000".replace(" ", ""), "222200.01"),
    ],
)
def test_forms_of_the_metering_reply(payload, total):
    double = Meter188(x901F=payload)
    values = lead(read(meter_of("e_water", WATER), ("total", "clock", "settlement")), double)
    assert values["total"] == Decimal(total) and values["clock"] is None


def test_a_volume_in_another_unit_is_not_taken_for_water():
    double = Meter188(x901F="0000020005")
    with pytest.raises(FrameError, match="in kWh, should be in m3"):
        lead(read(meter_of("e_water", WATER), ("total",)), double)


def test_requests_carry_a_serial_of_their_own():
    double = Meter188(x901F=METERING)
    for _ in range(3):
        lead(read(meter_of("e_water", WATER), ("total",)), double)
    assert len({frame.data[2] for frame in double.requests}) == 3
    assert {frame.function for frame in double.requests} == {cjt188.READ}
