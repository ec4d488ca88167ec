"""Shape plain: a write of a maker's register."""

import hashlib

import pytest
from meterwire.errors import BadJob, DialectError, KeyMissing, LinkDown
from meterwire.recharge import Ack, KeyRing, Refusal
from recharge_double import (
    ADDRESS,
    KEYRING,
    REGISTERS,
    Registers,
    by_hand,
    converse,
    meter_of,
    order,
    sent_by,
)

OPTIONS = {"shape": "plain", "functions": {"charge": "04900000"}}
HEXADECIMAL = {
    **OPTIONS,
    "layout": [
        {"field": "amount", "coding": "le"},
        {"field": "number", "size": 2, "coding": "be"},
        {"field": "customer", "coding": "digits_be"},
        {"field": "constant", "value": "AB"},
    ],
    "rejects_repeats": True,
}
AUTHORITY = "0256341244332211"  # level, password 123456, operator 11223344


class PlainMeter(Registers):
    """Takes amount and number in packed decimal; refuses a wrong number, executes no repeat."""

    def execute(self, frame):
        assert frame.data[:12].hex().upper() == "00009004" + AUTHORITY
        amount, number = (int(frame.data[at : at + 4][::-1].hex()) for at in (12, 16))
        if number != self.number + 1:
            return self.reply(0xD4, b"\x01")
        self.charged(amount)
        return self.reply(0x94)


def send(meter, answer, **changes):
    shape = meter.dialect.shape
    keys = shape.keys(KEYRING, meter)
    return converse(shape.send(meter, keys, order(**changes)), answer)


def test_the_frame():
    meter = meter_of(OPTIONS)
    shape = meter.dialect.shape
    keys = shape.keys(KEYRING, meter)
    frame = by_hand(ADDRESS, 0x14, "00009004", AUTHORITY, "00000100", "02000000")
    assert sent_by(shape.send(meter, keys, order(steps=10000))) == (frame, True)
    assert shape.fingerprint(meter, keys, order()) == hashlib.sha256(frame).hexdigest()


def test_the_frame_of_another_coding():
    meter = meter_of(HEXADECIMAL)
    shape = meter.dialect.shape
    frame = by_hand(ADDRESS, 0x14, "00009004", AUTHORITY, "10270000", "0102", "000000000017", "AB")
    keys = shape.keys(KEYRING, meter)
    assert sent_by(shape.send(meter, keys, order(number=0x102)))[0] == frame


def test_the_frame_of_the_older_edition():
    registers = {
        "purchase_number": {"di": "B210", "size": 2},
        "last_amount": {"di": "B211", "size": 4, "places": 2},
        "balance": {"di": "B212", "size": 4, "places": 2},
    }
    meter = meter_of(
        {"shape": "plain", "functions": {"charge": "C119"}},
        protocol="dlt645_1997",
        registers=registers,
    )
    shape = meter.dialect.shape
    frame = by_hand(ADDRESS, 0x04, "19C1", "02563412", "00000100", "02000000")
    assert sent_by(shape.send(meter, shape.keys(KEYRING, meter), order()))[0] == frame


def test_a_life():
    meter, double = meter_of(OPTIONS), PlainMeter()
    shape = meter.dialect.shape
    before = converse(shape.status(meter, None), double)
    assert send(meter, double) == Ack()
    status = converse(shape.status(meter, None), double)
    assert shape.judge(order(), status, before).outcome == "proved"
    # The same once more: refused, and nothing has changed.
    assert send(meter, double) == Refusal(1, "the meter refused: other error", False)
    assert converse(shape.status(meter, None), double) == status


def test_refusals_in_the_makers_words():
    meter = meter_of(OPTIONS, errors={"D4": {"1": "number is not the next one"}})
    refusal = send(meter, PlainMeter(number=5))
    assert refusal == Refusal(1, "the meter refused: number is not the next one", False)


def test_what_is_no_answer_is_none():
    meter = meter_of(OPTIONS)
    assert send(meter, lambda frame: None) is None
    assert send(meter, lambda frame: by_hand(ADDRESS, 0x91, "00009004")) is None
    assert send(meter, lambda frame: by_hand("202611000002", 0x94)) is None

    def lost(frame):
        raise LinkDown("gone")

    with pytest.raises(LinkDown):
        send(meter, lost)


@pytest.mark.parametrize("steps, number", [(10**8, 2), (1, 10**4), (0, 2)])
def test_what_does_not_fit_is_not_sent(steps, number):
    with pytest.raises(BadJob):
        send(meter_of(OPTIONS), lambda frame: pytest.fail("sent"), steps=steps, number=number)


@pytest.mark.parametrize("steps, sent", [(12340, "1234"), (12345, None)])
def test_tenths_are_exact_or_not_sent(steps, sent):
    options = {
        **OPTIONS,
        "layout": [{"field": "amount", "size": 2, "coding": "bcd_be", "places": 1}, "number"],
    }
    meter = meter_of(options)
    shape = meter.dialect.shape
    talk = shape.send(meter, shape.keys(KEYRING, meter), order(steps=steps))
    if sent is None:
        with pytest.raises(BadJob, match="takes 1 digits behind the point"):
            next(talk)
    else:
        frame = by_hand(ADDRESS, 0x14, "00009004", AUTHORITY, sent, "02000000")
        assert next(talk).request == frame


def test_it_is_sent_again_only_where_the_maker_says_so():
    assert meter_of(OPTIONS).dialect.shape.resend is False
    assert meter_of(HEXADECIMAL).dialect.shape.resend is True


def test_the_password_is_needed_and_never_shows():
    meter = meter_of(OPTIONS)
    shape = meter.dialect.shape
    keys = shape.keys(KEYRING, meter)
    assert "123456" not in f"{keys} {keys!r}"
    with pytest.raises(KeyMissing, match="no passwords 'default'"):
        shape.keys(KeyRing(), meter)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"shape": "plain"}, "recharge.functions: is missing"),
        ({**OPTIONS, "functions": {}}, "names no function"),
        ({**OPTIONS, "functions": {"sell": "04900000"}}, "functions.sell: there are only open"),
        ({**OPTIONS, "functions": {"charge": "0490"}}, "charge: must be 8 hexadecimal digits"),
        ({**OPTIONS, "functions": {"charge": 5}}, "must be pairs of hexadecimal digits"),
        ({**OPTIONS, "layout": ["amount"]}, "needs amount and number"),
        ({**OPTIONS, "layout": ["amount", "number", "random"]}, "nothing random"),
        ({**OPTIONS, "layout": ["amount", "colour"]}, r"layout\[1\].field: must be one of"),
        ({**OPTIONS, "layout": "amount"}, r"must be a list"),
        ({**OPTIONS, "layout": [5]}, r"layout\[0\]: must be an object"),
        ({**OPTIONS, "layout": [{"field": "amount", "size": 0}]}, r"\[0\].size: must be a whole"),
        ({**OPTIONS, "layout": [{"field": "amount", "coding": "x"}]}, r"\[0\].coding: must be"),
        ({**OPTIONS, "layout": [{"field": "amount", "places": 9}]}, r"\[0\].places: must be"),
        ({**OPTIONS, "layout": [{"field": "amount", "more": 1}]}, r"\[0\].more: is not known"),
        ({**OPTIONS, "rejects_repeats": "yes"}, "must be true or false"),
        ({**OPTIONS, "password": "123456"}, "recharge.password: is not known here"),
    ],
)
def test_options_that_make_no_sense_are_named(options, words):
    with pytest.raises(DialectError, match=words):
        meter_of(options)


def test_a_password_is_needed_in_the_dialect():
    with pytest.raises(DialectError, match="the meter is charged with it"):
        meter_of(OPTIONS, password=None, registers=REGISTERS)
