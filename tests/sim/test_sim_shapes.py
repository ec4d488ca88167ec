"""Meters that take money in other ways than our own protocol, charged by the desk's engine."""

import pytest
from encryptor_process import CHIPS, EncryptorProcess
from engine_client import EngineClient, JobFailed, Meter, dialect
from meterwire.jobs import Timing
from meterwire.sim.esam_codes import identity_cipher, meter_key, order_mac

CUSTOMER = "000000000042"
RECORDS = {
    "esam": {"shape": "esam"},
    "vendor": {
        "shape": "vendor",
        "body": ["amount", "number"],
        "rejects_repeats": True,
        "reply": {"layout": [{"field": "balance", "coding": "le"}, "number", "customer"]},
    },
    "vendor_mac": {
        "shape": "vendor",
        "functions": {"charge": "070102FF", "open": "070101FF", "reverse": "070108FF"},
        "body": ["amount", "number", "customer", {"field": "random", "size": 2}],
        "data": ["di", "operator", "version", "cipher", "mac"],
        "mode": "cbc",
        "algorithm": "3des",
        "key": {"right": "inverted_left"},
        "mac": {"kind": "x9_19", "covers": ["di", "cipher"]},
        "reply": {"layout": ["number", {"field": "balance", "coding": "le"}], "enciphered": True},
    },
    "vendor_write": {
        "shape": "vendor",
        "function": "14",
        "functions": {"charge": "04910001"},
        "body": ["amount", "number"],
        "data": ["di", {"field": "constant", "value": "02000000"}, "operator", "cipher", "mac"],
        "algorithm": "des",
        "padding": "80",
        "key": {"method": "none"},
        "mac": {"kind": "cbc_mac", "padding": "zero"},
    },
    "plain": {"shape": "plain", "functions": {"charge": "04900000"}},
    "order": {"shape": "order", "functions": {"charge": "070102FF", "reverse": "070108FF"}},
}
WATERS = {
    "a013": {"shape": "a013"},
    "a013_tenths": {
        "shape": "a013",
        "layout": [
            {"field": "number", "size": 1, "coding": "le"},
            {"field": "amount", "coding": "be", "places": 1},
        ],
    },
    "a013_sealed": {
        "shape": "a013",
        "cipher": {"padding": "80", "mode": "cbc", "mac": {"kind": "cbc_mac"}},
    },
}


def make_meters(lab):
    meters = []
    for index, (name, options) in enumerate(RECORDS.items(), 1):
        meters.append(lab.meter(index, shape=options["shape"], recharge=options))
        if name not in ("esam", "vendor_mac"):  # which are opened
            meters[-1]["customer"] = CUSTOMER
    for index, options in enumerate(WATERS.values(), 1):
        water = {"address": f"2026{index:010d}", "type": "f_water", "actuator": "valve"}
        meters.append(lab.meter(0, **{**water, "recharge": options, "number": 255}))
    return meters


def make_site(lab):
    return lab.site(make_meters(lab))


QUICK = Timing(first_byte=1.0, gap=0.5, total=4.0, drain=0.2)
KEYS = ("identity", "purchase")


@pytest.fixture(scope="module")
def encryptor(tmp_path_factory):
    """The reference encryptor as a process."""
    with EncryptorProcess(tmp_path_factory.mktemp("encryptor")) as process:
        yield process


@pytest.fixture
def sim(new_sim, lab, encryptor):
    return new_sim(make_site(lab), arguments=["--chips", str(encryptor.file)]).start()


@pytest.fixture
def secrets(encryptor):
    return encryptor.secrets


@pytest.fixture
def client(sim, secrets):
    with EngineClient(sim.ports, secrets) as client:
        yield client


LINE = "C1/1"


def meter_of(lab, name):
    if name in WATERS:
        address = f"2026{list(WATERS).index(name) + 1:010d}"
        return Meter(address, dialect("f_water", recharge=WATERS[name]))
    options = RECORDS[name]
    return Meter(lab.address(list(RECORDS).index(name) + 1), dialect("d_single", recharge=options))


def sell(client, meter, kind, amount, **values):
    reply, verdict = client.sell(LINE, meter, kind, amount, **values)
    assert verdict.outcome == "proved", (reply, verdict)
    return reply


@pytest.mark.parametrize("name", [*RECORDS, *WATERS])
def test_a_life(client, sim, lab, name):
    """Opened where it can be, charged twice, taken back where it can be."""
    meter = meter_of(lab, name)
    kinds = meter.dialect.shape.kinds
    if "open" in kinds:
        sell(client, meter, "open", 0)
    before = sim.books(meter.address)
    assert sell(client, meter, "charge", 1000)
    assert sell(client, meter, "charge", 250)
    after = sim.books(meter.address)
    assert after["number"] == before["number"] + 2
    assert float(after["balance"]) == float(before["balance"]) + 12.5
    if "reverse" in kinds:
        sell(client, meter, "reverse", 250)
        assert float(sim.books(meter.address)["balance"]) == float(before["balance"]) + 10
    assert [item["kind"] for item in after["orders"]][-2:] == ["charge", "charge"]


@pytest.mark.parametrize("name", ["esam", "vendor", "plain", "a013", "a013_sealed"])
def test_lost_reply_is_proved_by_asking(client, secrets, sim, lab, name):
    meter = meter_of(lab, name)
    if "open" in meter.dialect.shape.kinds:
        sell(client, meter, "open", 0)
    sim("fault", address=meter.address, kind="executed_reply_lost")
    with EngineClient(sim.ports, secrets, timing=QUICK) as quick:
        reply, verdict = quick.sell(LINE, meter, "charge", 500)
    assert reply is None
    assert verdict.outcome == "proved"


def test_order_shape_executes_a_repeat(sim, lab):
    """Two frames that are the same: credit twice. What the desk must never let happen."""
    meter = meter_of(lab, "order")
    desk = sim.desk()
    data = bytes.fromhex("FF020107" + "77665544" + "E8030000" + "0100000000000000" + "00000000")
    data += bytes.fromhex(meter.address)[::-1] + bytes(4)
    for total in ("35.00", "45.00"):
        assert desk.security(meter.address, data).control == 0x83
        assert sim.books(meter.address)["balance"] == total
    # It has no record of purchases at all.
    assert desk.raw_read(meter.address, 0x03330201).control == 0xD1


def test_plain_shape_takes_a_number_again_but_no_other(sim, lab):
    meter = meter_of(lab, "plain")
    desk = sim.desk()

    def write(amount, number, password="000000", di="00009004"):
        data = bytes.fromhex(di + "02") + bytes.fromhex(password)[::-1] + bytes(4)
        data += bytes.fromhex(f"{amount:08d}")[::-1] + bytes.fromhex(f"{number:08d}")[::-1]
        return desk.frame_of(meter.address, 0x14, data)

    assert write(500, 1).control == 0x94
    assert write(500, 1).control == 0x94
    assert (sim.books(meter.address)["balance"], sim.books(meter.address)["number"]) == ("35.00", 1)
    assert (write(500, 3).control, write(500, 3).data) == (0xD4, b"\x01")
    assert write(500, 2, "111111").data == b"\x04"
    assert write(500, 2, di="77009004").data == b"\x02"


def test_esam_needs_a_session(sim, lab):
    meter = meter_of(lab, "esam")
    desk = sim.desk()
    order = bytes.fromhex("FF020107") + bytes(26)
    assert desk.security(meter.address, order).data == (1 << 3).to_bytes(2, "little")
    identity = bytes.fromhex("FF000007") + bytes(28)
    assert desk.security(meter.address, identity).data == (1 << 3).to_bytes(2, "little")


def test_esam_order_is_executed_once(sim, lab):
    """The frame sent again is a repeat; in a session of its own its code is worth nothing."""
    meter, desk = meter_of(lab, "esam"), sim.desk()
    diversifier = bytes(2) + bytes.fromhex(meter.address)
    identity, purchase = (meter_key(bytes.fromhex(CHIPS[n]), diversifier) for n in KEYS)

    def authenticate():
        random1 = bytes(range(8))
        cipher = identity_cipher(identity, random1)
        data = bytes.fromhex("FF000007") + bytes(4) + cipher[::-1] + random1[::-1]
        reply = desk.security(meter.address, data + diversifier[::-1])
        assert (reply.control, len(reply.data)) == (0x83, 16)
        return reply.data[7:3:-1]

    function, customer = bytes.fromhex("070101FF"), bytes.fromhex(CUSTOMER)
    amount, number = (500).to_bytes(4, "little"), (1).to_bytes(4, "little")
    random2 = authenticate()
    mac1 = order_mac(purchase, random2, function, amount[::-1] + number[::-1])
    mac2 = order_mac(purchase, random2, function, customer)
    order = function[::-1] + bytes(4) + amount + number + mac1[::-1] + customer[::-1] + mac2[::-1]
    spoiled = order[:-1] + bytes([order[-1] ^ 1])
    assert desk.security(meter.address, spoiled).data == (1 << 2).to_bytes(2, "little")
    assert desk.security(meter.address, order).control == 0x83
    assert desk.security(meter.address, order).data == (1 << 1).to_bytes(2, "little")
    authenticate()
    assert desk.security(meter.address, order).data == (1 << 2).to_bytes(2, "little")
    books = sim.books(meter.address)
    assert (books["balance"], books["number"], books["customer"]) == ("30.00", 1, CUSTOMER)


def test_vendor_refusals(client, sim, lab):
    meter = meter_of(lab, "vendor")
    sim("suspend", address=meter.address)
    reply, verdict = client.sell(LINE, meter, "charge", 100)
    assert (reply.code, verdict.outcome) == (0xFF, "not_executed")
    sim("suspend", address=meter.address, on=False)
    sell(client, meter, "charge", 100)


def test_encryptor_with_other_keys(sim, lab, encryptor):
    """Codes of another operator: the meter denies the authentication, and nothing is charged."""
    meter = meter_of(lab, "esam")
    entry = {"url": encryptor.url, "token": "wrong"}
    with (
        EngineClient(sim.ports, {"encryptors": {"default": entry}}) as client,
        pytest.raises(JobFailed),
    ):
        client.sell(LINE, meter, "open", 0)
    assert sim.books(meter.address)["number"] == 0
