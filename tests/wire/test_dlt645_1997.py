"""DL/T 645-1997: requests, replies, registers, and the way from an address to a meter."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from meterwire import dlt645_1997 as dlt
from meterwire import dlt645_2007
from meterwire.errors import FrameError, MeterRefused, ValueFault, WrongReply

ADDRESS = "202611000001"


def reply(di, payload, control=0x81, address=ADDRESS):
    return dlt.Frame(address, control, di.to_bytes(2, "little") + bytes.fromhex(payload))


@pytest.mark.parametrize(
    "made, captured",
    [
        (dlt.read_request("138000130754", dlt.TOTAL), "6854071300801368010243C3DA16"),
        (dlt.read_request("999999999999", 0xC032), "6899999999999968010265F3C116"),
        (dlt.read_address_request(), "6899999999999968010243C36F16"),
    ],
)
def test_requests_that_others_sent(made, captured):
    assert made == b"\xfe" * 4 + bytes.fromhex(captured)


@pytest.mark.parametrize(
    "made, control, plain",
    [
        (dlt.read_next_request(ADDRESS, 0x901F, 0), 0x02, "1F90"),
        (
            dlt.write_request(ADDRESS, 0xC010, bytes.fromhex("00221126"), 2, "123456", 0),
            0x04,
            "10C0 02 563412 00221126",
        ),
        (
            dlt.broadcast_time_request(datetime(2026, 11, 22, 12, 34, 56), 0),
            0x08,
            "56 34 12 22 11 26",
        ),
        (dlt.write_address_request(ADDRESS, 0), 0x0A, "010000112620"),
    ],
)
def test_request(made, control, plain):
    assert made[8] == control
    assert made[9] == len(bytes.fromhex(plain))
    assert bytes((byte - 0x33) & 0xFF for byte in made[10:-2]) == bytes.fromhex(plain)
    assert dlt.parse(made).data == bytes.fromhex(plain)


def test_broadcasts_go_to_all():
    for made in (
        dlt.broadcast_time_request(datetime(2026, 1, 1)),
        dlt.write_address_request(ADDRESS),
    ):
        assert dlt.parse(made.lstrip(b"\xfe")).address == "999999999999"


@pytest.mark.parametrize("address", [dlt.WILDCARD, "AAAAAAAA0001", "999999999999", "1", ""])
def test_what_changes_a_meter_is_sent_to_one_meter(address):
    with pytest.raises(ValueFault):
        dlt.write_request(address, 0xC010, b"", 2, "123456")
    with pytest.raises(ValueFault):
        dlt.write_address_request(address)


@pytest.mark.parametrize("level, password", [(2, "12345"), (2, "12345A"), (256, "123456")])
def test_a_password_that_is_none_is_not_repeated(level, password):
    with pytest.raises(ValueFault) as caught:
        dlt.write_request(ADDRESS, 0xC010, b"", level, password)
    assert "1234" not in caught.value.words


@pytest.mark.parametrize(
    "di, payload, value",
    [
        (0x9010, "15000000", Decimal("0.15")),
        (0x9010, "FFFFFFFF", None),
        (0x9410, "76170300", Decimal("317.76")),
        (0x9012, "76170300", Decimal("317.76")),
        (0x901F, "0100000002000000AA", (Decimal("0.01"), Decimal("0.02"))),
        (0x911F, "01000000", (Decimal("0.01"),)),
        (0xB611, "2002", Decimal(220)),
        (0xB622, "5001", Decimal("1.50")),
        (0xB630, "005001", Decimal("1.5000")),
        (0xB650, "9809", Decimal("0.998")),
        (0xC010, "06060719", date(2019, 7, 6)),
        (0xC011, "563412", time(12, 34, 56)),
        (0xC020, "01", 1),
        (0xC032, "010000112620", ADDRESS),
        (0xC117, "0102", b"\x01\x02"),
    ],
)
def test_value_of_a_reply(di, payload, value):
    got = dlt.parse_reply(reply(di, payload), ADDRESS, di)
    assert got == value and type(got) is type(value)


def test_spare_registers_of_a_block_stay():
    """A captured block: total, four tariffs that add up to it, two spare registers, AA."""
    raw = bytes.fromhex(
        "6875000000000068811F52C363C63A345B685333B7C86333B48B5B336A365B333333333333333333DD5F16"
    )
    total, *tariffs = dlt.parse_reply(dlt.parse(raw), "000000000075", dlt.TARIFFS)
    assert total == sum(tariffs[:4]) == Decimal("10793.30")
    assert tariffs[4:] == [0, 0]


@pytest.mark.parametrize(
    "di, payload, words",
    [
        (0x9010, "150000", "has 3 bytes"),
        (0x9010, "1A000000", "packed decimal"),
        (0x901F, "15000000 1500", "multiple of 4"),
        (0x901F, "", "multiple of 4"),
        (0xC010, "06310219", "no time"),
        (0xC010, "0606071A", "packed decimal"),
    ],
)
def test_senseless_content(di, payload, words):
    with pytest.raises(FrameError, match=words):
        dlt.parse_reply(reply(di, payload), ADDRESS, di)


def test_a_reply_that_goes_on():
    first = reply(0x901F, "01000000", control=0xA1)
    assert first.has_more and dlt.payload_of(first, ADDRESS, 0x901F) == b"\x01\0\0\0"
    rest = reply(0x901F, "02000000AA", control=0x82)
    assert not rest.has_more and dlt.payload_of(rest, ADDRESS, 0x901F) == b"\x02\0\0\0\xaa"
    with pytest.raises(FrameError, match="further frames"):
        dlt.parse_reply(first, ADDRESS, 0x901F)


@pytest.mark.parametrize(
    "frame",
    [
        reply(0x9010, "15000000", address="202611000002"),
        reply(0x9010, "15000000", control=0x84),
        reply(0x9010, "15000000", control=0x01),
        reply(0x9010, "15000000", control=0x91),
        reply(0x9020, "15000000"),
        dlt.Frame(ADDRESS, 0x81, b""),
    ],
)
def test_a_reply_to_something_else_is_refused(frame):
    with pytest.raises(WrongReply):
        dlt.payload_of(frame, ADDRESS, 0x9010)


@pytest.mark.parametrize(
    "err, words",
    [
        (0x01, "illegal data"),
        (0x02, "no such data"),
        (0x04, "wrong password"),
        (0x10, "too many year zones"),
        (0x20, "too many day slots"),
        (0x40, "too many tariffs"),
        (0x05, "illegal data; wrong password"),
        (0x00, "no reason given"),
    ],
)
def test_every_error_bit_has_words(err, words):
    with pytest.raises(MeterRefused) as caught:
        dlt.payload_of(dlt.Frame(ADDRESS, 0xC1, bytes([err])), ADDRESS, 0x9010)
    assert (caught.value.refusal, caught.value.words) == (err, f"the meter refused: {words}")
    with pytest.raises(MeterRefused, match=words):
        dlt.check_ack(dlt.Frame(ADDRESS, 0xC4, bytes([err])), ADDRESS, dlt.WRITE)


def test_acknowledgement():
    assert dlt.check_ack(dlt.Frame(ADDRESS, 0x84), ADDRESS, dlt.WRITE) is None
    for frame in (dlt.Frame(ADDRESS, 0x8A), dlt.Frame("202611000002", 0x84), dlt.Frame(ADDRESS, 4)):
        with pytest.raises(WrongReply):
            dlt.check_ack(frame, ADDRESS, dlt.WRITE)


def test_a_meter_is_found_by_a_reading_to_all():
    """Captured: the question to 99..99, and who answered."""
    asked = dlt.parse(dlt.read_address_request(0)).address
    frame = dlt.parse(bytes.fromhex("6895320600000068810643C3483333330B16"))
    assert dlt.payload_of(frame, asked, dlt.TOTAL) == bytes.fromhex("15000000")
    assert dlt.address_of(frame) == "000000063295"
    assert frame.function == dlt.READ_ADDRESS
    assert not dlt.address_matches("000000063296", frame.address)
    assert dlt.address_matches("AAAAAAAA3295", frame.address)


def test_old_and_new_meters_on_one_line():
    """Neither edition takes the other's frame for the answer."""
    old = dlt.Frame(ADDRESS, 0x81, bytes.fromhex("00000100 76170300"))
    new = dlt645_2007.Frame(ADDRESS, 0x91, bytes.fromhex("1090 15000000"))
    with pytest.raises(WrongReply):
        dlt645_2007.payload_of(dlt645_2007.Frame(*old), ADDRESS, 0x00010000)
    with pytest.raises(WrongReply):
        dlt.payload_of(dlt.Frame(*new), ADDRESS, 0x9010)
