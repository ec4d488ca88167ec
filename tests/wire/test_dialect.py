"""Dialects: the shipped ones, what is refused and in which words, what values mean."""

import copy
import json
import pathlib
from decimal import Decimal

import meterwire
import pytest
from meterwire import cjt188, dlt645_1997, dlt645_2007
from meterwire.coding import CODINGS
from meterwire.dialect import PROTOCOLS, Dialect, shipped
from meterwire.errors import BadJob, DialectError, MeterRefused

CODES = ["a_97", "b_07", "c_07", "d_single", "d_smart", "d_three", "d_water", "e_water", "f_water"]
FOLDER = pathlib.Path(meterwire.__file__).parent / "dialects"


def dialect(code, **changes):
    return Dialect.from_json({**shipped()[code], **changes})


def changed(place, value, code="d_single"):
    """A shipped dialect with another value at a place; ``...`` takes it out."""
    source = copy.deepcopy(shipped()[code])
    *path, last = place.split(".")
    at = source
    for key in path:
        at = at.setdefault(key, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return source


# --- shipped ------------------------------------------------------------------------------------


def test_the_shipped_dialects():
    assert sorted(shipped()) == CODES
    assert all((FOLDER / f"{code}.json").is_file() for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_shipped_dialect_is_right_and_comes_back_as_it_was(code):
    source = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    made = Dialect.from_json(source)
    assert made.to_json() == source == shipped()[code]
    assert Dialect.from_json(made.to_json()).to_json() == source
    assert made.code == code and made.plan(made.reading_items())
    assert set(made.reading_items(live=True)) <= set(made.registers)


def test_what_is_given_away_is_a_copy():
    shipped()["a_97"]["name"] = "mine"
    made = dialect("a_97")
    made.to_json()["registers"].clear()
    assert shipped()["a_97"]["name"] != "mine" and made.to_json()["registers"]


def test_protocols_and_shapes_of_the_shipped_types():
    made = {code: dialect(code) for code in CODES}
    assert {code: one.codec for code, one in made.items()} == {
        "a_97": dlt645_1997,
        "e_water": cjt188,
        "f_water": cjt188,
        **dict.fromkeys(("b_07", "c_07", "d_single", "d_smart", "d_three", "d_water"), dlt645_2007),
    }
    shapes = {code: one.shape and one.shape.name for code, one in made.items()}
    assert shapes == {
        **dict.fromkeys(("a_97", "b_07", "c_07", "e_water"), None),
        **dict.fromkeys(("d_single", "d_three", "d_water", "d_smart"), "sealed"),
        "f_water": "a013",
    }
    assert made["e_water"].address_digits == 14 and made["a_97"].address_digits == 12


def test_what_each_can():
    single, plain, water = dialect("d_single"), dialect("b_07"), dialect("f_water")
    assert all(single.can(action) for action in ("off", "on", "local", "keep", "unkeep"))
    assert single.can("charge") and single.can("clear") and single.can("clock")
    assert single.can("alarm_1") and not single.can("total") and not single.can("dance")
    assert plain.can("clock") and not plain.can("off") and not plain.can("charge")
    assert water.can("off") and not water.can("local") and water.can("clock")
    assert not dialect("a_97").can("clock")


def test_two_dialects_are_the_same_only_as_one_object():
    one = dialect("a_97")
    assert one in {one} and one != dialect("a_97")
    with pytest.raises(AttributeError):
        one.code = "other"


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place, value, words",
    [
        ("dialect", 2, "dialect: must be a whole number from 1 to 1"),
        ("code", "D-1", "code: must be a name: small letters, digits and _, a letter first"),
        ("name", ..., "name: is missing"),
        ("protocol", "modbus", "protocol: must be one of dlt645_2007, dlt645_1997, cjt188_2004"),
        ("preamble", 99, "preamble: must be a whole number from 0 to 16"),
        ("preamble", True, "preamble: must be a whole number from 0 to 16"),
        ("evidence", "hearsay", "evidence: must be one of captured, published, emulator"),
        ("bauds", 2400, "bauds: must be a list [ ]"),
        ("bauds", [2400, 1], "bauds[1]: must be a whole number from 300 to 115200"),
        ("colour", "red", "colour: is not known here"),
        ("type_byte", "10", "type_byte: is not known here"),
        ("registers", ..., "registers: is missing"),
        ("registers", [], "registers: must be an object { }"),
        ("registers.total.size", 9, "registers.total.size: must be a whole number from 1 to 8"),
        ("registers.total.size", "4", "registers.total.size: must be a whole number from 1 to 8"),
        ("registers.total.size", ..., "registers.total.size: is missing"),
        ("registers.total.di", ..., "registers.total.di: is missing"),
        ("registers.total.di", "9010", "registers.total.di: must be 8 hexadecimal digits"),
        ("registers.total.di", 65536, "registers.total.di: must be 8 hexadecimal digits"),
        ("registers.total.coding", "float", "registers.total.coding: must be one of bcd, bcd_unit"),
        ("registers.total.factor", 10, "registers.total.factor: is not known here"),
        ("registers.total.part_of", "all", "registers.total.part_of: there is no block 'all'"),
        ("registers.total.di_order", "low_first", "registers.total.di_order: is not known here"),
        ("registers.Total", {}, "registers.Total: must be a name"),
        ("registers.clock.layout", ..., "registers.clock.layout: is missing"),
        ("registers.clock.layout", "ssmmXX", "registers.clock.layout: must be made of ss mm hh WW"),
        ("registers.clock.layout", "ssss", "registers.clock.layout: must be made of ss mm hh WW"),
        ("registers.clock.layout", "ssmm", "registers.clock.layout: needs DD MM YY, or hh"),
        ("registers.alarm_1.offset", 2, "registers.alarm_1.writable: only a register that is its"),
        ("password.level", "2", "password.level: must be 2 hexadecimal digits in quotes"),
        ("password.operator", "0000000A", "password.operator: must be 8 digits"),
        ("password", None, "password: is missing: register date is written with it"),
        ("clock.register", "watch", "clock.register: there is no register 'watch'"),
        ("clock.register", "date", "clock.register: must be a clock with date and time"),
        ("clock.set", ["total"], "clock.set[0]: must be a writable clock, date or time"),
        ("clock.tolerance_seconds", 0, "clock.tolerance_seconds: must be a whole number from 1"),
        ("reading.routine", ["total", "x"], "reading.routine[1]: there is no register 'x'"),
        ("reading.routine", [], "reading.routine: names no register"),
        ("supply.register", "total", "supply.register: must be a word of bits: coding le or be"),
        ("supply.off", "0100", "supply.off: has bits outside of the mask"),
        ("supply.on", "0010", "supply.mask: cannot tell one state from the other"),
        ("supply.inverted", True, "supply.inverted: is not known here"),
        ("switch.form", "valve188", "switch.form: valve188 is for CJ/T 188"),
        ("switch.codes", ..., "switch.codes: is missing"),
        ("switch.codes", {}, "switch.codes: is empty"),
        ("switch.codes", {"up": "1A"}, "switch.codes.up: must be one of off, on, local, keep"),
        ("switch.codes", {"off": "1A1A"}, "switch.codes.off: must be 2 hexadecimal digits"),
        ("switch.poll_seconds", 0, "switch.poll_seconds: must be a number from 0.01 to 60"),
        ("switch.di", "04001001", "switch.di: is not known here"),
        ("recharge", {}, "recharge.shape: is missing"),
        ("recharge.shape", "magic", "recharge"),
        ("recharge.colour", "red", "recharge"),
        ("errors", {"91": {}}, "errors.91: must be the control byte of a refusal: C0 to FF"),
        ("errors", {"C3": {"x": "words"}}, "errors.C3.x: must be up to 4 hexadecimal digits"),
        ("errors", {"C3": {"1": 1}}, "errors.C3.1: must be text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(place, value, words):
    with pytest.raises(DialectError) as caught:
        Dialect.from_json(changed(place, value))
    assert caught.value.words.startswith(words)


@pytest.mark.parametrize("source", [None, [], "d_single", 1])
def test_what_is_no_dialect_at_all(source):
    with pytest.raises(DialectError, match="must be an object"):
        Dialect.from_json(source)


def test_a_standby_needs_its_moment():
    source = changed("registers.price_1.standby.switch", "when", "d_smart")
    with pytest.raises(DialectError, match=r"registers\.price_1\.standby\.switch: there is no"):
        Dialect.from_json(source)
    source = changed("registers.price_1.writable", False, "d_smart")
    with pytest.raises(DialectError, match=r"registers\.price_1\.standby: is only for a writable"):
        Dialect.from_json(source)


def test_a_relay_is_of_the_2007_edition():
    with pytest.raises(DialectError, match=r"switch\.form: relay is for DL/T 645-2007"):
        Dialect.from_json(changed("switch.form", "relay", "f_water"))


def test_the_password_itself_has_no_place_in_a_dialect():
    with pytest.raises(DialectError, match="never the password itself"):
        Dialect.from_json(changed("password.name", "123456"))
    with pytest.raises(DialectError, match=r"password\.digits: is not known here"):
        Dialect.from_json(changed("password.digits", "123456"))


# --- what values mean ---------------------------------------------------------------------------


def test_the_balance_is_what_is_left_less_what_is_owed():
    made = dialect("d_single")
    assert made.balance_of({"balance": Decimal("1.00"), "owed": Decimal("0.00")}) == 1
    assert made.balance_of({"balance": Decimal("0.00"), "owed": Decimal("2.50")}) == Decimal("-2.5")
    assert made.balance_of({"balance": Decimal("3.00")}) == 3
    assert made.balance_of({"balance": None, "owed": Decimal("2.50")}) is None
    assert made.balance_of({}) is None


def test_the_supply():
    relay, valve = dialect("d_single"), dialect("f_water")
    assert [relay.supply_of({"status": word}) for word in (0x00, 0x10, 0x50)] == [
        "on",
        "off",
        "off",
    ]
    assert [valve.supply_of({"status": word}) for word in (0, 1, 5)] == ["on", "off", "off"]
    assert valve.supply_of({"status": 3}) is None  # abnormal: neither open nor closed
    assert relay.supply_of({"status": None}) is None and relay.supply_of({}) is None
    assert dialect("b_07").supply_of({"status": 0}) is None


def test_control_and_battery():
    water = dialect("d_water")
    assert [water.control_of({"status": word}) for word in (0x0800, 0)] == ["remote", "local"]
    assert dialect("d_single").control_of({"status": 0}) is None
    assert [dialect("e_water").battery_low({"status": word}) for word in (4, 0)] == [True, False]
    assert water.battery_low({"status": 4}) is None


def test_a_refusal_in_the_words_of_the_maker():
    made = dialect("d_single", errors={"D4": {"80": "the programming key is not pressed"}})
    refused = MeterRefused(0x80, "the meter refused: reserved error bit")
    assert (
        made.explain(0x14, refused).words == "the meter refused: the programming key is not pressed"
    )
    assert made.explain(0x14, refused).refusal == 0x80
    assert made.explain(0x1C, refused) is refused


def test_a_plan_is_made_once():
    made = dialect("c_07")
    items = ("total", "tariffs")
    assert made.plan(items) is made.plan(("total", "tariffs"))
    assert len(made.plan(items)) == 1
    for n in range(1000):
        made.plan(("total",) * (n + 1))
    assert len(made._plans) <= 256
    with pytest.raises(BadJob, match="no register 'speed'"):
        made.plan(("speed",))


def test_every_protocol_has_its_codec():
    for codec in PROTOCOLS.values():
        assert codec.Buffer and codec.decode and codec.WILDCARD and codec.READ_ADDRESS


# --- the document -------------------------------------------------------------------------------

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "dialects.md"


def test_the_example_of_the_document_is_a_dialect():
    text = DOCUMENT.read_text(encoding="utf-8")
    example = text.split("```json")[1].split("```")[0]
    assert Dialect.from_json(json.loads(example)).can("off")


def test_the_document_names_every_coding_and_every_key_in_use():
    text = DOCUMENT.read_text(encoding="utf-8")
    keys = set(CODINGS)
    for source in shipped().values():
        keys |= set(source)
        for register in source["registers"].values():
            keys |= set(register)
    assert sorted(key for key in keys if f"`{key}`" not in text) == []
