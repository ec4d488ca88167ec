"""One exchange: what is taken for the answer, and what never is."""

import functools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_double import ADDRESS, OTHER
from meterwire import cjt188
from meterwire import dlt645_2007 as dlt
from meterwire.envelope import Prefix
from meterwire.errors import LinkDown, MeterRefused, NoReply, WrongReply
from meterwire.jobs import Timing
from meterwire.question import Question
from meterwire.session import Session

TIMING = Timing(first_byte=1.5, gap=0.5, total=6.0)
REQUEST = dlt.read_request(ADDRESS, dlt.TOTAL)


def reply(payload="76170300", address=ADDRESS, di=dlt.TOTAL, control=0x91):
    return dlt.encode(
        dlt.Frame(address, control, di.to_bytes(4, "little") + bytes.fromhex(payload))
    )


ANSWER = reply()


@pytest.fixture
def session():
    parse = functools.partial(dlt.parse_reply, address=ADDRESS, di=dlt.TOTAL)
    session = Session(Question(dlt, REQUEST, ADDRESS, dlt.READ, parse), TIMING)
    session.start(100.0)
    return session


def test_answer(session):
    assert session.receive(ANSWER, 100.2)
    assert (session.outcome, session.value, session.error) == ("reply", Decimal("317.76"), None)
    assert (session.unasked, bytes(session.rx)) == (0, ANSWER)
    assert session.words == "reply to read 00010000: 317.76 kWh"


def test_done_with_the_last_byte_not_with_silence(session):
    for byte in ANSWER[:-1]:
        assert not session.receive(bytes([byte]), 100.1)
    assert session.receive(ANSWER[-1:], 100.1)


def test_deadlines(session):
    assert session.deadline == 101.5
    session.receive(b"\xfe", 100.2)
    assert session.deadline == 101.5  # a first byte never shortens the wait
    session.receive(b"\xfe", 101.4)
    assert session.deadline == 101.9
    session.receive(b"\xfe", 105.9)
    assert session.deadline == 106.0  # nor does chatter lengthen it for ever


def test_silence(session):
    assert session.silence()
    assert (session.outcome, session.words) == ("silence", "no answer in time")
    assert isinstance(session.error, NoReply)


def test_garbled(session):
    broken = bytearray(ANSWER)
    broken[-2] ^= 1
    session.receive(bytes(broken), 100.1)
    assert session.silence()
    assert session.outcome == "garbled" and isinstance(session.error, NoReply)


def test_answer_behind_a_false_start_is_found_at_silence(session):
    assert not session.receive(bytes.fromhex("68000000000000680040") + ANSWER, 100.1)
    assert session.silence()
    assert session.outcome == "reply"


def test_refusal_is_an_answer(session):
    assert session.receive(dlt.encode(dlt.Frame(ADDRESS, 0xD1, b"\x02")), 100.1)
    assert session.outcome == "refused" and isinstance(session.error, MeterRefused)
    assert session.words == "refusal of read: no such data"


@pytest.mark.parametrize(
    "foreign",
    [
        reply(address=OTHER),
        reply(di=0x00010100),
        reply(control=0x94),
        reply("7617"),
        reply("7617030A"),
        dlt.encode(dlt.Frame(OTHER, 0xD1, b"\x02")),
        dlt.encode(dlt.Frame(ADDRESS, 0xC3, b"\x02\x00")),
    ],
    ids=["meter", "identifier", "function", "short", "senseless", "refusal", "function refused"],
)
def test_a_foreign_or_late_reply_is_reported_and_never_taken(session, foreign):
    assert not session.receive(foreign, 100.1)
    assert session.receive(ANSWER, 100.2)
    assert (session.value, session.unasked) == (Decimal("317.76"), 1)
    assert "heard" in session.words or "not taken" in session.words


def test_only_a_foreign_reply(session):
    session.receive(reply(address=OTHER), 100.1)
    session.silence()
    assert session.outcome == "wrong_reply" and isinstance(session.error, WrongReply)
    assert OTHER in session.words


def test_our_own_echo_is_no_reply(session):
    session.receive(REQUEST, 100.0)
    assert session.receive(ANSWER, 100.2)
    assert session.unasked == 0 and session.words == "reply to read 00010000: 317.76 kWh"


def test_what_follows_the_answer_is_counted(session):
    assert session.receive(ANSWER + ANSWER, 100.1)
    assert session.unasked == 1 and "followed by" in session.words


def test_lost(session):
    session.lost("the other end closed the connection")
    assert session.outcome == "link_lost" and isinstance(session.error, LinkDown)
    session.lost("again")
    assert session.error.words == "the other end closed the connection"


def test_evidence_is_bounded(session):
    for _ in range(100):
        session.receive(b"\x00" * 100, 100.1)
    for _ in range(100):
        session.receive(reply(address=OTHER), 100.1)
    assert len(session.rx) == 1024
    assert len(session.words) < 1000


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.just(ANSWER[4:]), st.just(reply(address=OTHER))))
)
def test_any_bytes_in_any_pieces_end_in_a_known_outcome(chunks):
    parse = functools.partial(dlt.parse_reply, address=ADDRESS, di=dlt.TOTAL)
    session = Session(Question(dlt, REQUEST, ADDRESS, dlt.READ, parse), TIMING)
    session.start(0.0)
    for at, chunk in enumerate(chunks):
        session.receive(chunk, at / 100)
    if not session.done:
        session.silence()
    assert session.outcome in ("reply", "refused", "silence", "wrong_reply", "garbled")
    assert (session.error is None) == (session.outcome == "reply")
    assert isinstance(session.words, str)


# --- other protocols, envelopes -----------------------------------------------------------------

WATER = "33201170000018"


def water_reply(address=WATER, di="901F", payload="0000020029", control=0x81):
    data = bytes.fromhex(di + "07" + payload)
    return cjt188.encode(cjt188.Frame(address, control, data))


@pytest.fixture
def water():
    parse = functools.partial(cjt188.payload_of, address=WATER, di=cjt188.METERING)
    request = cjt188.read_request(WATER, cjt188.METERING, 7)
    session = Session(Question(cjt188, request, WATER, cjt188.READ, parse), TIMING)
    session.start(100.0)
    return session


@pytest.mark.parametrize("di", ["901F", "1F90"])
def test_a_water_meter_answers_in_either_order(water, di):
    for byte in water_reply(di=di):
        water.receive(bytes([byte]), 100.1)
    assert water.outcome == "reply" and water.value.hex() == "0000020029"


@pytest.mark.parametrize(
    "foreign",
    [
        water_reply(address="33201170000019"),
        water_reply(di="8105"),
        water_reply(control=0x84),
        ANSWER,
        b"\x68" * 20,
    ],
    ids=["meter", "identifier", "function", "other protocol", "starts"],
)
def test_what_is_not_the_water_meters_answer_is_never_taken(water, foreign):
    water.receive(foreign, 100.1)
    water.receive(water_reply(), 100.2)
    assert water.done or water.silence()
    assert (water.outcome, water.value.hex()) == ("reply", "0000020029")


def test_a_water_meter_that_refuses(water):
    refusal = cjt188.encode(cjt188.Frame(WATER, 0xC1, bytes.fromhex("070500")))
    assert water.receive(refusal, 100.1)
    assert water.outcome == "refused" and "battery low" in water.words


def test_an_envelope_goes_around_the_request_and_comes_off_the_reply():
    parse = functools.partial(dlt.parse_reply, address=ADDRESS, di=dlt.TOTAL)
    question = Question(dlt, REQUEST, ADDRESS, dlt.READ, parse)
    session = Session(question, TIMING, Prefix(b"\xa5\x01"))
    session.start(100.0)
    assert session.request == b"\xa5\x01" + REQUEST
    for byte in session.request + b"\xa5\x01" + ANSWER:  # our own echo, too
        session.receive(bytes([byte]), 100.1)
    assert (session.outcome, session.value, session.unasked) == ("reply", Decimal("317.76"), 0)
    assert session.rx.startswith(b"\xa5\x01")


def test_a_broadcast_is_over_when_it_is_sent():
    request = dlt.encode(dlt.Frame("9" * 12, dlt.FREEZE, bytes.fromhex("99999999")))
    session = Session(Question(dlt, request, "9" * 12, None, None), TIMING)
    session.sent()
    assert (session.done, session.outcome, session.error) == (True, "sent", None)
    assert session.words == "to everybody on the line"


def test_notes_of_the_line_are_part_of_the_evidence(session):
    noted = Session(
        Question(dlt, REQUEST, ADDRESS, dlt.READ, session.parse), TIMING, None, ["heard before"]
    )
    noted.start(100.0)
    noted.receive(ANSWER, 100.1)
    assert noted.words == "reply to read 00010000: 317.76 kWh; heard before"
