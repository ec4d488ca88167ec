"""Values, data identifiers and abnormal replies."""

import contextlib
from datetime import datetime
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
