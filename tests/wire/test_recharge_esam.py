"""Shape esam: bytes of the three exchanges, and a meter whose chip wants the right codes.

The encryptor is a function here; the real one, over HTTP, is in ``tests/sim/test_encryptor.py``.
"""

import dataclasses

import pytest
from meterwire import dlt645_2007 as dlt
from meterwire.errors import (
    BadJob,
    DialectError,
    KeyMissing,
    LinkDown,
    MeterRefused,
    NoEncryptor,
    NoReply,
)
from meterwire.recharge import Ack, KeyRing, Refusal
from meterwire.recharge.esam import SERR
from recharge_double import (
    ADDRESS,
    CUSTOMER,
    KEYRING,
    Registers,
    by_hand,
    converse,
    meter_of,
    order,
)

METER = meter_of({"shape": "esam"})
SHAPE = METER.dialect.shape
WITH_ALL = {
    "shape": "esam",
    "functions": {
        "open": "070101FF",
        "charge": "070102FF",
        "reverse": "070108FF",
        "clear": "070103FF",
    },
}


class Encryptor:
    """Answers as the contract says, with codes that tell what they were made for."""

    def __init__(self, fault=None):
        self.calls = []
        self.fault = fault

    def ask(self, path, question, answers):
        self.calls.append((path, question))
        if self.fault:
            raise self.fault
        if path == "/v1/identity":
            assert answers == {"cipher": 8, "random1": 8}
            return {
                "cipher": bytes.fromhex("C1C2C3C4C5C6C7C8"),
                "random1": bytes.fromhex("0102030405060708"),
            }
        assert answers == {"mac1": 4, "mac2": 4}
        return {"mac1": bytes.fromhex("A1A2A3A4"), "mac2": bytes.fromhex("B1B2B3B4")}


class Chip(Registers):
    """Authenticates anybody, executes number + 1, and keeps the codes that it was sent."""

    serr = None
    authenticates = True

    def execute(self, frame):
        if frame.di == 0x070000FF:
            if not self.authenticates:
                return self.reply(0xC3, b"\x08\x00")
            # random2 and the chip's number, low byte first
            return self.reply(0x83, frame.data[:4] + bytes.fromhex("D4D3D2D1 0807060504030201"))
        amount = int.from_bytes(frame.data[8:12], "little")
        number = int.from_bytes(frame.data[12:16], "little")
        if self.serr is not None:
            return self.reply(0xC3, self.serr)
        if number == self.number:
            return self.reply(0xC3, b"\x02\x00")
        if number != self.number + 1:
            return self.reply(0xC3, b"\x20\x00")
        self.charged(amount)
        return self.reply(0x83, frame.data[:4])


def send(meter=METER, double=None, encryptor=None, **changes):
    shape = meter.dialect.shape
    talk = shape.send(meter, encryptor or Encryptor(), order(**changes))
    return converse(talk, double or Chip())


def money_frames(double):
    return [frame for frame in double.heard if frame.function == 3 and frame.di != 0x070000FF]


# --- bytes --------------------------------------------------------------------------------------


def test_the_identity_authentication():
    double = Chip()
    send(double=double)
    raw = dlt.encode(double.heard[0])
    assert raw == by_hand(
        ADDRESS,
        0x03,
        "FF000007",
        "44332211",
        "C8C7C6C5C4C3C2C1",  # cipher
        "0807060504030201",  # random1
        "0100001126200000",  # 0000 202611000001
    )


@pytest.mark.parametrize(
    "kind, steps, number, data",
    [
        ("open", 0, 1, "FF010107 44332211 00000000 01000000 A4A3A2A1 170000000000 B4B3B2B1"),
        ("charge", 10000, 2, "FF020107 44332211 10270000 02000000 A4A3A2A1 170000000000 B4B3B2B1"),
        ("reverse", 10000, 2, "FF080107 44332211 10270000 02000000 A4A3A2A1 170000000000 B4B3B2B1"),
        ("clear", 0, 5, "FF030107 44332211 00000000 A4A3A2A1 00000000 B4B3B2B1"),
    ],
)
def test_the_order(kind, steps, number, data):
    meter, double = meter_of(WITH_ALL), Chip(number=number - 1)
    send(meter, double, kind=kind, steps=steps, number=number)
    (frame,) = money_frames(double)
    assert dlt.encode(frame) == by_hand(ADDRESS, 0x03, data)


def test_codes_as_they_are_and_packed_decimal():
    meter = meter_of(
        {
            "shape": "esam",
            "code_order": "high_first",
            "amount_coding": "bcd",
            "number_coding": "bcd",
            "operator": "00000009",
        }
    )
    double = Chip()
    double.charged = lambda steps: None
    send(meter, double)
    assert dlt.encode(double.heard[0]) == by_hand(
        ADDRESS, 0x03, "FF000007 09000000 C1C2C3C4C5C6C7C8 0102030405060708 0000202611000001"
    )
    (frame,) = money_frames(double)
    data = "FF020107 09000000 00000100 02000000 A1A2A3A4 170000000000 B1B2B3B4"
    assert dlt.encode(frame) == by_hand(ADDRESS, 0x03, data)


def test_what_the_encryptor_is_asked():
    encryptor = Encryptor()
    send(encryptor=encryptor)
    session = {"meter": ADDRESS, "diversifier": "0000202611000001"}
    assert encryptor.calls == [
        ("/v1/identity", session),
        (
            "/v1/order",
            {
                **session,
                "random1": "0102030405060708",
                "random2": "D1D2D3D4",
                "esam": "0102030405060708",
                "function": "070102FF",
                "kind": "charge",
                "amount": 10000,
                "number": 2,
                "customer": CUSTOMER,
                "data1": "0000271000000002",
                "data2": CUSTOMER,
            },
        ),
    ]


def test_what_the_encryptor_is_asked_for_a_clear():
    encryptor, double = Encryptor(), Chip(number=4)
    send(meter_of(WITH_ALL), double, encryptor, kind="clear", steps=0, number=5)
    asked = encryptor.calls[1][1]
    assert (asked["data1"], asked["data2"], asked["number"]) == ("00000000", "00000000", 0)


# --- a life -------------------------------------------------------------------------------------


def test_charged_proved_and_repeated():
    double = Chip()
    before = converse(SHAPE.status(METER, None), double)
    assert send(double=double) == Ack()
    status = converse(SHAPE.status(METER, None), double)
    assert SHAPE.judge(order(), status, before).outcome == "proved"
    # The same number once more, with new codes: the meter knows it.
    assert send(double=double).code == 2
    assert converse(SHAPE.status(METER, None), double) == status


def test_status_needs_no_encryptor():
    double = Chip(number=41)
    assert converse(SHAPE.status(METER, None), double).number == 41
    assert {frame.function for frame in double.heard} == {dlt.READ}


def test_the_question_that_leaves_is_the_order_alone():
    talk = SHAPE.send(METER, Encryptor(), order())
    questions = []
    value = None
    with pytest.raises(StopIteration):
        while True:
            step = talk.send(value)
            if hasattr(step, "request"):
                questions.append((step.leaving, step.attempts))
                (raw,) = dlt.Buffer().feed(step.request)
                (reply,) = dlt.Buffer().feed(Chip()(dlt.decode(raw)))
                value = step.parse(dlt.decode(reply))
            else:
                value = step.function()
    assert questions == [(False, 1), (True, 1)]


def test_one_fingerprint_for_all_sendings_of_an_order():
    found = {SHAPE.fingerprint(METER, Encryptor(), order()) for _ in range(2)}
    assert len(found) == 1 and len(found.pop()) == 64
    other = dataclasses.replace(order(), number=3)
    assert SHAPE.fingerprint(METER, None, order()) != SHAPE.fingerprint(METER, None, other)
    elsewhere = METER._replace(address="202611000002")
    assert SHAPE.fingerprint(METER, None, order()) != SHAPE.fingerprint(elsewhere, None, order())


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("bit", range(len(SERR)))
def test_every_refusal_has_words(bit):
    double = Chip()
    double.serr = (1 << bit).to_bytes(2, "little")
    refusal = send(double=double)
    assert refusal == Refusal(1 << bit, *SERR[bit])
    assert refusal.words
    assert refusal.final is (bit in (4, 6, 7, 8))


@pytest.mark.parametrize(
    "serr, refusal",
    [
        (b"\x02", Refusal(2, "reason 02", False)),
        (b"", Refusal(0, "reason not given", False)),
        (b"\x00\x40", Refusal(0x4000, "no known reason (4000)", False)),
        (
            b"\x50\x00",
            Refusal(0x50, "customer number is not the meter's; over the hoarding limit", True),
        ),
    ],
)
def test_other_refusals(serr, refusal):
    double = Chip()
    double.serr = serr
    assert send(double=double) == refusal


def test_a_refused_authentication_sends_no_order():
    double = Chip()
    double.authenticates = False
    with pytest.raises(MeterRefused, match="refused the identity authentication: .*has expired"):
        send(double=double)
    assert not money_frames(double)


@pytest.mark.parametrize("after", [0, 1])
def test_an_encryptor_that_fails_sends_no_order(after):
    double, encryptor = Chip(), Encryptor()

    def ask(path, question, answers):
        if len(encryptor.calls) == after:
            raise NoEncryptor("the encryptor did not answer in 5 s")
        return Encryptor.ask(encryptor, path, question, answers)

    encryptor.ask = ask
    with pytest.raises(NoEncryptor):
        send(double=double, encryptor=encryptor)
    assert not money_frames(double)


def test_silence_before_the_order_is_no_reply_and_after_it_is_none():
    with pytest.raises(NoReply):
        send(double=lambda frame: None)
    double = Chip()

    def mute(frame):
        reply = double(frame)
        return reply if frame.di == 0x070000FF else None

    assert send(double=mute) is None


def test_a_lost_link_goes_through():
    double = Chip()

    def lost(frame):
        if frame.di == 0x070000FF:
            return double(frame)
        raise LinkDown("gone")

    with pytest.raises(LinkDown):
        send(double=lost)


@pytest.mark.parametrize(
    "reply",
    [
        by_hand(ADDRESS, 0x83, "FF000007"),  # the authentication's, late
        by_hand("202611000002", 0x83, "FF020107"),
        by_hand(ADDRESS, 0x91, "FF020107"),
        by_hand(ADDRESS, 0x03, "FF020107"),  # our own echo
    ],
)
def test_what_answers_something_else_is_not_taken(reply):
    double = Chip()
    answers = iter([double, lambda frame: reply])
    assert send(double=lambda frame: next(answers)(frame)) is None


def test_a_good_reply_without_identifier():
    double = Chip()
    answers = iter([double, lambda frame: by_hand(ADDRESS, 0x83)])
    assert send(double=lambda frame: next(answers)(frame)) == Ack()


@pytest.mark.parametrize("data", ["FF000007", "FF000007 D4D3D2D1", "FF010007" + "00" * 12])
def test_an_authentication_answered_wrongly(data):
    with pytest.raises(Exception, match="not a reply to the identity authentication"):
        send(double=lambda frame: by_hand(ADDRESS, 0x83, data))


# --- an authentication that runs out ------------------------------------------------------------


def clock(monkeypatch, *seconds):
    times = iter(seconds)
    monkeypatch.setattr(SHAPE, "clock", lambda: next(times), raising=False)


def test_it_is_made_again_when_it_ran_out(monkeypatch):
    clock(monkeypatch, 0, 301, 301, 302)
    double, encryptor = Chip(), Encryptor()
    assert send(double=double, encryptor=encryptor) == Ack()
    assert [path for path, _ in encryptor.calls] == ["/v1/identity", "/v1/order"] * 2
    assert len(money_frames(double)) == 1


def test_it_is_given_up_when_it_always_runs_out(monkeypatch):
    clock(monkeypatch, *range(0, 4000, 400))
    double = Chip()
    with pytest.raises(NoEncryptor, match="longer than the 300 s"):
        send(double=double)
    assert not money_frames(double)


# --- options and orders -------------------------------------------------------------------------


def test_what_it_says_of_itself():
    assert (SHAPE.resend, SHAPE.counted, SHAPE.modulus, SHAPE.has_epoch) == (
        True,
        True,
        None,
        False,
    )
    assert SHAPE.kinds == {"open", "charge"}
    assert meter_of(WITH_ALL).dialect.shape.kinds == {"open", "charge", "reverse", "clear"}


@pytest.mark.parametrize(
    "changes",
    [{"kind": "reverse"}, {"steps": 0}, {"number": 0}, {"number": 10000}, {"customer": "1"}],
)
def test_what_the_meter_could_not_execute_is_not_sent(changes):
    with pytest.raises(BadJob):
        send(double=lambda frame: pytest.fail("sent"), **changes)


def test_packed_decimal_has_no_room_for_more():
    meter = meter_of({"shape": "esam", "amount_coding": "bcd"})
    with pytest.raises(BadJob, match="does not fit"):
        send(meter, lambda frame: pytest.fail("sent"), steps=10**8)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"encryptor": "Not A Name"}, "recharge.encryptor: must be a name"),
        ({"operator": "123"}, "recharge.operator: must be 8 digits"),
        ({"validity_seconds": 0}, "validity_seconds: must be a whole number"),
        ({"code_order": "odd"}, "code_order: must be one of"),
        ({"amount_coding": "be"}, "amount_coding: must be one of"),
        ({"functions": {"preset": "070103FF"}}, "have no preset"),
        ({"token": "x"}, "recharge.token: is not known here"),
    ],
)
def test_options_that_make_no_sense_are_named(options, words):
    with pytest.raises(DialectError, match=words):
        meter_of({"shape": "esam", **options})


def test_the_encryptor_of_the_key_file():
    ring = KeyRing({}, {"encryptors": {"city": {"url": "http://127.0.0.1:1", "token": "s3cret"}}})
    meter = meter_of({"shape": "esam", "encryptor": "city"})
    keys = meter.dialect.shape.keys(ring, meter)
    assert repr(keys) == "<Encryptor city>"
    with pytest.raises(KeyMissing, match="no encryptors 'default'"):
        SHAPE.keys(ring, METER)
    with pytest.raises(KeyMissing):
        SHAPE.keys(KEYRING, METER)
