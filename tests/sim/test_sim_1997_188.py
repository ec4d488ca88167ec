"""Meters of DL/T 645-1997 and CJ/T 188 on the line: frames made and read by the desk's codecs."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from time import monotonic

import pytest
from conftest import PATIENCE
from meterwire import cjt188, dlt645_1997
from meterwire.cjt188 import payload_of, read_request, write_request

OLD, THREE = 1, 2
WATERS = {
    "cold": {"di_order": "high_first", "battery": 80},
    "low": {"di_order": "low_first", "protocol": "cjt188_2018", "battery": 10},
    "hot": {"type_byte": "11", "relay_seconds": 0.3, "load": "1"},
    "dumb": {"credit": None, "actuator": "none"},
    "months": {"load": "1", "credit": None},
}


def water_address(name):
    return f"2026{list(WATERS).index(name) + 1:010d}"


def make_site(lab):
    olds = [
        lab.meter(OLD, type="a_97", credit=None, actuator="none"),
        lab.meter(THREE, type="a_97", credit=None, multi_tariff=True, phases=3, load="6.6",
                  frame_limit=12, actuator="none"),
        lab.meter(3),
    ]  # fmt: skip
    waters = [
        lab.meter(0, **{"address": water_address(name), "type": "f_water", "actuator": "valve",
                        "total": "1234.56", **values})
        for name, values in WATERS.items()
    ]  # fmt: skip
    alone = [lab.meter(0, address="20269999990001", actuator="valve")]
    one_old = [lab.meter(50, type="a_97", credit=None)]
    return lab.site(olds, waters, alone, one_old, timezone="Asia/Shanghai")


def china_now():
    return datetime.now(timezone(timedelta(hours=8))).replace(tzinfo=None)


class Line:
    """Asks over one port in one protocol."""

    def __init__(self, sim, port, codec):
        self.link, self.codec = sim.connect(port), codec
        self.buffer, self.frames = codec.Buffer(), []

    def send(self, data):
        self.link.sendall(data)

    def receive(self):
        while not self.frames:
            self.frames += self.buffer.feed(self.link.recv(1000))
        return self.codec.parse(self.frames.pop(0))

    def ask(self, data):
        self.send(data)
        return self.receive()


@pytest.fixture
def old(shared):
    return Line(shared, "C1/1", dlt645_1997)


@pytest.fixture
def water(shared):
    return Line(shared, "C1/2", cjt188)


# -- DL/T 645-1997 ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "di", "digits"),
    [
        (OLD, 0x9010, "00123456"),
        (OLD, 0x9020, "00000000"),
        (OLD, 0xB611, "0220"),
        (OLD, 0xC032, None),
        (THREE, 0x9013, "00123456"),
        (THREE, 0xB613, "0220"),
        (THREE, 0xB630, "066000"),
        (THREE, 0xB621, "1000"),
        (OLD, 0xC020, "00"),
    ],
)
def test_1997_register(old, lab, number, di, digits):
    at = lab.address(number)
    value = dlt645_1997.payload_of(old.ask(dlt645_1997.read_request(at, di)), at, di)
    assert value[::-1].hex() == (digits or at)


@pytest.mark.parametrize("di", [0x9011, 0xB612, 0xFFFF])
def test_1997_no_such_data(old, lab, di):
    reply = old.ask(dlt645_1997.read_request(lab.address(OLD), di))
    assert (reply.control, reply.data) == (0xC1, b"\x02")


def test_1997_block_in_several_frames(old, lab):
    """21 bytes, the last one AA, ten in each frame."""
    at, frames = lab.address(THREE), []
    frames.append(old.ask(dlt645_1997.read_request(at, 0x901F)))
    while frames[-1].has_more:
        frames.append(old.ask(dlt645_1997.read_next_request(at, 0x901F)))
    data = b"".join(dlt645_1997.payload_of(frame, at, 0x901F) for frame in frames)
    assert len(frames) == 3
    assert len(data) == 21 and data[-1:] == b"\xaa"
    assert data[:4][::-1].hex() == "00123456"


def test_1997_clock(old, lab):
    at = lab.address(OLD)

    def write(di, digits, password="000000"):
        value = bytes.fromhex(digits)[::-1]
        return old.ask(dlt645_1997.write_request(at, di, value, 2, password))

    assert write(0xC011, "101112").control == 0x84
    assert write(0xC010, "30020105").control == 0x84
    time = dlt645_1997.payload_of(old.ask(dlt645_1997.read_request(at, 0xC011)), at, 0xC011)
    assert time[::-1].hex()[:4] == "1011"
    for di, digits, password, error in (
        (0xC011, "101112", "111111", 4),
        (0xC011, "251112", "000000", 1),
        (0xC011, "1011", "000000", 1),
        (0x9010, "00000000", "000000", 2),
    ):
        reply = write(di, digits, password)
        assert (reply.control, reply.data) == (0xC4, bytes([error]))


def test_1997_who_is_there(shared, lab):
    """A meter alone on its line answers a reading to everybody; among several nobody is heard."""
    line = Line(shared, "C1/4", dlt645_1997)
    frame = line.ask(dlt645_1997.read_address_request())
    assert dlt645_1997.address_of(frame) == lab.address(50)
    crowd = Line(shared, "C1/1", dlt645_1997)
    crowd.send(dlt645_1997.read_address_request())
    at = lab.address(OLD)
    assert crowd.ask(dlt645_1997.read_request(at, 0x9010)).address == at


def test_1997_and_2007_share_a_line(shared, old, lab):
    """Neither answers the other's functions."""
    desk = shared.desk()
    at = lab.address(3)
    desk.send(dlt645_1997.read_request(at, 0x9010))
    assert desk.read(at, 0x00010000) == Decimal("1234.56")


def test_1997_faults(shared, old, lab):
    at = lab.address(OLD)
    request = dlt645_1997.read_request(at, 0x9010)
    shared("fault", address=at, kind="duplicate")
    assert old.ask(request) == old.receive()
    shared("fault", address=at, kind="wrong_address")
    assert old.ask(request).address != at
    shared("fault", address=at, kind="lost_reply", when="read")
    old.send(request)
    assert old.ask(request).address == at
    assert not shared("stats")["waiting"]


# -- CJ/T 188 --------------------------------------------------------------------------------------


def request_of(name, di, ser=7, payload=None, **values):
    options = WATERS[name]
    kind = int(options.get("type_byte", "10"), 16)
    order = options.get("di_order", "high_first")
    if payload is None:
        return read_request(water_address(name), di, ser, kind, order, **values)
    return write_request(water_address(name), di, ser, payload, kind, order, **values)


def read(water, name, di):
    frame = water.ask(request_of(name, di))
    assert frame.ser == 7
    return payload_of(frame, water_address(name), di)


def until_valve(water, name, state):
    deadline = monotonic() + PATIENCE
    while read(water, name, 0x901F)[17] & 3 != state:
        assert monotonic() < deadline, f"the valve of {name} never is {state}"


@pytest.mark.parametrize("name", ["cold", "low", "dumb"])
def test_188_metering(water, name):
    data = read(water, name, 0x901F)
    assert data[:5].hex() == "563412002c"
    assert data[5:10].hex() == "000000002c"
    clock = datetime.strptime(data[10:16].hex(), "%S%M%H%d%m%y")
    assert abs(clock - china_now()) < timedelta(minutes=5)
    assert data[16] == 0x20
    assert data[17:] == (b"\x04\x00" if name == "low" else b"\x00\x00")


def test_188_identifier_comes_back_in_the_order_it_was_asked(water):
    assert water.ask(request_of("cold", 0x901F)).data[:2].hex() == "901f"
    assert water.ask(request_of("low", 0x901F)).data[:2].hex() == "1f90"


def test_188_purchase_history_and_others(water):
    data = read(water, "cold", 0x8105)
    assert data.hex() == "00" + "00000000" + "00000000" + "00250000" + "0000"
    assert read(water, "cold", 0xD12B).hex() == "000000002c"
    assert read(water, "cold", 0x8106) == b"\x01"
    assert read(water, "cold", 0x8103) == b"\x01"
    assert len(read(water, "cold", 0x8102)) == 15
    frame = water.ask(request_of("cold", 0x810A))
    assert (frame.control, frame.address) == (0x83, water_address("cold"))


def test_188_month_is_kept(shared, water):
    shared("advance", address=water_address("months"), seconds=40 * 86400)
    data = read(water, "months", 0xD120)
    assert Decimal(data[:4][::-1].hex()) / 100 > Decimal("1234.56")
    assert read(water, "months", 0x901F)[5:10] == data


@pytest.mark.parametrize(
    ("name", "di", "payload"),
    [
        ("cold", 0x9999, None),
        ("dumb", 0x8105, None),
        ("dumb", 0xA017, b"\x99"),
        ("dumb", 0xA013, bytes(5)),
        ("cold", 0xA017, b"\x11"),
        ("cold", 0xA013, bytes(4)),
        ("cold", 0xA013, b"\x05" + bytes.fromhex("00100000")),
        ("cold", 0xA015, bytes(7)),
        ("cold", 0xA0EE, b""),
    ],
)
def test_188_abnormal_reply(water, name, di, payload):
    """SER and ST, no identifier."""
    frame = water.ask(request_of(name, di, payload=payload))
    assert frame.is_abnormal
    assert (len(frame.data), frame.data[0]) == (3, 7)


def test_188_valve_takes_its_time(shared, water):
    address = water_address("hot")
    ack = water.ask(request_of("hot", 0xA017, payload=b"\x99"))
    assert (ack.control, ack.data[3:]) == (0x84, b"\x00\x00")
    until_valve(water, "hot", 1)
    assert shared.books(address)["supply_off"]
    water.ask(request_of("hot", 0xA017, payload=b"\x55"))
    until_valve(water, "hot", 0)
    shared("stick", address=address)
    assert read(water, "hot", 0x901F)[17] & 3 == 3
    shared("stick", address=address, on=False)


def test_188_valve_closes_at_the_end_of_the_credit(shared, water):
    address = water_address("hot")
    shared("spend", address=address, amount="99999")
    until_valve(water, "hot", 1)
    number = (read(water, "hot", 0x8105)[0] + 1) % 256
    purchase = bytes([number]) + bytes.fromhex("00050000")
    ack = water.ask(request_of("hot", 0xA013, payload=purchase))
    assert (ack.control, ack.data[3:]) == (0x84, purchase)
    until_valve(water, "hot", 0)
    assert read(water, "hot", 0x8105)[:5] == purchase


def test_188_clock_battery_and_parameters(shared, water):
    address = water_address("cold")
    value = bytes.fromhex("00201009082720")
    assert water.ask(request_of("cold", 0xA015, payload=value)).data[3:] == b""
    assert read(water, "cold", 0x901F)[11:17] == value[1:]
    shared("battery", address=address, percent=19)
    assert read(water, "cold", 0x901F)[17] & 4
    shared("battery", address=address, percent=20)
    assert not read(water, "cold", 0x901F)[17] & 4
    assert water.ask(request_of("cold", 0xA011, payload=b"\x15")).control == 0x84
    assert read(water, "cold", 0x8103) == b"\x15"
    sync = bytes.fromhex("000034002C")
    ack = water.ask(request_of("cold", 0xA016, payload=sync))
    assert ack.control == 0x96
    assert read(water, "cold", 0x901F)[:5].hex() == "000034002c"


def test_188_other_type_and_whole_address_only(shared, water):
    """Wildcards are answered by one meter alone, and for reading only."""
    line = Line(shared, "C1/3", cjt188)
    frame = line.ask(cjt188.read_address_request())
    assert cjt188.address_of(frame) == "20269999990001"
    data = bytes.fromhex("A01707") + b"\x99"
    line.send(cjt188.encode(cjt188.Frame(cjt188.WILDCARD, 4, data, 0xAA)))
    line.send(read_request("20269999990001", 0x901F, 1, 0x11))
    assert line.ask(read_request("20269999990001", 0x901F, 2)).ser == 2
    assert not shared.books("20269999990001")["supply_off"]


def test_188_faults(shared, water):
    address = water_address("cold")
    request = request_of("cold", 0x901F)
    shared("fault", address=address, kind="corrupt")
    water.send(request)
    assert water.ask(request).address == address
    shared("fault", address=address, kind="dead", count=1)
    water.send(request_of("cold", 0x901F, ser=1))
    assert water.ask(request_of("cold", 0x901F, ser=2)).ser == 2
    shared("fault", address=address, kind="wrong_address")
    assert water.ask(request).address != address
    shared("fault", address=address, kind="lost_reply", when="money")
    number = (read(water, "cold", 0x8105)[0] + 1) % 256
    purchase = bytes([number]) + bytes.fromhex("00010000")
    water.send(request_of("cold", 0xA013, payload=purchase))
    assert read(water, "cold", 0x8105)[:5] == purchase
