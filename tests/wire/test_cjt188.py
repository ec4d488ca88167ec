"""CJ/T 188: both orders of identifiers, what makers change, and what replies hold."""

from datetime import datetime
from decimal import Decimal

import pytest
from meterwire import cjt188 as cjt
from meterwire import water188
from meterwire.errors import FrameError, MeterRefused, ValueFault, WrongReply

ADDRESS = "78331505900569"


def reply(data, control=0x81, address=ADDRESS, meter_type=0x10):
    return cjt.Frame(address, control, bytes.fromhex(data), meter_type)


# --- requests: what others sent -----------------------------------------------------------------


@pytest.mark.parametrize(
    "made, captured",
    [
        (
            cjt.read_request("00002020120218", cjt.METERING),
            "FEFEFEFE6810180212202000000103901F009716",
        ),
        (
            cjt.read_request(cjt.WILDCARD, cjt.METERING, ser=0xAA, preamble=2),
            "FEFE6810AAAAAAAAAAAAAA0103901FAA7B16",
        ),
        (cjt.read_address_request(), "FEFEFEFE68AAAAAAAAAAAAAAAA0303810A004916"),
        (
            cjt.write_request(ADDRESS, cjt.VALVE, 1, bytes([cjt.VALVE_OPEN])),
            "FEFEFEFE6810690590051533780404A01701555016",
        ),
        (
            cjt.write_request(
                "00000000000003",
                cjt.VALVE,
                1,
                bytes([cjt.VALVE_CLOSE]),
                meter_type=0x30,
                di_order="low_first",
                preamble=3,
            ),
            "FEFEFE683003000000000000040417A00199F416",
        ),
        (
            cjt.write_request(
                "71962403180002", cjt.VALVE, 0xD8, bytes.fromhex("99000000"), preamble=0
            ),
            "6810020018032496710407A017D899000000F316",
        ),
        (
            cjt.write_request(
                "71962403180002", cjt.SET_PURCHASE, 0, bytes.fromhex("0100000064"), preamble=0
            ),
            "6810020018032496710408A013000100000064E416",
        ),
    ],
)
def test_requests_that_others_sent(made, captured):
    assert made == bytes.fromhex(captured)


@pytest.mark.parametrize(
    "di, control",
    [
        (cjt.METERING, 0x01),
        (cjt.PURCHASE, 0x01),
        (cjt.ADDRESS, 0x03),
        (cjt.KEY_VERSION, 0x09),
        (cjt.SET_PRICES, 0x04),
        (cjt.SET_ADDRESS, 0x15),
        (cjt.SET_SYNC, 0x16),
    ],
)
def test_the_function_follows_the_identifier(di, control):
    if di >> 8 == 0xA0:
        made = cjt.write_request(ADDRESS, di, 0, b"", preamble=0)
    else:
        made = cjt.read_request(ADDRESS, di, preamble=0)
    assert cjt.parse(made).control == control
    assert cjt.parse(made).di == di


def test_a_vendor_function():
    made = cjt.write_request(ADDRESS, 0xA0EC, 7, b"\x01", control=0x2F, preamble=0)
    frame = cjt.parse(made)
    assert (frame.function, frame.di, frame.ser, frame.payload) == (0x2F, 0xA0EC, 7, b"\x01")


@pytest.mark.parametrize("address", [cjt.WILDCARD, "AA331505900569", "783315059005", ""])
def test_what_changes_a_meter_is_sent_to_one_meter(address):
    with pytest.raises(ValueFault):
        cjt.write_request(address, cjt.VALVE, 0, b"\x99")


@pytest.mark.parametrize(
    "build",
    [
        lambda: cjt.read_request("123456789012", cjt.METERING),
        lambda: cjt.read_request(ADDRESS, 0x1901F),
        lambda: cjt.read_request(ADDRESS, cjt.METERING, di_order="big"),
        lambda: cjt.read_request(ADDRESS, cjt.METERING, ser=256),
        lambda: cjt.write_request(ADDRESS, cjt.VALVE, -1, b""),
        lambda: cjt.encode(cjt.Frame(ADDRESS, 1, bytes(256))),
    ],
)
def test_requests_that_cannot_be_made(build):
    with pytest.raises(FrameError):
        build()


# --- identifiers and replies --------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, di",
    [
        ("901F00", 0x901F),
        ("1F9000", 0x901F),
        ("0581 00", 0x8105),
        ("17A0 00", 0xA017),
        ("ECA000", 0xA0EC),
        ("20D1 00", 0xD120),
        ("01A100", 0xA101),
        ("1234 00", 0x1234),
        ("90", None),
    ],
)
def test_either_order_of_an_identifier_is_read(data, di):
    assert reply(data).di == di


@pytest.mark.parametrize("data", ["901F 05 7665", "1F90 05 7665"])
def test_either_order_answers_the_question(data):
    assert cjt.payload_of(reply(data), ADDRESS, cjt.METERING) == b"\x76\x65"


@pytest.mark.parametrize(
    "frame",
    [
        reply("901F00", address="78331505900560"),
        reply("901F00", address="783315059005"),
        reply("901F00", control=0x84),
        reply("901F00", control=0x01),
        reply("810500"),
        reply(""),
    ],
)
def test_a_reply_to_something_else_is_refused(frame):
    with pytest.raises(WrongReply):
        cjt.payload_of(frame, ADDRESS, cjt.METERING)


def test_a_reply_without_serial():
    with pytest.raises(FrameError, match="serial"):
        cjt.payload_of(reply("901F"), ADDRESS, cjt.METERING)


def test_an_address_is_in_the_head_whether_or_not_in_the_payload():
    for data in ("810A00", "0A8100", "810A00 69059005153378"):
        frame = reply(data, control=0x83)
        assert cjt.payload_of(frame, cjt.WILDCARD, cjt.ADDRESS) in (
            b"",
            bytes.fromhex("69059005153378"),
        )
        assert cjt.address_of(frame) == ADDRESS
    with pytest.raises(FrameError):
        cjt.address_of(reply("810A00", control=0x83, address=cjt.WILDCARD))


def test_key_version_is_another_function():
    assert cjt.payload_of(reply("81060002", control=0x89), ADDRESS, cjt.KEY_VERSION) == b"\x02"
    with pytest.raises(WrongReply):
        cjt.payload_of(reply("81060002", control=0x81), ADDRESS, cjt.KEY_VERSION)


@pytest.mark.parametrize(
    "data, refusal, words",
    [
        ("000400", 0x0004, "valve open, battery low (status 0400)"),
        ("010123", 0x2301, "valve closed (status 0123)"),
        ("0300", 0x0003, "valve abnormal (status 0300)"),
        ("02", 0x02, "02"),
        ("", 0, "no reason"),
    ],
)
def test_an_abnormal_reply_has_a_status_and_no_identifier(data, refusal, words):
    frame = reply(data, control=0xC1)
    assert frame.di is None
    with pytest.raises(MeterRefused) as caught:
        cjt.payload_of(frame, ADDRESS, cjt.METERING)
    assert caught.value.refusal == refusal
    assert caught.value.words.endswith(words)


@pytest.mark.parametrize(
    "di, data, rest",
    [
        (cjt.SET_PRICES, "A010 01 0000", "0000"),
        (cjt.SET_SETTLEMENT_DAY, "A011 01", ""),
        (cjt.SET_PURCHASE, "A013 01 07 00500000", "0700500000"),
        (cjt.SET_KEY, "A014 01 02", "02"),
        (cjt.VALVE, "A017 01 0100", "0100"),
        (cjt.VALVE, "17A0 01 01", "01"),
        (cjt.VALVE, "A017 01", ""),
    ],
)
def test_acknowledgements_of_the_standard_and_of_makers(di, data, rest):
    frame = reply(data, control=0x84)
    assert cjt.check_ack(frame, ADDRESS, di=di) == bytes.fromhex(rest)
    with pytest.raises(WrongReply):
        cjt.check_ack(frame, ADDRESS, di=cjt.SET_CLOCK)
    with pytest.raises(MeterRefused):
        cjt.check_ack(reply("010400", control=0xC4), ADDRESS, di=di)


def test_sync_is_acknowledged_under_its_own_function():
    frame = reply("A016 01 0000", control=0x96)
    assert cjt.check_ack(frame, ADDRESS, cjt.WRITE_SYNC, cjt.SET_SYNC) == b"\0\0"
    with pytest.raises(WrongReply):
        cjt.check_ack(frame, ADDRESS)


def test_another_serial_is_taken_and_noted():
    frame = reply("901F 00 7665")
    assert cjt.payload_of(frame, ADDRESS, cjt.METERING) == b"\x76\x65"
    assert cjt.serial_remark(5, frame) == "serial 00 came back instead of 05"
    assert cjt.serial_remark(0, frame) == ""
    assert cjt.serial_remark(5, reply("", control=0x81)) == ""
    assert cjt.serial_remark(5, reply("050400", control=0xC1)) == ""


def test_addresses_of_different_length_are_different():
    assert not cjt.address_matches("AAAAAAAAAAAA", ADDRESS)
    assert cjt.address_matches(cjt.WILDCARD, ADDRESS)


# --- what replies hold --------------------------------------------------------------------------

CLOCK_AND_STATUS = "59541619081720" + "0401"


@pytest.mark.parametrize(
    "field, value",
    [
        ("7665550029", ("5565.76", "-3")),
        ("766555002A", ("5565.76", "-2")),
        ("766555002B", ("5565.76", "-1")),
        ("766555002C", ("5565.76", "0")),
        ("766555002D", ("5565.76", "1")),
        ("766555002E", ("5565.76", "2")),
    ],
)
def test_every_unit_of_volume_becomes_cubic_metres(field, value):
    number, exponent = value
    expected = Decimal(number).scaleb(int(exponent))
    assert water188.quantity(bytes.fromhex(field)) == (expected, "m3")


def test_other_units():
    assert water188.quantity(bytes.fromhex("0001000005")) == (Decimal("1.00"), "kWh")
    assert water188.quantity(bytes.fromhex("0001000008")) == (Decimal("1000.00"), "kWh")
    assert water188.quantity(bytes.fromhex("0001000035")) == (Decimal("1.00"), "m3/h")
    assert water188.quantity(bytes.fromhex("0001000077")) == (Decimal("1.00"), "77")
    assert water188.quantity(bytes.fromhex("FFFFFFFF2C")) == (None, "m3")


def test_metering_data():
    reading = water188.metering(bytes.fromhex("766555002C" + "005055002C" + CLOCK_AND_STATUS))
    assert reading == water188.Metering(
        Decimal("5565.76"),
        "m3",
        Decimal("5550.00"),
        "m3",
        datetime(2017, 8, 19, 16, 54, 59),
        b"\x04\x01",
    )
    assert cjt.status_words(reading.status) == "valve open, battery low"


@pytest.mark.parametrize(
    "clock, moment",
    [
        ("59541619081720", datetime(2017, 8, 19, 16, 54, 59)),
        ("20170819165459", datetime(2017, 8, 19, 16, 54, 59)),  # century first, as some send it
        ("00000000000000", None),
        ("FFFFFFFFFFFFFF", None),
        ("59541632081720", None),
        ("0C0D0E0F101112", None),
    ],
)
def test_clocks_of_makers(clock, moment):
    payload = bytes.fromhex("766555002C" + "FFFFFFFF2C" + clock + "0000")
    reading = water188.metering(payload)
    assert (reading.flow, reading.settlement) == (Decimal("5565.76"), None)
    assert reading.clock == moment


@pytest.mark.parametrize("payload", ["766555002C", "766555002C00", "766555002C" + "0" * 16])
def test_a_short_reply_still_has_its_first_value(payload):
    reading = water188.metering(bytes.fromhex(payload))
    assert (reading.flow, reading.unit) == (Decimal("5565.76"), "m3")
    assert (reading.clock, reading.status) == (None, None)


def test_a_settlement_that_is_no_number_does_not_hide_the_reading():
    reading = water188.metering(bytes.fromhex("766555002C" + "0A0000002C" + CLOCK_AND_STATUS))
    assert (reading.flow, reading.settlement) == (Decimal("5565.76"), None)


@pytest.mark.parametrize("payload", ["", "766555", "7665552C", "7A6555002C"])
def test_metering_data_that_are_none(payload):
    with pytest.raises(FrameError):
        water188.metering(bytes.fromhex(payload))


def test_purchase_record():
    payload = bytes.fromhex("07" + "00500000" + "00001200" + "55340000" + "0100")
    assert water188.purchase(payload) == water188.Purchase(
        7, Decimal("50.00"), Decimal("1200.00"), Decimal("34.55"), b"\x01\0"
    )
    with pytest.raises(FrameError, match="15 bytes"):
        water188.purchase(payload[:-1])
    with pytest.raises(FrameError, match="packed decimal"):
        water188.purchase(b"\x07\x0a" + payload[2:])


def test_price_table():
    payload = bytes.fromhex("500100" + "100000" + "500200" + "200000" + "500300")
    table = water188.Prices(
        (Decimal("1.50"), Decimal("2.50"), Decimal("3.50")), (Decimal(10), Decimal(20))
    )
    assert water188.prices(payload) == table
    assert water188.prices(payload + b"\x15") == table._replace(start_day=15)
    with pytest.raises(FrameError):
        water188.prices(payload[:-1])


@pytest.mark.parametrize(
    "raw, words",
    [
        ("", "mark missing"),
        ("68" + "00" * 11 + "16", "checksum"),
        ("6910180212202000000103901F009816", "mark missing"),
        ("6810180212202000000104901F009816", "length says 4"),
        ("6810180212202000000103901F009816", "checksum is 98, should be 97"),
    ],
)
def test_what_is_no_frame(raw, words):
    with pytest.raises(FrameError, match=words):
        cjt.parse(bytes.fromhex(raw))
