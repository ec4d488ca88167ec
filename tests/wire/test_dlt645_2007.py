"""Values, data identifiers and abnormal replies."""

import contextlib
from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterwire import dlt645_2007 as dlt
from meterwire import values
from meterwire.errors import FrameError, MeterRefused, ValueFault, WireError, WrongReply

ADDRESS = "202611000001"


def reply(di, payload, control=0x91, address=ADDRESS):
    return dlt.Frame(address, control, di.to_bytes(4, "little") + bytes.fromhex(payload))


@given(st.decimals(-99999, 99999, places=3), st.integers(3, 3))
def test_signed_decimal_round_trip(value, places):
    if abs(value) < 8000:
        data = values.decimal_to_bcd(value, 4, places, signed=True)
        assert values.bcd_to_decimal(data, places, signed=True) == value


@given(st.integers(0, 99999999))
def test_bcd_round_trip(value):
    assert values.bcd_to_int(values.int_to_bcd(value, 4)) == value


@given(st.integers(-(2**31), 2**31 - 1))
def test_binary_round_trip(value):
    assert values.le_to_int(values.int_to_le(value, 4, signed=True), signed=True) == value


@pytest.mark.parametrize(
    "call",
    [
        lambda: values.bcd_to_int(b"\x1a"),
        lambda: values.int_to_bcd(100, 1),
        lambda: values.int_to_bcd(-1, 1),
        lambda: values.decimal_to_bcd(Decimal("0.001"), 4, 2),
        lambda: values.decimal_to_bcd(Decimal(-1), 4, 2),
        lambda: values.decimal_to_bcd(Decimal(1000000), 4, 2),
        lambda: values.decimal_to_bcd(Decimal(800000), 4, 2, signed=True),
        lambda: values.decimal_to_bcd(Decimal("NaN"), 4, 2),
        lambda: values.digits_to_wire("12345"),
        lambda: values.digits_to_wire("12345678901G"),
        lambda: values.int_to_le(2**32, 4),
        lambda: values.moment_to_wire(datetime(1999, 12, 31), "DDMMYY"),
        lambda: values.int_to_le(-1, 4),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueFault):
        call()


@pytest.mark.parametrize(
    "text", ["12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２", ""]
)
def test_is_digits_takes_twelve_ascii_digits_only(text):
    assert not values.is_digits(text)


@pytest.mark.parametrize(
    "di, payload, value",
    [
        (dlt.TOTAL, "76170300", Decimal("317.76")),
        (0x00000000, "00000080", Decimal("0.00")),
        (0x00000000, "50120080", Decimal("-12.50")),
        (0x00010100, "01000000", Decimal("0.01")),
        (dlt.REMAINING_UNITS, "99999999", Decimal("999999.99")),
        (dlt.OVERDRAFT_MONEY, "50000000", Decimal("0.50")),
        (dlt.REMAINING_MONEY, "FFFFFFFF", None),
        (dlt.PURCHASE_COUNT, "3412", 1234),
        (dlt.STATUS_3, "5000", 0x50),
        (dlt.CUSTOMER_NUMBER, "170000000000", "000000000017"),
        (dlt.CLOCK, "56341207221126", datetime(2026, 11, 22, 12, 34, 56)),
        (0x02020100, "500180", Decimal("-0.150")),
        (dlt.TARIFFS, "00010000" + "00000000" * 4, (Decimal("1.00"), *[Decimal("0.00")] * 4)),
        (dlt.TARIFFS, "00010000" + "FFFFFFFF", (Decimal("1.00"), None)),
        (0x0280FFFF, "0102", b"\x01\x02"),
        (0x00000103, "50120080", Decimal("-12.50")),
        (0x0201FF00, "002301220023", (Decimal("230.0"), Decimal("220.1"), Decimal("230.0"))),
        (0x0202FF00, "500180500100", (Decimal("-0.150"), Decimal("0.150"))),
        (0x02030200, "005080", Decimal("-0.5000")),
        (0x0280000B, "00550000", Decimal("0.5500")),
        (0x04000101, "00221126", date(2026, 11, 22)),
        (0x04000102, "563412", time(12, 34, 56)),
        (0x04000107, "0000011226", datetime(2026, 12, 1)),
        (0x04000107, "0000000000", None),
        (0x04000204, "04", 4),
        (0x04000205, "5402", 254),
        (0x04000306, "400000", 40),
        (0x040005FF, "0000" * 2 + "5000" + "0000" * 4, (0, 0, 0x50, 0, 0, 0, 0)),
        (0x04000703, "08", 8),
        (0x04000B01, "0001", "0100"),
        (0x04001001, "00500000", Decimal("50.00")),
        (0x04001401, "0500", 5),
        (0x04010000, "010101020107", ("010101", "070102")),
        (0x04020001, "010000020008", ("000001", "080002")),
        (0x04050104, "00550000", Decimal("0.5500")),
        (0x03330101, "3412221126", datetime(2026, 11, 22, 12, 34)),
        (0x03330301, "00000100", Decimal("100.00")),
        (0x0332020A, "0700", 7),
        (0x05060101, "76170300AA", (Decimal("317.76"),)),
        (0x1D000101, "563412221126", datetime(2026, 11, 22, 12, 34, 56)),
    ],
)
def test_value_of_a_reply(di, payload, value):
    got = dlt.parse_reply(reply(di, payload), ADDRESS, di)
    assert got == value and type(got) is type(value)


def test_status_word_tells_the_supply():
    word = dlt.parse_reply(reply(dlt.STATUS_3, "5000"), ADDRESS, dlt.STATUS_3)
    assert word & dlt.RELAY_OPEN and word & dlt.RELAY_TRIP_COMMANDED


@pytest.mark.parametrize(
    "di, payload, words",
    [
        (dlt.TOTAL, "761703", "has 3 bytes"),
        (dlt.TOTAL, "7617030A", "packed decimal"),
        (dlt.TARIFFS, "7617030000", "multiple of 4"),
        (dlt.TARIFFS, "", "multiple of 4"),
        (dlt.CLOCK, "56341207311126", "no time"),
        (dlt.CLOCK, "5634120722112A", "packed decimal"),
        (0x04000107, "0000321226", "no time"),
        (0x04010000, "01010102", "multiple of 3"),
    ],
)
def test_senseless_content(di, payload, words):
    with pytest.raises(FrameError, match=words):
        dlt.parse_reply(reply(di, payload), ADDRESS, di)


@pytest.mark.parametrize(
    "frame",
    [
        reply(dlt.TOTAL, "76170300", address="202611000002"),
        reply(dlt.TOTAL, "76170300", control=0x94),
        reply(dlt.TOTAL, "76170300", control=0x11),
        reply(0x00010100, "76170300"),
        dlt.Frame(ADDRESS, 0x91, b""),
    ],
)
def test_a_reply_to_something_else_is_refused(frame):
    with pytest.raises(WrongReply):
        dlt.parse_reply(frame, ADDRESS, dlt.TOTAL)


def test_a_reply_that_goes_on_is_not_taken_for_the_whole():
    with pytest.raises(FrameError, match="further frames"):
        dlt.parse_reply(reply(dlt.TARIFFS, "76170300", control=0xB1), ADDRESS, dlt.TARIFFS)


@pytest.mark.parametrize(
    "err, words",
    [
        (0x01, "other error"),
        (0x02, "no such data"),
        (0x04, "wrong password or not authorised"),
        (0x08, "the baud rate cannot be changed"),
        (0x10, "too many year zones"),
        (0x20, "too many day slots"),
        (0x40, "too many tariffs"),
        (0x80, "reserved error bit"),
        (0x06, "no such data; wrong password or not authorised"),
        (0x00, "no reason given"),
    ],
)
def test_every_error_bit_has_words(err, words):
    with pytest.raises(MeterRefused) as caught:
        dlt.parse_reply(dlt.Frame(ADDRESS, 0xD1, bytes([err])), ADDRESS, dlt.TOTAL)
    assert caught.value.refusal == err
    assert caught.value.words == f"the meter refused: {words}"


def test_refusal_without_or_with_two_bytes():
    assert dlt.refusal(dlt.Frame(ADDRESS, 0xD1)).words == "the meter refused with no reason"
    assert dlt.refusal(dlt.Frame(ADDRESS, 0xD1, b"\x02\x01")).refusal == 0x0102


@given(st.binary(max_size=60), st.integers(0, 255), st.sampled_from([*dlt.REGISTERS, 0x12345678]))
def test_arbitrary_replies_raise_typed_errors_only(data, control, di):
    for body in (data, di.to_bytes(4, "little") + data):
        with contextlib.suppress(WireError):
            dlt.parse_reply(dlt.Frame(ADDRESS, control, body), ADDRESS, di)


@given(st.binary(max_size=40))
def test_parse_raises_frame_error_only(raw):
    with pytest.raises(FrameError):
        dlt.parse(raw[:11])
    with contextlib.suppress(FrameError):
        dlt.parse(raw)


@pytest.mark.parametrize(
    "raw, words",
    [
        ("6812907856341268D1013516", "length says 1 data bytes, there are 0"),
        ("6812907856341268D101358E16", "checksum is 8E, should be 8D"),
        ("6812907856341269D101358D16", "mark missing"),
        ("6912907856341268D101358D16", "mark missing"),
        ("6812907856341268D101358D17", "mark missing"),
    ],
)
def test_what_is_no_frame(raw, words):
    with pytest.raises(FrameError, match=words):
        dlt.parse(bytes.fromhex(raw))


def test_parts_of_a_moment_that_are_not_sent():
    assert values.wire_to_moment(b"\x12", "hh") == datetime(2000, 1, 1, 12)
    assert values.wire_to_moment(b"\x26", "YY") == datetime(2026, 1, 1)


def test_wildcard_address():
    assert dlt.address_matches(dlt.WILDCARD, ADDRESS)
    assert dlt.address_matches("AAAAAAAA0001", ADDRESS)
    assert not dlt.address_matches("AAAAAAAA0002", ADDRESS)
    assert not dlt.address_matches(ADDRESS, "202611000002")


def test_encode_refuses_what_no_frame_can_hold():
    with pytest.raises(FrameError):
        dlt.encode(dlt.Frame(ADDRESS, 0x11, bytes(256)))
    with pytest.raises(ValueFault):
        dlt.encode(dlt.Frame("12", 0x11))


# --- requests: bytes of the standard's layout, put together by hand ------------------------------


def wire(text):
    """``FE`` x4 and a frame written with its data plain, between ``[`` and ``]``."""
    head, plain = text.rstrip("]").split("[")
    data = bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex(plain))
    body = bytes.fromhex(head) + bytes([len(data)]) + data
    return b"\xfe\xfe\xfe\xfe" + body + bytes([sum(body) & 0xFF, 0x16])


HEAD = "68 010000112620 68"


@pytest.mark.parametrize(
    "made, text",
    [
        (dlt.read_request(ADDRESS, dlt.TOTAL), f"{HEAD} 11 [00000100]"),
        (dlt.read_request(ADDRESS, 0x06000001, count=3), f"{HEAD} 11 [01000006 03]"),
        (
            dlt.read_request(ADDRESS, 0x06000001, count=12, since=datetime(2026, 11, 22, 12, 34)),
            f"{HEAD} 11 [01000006 12 34 12 22 11 26]",
        ),
        (dlt.read_next_request(ADDRESS, dlt.TARIFFS, 1), f"{HEAD} 12 [00FF0100 01]"),
        (
            dlt.write_request(ADDRESS, 0x04001001, b"\0\x50\0\0", 2, "123456", "87654321"),
            f"{HEAD} 14 [01100004 02 563412 21436587 00500000]",
        ),
        (
            dlt.relay_request(
                ADDRESS, 0x1A, datetime(2026, 11, 22, 12, 34, 56), 2, "123456", "00000001"
            ),
            f"{HEAD} 1C [02 563412 01000000 1A 00 56 34 12 22 11 26]",
        ),
        (
            dlt.relay_request(ADDRESS, 0x1C, datetime(2099, 1, 2), 3, "000000", n2=1),
            f"{HEAD} 1C [03 000000 00000000 1C 01 00 00 00 02 01 99]",
        ),
        (
            dlt.broadcast_time_request(datetime(2026, 11, 22, 12, 34, 56)),
            "68 999999999999 68 08 [56 34 12 22 11 26]",
        ),
        (dlt.read_address_request(), "68 AAAAAAAAAAAA 68 13 []"),
        (dlt.write_address_request(ADDRESS), "68 AAAAAAAAAAAA 68 15 [010000112620]"),
    ],
)
def test_request(made, text):
    assert made == wire(text)


@pytest.mark.parametrize(
    "made, captured",
    [
        (
            dlt.relay_request(
                "151230011061", 0x1A, datetime(2099, 12, 30), 2, "020637", "00000001"
            ),
            "68611001301215681C10356A3935343333334D333333336345CC2C16",
        ),
        (
            dlt.relay_request(
                "111111111111", 0x1A, datetime(2018, 5, 12, 15, 41, 24), 0, "000000", preamble=0
            ),
            "68111111111111681C1033333333333333334D3357744845384B5516",
        ),
        (
            dlt.broadcast_time_request(datetime(2019, 12, 7, 16, 28), preamble=0),
            "689999999999996808063333 5B493A454C".replace("3333 ", "33") + "1616",
        ),
    ],
)
def test_requests_that_others_sent(made, captured):
    assert made.lstrip(b"\xfe") == bytes.fromhex(captured)


@pytest.mark.parametrize("address", [dlt.WILDCARD, "AAAAAAAA0001", "999999999999", "1", ""])
def test_what_changes_a_meter_is_sent_to_one_meter(address):
    for build in (
        lambda: dlt.write_request(address, 0x04001001, b"", 2, "123456"),
        lambda: dlt.relay_request(address, 0x1A, datetime(2026, 1, 1), 2, "123456"),
        lambda: dlt.write_address_request(address),
    ):
        with pytest.raises(ValueFault):
            build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: dlt.write_request(ADDRESS, 1, b"", 2, "12345"),
        lambda: dlt.write_request(ADDRESS, 1, b"", 2, "12345A"),
        lambda: dlt.write_request(ADDRESS, 1, b"", 256, "123456"),
        lambda: dlt.write_request(ADDRESS, 1, b"", 2, "123456", "1"),
        lambda: dlt.write_request(ADDRESS, 1, bytes(244), 2, "123456"),
        lambda: dlt.relay_request(ADDRESS, 0x1A, datetime(2100, 1, 1), 2, "123456"),
        lambda: dlt.read_request(ADDRESS, 1, count=0),
        lambda: dlt.read_request(ADDRESS, 1, count=100),
        lambda: dlt.read_next_request(ADDRESS, 1, 0),
        lambda: dlt.read_next_request(ADDRESS, 1, 256),
    ],
)
def test_requests_that_cannot_be_made(build):
    with pytest.raises(FrameError) as caught:
        build()
    assert "1234" not in caught.value.words  # a password never gets into a log


# --- replies --------------------------------------------------------------------------------------


def test_a_reply_in_three_parts():
    first = reply(dlt.TARIFFS, "0102", control=0xB1)
    second = dlt.Frame(ADDRESS, 0xB2, bytes.fromhex("00FF0100 0304 01"))
    third = dlt.Frame(ADDRESS, 0x92, bytes.fromhex("00FF0100 05 02"))
    assert [frame.has_more for frame in (first, second, third)] == [True, True, False]
    assert dlt.payload_of(first, ADDRESS, dlt.TARIFFS) == b"\x01\x02"
    assert dlt.payload_of(second, ADDRESS, dlt.TARIFFS, seq=1) == b"\x03\x04"
    assert dlt.payload_of(third, ADDRESS, dlt.TARIFFS) == b"\x05"
    with pytest.raises(WrongReply, match="part 2 came"):
        dlt.payload_of(third, ADDRESS, dlt.TARIFFS, seq=1)
    with pytest.raises(FrameError, match="sequence"):
        dlt.payload_of(dlt.Frame(ADDRESS, 0x92, bytes.fromhex("00FF0100")), ADDRESS, dlt.TARIFFS)
    with pytest.raises(FrameError, match="further frames"):
        dlt.parse_reply(third, ADDRESS, dlt.TARIFFS)


def test_acknowledgement():
    assert dlt.check_ack(dlt.Frame(ADDRESS, 0x9C), ADDRESS, dlt.RELAY) is None
    assert dlt.check_ack(dlt.Frame(ADDRESS, 0x95), dlt.WILDCARD, dlt.WRITE_ADDRESS) is None
    with pytest.raises(MeterRefused, match="wrong password or not authorised") as caught:
        dlt.check_ack(dlt.Frame(ADDRESS, 0xDC, b"\x04"), ADDRESS, dlt.RELAY)
    assert caught.value.refusal == 4


@pytest.mark.parametrize(
    "frame",
    [
        dlt.Frame(ADDRESS, 0x94),
        dlt.Frame(ADDRESS, 0x1C),
        dlt.Frame("202611000002", 0x9C),
        dlt.Frame(ADDRESS, 0xD4, b"\x04"),
    ],
)
def test_what_is_no_acknowledgement(frame):
    with pytest.raises(WrongReply):
        dlt.check_ack(frame, ADDRESS, dlt.RELAY)


def test_address_in_a_reply():
    data = bytes.fromhex("010000112620")
    assert dlt.address_of(dlt.Frame(dlt.WILDCARD, 0x93, data)) == ADDRESS
    assert dlt.address_of(dlt.Frame(ADDRESS, 0x93)) == ADDRESS
    # Six bytes of another reply are no address.
    assert dlt.address_of(reply(dlt.STATUS_3, "5000")) == ADDRESS
    for frame in (dlt.Frame(dlt.WILDCARD, 0x93), dlt.Frame(ADDRESS, 0x93, data[:5] + b"\xaa")):
        with pytest.raises(FrameError):
            dlt.address_of(frame)
