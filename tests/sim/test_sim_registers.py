"""What each kind of meter answers to function 11."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from meterwire.dlt645_2007 import Frame, encode, read_request
from meterwire.errors import MeterRefused


def make_site(lab):
    return lab.site(
        [
            lab.meter(1, overdraft="5.00", hoard="800.00", balance="-1.20"),
            lab.meter(2, credit="money", price="0.5483", hoard="900.00", type="d_smart"),
            lab.meter(3, credit=None, actuator="none", type="b_07"),
            lab.meter(4, credit=None, actuator="none", type="c_07"),
            lab.meter(5, number=12345, customer="000000000007"),
        ],
        timezone="Asia/Shanghai",
    )


@pytest.fixture
def desk(shared):
    return shared.desk()


def china_now():
    return datetime.now(timezone(timedelta(hours=8))).replace(tzinfo=None)


UNITS, MONEY, PLAIN, TARIFFS = 1, 2, 3, 4
NONE = "no such data"


@pytest.mark.parametrize(
    ("number", "identifier", "value"),
    [
        (UNITS, 0x00000000, "1234.56"),
        (UNITS, 0x00010000, "1234.56"),
        (UNITS, 0x00020000, "0"),
        (PLAIN, 0x00010000, "1234.56"),
        (PLAIN, 0x0001FF00, NONE),
        (PLAIN, 0x00010100, NONE),
        (TARIFFS, 0x0001FF00, ("1234.56", "0", "0", "1234.56", "0")),
        (TARIFFS, 0x00010300, "1234.56"),
        (TARIFFS, 0x00010400, "0"),
        (MONEY, 0x0001FF00, ("1234.56", "0", "0", "1234.56", "0")),
        (UNITS, 0x00900100, "0"),
        (UNITS, 0x00900101, "1.20"),
        (UNITS, 0x00900200, NONE),
        (MONEY, 0x00900200, "25.00"),
        (MONEY, 0x00900201, "0"),
        (MONEY, 0x00900100, NONE),
        (PLAIN, 0x00900100, NONE),
        (PLAIN, 0x03330201, NONE),
        (UNITS, 0x03330201, 0),
        (5, 0x03330201, 2345),
        (UNITS, 0x04000503, 1 << 8),
        (MONEY, 0x04000503, 2 << 8),
        (PLAIN, 0x04000503, 0),
        (UNITS, 0x02010200, NONE),
        (UNITS, 0xFFFFFFFF, NONE),
        (5, 0x0400040E, "000000000007"),
    ],
)
def test_value(desk, lab, number, identifier, value):
    if value == NONE:
        with pytest.raises(MeterRefused) as caught:
            desk.read(lab.address(number), identifier)
        assert caught.value.refusal == 2
        return
    if isinstance(value, tuple):
        value = tuple(map(Decimal, value))
    elif isinstance(value, str) and "." in value or value == "0":
        value = Decimal(value)
    assert desk.read(lab.address(number), identifier) == value


@pytest.mark.parametrize(
    ("number", "identifier", "digits"),
    [
        (UNITS, 0x04000F03, "00080000"),
        (UNITS, 0x04000F04, "00000500"),
        (MONEY, 0x04001004, "00090000"),
        (MONEY, 0x04001003, "00000000"),
        (UNITS, 0x040005FF, "0000" * 4 + "0100" + "0000" * 2),  # words 7 to 1
    ],
)
def test_raw_value(desk, lab, number, identifier, digits):
    reply = desk.ask(read_request(lab.address(number), identifier))
    assert reply.data[4:][::-1].hex() == digits


def test_address_and_clock(desk, lab):
    at = lab.address(UNITS)
    assert desk.read(at, 0x04000401) == at
    clock = desk.read(at, 0x0400010C)
    china = china_now()
    assert abs(clock - china) < timedelta(minutes=1)
    date = desk.ask(read_request(at, 0x04000101)).data[4:]
    assert date[:0:-1].hex() == f"{china:%y%m%d}" or clock.day != china.day
    # Week days: 00 is Sunday.
    assert date[0] == int(f"{china:%w}") or clock.day != china.day
    assert len(desk.ask(read_request(at, 0x04000102)).data) == 4 + 3


def test_last_purchase(desk, lab):
    at = lab.address(UNITS)
    desk.open(at, "2.00")
    desk.order(at, lab.order("charge", "30.00", number=2))

    def raw(identifier):
        return desk.ask(read_request(at, identifier)).data[4:][::-1].hex()

    for group in (0x03330000, 0x03320000):
        assert raw(group | 0x0201) == "0002"
        assert raw(group | 0x0301) == "00003000"
        assert raw(group | 0x0401) == "00000080"
        assert raw(group | 0x0501) == "00003080"
        assert raw(group | 0x0601) == "00003200"
        moment = datetime.strptime(raw(group | 0x0101), "%y%m%d%H%M")
        china = china_now()
        assert abs(moment - china) < timedelta(minutes=2)


def test_short_request_is_an_error(desk, lab):
    reply = desk.ask(encode(Frame(lab.address(UNITS), 0x11, bytes(3))))
    assert (reply.control, reply.data) == (0xD1, b"\x01")
