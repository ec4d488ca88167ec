"""One exchange: what is taken for the answer, and what never is."""

import functools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_double import ADDRESS, OTHER
from meterwire import dlt645_2007 as dlt
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
