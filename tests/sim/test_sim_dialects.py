"""Every meter model that the desk knows, played by the simulator: read, switched, set, charged."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from engine_client import EngineClient, JobFailed, Meter, dialect
from meterwire.dialect import shipped

ZONE = "Asia/Shanghai"
CODES = sorted(shipped())


def played(code, index, **values):
    """The simulator's meter of a dialect."""
    source = shipped()[code]
    water = source["protocol"].startswith("cjt188")
    prepaid = source.get("recharge") is not None
    money = "price" in source["registers"] or "prices" in source["registers"]
    item = {
        "address": f"2026{index:010d}" if water else f"2026{index:08d}",
        "type": code,
        "protocol": source["protocol"],
        "total": "1234.56",
        "load": "0",
        "actuator": "valve" if water else "relay" if source.get("switch") else "none",
        "alarm_1": "10.00",
    }
    if prepaid:
        item |= {"credit": "money" if money else "units", "balance": "25.00", "price": "0.5483"}
    if code == "a_97":
        item |= {"phases": 3, "multi_tariff": True}
    return {**item, **values}


def make_site(lab):
    ports = [[played(code, 100 * number + 1)] for number, code in enumerate(CODES, 1)]
    return lab.site(*ports, timezone=ZONE)


def line_of(code):
    return f"C1/{CODES.index(code) + 1}"


def meter_of(code, **changes):
    number = 100 * (CODES.index(code) + 1) + 1
    return Meter(played(code, number)["address"], dialect(code, **changes))


@pytest.fixture(scope="module")
def client(shared):
    with EngineClient(shared.ports) as client:
        yield client


def china_now():
    return datetime.now(ZoneInfo(ZONE)).replace(tzinfo=None)


def _read(client, code, meter, name):
    try:
        return client.read(line_of(code), meter, name)[name]
    except JobFailed as error:
        return str(error)


@pytest.mark.parametrize("code", CODES)
def test_every_register_can_be_read(client, code):
    """But for what is only written; moments of what never happened are none."""
    meter = meter_of(code)
    names = [name for name in meter.dialect.registers if name != "clock_set"]
    found = {name: _read(client, code, meter, name) for name in names}
    never = {name for name in names if name.startswith("switch_") or name == "last_purchase_at"}
    wrong = {name for name, value in found.items() if value is None or "refused" in str(value)}
    assert wrong <= never, found


@pytest.mark.parametrize("code", CODES)
def test_routine_reading(client, code):
    meter = meter_of(code)
    values = client.read(line_of(code), meter, *meter.dialect.reading_items())
    assert Decimal(values["total"]) == Decimal("1234.56")
    if "balance" in values:
        assert meter.dialect.balance_of(values) == 25


SWITCHED = [code for code in CODES if shipped()[code].get("switch")]


@pytest.mark.parametrize("code", SWITCHED)
def test_switching_is_proved(client, shared, code):
    meter = meter_of(code)
    for action in ("off", "on"):
        told = client.switch(line_of(code), meter, action)
        assert (told["supply"], told["acked"]) == (action, True)
        assert shared.books(meter.address)["supply_off"] == (action == "off")


CLOCKED = [code for code in CODES if dialect(code).can("clock")]


@pytest.mark.parametrize("code", CLOCKED)
def test_clock_is_set(client, shared, code):
    meter = meter_of(code)
    shared("clock", address=meter.address, offset=-7200)
    client.set_clock(line_of(code), meter)
    clock = datetime.fromisoformat(shared.books(meter.address)["clock"])
    assert abs(clock - china_now()) < timedelta(minutes=5)


WRITABLE = [
    (code, name)
    for code in CODES
    for name in ("alarm_1", "alarm_2", "overdraft_limit", "hoard_limit", "power_limit")
    if dialect(code).can(name)
]


@pytest.mark.parametrize(("code", "name"), WRITABLE)
def test_parameter_is_written_and_read_back(client, code, name):
    wanted = "8.5" if name == "power_limit" else "321.50"
    (told,) = client.write(line_of(code), meter_of(code), (name, wanted)).values()
    assert told["ok"]
    assert Decimal(told["is"]) == Decimal(wanted)


# CJ/T 188 has no password.
@pytest.mark.parametrize(
    "code", [code for code in SWITCHED if not shipped()[code]["protocol"].startswith("cjt188")]
)
def test_wrong_password_is_refused(client, shared, code):
    meter = meter_of(code, password={"level": "04", "name": "other", "operator": "00000000"})
    with (
        EngineClient(shared.ports, {"passwords": {"other": "123456"}}) as other,
        pytest.raises(JobFailed) as caught,
    ):
        other.switch(line_of(code), meter, "off")
    assert caught.value.code == "refused"


CHARGED = [code for code in CODES if shipped()[code].get("recharge")]


@pytest.mark.parametrize("code", CHARGED)
def test_charging_is_proved(client, shared, code):
    meter = meter_of(code)
    kinds = meter.dialect.shape.kinds
    if "open" in kinds:
        _reply, verdict = client.sell(line_of(code), meter, "open", 0)
        assert verdict.outcome == "proved", verdict.words
    before = shared.books(meter.address)
    reply, verdict = client.sell(line_of(code), meter, "charge", 1250)
    assert verdict.outcome == "proved", verdict.words
    assert type(reply).__name__ == "Ack"
    after = shared.books(meter.address)
    assert Decimal(after["balance"]) - Decimal(before["balance"]) == Decimal("12.50")
    assert after["number"] == before["number"] + 1
