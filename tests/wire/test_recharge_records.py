"""Status and judgement by plain registers, and the base of all shapes."""

import dataclasses
import doctest
import importlib

import pytest
from meterwire.errors import BadJob, DialectError, FrameError, NoReply
from meterwire.recharge import SHAPES, Status, shape_of
from recharge_double import (
    AMOUNT,
    CUSTOMER,
    CUSTOMER_DI,
    NUMBER,
    REGISTERS,
    TOTAL,
    Registers,
    converse,
    meter_of,
    order,
    water_of,
)

PLAIN = {"shape": "plain", "functions": {"charge": "04900000"}}
ALL = {
    "shape": "plain",
    "functions": {
        "open": "04900001",
        "charge": "04900000",
        "preset": "04900002",
        "reverse": "04900003",
        "clear": "04900004",
    },
}
NOBODY = "0" * 12


def without(*names):
    return {name: register for name, register in REGISTERS.items() if name not in names}


# --- the base -----------------------------------------------------------------------------------


def test_every_shape_has_its_name_and_says_its_evidence():
    assert set(SHAPES) == {"sealed", "esam", "vendor", "plain", "order", "a013"}
    for name, shape in SHAPES.items():
        assert shape.name == name
        assert "Evidence:" in importlib.import_module(shape.__module__).__doc__


@pytest.mark.parametrize("module", ["base", "cipher", "layout", "sealed_frame"])
def test_examples_in_the_docstrings(module):
    result = doctest.testmod(importlib.import_module(f"meterwire.recharge.{module}"))
    assert result.attempted and not result.failed


def test_no_recharge_is_no_shape():
    meter = meter_of(None)
    assert meter.dialect.shape is None and shape_of(meter.dialect) is None


@pytest.mark.parametrize("options", [{"shape": "gold"}, {"shape": "Plain"}])
def test_an_unknown_shape_is_named(options):
    with pytest.raises(DialectError, match="is no shape; there are: sealed, esam"):
        meter_of(options)


@pytest.mark.parametrize("shape", ["sealed", "esam", "vendor", "plain", "order"])
def test_shapes_of_electricity_are_not_for_water_meters(shape):
    with pytest.raises(DialectError):
        water_of({"shape": shape})


def test_a_shape_for_water_is_not_for_electricity():
    with pytest.raises(DialectError, match="is for CJ/T 188"):
        meter_of({"shape": "a013"})


@pytest.mark.parametrize(
    "change, words",
    [
        ({"kind": "reverse"}, "have no reverse"),
        ({"amount_steps": 0}, "out of range"),
        ({"number": 0}, "1 to 4294967295"),
        ({"number": 10000}, "below 10000 only"),
        ({"reference": 0}, "reference"),
        ({"customer": "17"}, "not 12 digits"),
    ],
)
def test_an_order_that_the_meter_cannot_execute(change, words):
    shape = meter_of(PLAIN).dialect.shape
    with pytest.raises(BadJob, match=words):
        shape.check(dataclasses.replace(order(), **change))
    shape.check(order(number=9999))


# --- status -------------------------------------------------------------------------------------


def status_of(registers, meter):
    return converse(meter.dialect.shape.status(meter, None), registers)


def test_status_of_all_registers():
    registers = Registers(number=41, balance=-250)
    registers.amount, registers.total = 10000, 123456
    assert status_of(registers, meter_of(PLAIN)) == Status(
        number=41, last_amount=10000, cumulative=123456, customer=CUSTOMER, balance=-250
    )
    assert registers.heard[0].di == NUMBER, "the number is asked for first"


def test_what_the_meter_does_not_have_is_none():
    registers = Registers()
    registers.missing = {AMOUNT, CUSTOMER_DI}
    status = status_of(registers, meter_of(PLAIN))
    assert (status.last_amount, status.customer, status.cumulative) == (None, None, 0)


def test_what_the_dialect_does_not_have_is_not_asked_for():
    registers = Registers()
    status = status_of(registers, meter_of(PLAIN, registers=without("last_amount", "balance")))
    assert (status.last_amount, status.balance) == (None, None)
    assert AMOUNT not in {frame.di for frame in registers.heard}


def test_no_number_is_no_status():
    registers = Registers()
    registers.missing = {NUMBER}
    with pytest.raises(FrameError, match="does not show its purchase number"):
        status_of(registers, meter_of(PLAIN))


def test_silence_is_no_status():
    with pytest.raises(NoReply):
        status_of(lambda frame: None, meter_of(PLAIN))


def test_a_record_that_is_no_whole_step_is_not_taken_for_money():
    finer = {**REGISTERS, "last_amount": {"di": "03330301", "size": 4, "places": 4}}
    registers = Registers()
    registers.amount = 10050
    with pytest.raises(FrameError, match=r"last_amount is 1.0050, which is no whole step"):
        status_of(registers, meter_of(PLAIN, registers=finer))


def test_a_balance_with_more_digits_is_rounded_down():
    finer = {**REGISTERS, "balance": {"di": "00900200", "size": 4, "places": 4}}
    assert status_of(Registers(balance=10099), meter_of(PLAIN, registers=finer)).balance == 100


@pytest.mark.parametrize(
    "registers, words",
    [
        (without("purchase_number"), "must show purchase_number and last_amount or cumulative"),
        (without("last_amount", "cumulative"), "must show purchase_number and"),
        (
            {**REGISTERS, "purchase_number": {"di": "03330201", "size": 2, "places": 2}},
            "must be a whole number",
        ),
        (
            {**REGISTERS, "purchase_number": {"di": "03330201", "size": 2, "coding": "digits"}},
            "must be a whole number",
        ),
    ],
)
def test_a_dialect_whose_registers_cannot_prove(registers, words):
    with pytest.raises(DialectError, match=words):
        meter_of(PLAIN, registers=registers)


# --- judgement ----------------------------------------------------------------------------------

BEFORE = Status(number=1, last_amount=500, cumulative=7000, customer=CUSTOMER, balance=900)
AFTER = Status(number=2, last_amount=10000, cumulative=17000, customer=CUSTOMER, balance=5)


def judged(status, kind="charge", before=BEFORE, steps=10000, number=2, **changes):
    shape = meter_of(ALL).dialect.shape
    return shape.judge(order(kind, steps, number, **changes), status, before)


def change(status, **values):
    return dataclasses.replace(status, **values)


@pytest.mark.parametrize(
    "status, before",
    [
        (AFTER, BEFORE),
        (AFTER, None),
        (change(AFTER, cumulative=None), BEFORE),
        (change(AFTER, last_amount=None), BEFORE),
        (change(AFTER, customer=None), None),
    ],
)
def test_proved(status, before):
    verdict = judged(status, before=before)
    assert verdict.outcome == "proved", verdict
    assert "purchase number 2" in verdict.words


@pytest.mark.parametrize(
    "status, before, words",
    [
        (change(AFTER, number=3), BEFORE, "has purchase number 3, this order leads to 2"),
        (change(AFTER, number=0), BEFORE, "has purchase number 0"),
        (change(AFTER, number=None), BEFORE, "has purchase number None"),
        (change(AFTER, last_amount=9999), BEFORE, "last amount 9999"),
        (change(AFTER, cumulative=17001), BEFORE, "changed by 10001, not 10000"),
        (change(AFTER, cumulative=7000), BEFORE, "changed by 0, not 10000"),
        (change(AFTER, customer="000000000018"), BEFORE, "customer 000000000018"),
        # A customer was there before: the number and the balance alone are nothing.
        (Status(number=2, customer=CUSTOMER, balance=10900), BEFORE, "only the purchase number"),
        (Status(number=2, cumulative=17000), None, "only the purchase number"),
        (change(BEFORE, cumulative=17000), BEFORE, "from 7000 to 17000"),
    ],
)
def test_disputed(status, before, words):
    verdict = judged(status, before=before)
    assert verdict.outcome == "disputed" and words in verdict.words, verdict


@pytest.mark.parametrize("before", [BEFORE, None])
@pytest.mark.parametrize("balance", [0, 10900])
def test_not_executed_whatever_the_balance(before, balance):
    verdict = judged(change(BEFORE, balance=balance), before=before)
    assert verdict.outcome == "not_executed" and "still has purchase number 1" in verdict.words


def test_an_opening_without_money_is_proved_by_its_customer():
    before = Status(number=0, last_amount=0, cumulative=0, customer=NOBODY)
    after = change(before, number=1, customer=CUSTOMER)
    assert judged(after, "open", before, 0, 1).outcome == "proved"
    assert judged(change(after, customer=NOBODY), "open", before, 0, 1).outcome == "disputed"
    assert judged(change(after, customer=None), "open", None, 0, 1).outcome == "disputed"


def test_a_preset_belongs_to_nobody():
    before = Status(number=0, cumulative=0, customer=NOBODY)
    after = Status(number=1, cumulative=500, customer=NOBODY)
    assert judged(after, "preset", before, 500, 1, customer=NOBODY).outcome == "proved"
    foreign = change(after, customer=CUSTOMER)
    assert judged(foreign, "preset", before, 500, 1, customer=NOBODY).outcome == "disputed"


def test_a_reversal_takes_off_what_was_bought():
    after = change(BEFORE, number=2, cumulative=6500)
    # The last amount may still be that of the purchase: the cumulative purchase decides.
    assert judged(after, "reverse", steps=500).outcome == "proved"
    assert judged(change(after, last_amount=1), "reverse", steps=500).outcome == "proved"
    assert judged(change(after, cumulative=7500), "reverse", steps=500).outcome == "disputed"
    assert judged(change(after, cumulative=None), "reverse", steps=500).outcome == "proved"
    wrong = change(after, cumulative=None, last_amount=1)
    assert judged(wrong, "reverse", steps=500).outcome == "disputed"


def test_a_clear_leads_to_number_zero():
    gone = Status(number=0, last_amount=0, cumulative=0, customer=NOBODY)
    assert judged(gone, "clear", steps=0).outcome == "proved"
    assert judged(change(gone, cumulative=5), "clear", steps=0).outcome == "disputed"
    assert judged(change(gone, cumulative=None), "clear", steps=0).outcome == "disputed"
    assert judged(change(BEFORE), "clear", steps=0).outcome == "not_executed"
    # It was 0 before: nothing tells whether it was cleared.
    assert judged(gone, "clear", before=None, steps=0, number=1).outcome == "disputed"


def test_totals_are_not_needed_where_there_is_the_last_amount():
    meter = meter_of(PLAIN, registers=without("cumulative"))
    registers = Registers()
    before = status_of(registers, meter)
    registers.charged(10000)
    status = status_of(registers, meter)
    assert TOTAL not in {frame.di for frame in registers.heard}
    assert meter.dialect.shape.judge(order(), status, before).outcome == "proved"
