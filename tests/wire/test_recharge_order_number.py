"""Shape order: two frames of a maker, and the only shape that looks at the balance."""

import hashlib
import json
import pathlib

import pytest
from meterwire import dlt645_2007 as dlt
from meterwire.errors import BadJob, DialectError, LinkDown
from meterwire.recharge import Ack, Refusal, Status
from meterwire.recharge.order_number import build
from recharge_double import (
    ADDRESS,
    Registers,
    by_hand,
    converse,
    meter_of,
    order,
    sent_by,
)

VECTORS = pathlib.Path(__file__).with_name("vectors") / "recharge.json"
KNOWN = json.loads(VECTORS.read_text(encoding="utf-8"))["order"]
OPTIONS = {
    "shape": "order",
    "functions": {"charge": "070102FF", "reverse": "070108FF"},
    "prefix": "12",
    "allowance": "1.00",
}
METER = meter_of(OPTIONS)
SHAPE = METER.dialect.shape


class OrderMeter(Registers):
    """Executes whatever it is sent, twice if it is sent twice."""

    def execute(self, frame):
        amount = int.from_bytes(frame.data[8:12], "little")
        self.balance += amount if frame.di == 0x070102FF else -amount
        return self.reply(0x83, frame.data[:4])


def send(answer, meter=METER, **changes):
    return converse(meter.dialect.shape.send(meter, None, order(**changes)), answer)


# --- bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KNOWN)
def test_the_makers_frames(name):
    one = KNOWN[name]
    made = build(
        one["address"],
        int(one["di"], 16),
        bytes.fromhex(one["operator"])[::-1],
        one["amount_steps"],
        one["order"],
    )
    assert made.hex().upper() == one["frame"]


def test_the_frame_of_an_order():
    frame = by_hand(
        ADDRESS,
        0x03,
        "FF020107 44332211 10270000",
        "7700000000120000",  # prefix 12, reference 77 in ten digits, zeros before
        "00000000 010000112620 00000000",
    )
    assert sent_by(SHAPE.send(METER, None, order())) == (frame, True)
    assert SHAPE.fingerprint(METER, None, order()) == hashlib.sha256(frame).hexdigest()


def test_no_two_references_make_one_order_number():
    numbers = {SHAPE.order_number(order(reference=ref)) for ref in (1, 77, 2**32 - 1)}
    assert numbers == {"0000120000000001", "0000120000000077", "0000124294967295"}
    assert all(len(number) == 16 for number in numbers)


# --- what it is worth ---------------------------------------------------------------------------


def test_what_it_says_of_itself():
    assert not SHAPE.resend and not SHAPE.counted and not SHAPE.has_epoch
    assert SHAPE.kinds == {"charge", "reverse"}
    assert meter_of({"shape": "order"}).dialect.shape.kinds == {"charge"}


def test_a_life():
    double = OrderMeter(balance=500)
    before = converse(SHAPE.status(METER, None), double)
    assert before.balance == 500
    assert send(double) == Ack()
    double.balance -= 30
    status = converse(SHAPE.status(METER, None), double)
    assert SHAPE.judge(order(), status, before, acked=True).outcome == "proved"


def balance(steps):
    return Status(number=None, balance=steps)


@pytest.mark.parametrize(
    "kind, before, after, acked, outcome",
    [
        ("charge", 500, 10500, True, "proved"),
        ("charge", 500, 10400, True, "proved"),  # 1.00 used meanwhile
        ("charge", 500, 10399, True, "disputed"),  # more than is allowed
        ("charge", 500, 10501, True, "disputed"),
        ("charge", 500, 500, True, "disputed"),
        ("charge", 500, 20500, True, "disputed"),  # executed twice
        ("charge", -250, 9750, True, "proved"),
        ("charge", 500, 10500, False, "disputed"),
        ("charge", 500, 500, False, "disputed"),  # never "not executed": it might come yet
        ("charge", None, 10500, True, "disputed"),
        ("charge", 500, None, True, "disputed"),
        ("reverse", 20000, 10000, True, "proved"),
        ("reverse", 20000, 9900, True, "proved"),
        ("reverse", 20000, 9899, True, "disputed"),
        ("reverse", 20000, 10001, True, "disputed"),
        ("reverse", 20000, 20000, True, "disputed"),
        ("reverse", 20000, 10000, False, "disputed"),
    ],
)
def test_judgement(kind, before, after, acked, outcome):
    verdict = SHAPE.judge(order(kind), balance(after), balance(before), acked=acked)
    assert verdict.outcome == outcome and verdict.words, verdict


def test_without_a_balance_before_nothing_is_proved():
    assert SHAPE.judge(order(), balance(10500), acked=True).outcome == "disputed"


def test_a_charge_below_the_allowance_must_still_show():
    """An allowance above the amount must not make standing still a proof."""
    small = order(steps=50)
    for after, outcome in ((500, "disputed"), (501, "proved"), (550, "proved"), (551, "disputed")):
        verdict = SHAPE.judge(small, balance(after), balance(500), acked=True)
        assert verdict.outcome == outcome, (after, verdict)


# --- what comes back ----------------------------------------------------------------------------


def test_the_captured_refusal():
    """A one-byte refusal as such a meter sent it, to its status query."""
    (raw,) = dlt.Buffer().feed(bytes.fromhex("6812005105032668C301355A16"))
    meter = METER._replace(address="260305510012")
    reply = dlt.encode(dlt.decode(raw))
    refusal = send(lambda frame: reply, meter)
    assert refusal == Refusal(2, "reason 02", False)


@pytest.mark.parametrize(
    "reply, value",
    [
        (by_hand(ADDRESS, 0x83), Ack()),
        (by_hand(ADDRESS, 0x83, "FF020107"), Ack()),
        (by_hand(ADDRESS, 0x83, "FF080107"), None),
        (by_hand("202611000002", 0x83), None),
        (by_hand(ADDRESS, 0x91), None),
        (None, None),
    ],
)
def test_replies(reply, value):
    assert send(lambda frame: reply) == value


def test_a_lost_link_goes_through():
    def lost(frame):
        raise LinkDown("gone")

    with pytest.raises(LinkDown):
        send(lost)


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"kind": "open"}, {"kind": "clear", "steps": 0}, {"steps": 0}])
def test_what_the_meter_could_not_execute_is_not_sent(change):
    with pytest.raises(BadJob):
        send(lambda frame: pytest.fail("sent"), **change)


def test_a_number_means_nothing_here():
    assert sent_by(SHAPE.send(METER, None, order(number=0))) == sent_by(
        SHAPE.send(METER, None, order(number=9))
    )


@pytest.mark.parametrize(
    "change, words",
    [
        ({"functions": {"open": "070101FF"}}, "only charged and reversed"),
        ({"prefix": "1234567"}, "prefix: must be up to 6 digits"),
        ({"prefix": "x"}, "prefix: must be up to 6 digits"),
        ({"prefix": 12}, "prefix: must be up to 6 digits"),
        ({"allowance": 1.5}, "allowance: must be an amount in quotes"),
        ({"allowance": "-1"}, "allowance: must be"),
        ({"allowance": "0.001"}, "allowance: must be"),
        ({"allowance": "NaN"}, "allowance: must be"),
        ({"allowance": "x"}, "allowance: must be"),
        ({"operator": "1"}, "operator: must be 8 digits"),
        ({"resend": True}, "recharge.resend: is not known here"),
    ],
)
def test_options_that_make_no_sense_are_named(change, words):
    with pytest.raises(DialectError, match=words):
        meter_of({**OPTIONS, **change})


def test_a_balance_is_needed():
    registers = {"total": {"di": "00010000", "size": 4, "places": 2}}
    with pytest.raises(DialectError, match="must show its balance"):
        meter_of(OPTIONS, registers=registers)
