"""The sealed protocol as a shape: its conversations. Its bytes: ``test_recharge``."""

import hashlib

import pytest
from meter_double import status_reply
from meterwire import dlt645_2007 as dlt
from meterwire.errors import (
    BadJob,
    DialectError,
    KeyMissing,
    LinkDown,
    MacError,
    MeterRefused,
    NoReply,
)
from meterwire.recharge import Ack, Refusal, build
from meterwire.values import int_to_le
from recharge_double import ADDRESS, CUSTOMER, KEYRING, converse, meter_of, order, sent_by

METER = meter_of({"shape": "sealed"})
SHAPE = METER.dialect.shape
KEYS = SHAPE.keys(KEYRING, METER)
ORDER = order(epoch=7)
RECORD = {
    "number": 2,
    "epoch": 7,
    "last_kind": "charge",
    "last_reference": ORDER.reference,
    "last_amount": 10000,
    "customer": CUSTOMER,
}


def test_what_it_says_of_itself():
    assert (SHAPE.resend, SHAPE.counted, SHAPE.modulus, SHAPE.has_epoch) == (True, True, None, True)
    assert SHAPE.kinds == {"open", "charge", "preset", "reverse", "clear"}


def test_it_has_no_options():
    with pytest.raises(DialectError, match="has no option colour"):
        meter_of({"shape": "sealed", "colour": "red"})


def test_status_and_verdict():
    def answer(frame):
        return status_reply(KEYS, frame.data[9:17], **RECORD)

    status = converse(SHAPE.status(METER, KEYS), answer)
    assert (status.number, status.epoch, status.last_reference) == (2, 7, ORDER.reference)
    assert SHAPE.judge(ORDER, status).outcome == "proved"
    assert SHAPE.judge(order(epoch=7, number=3), status).outcome == "not_executed"
    assert SHAPE.judge(order(epoch=7, reference=9), status).outcome == "disputed"


def test_every_status_query_has_a_challenge_of_its_own_and_is_not_repeated():
    first, second = (next(SHAPE.status(METER, KEYS)) for _ in range(2))
    assert first.request != second.request
    assert first.attempts == second.attempts == 1 and not first.leaving


def test_an_older_status_is_not_taken():
    with pytest.raises(MacError):
        converse(SHAPE.status(METER, KEYS), lambda frame: status_reply(KEYS, bytes(8), **RECORD))


def test_a_refused_status_query():
    def answer(frame):
        return dlt.encode(dlt.Frame(ADDRESS, 0xC3, b"\x08\x00"))

    with pytest.raises(MeterRefused, match="key version unknown"):
        converse(SHAPE.status(METER, KEYS), answer)


def test_the_order_is_the_frame_of_the_protocol_and_is_hashed():
    frame = build(ORDER, ADDRESS, KEYS)
    assert sent_by(SHAPE.send(METER, KEYS, ORDER)) == (frame, True)
    assert SHAPE.fingerprint(METER, KEYS, ORDER) == hashlib.sha256(frame).hexdigest()


@pytest.mark.parametrize(
    "control, data, value",
    [
        (0x83, int_to_le(0x070102FF, 4) + int_to_le(2, 4) + int_to_le(9750, 4), Ack(2, 9750)),
        (0xC3, b"\x02\x00", Refusal(2, "this purchase number was executed before", False)),
        (0x83, b"", None),  # not an answer to this
    ],
)
def test_what_comes_back(control, data, value):
    def answer(frame):
        return dlt.encode(dlt.Frame(ADDRESS, control, data))

    assert converse(SHAPE.send(METER, KEYS, ORDER), answer) == value


def test_silence_is_none_and_a_lost_link_goes_through():
    assert converse(SHAPE.send(METER, KEYS, ORDER), lambda frame: None) is None

    def lost(frame):
        raise LinkDown("gone")

    with pytest.raises(LinkDown):
        converse(SHAPE.send(METER, KEYS, ORDER), lost)
    with pytest.raises(NoReply):
        converse(SHAPE.status(METER, KEYS), lambda frame: None)


def test_what_no_meter_could_execute_is_not_sent():
    with pytest.raises(BadJob):
        converse(SHAPE.send(METER, KEYS, order(steps=0)), lambda frame: pytest.fail("sent"))
    with pytest.raises(BadJob):
        SHAPE.fingerprint(METER, KEYS, order(steps=0))


def test_no_key_of_this_version():
    with pytest.raises(KeyMissing, match="version 2"):
        SHAPE.keys(KEYRING, METER._replace(key_version=2))
