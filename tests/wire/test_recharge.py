"""Orders, status, judgement, and the known answers of the protocol document."""

import contextlib
import dataclasses
import itertools
import pathlib
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_double import ADDRESS, CUSTOMER, KEYRING, OTHER, frame_in, status_reply
from meterwire import dlt645_2007 as dlt
from meterwire.errors import BadJob, FrameError, MacError, MeterRefused, WireError, WrongReply
from meterwire.recharge import (
    Ack,
    Order,
    Refusal,
    Status,
    build,
    judge,
    parse_answer,
    parse_status,
    serr_words,
    status_query,
)
from meterwire.recharge import sealed_frame as recharge

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
CHALLENGE = bytes.fromhex("0102030405060708")
KEYS = {algorithm: KEYRING.meter_keys(ADDRESS, 1, algorithm) for algorithm in ("des", "3des")}
NOBODY = "0" * 12
ORDERS = {
    "open": Order("open", 0, CUSTOMER, 0x0A000001, 1, 7),
    "charge": Order("charge", 10000, CUSTOMER, 0x0A000002, 2, 7),
    "reverse": Order("reverse", 10000, CUSTOMER, 0x0A000003, 3, 7),
    "clear": Order("clear", 0, CUSTOMER, 0x0A000004, 4, 7),
    "preset": Order("preset", 500, NOBODY, 0x0A000005, 1, 8),
}
RECORD = {
    "number": 2,
    "epoch": 7,
    "last_kind": "charge",
    "last_reference": 0x0A000002,
    "last_amount": 10000,
    "balance_before": -250,
    "balance_after": 9750,
    "balance": 9688,
    "cumulative": 10000,
    "customer": CUSTOMER,
}


# --- known answers ------------------------------------------------------------------------------


def known_answers():
    text = (DOCS / "recharge-protocol.md").read_text(encoding="utf-8")
    rows = re.findall(r"^(3des|des|any) +([a-z-]+) +([0-9A-F]+)$", text, re.MULTILINE)
    return {(algorithm, name): bytes.fromhex(value) for algorithm, name, value in rows}


KNOWN = known_answers()


def test_every_function_has_a_known_answer():
    names = {*ORDERS, "query", "status", "cipher-key", "mac-key"}
    wanted = {(algorithm, name) for algorithm in KEYS for name in names}
    assert set(KNOWN) == wanted | {("any", name) for name in ("executed", "cleared", "refused")}
    assert set(ORDERS) == set(recharge.KINDS)


@pytest.mark.parametrize("algorithm", KEYS)
def test_known_keys(algorithm):
    assert KEYS[algorithm].cipher_key == KNOWN[algorithm, "cipher-key"]
    assert KEYS[algorithm].mac_key == KNOWN[algorithm, "mac-key"]


@pytest.mark.parametrize("algorithm, kind", list(itertools.product(KEYS, ORDERS)))
def test_known_order(algorithm, kind):
    frame = KNOWN[algorithm, kind]
    assert build(ORDERS[kind], ADDRESS, KEYS[algorithm]) == frame
    assert recharge.read_order(frame_in(frame), KEYS[algorithm]) == ORDERS[kind]


@pytest.mark.parametrize("algorithm", KEYS)
def test_known_query_and_status(algorithm):
    keys = KEYS[algorithm]
    assert status_query(ADDRESS, keys, CHALLENGE) == KNOWN[algorithm, "query"]
    status = parse_status(frame_in(KNOWN[algorithm, "status"]), ADDRESS, keys, CHALLENGE)
    assert status == Status(**RECORD, supply_off=False, remote=False)
    assert judge(ORDERS["charge"], status).outcome == "proved"


def test_known_answers_of_the_meter():
    def answer(name, kind, number):
        return parse_answer(frame_in(KNOWN["any", name]), ADDRESS, kind, number)

    assert answer("executed", "charge", 2) == Ack(2, 9750)
    assert answer("cleared", "clear", 4) == Ack(0, 0)
    assert answer("refused", "charge", 2) == Refusal(0x20, "purchase number or epoch wrong", False)


def test_openssl_alone_makes_the_known_answers(tmp_path):
    script = DOCS / "recharge-known-answers.sh"
    run = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"{len(KNOWN)} of {len(KNOWN)} known answers agree" in run.stdout

    changed = tmp_path / "protocol.md"
    text = (DOCS / "recharge-protocol.md").read_text(encoding="utf-8")
    changed.write_text(text.replace("E989521A0BDD9029E5", "E989521A0BDD9029E6"), encoding="utf-8")
    run = subprocess.run(["bash", script, changed], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "WRONG 3des cipher-key" in run.stdout


# --- orders -------------------------------------------------------------------------------------


@st.composite
def orders(draw):
    kind = draw(st.sampled_from(sorted(recharge.KINDS)))
    customer = draw(st.integers(1, 10**12 - 1))
    return Order(
        kind,
        0 if kind == "clear" else draw(st.integers(0 if kind == "open" else 1, 2**31 - 1)),
        NOBODY if kind == "preset" else f"{customer:012d}",
        draw(st.integers(1, 2**32 - 1)),
        draw(st.integers(1, 2**32 - 1)),
        draw(st.integers(0, 2**16 - 1)),
    )


@given(orders(), st.sampled_from(sorted(KEYS)))
def test_order_round_trip(order, algorithm):
    frame = build(order, ADDRESS, KEYS[algorithm])
    assert frame == build(order, ADDRESS, KEYS[algorithm])
    assert recharge.read_order(frame_in(frame), KEYS[algorithm]) == order


@given(st.integers(0, 28), st.integers(1, 255))
def test_any_changed_byte_breaks_the_order(at, change):
    frame = frame_in(build(ORDERS["charge"], ADDRESS, KEYS["3des"]))
    data = bytearray(frame.data)
    data[at] ^= change
    with pytest.raises((MacError, BadJob)):
        recharge.read_order(frame._replace(data=bytes(data)), KEYS["3des"])
    with pytest.raises(MacError):
        recharge.read_order(frame._replace(address=OTHER), KEYS["3des"])


@pytest.mark.parametrize(
    "kind, change",
    [
        ("charge", {"kind": "refund"}),
        ("charge", {"amount_steps": 0}),
        ("charge", {"amount_steps": -1}),
        ("charge", {"amount_steps": 2**31}),
        ("reverse", {"amount_steps": 0}),
        ("preset", {"amount_steps": 0}),
        ("preset", {"customer": CUSTOMER}),
        ("open", {"customer": NOBODY}),
        ("clear", {"amount_steps": 1}),
        ("charge", {"customer": "17"}),
        ("charge", {"customer": "00000000001A"}),
        ("charge", {"reference": 0}),
        ("charge", {"reference": 2**32}),
        ("charge", {"number": 0}),
        ("charge", {"number": 2**32}),
        ("charge", {"epoch": -1}),
        ("charge", {"epoch": 2**16}),
    ],
)
def test_an_order_that_no_meter_could_execute_is_not_built(kind, change):
    with pytest.raises(BadJob):
        build(dataclasses.replace(ORDERS[kind], **change), ADDRESS, KEYS["3des"])


def test_keys_of_another_meter_are_refused():
    with pytest.raises(BadJob, match="not those of meter"):
        build(ORDERS["charge"], OTHER, KEYS["3des"])


def test_a_status_query_needs_a_whole_challenge():
    with pytest.raises(BadJob):
        status_query(ADDRESS, KEYS["3des"], b"1234567")


# --- what the meter says ------------------------------------------------------------------------

signed = st.integers(-(2**31), 2**31 - 1)
unsigned = st.integers(0, 2**32 - 1)
statuses = st.builds(
    Status,
    number=unsigned,
    epoch=st.integers(0, 2**16 - 1),
    last_kind=st.sampled_from(sorted(recharge.LAST_KINDS.values())),
    last_reference=unsigned,
    last_amount=unsigned,
    balance_before=signed,
    balance_after=signed,
    balance=signed,
    cumulative=unsigned,
    customer=st.integers(0, 10**12 - 1).map("{:012d}".format),
    supply_off=st.booleans(),
    remote=st.booleans(),
)


@given(statuses, st.binary(min_size=8, max_size=8), st.sampled_from(sorted(KEYS)))
def test_status_round_trip(status, challenge, algorithm):
    frame = frame_in(status_reply(KEYS[algorithm], challenge, **dataclasses.asdict(status)))
    assert parse_status(frame, ADDRESS, KEYS[algorithm], challenge) == status


@given(st.integers(4, 45), st.integers(1, 255))
def test_a_changed_status_has_a_wrong_mac(at, change):
    frame = frame_in(status_reply(KEYS["3des"], CHALLENGE, **RECORD))
    data = bytearray(frame.data)
    data[at] ^= change
    with pytest.raises(MacError):
        parse_status(frame._replace(data=bytes(data)), ADDRESS, KEYS["3des"], CHALLENGE)


def test_a_status_of_an_older_query_another_key_or_meter_is_refused():
    frame = frame_in(status_reply(KEYS["3des"], CHALLENGE, **RECORD))
    with pytest.raises(MacError):
        parse_status(frame, ADDRESS, KEYS["3des"], CHALLENGE[::-1])
    with pytest.raises(MacError):
        parse_status(frame, ADDRESS, KEYS["des"], CHALLENGE)
    with pytest.raises(WrongReply, match="is no reply"):
        parse_status(frame, OTHER, KEYRING.meter_keys(OTHER, 1, "3des"), CHALLENGE)
    with pytest.raises(WrongReply, match="not a status reply"):
        parse_status(frame._replace(data=frame.data[:-1]), ADDRESS, KEYS["3des"], CHALLENGE)


def test_a_refused_query_is_a_typed_error_with_words():
    with pytest.raises(MeterRefused, match="key version unknown") as caught:
        parse_status(dlt.Frame(ADDRESS, 0xC3, b"\x08\x00"), ADDRESS, KEYS["3des"], CHALLENGE)
    assert caught.value.refusal == 8


@pytest.mark.parametrize("at, value", [(6, 0x55), (31, 0x0A)])
def test_a_senseless_record(at, value):
    record = bytearray(frame_in(status_reply(KEYS["3des"], CHALLENGE, **RECORD)).data[4:-4])
    record[at] = value
    with pytest.raises(FrameError):
        recharge.read_record(bytes(record))


@pytest.mark.parametrize(
    "frame, kind, number",
    [
        ("executed", "reverse", 2),  # another function
        ("executed", "charge", 3),  # an earlier order
        ("cleared", "charge", 4),
        ("status", "charge", 2),
        ("charge", "charge", 2),  # our own request
    ],
)
def test_an_answer_to_something_else_is_refused(frame, kind, number):
    data = KNOWN.get(("any", frame)) or KNOWN["3des", frame]
    with pytest.raises(WrongReply):
        parse_answer(frame_in(data), ADDRESS, kind, number)


@pytest.mark.parametrize("bit", range(16))
def test_every_refusal_has_words(bit):
    answer = parse_answer(
        dlt.Frame(ADDRESS, 0xC3, (1 << bit).to_bytes(2, "little")), ADDRESS, "charge", 2
    )
    assert answer.code == 1 << bit and answer.words == serr_words(1 << bit) != ""
    assert answer.final is (bit in (2, 3, 4, 6, 7, 8, 9, 10))


def test_a_vendors_one_byte_refusal_is_not_put_in_our_words():
    answer = parse_answer(dlt.Frame(ADDRESS, 0xC3, b"\x02"), ADDRESS, "charge", 2)
    assert answer == Refusal(2, "reason 02", False)


@given(st.binary(max_size=60), st.integers(0, 255))
def test_arbitrary_replies_raise_typed_errors_only(data, control):
    frame = dlt.Frame(ADDRESS, control, data)
    for read in (
        lambda: parse_status(frame, ADDRESS, KEYS["3des"], CHALLENGE),
        lambda: parse_answer(frame, ADDRESS, "charge", 2),
        lambda: recharge.read_order(frame, KEYS["3des"]),
    ):
        with contextlib.suppress(WireError):
            read()


# --- judgement ----------------------------------------------------------------------------------


def table(order, status):
    """Section 5 of the protocol, row by row."""
    if order.kind != "clear" and (
        status.epoch == order.epoch
        and status.number == order.number
        and status.last_kind == order.kind
        and status.last_reference == order.reference
        and status.last_amount == order.amount_steps
        and status.customer == order.customer
    ):
        return "proved"
    if order.kind == "clear" and (
        status.epoch == order.epoch + 1
        and status.number == 0
        and status.last_kind == "clear"
        and status.last_reference == order.reference
    ):
        return "proved"
    if status.epoch == order.epoch and status.number == order.number - 1:
        return "not_executed"
    return "disputed"


@pytest.mark.parametrize("kind", ORDERS)
def test_judgement_follows_the_table(kind):
    order = ORDERS[kind]
    seen = {}
    for epoch, number, last_kind, reference, amount, customer, balance in itertools.product(
        (order.epoch - 1, order.epoch, order.epoch + 1),
        sorted({0, order.number - 1, order.number, order.number + 1}),
        recharge.LAST_KINDS.values(),
        (0, order.reference, order.reference + 1),
        (0, order.amount_steps, order.amount_steps + 1),
        (NOBODY, CUSTOMER, "000000000018"),
        (0, 5),
    ):
        status = Status(
            number, epoch, last_kind, reference, amount, 0, 0, balance, 0, customer, False, False
        )
        verdict = judge(order, status)
        assert verdict.outcome == table(order, status), (order, status)
        assert verdict.words
        seen[verdict.outcome] = seen.get(verdict.outcome, 0) + 1
    assert set(seen) == {"proved", "not_executed", "disputed"}


def test_the_last_epoch_is_followed_by_the_first():
    order = dataclasses.replace(ORDERS["clear"], epoch=0xFFFF)
    status = Status(0, 0, "clear", order.reference, 0, 0, 0, 0, 0, NOBODY, False, False)
    assert judge(order, status).outcome == "proved"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"number": 5}, "purchase number 5 of epoch 7, this order leads to number 2 of epoch 7"),
        ({"last_kind": "card", "last_reference": 0}, "kind card instead of charge, reference 0"),
        ({"last_amount": 1}, "amount 1 instead of 10000"),
        ({"customer": NOBODY}, f"customer {NOBODY} instead of {CUSTOMER}"),
    ],
)
def test_a_dispute_says_what_differs(change, words):
    status = Status(**{**RECORD, **change}, supply_off=False, remote=False)
    verdict = judge(ORDERS["charge"], status)
    assert verdict.outcome == "disputed" and words in verdict.words
