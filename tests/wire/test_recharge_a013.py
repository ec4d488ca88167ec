"""Shape a013: the purchase of CJ/T 188. The enciphered body was made with openssl."""

import hashlib
import json
import pathlib

import pytest
from meterwire.errors import BadJob, DialectError, KeyMissing, LinkDown
from meterwire.recharge import Ack, KeyRing, Refusal, Status
from recharge_double import (
    KEYRING,
    WATER,
    WATER_REGISTERS,
    Water,
    converse,
    order,
    sent_by,
    water_of,
)

PLAIN = {"shape": "a013"}
TENTHS = {
    "shape": "a013",
    "layout": [
        {"field": "number", "size": 1, "coding": "le"},
        {"field": "amount", "coding": "be", "places": 1},
    ],
}
ENCIPHERED = {
    "shape": "a013",
    "cipher": {
        "algorithm": "des",
        "padding": "zero",
        "mac": {"kind": "cbc_mac", "covers": ["cipher"]},
    },
    "rejects_repeats": True,
}


def frame_of(payload, address=WATER, di="A013", control=0x04):
    """A frame of CJ/T 188, reckoned here."""
    data = bytes.fromhex(di + "00" + payload)
    body = b"\x68\x10" + bytes.fromhex(address)[::-1] + bytes([control, len(data)]) + data
    return b"\xfe" * 4 + body + bytes([sum(body) % 256, 0x16])


def setting(options, **changes):
    meter = water_of(options, **changes)
    return meter, meter.dialect.shape, meter.dialect.shape.keys(KEYRING, meter)


class Purchase(Water):
    """Takes serial and amount in packed decimal, as the standard lays them out."""

    def execute(self, frame):
        assert (frame.di, len(frame.data)) == (0xA013, 8)
        serial, amount = frame.data[3], int(frame.data[4:8][::-1].hex())
        if serial != (self.number + 1) % 256:
            return self.reply(0xC4, b"\x00\x01\x00")
        self.charged(amount)
        return self.reply(0x84, frame.data)


# --- bytes --------------------------------------------------------------------------------------


def test_the_frame():
    meter, shape, keys = setting(PLAIN)
    frame = frame_of("0200000100")
    assert sent_by(shape.send(meter, keys, order())) == (frame, True)
    assert shape.fingerprint(meter, keys, order()) == hashlib.sha256(frame).hexdigest()


def test_the_captured_frame():
    vectors = pathlib.Path(__file__).with_name("vectors") / "wire.json"
    (captured,) = (
        vector
        for vector in json.loads(vectors.read_text(encoding="utf-8"))
        if vector["kind"] == "purchase-request"
    )
    meter = water_of(TENTHS, captured["decoded"]["address"], preamble=0)
    shape = meter.dialect.shape
    ten = order(steps=1000, number=1)
    assert sent_by(shape.send(meter, None, ten))[0].hex().upper() == captured["hex"]
    with pytest.raises(BadJob, match="takes 1 digits behind the point, not 1005 hundredths"):
        shape.fingerprint(meter, None, order(steps=1005, number=1))


def test_the_enciphered_frame():
    meter, shape, keys = setting(ENCIPHERED)
    frame = frame_of("F147BD63C2E27E0C4A20B8E1")
    assert sent_by(shape.send(meter, keys, order()))[0] == frame


def test_the_order_of_the_identifier():
    meter, shape, keys = setting({**PLAIN, "di_order": "low_first"})
    assert sent_by(shape.send(meter, keys, order()))[0] == frame_of("0200000100", di="13A0")
    meter, shape, keys = setting(PLAIN, protocol="cjt188_2018")
    assert sent_by(shape.send(meter, keys, order()))[0] == frame_of("0200000100", di="13A0")


# --- a life -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 254, 255])
def test_charged_proved_and_repeated(number):
    meter, shape, keys = setting(PLAIN)
    double = Purchase(number=number)
    before = converse(shape.status(meter, keys), double)
    assert before == Status(number=number, last_amount=0, cumulative=0, balance=500)
    one = order(number=shape.next_number(number), steps=1234)
    assert shape.judge(one, before, before).outcome == "not_executed"
    assert converse(shape.send(meter, keys, one), double) == Ack()
    status = converse(shape.status(meter, keys), double)
    verdict = shape.judge(one, status, before)
    assert verdict.outcome == "proved", verdict
    assert status.number == (number + 1) % 256
    refusal = converse(shape.send(meter, keys, one), double)
    assert isinstance(refusal, Refusal) and refusal.code == 1 and not refusal.final
    assert converse(shape.status(meter, keys), double) == status


@pytest.mark.parametrize(
    "status, before, outcome",
    [
        (Status(0, last_amount=500, cumulative=9500), Status(255, cumulative=9000), "proved"),
        (Status(0, last_amount=500, cumulative=9500), None, "proved"),
        (Status(255, last_amount=1, cumulative=9000), Status(255, cumulative=9000), "not_executed"),
        (Status(1, last_amount=500, cumulative=9500), Status(255, cumulative=9000), "disputed"),
        (Status(0, last_amount=501, cumulative=9501), Status(255, cumulative=9000), "disputed"),
        (Status(0, last_amount=500, cumulative=9000), Status(255, cumulative=9000), "disputed"),
        # 256 purchases later: the same serial, not the same sum.
        (Status(0, last_amount=500, cumulative=99500), Status(255, cumulative=9000), "disputed"),
        (Status(255, last_amount=1, cumulative=99000), Status(255, cumulative=9000), "disputed"),
    ],
)
def test_judgement_where_the_serial_starts_over(status, before, outcome):
    shape = water_of(PLAIN).dialect.shape
    verdict = shape.judge(order(number=0, steps=500), status, before)
    assert verdict.outcome == outcome, verdict


def test_what_it_says_of_itself():
    shape = water_of(PLAIN).dialect.shape
    assert (shape.modulus, shape.counted, shape.has_epoch, shape.resend) == (
        256,
        True,
        False,
        False,
    )
    assert shape.kinds == {"charge"}
    assert water_of(ENCIPHERED).dialect.shape.resend is True
    assert (shape.next_number(255), shape.next_number(0)) == (0, 1)


def test_a_refund_of_the_makers_own():
    options = {**PLAIN, "functions": {"charge": "A013", "reverse": "A0EC"}}
    meter, shape, keys = setting(options)
    assert shape.kinds == {"charge", "reverse"}
    frame = frame_of("0200000100", di="A0EC")
    assert sent_by(shape.send(meter, keys, order("reverse")))[0] == frame


# --- what comes back ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply, value",
    [
        (frame_of("0200000100", control=0x84), Ack()),
        (frame_of("0200000100", control=0x84, di="13A0"), Ack()),
        (frame_of("", control=0x84), Ack()),
        (frame_of("0500", control=0x84), Ack()),
        (frame_of("0100000100", control=0x84), None),  # the serial before
        (frame_of("0200000200", control=0x84), None),  # another amount
        (frame_of("55", control=0x84, di="A017"), None),  # the valve
        (frame_of("0200000100", control=0x81), None),
        (frame_of("0200000100"), None),  # our own echo
        (frame_of("0200000100", address="00002026110002", control=0x84), None),
        (None, None),
    ],
)
def test_replies(reply, value):
    meter, shape, keys = setting(PLAIN)
    assert converse(shape.send(meter, keys, order()), lambda frame: reply) == value


def test_an_enciphered_order_is_acknowledged_in_clear():
    meter, shape, keys = setting(ENCIPHERED)
    reply = frame_of("0300000100", control=0x84)
    assert converse(shape.send(meter, keys, order()), lambda frame: reply) == Ack()


def test_a_refusal_in_the_makers_words():
    meter, shape, keys = setting(PLAIN, errors={"C4": {"1": "serial is not the next one"}})
    refusal = converse(shape.send(meter, keys, order(number=9)), Purchase())
    assert refusal == Refusal(1, "the meter refused: serial is not the next one", False)


def test_a_lost_link_goes_through():
    meter, shape, keys = setting(PLAIN)

    def lost(frame):
        raise LinkDown("gone")

    with pytest.raises(LinkDown):
        converse(shape.send(meter, keys, order()), lost)


# --- keys, options, orders ----------------------------------------------------------------------


def test_a_plain_purchase_needs_no_key():
    meter = water_of(PLAIN)
    assert meter.dialect.shape.keys(KeyRing(), meter) is None
    meter = water_of(ENCIPHERED)
    with pytest.raises(KeyMissing, match="no master key of version 1"):
        meter.dialect.shape.keys(KeyRing(), meter)


@pytest.mark.parametrize(
    "change", [{"steps": 10**8}, {"number": 256}, {"steps": 0}, {"kind": "open"}, {"number": -1}]
)
def test_what_the_meter_could_not_execute_is_not_sent(change):
    meter, shape, keys = setting(PLAIN)
    with pytest.raises(BadJob):
        converse(shape.send(meter, keys, order(**change)), lambda frame: pytest.fail("sent"))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"layout": ["amount"]}, "layout: needs number and amount"),
        ({"layout": ["number", "amount", "random"]}, r"layout\[2\].field: must be one of"),
        ({"layout": ["number", "amount"]}, "is shorter than the serial that is sent"),
        ({"di_order": "odd"}, "di_order: must be one of"),
        ({"functions": {"charge": "070102FF"}}, "charge: must be 4 hexadecimal digits"),
        ({"cipher": {"mode": "ecb"}}, "is 5 bytes, no multiple of 8; padding is none"),
        ({"cipher": {"padding": "zero", "more": 1}}, "recharge.cipher.more: is not known here"),
        ({"cipher": "des"}, "recharge.cipher: must be an object"),
        ({"password": "1"}, "recharge.password: is not known here"),
    ],
)
def test_options_that_make_no_sense_are_named(change, words):
    with pytest.raises(DialectError, match=words):
        water_of({**PLAIN, **change})


def test_a_serial_is_needed():
    registers = {
        name: value for name, value in WATER_REGISTERS.items() if name != "purchase_number"
    }
    with pytest.raises(DialectError, match="must show purchase_number"):
        water_of(PLAIN, registers=registers)
