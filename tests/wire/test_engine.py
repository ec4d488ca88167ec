"""The engine as its user sees it: money turns, one terminal event for every job."""

import dataclasses
import itertools
import select

import pytest
from engine_desk import SALE, money_frames, read
from meter_double import (
    ADDRESS,
    KEYRING,
    OTHER,
    QUICK,
    SILENT,
    EngineDesk,
    MeterDouble,
    ask,
    charge,
    status_reply,
)
from meterwire import dlt645_2007 as dlt
from meterwire.jobs import (
    Answered,
    Asked,
    Done,
    Failed,
    LineSpec,
    Money,
    Released,
    Settled,
)
from meterwire.recharge import Ack, KeyRing, Refusal, judge

# --- a money turn -------------------------------------------------------------------------------


def test_a_sale(meter, desk):
    desk.engine.submit([SALE])
    asked = desk.next(Asked)
    assert (asked.status.number, len(asked.exchanges)) == (0, 1)
    order = charge(1)
    desk.engine.answer("sale", order)
    answered = desk.next(Answered)
    assert (answered.reply, len(answered.exchanges)) == (Ack(1, 10000), 1)
    settled = desk.next(Settled)
    assert judge(order, settled.status).outcome == "proved"
    assert (len(settled.exchanges), meter.executed) == (1, [order])
    assert desk.engine.drain() == []


def test_the_line_is_held_until_the_answer(meter, desk):
    desk.engine.submit([SALE, read(1), read(2)])
    desk.next(Asked)
    assert not select.select([desk.engine.wake_fd], [], [], 0.05)[0]
    assert len(meter.requests) == 1
    desk.engine.answer("sale", None)
    desk.next(Released)
    assert [desk.next(Done).id, desk.next(Done).id] == [1, 2]


def test_nothing_is_sent_when_the_desk_says_no(meter, desk):
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", None)
    assert desk.next(Released).words == "the desk decided not to send"
    desk.engine.submit([read(1)])
    desk.next(Done)
    assert money_frames(meter) == []


def test_a_hold_that_lasts_too_long_is_released_and_a_later_answer_sends_nothing(meter):
    timing = dataclasses.replace(QUICK, hold=0.05)
    with EngineDesk(LineSpec("line", meter.endpoint, timing)) as desk:
        desk.engine.submit([SALE])
        desk.next(Asked)
        assert "within 0.05 s" in desk.next(Released).words
        for _ in range(2):
            desk.engine.answer("sale", charge(1))
            assert desk.next(Released).id == "sale"
        desk.engine.submit([read(1)])
        desk.next(Done)
    assert money_frames(meter) == []


def test_an_answer_for_an_unknown_job_is_reported_as_released(desk):
    desk.engine.answer("nobody", charge(1))
    assert desk.next(Released).id == "nobody"


def test_a_second_answer_changes_nothing(meter, desk):
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", charge(1))
    desk.engine.answer("sale", charge(1))
    desk.next(Answered)
    desk.next(Settled)
    desk.engine.answer("sale", None)
    desk.engine.submit([read(1)])
    desk.next(Done)
    # No Released: whoever hears that word may believe that no byte has left.
    assert [type(event) for event in desk.all] == [Asked, Answered, Settled, Done]
    assert len(money_frames(meter)) == 1


def test_executed_but_the_reply_is_lost(meter, desk):
    order = charge(1)
    meter.script.extend([None, SILENT])
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert desk.next(Answered).reply is None
    assert judge(order, desk.next(Settled).status).outcome == "proved"
    assert len(money_frames(meter)) == 1


def test_refused_and_not_executed(meter, desk):
    order = charge(1)
    meter.refusal = 0x40
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert desk.next(Answered).reply == Refusal(0x40, "over the hoarding limit", True)
    assert judge(order, desk.next(Settled).status).outcome == "not_executed"


def test_refused_and_yet_executed(meter, desk):
    order = charge(1)
    refusal = dlt.encode(dlt.Frame(ADDRESS, 0xC3, b"\x01\x00"))
    meter.script.extend([None, lambda reply: refusal])
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert isinstance(desk.next(Answered).reply, Refusal)
    assert judge(order, desk.next(Settled).status).outcome == "proved"


def test_after_a_refusal_the_line_is_drained_before_asking():
    """A refusal may be late, and then another answer is still under way."""
    meter = MeterDouble("refusing", reopen=True)
    meter.refusal = 0x40
    with EngineDesk(LineSpec("line", meter.endpoint, QUICK)) as desk:
        desk.engine.submit([SALE])
        desk.next(Asked)
        desk.engine.answer("sale", charge(1))
        desk.next(Answered)
        desk.next(Settled)
    assert meter.device.opened == 2


def test_a_late_refusal_does_not_answer_the_status_query(meter, desk):
    order = charge(1)
    refusal = dlt.encode(dlt.Frame(ADDRESS, 0xC3, b"\x20\x00"))
    meter.script.extend([None, SILENT, refusal])
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert desk.next(Answered).reply is None
    settled = desk.next(Settled)
    assert judge(order, settled.status).outcome == "proved"
    assert [exchange.outcome for exchange in settled.exchanges] == ["refused", "reply"]


def test_an_acknowledgement_of_an_older_order_is_not_taken(meter, desk):
    meter.number = 4
    older = dlt.Frame(ADDRESS, 0x83, bytes.fromhex("FF020107") + b"\x04\0\0\0" + bytes(4))
    meter.script.extend([None, lambda reply: [dlt.encode(older), reply]])
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", charge(5))
    answered = desk.next(Answered)
    assert answered.reply == Ack(5, 10000)
    assert "not taken" in answered.exchanges[0].words
    desk.next(Settled)


def test_a_status_of_an_older_query_is_not_taken(meter, desk):
    keys = KEYRING.meter_keys(ADDRESS, 1, "3des")
    old = status_reply(keys, b"\0" * 8, number=99)
    meter.script.append(lambda reply: [old, reply])
    desk.engine.submit([ask()])
    settled = desk.next(Settled)
    assert settled.status.number == 0
    assert "not taken" in settled.exchanges[0].words


def test_every_query_has_its_own_challenge(meter, desk):
    meter.script.extend([SILENT, SILENT])
    desk.engine.submit([ask()])
    assert desk.next(Settled).status.number == 0
    assert len({frame.data[9:17] for frame in meter.requests}) == len(meter.requests) == 3


def test_a_meter_with_other_keys_settles_nothing(meter):
    other = KeyRing({1: bytes(range(16))})
    with EngineDesk(LineSpec("line", meter.endpoint, QUICK), keyring=other) as desk:
        desk.engine.submit([ask(), SALE])
        settled = desk.next(Settled)
        assert settled.status is None and "MAC" in settled.words
        failed = desk.next(Failed)
        assert failed.code == "wrong_reply" and "MAC" in failed.words


def test_the_link_fails_before_the_frame_left(meter, desk):
    desk.engine.submit([SALE])
    desk.next(Asked)
    meter.device.refuse = "gone"
    desk.engine._loop.call_soon_threadsafe(meter.device.hang_up)
    desk.engine.answer("sale", charge(1))
    assert "gone" in desk.next(Released).words
    assert money_frames(meter) == []


def test_the_link_fails_after_the_frame_left(meter, desk):
    def gone(reply):
        meter.device.refuse = "gone"
        meter.device.hang_up()
        return reply

    meter.script.extend([None, gone])
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", charge(1))
    assert desk.next(Answered).reply is None
    settled = desk.next(Settled)
    assert settled.status is None and "gone" in settled.words
    assert len(meter.executed) == 1


@pytest.mark.parametrize(
    "order",
    [
        dataclasses.replace(charge(1), kind="give"),
        charge(1, amount=0),
        dataclasses.replace(charge(1), customer="17"),
        dataclasses.replace(charge(1), number=0),
    ],
    ids=["kind", "amount", "customer", "number"],
)
def test_what_no_meter_could_execute_is_not_sent(meter, desk, order):
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert desk.next(Failed).code == "bad_job"
    assert len(meter.requests) == 1


# --- one terminal event -------------------------------------------------------------------------


def hang_up(meter):
    def step(reply):
        meter.device.hang_up()
        return reply

    return step


def dead(meter):
    def step(reply):
        meter.device.refuse = "gone"
        meter.device.hang_up()
        return reply

    return step


FAULTS = {
    "silent": lambda meter: SILENT,
    "garbled": lambda meter: lambda reply: reply[:-2] + b"\0\0",
    "cut": lambda meter: lambda reply: reply[:-3],
    "foreign": lambda meter: dlt.encode(dlt.Frame(OTHER, 0x83, bytes(12))),
    "refused": lambda meter: dlt.encode(dlt.Frame(ADDRESS, 0xC3, b"\x20\x00")),
    "refused read": lambda meter: dlt.encode(dlt.Frame(ADDRESS, 0xD1, b"\x04")),
    "doubled": lambda meter: lambda reply: reply * 2,
    "noise": lambda meter: bytes(range(256)) * 4,
    "hang up": hang_up,
    "dead": dead,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("job", [SALE, ask(), read("read")])
def test_exactly_one_terminal_event_for_every_failure(meter, job, fault):
    """The fault strikes at each step of the turn, once, and for the whole rest of it."""
    timing = dataclasses.replace(QUICK, drain=0.005, first_byte=0.01, gap=0.01, reconnect_min=0.0)
    meter.number = 6
    with EngineDesk(LineSpec("line", meter.endpoint, timing, 2, 2)) as desk:
        for step, times in itertools.product(range(3), (1, 20)):
            meter.device.refuse = ""
            meter.script.clear()
            meter.script.extend([None] * step + [FAULTS[fault](meter)] * times)
            before = len(money_frames(meter))
            job = dataclasses.replace(job, id=f"{fault} {step} {times}")
            desk.engine.submit([job])
            event = desk.next()
            answered = False
            while not event.terminal:
                if isinstance(event, Asked):
                    desk.engine.answer(job.id, charge(event.status.number + 1))
                answered |= isinstance(event, Answered)
                event = desk.next()
            sent = len(money_frames(meter)) - before
            assert sent <= 1
            assert answered is bool(sent)
            if isinstance(job, Money):
                assert isinstance(event, Settled if sent else (Failed, Released))
        # Nothing comes after it: the engine is asked something that it answers in order.
        desk.engine.answer("last", None)
        assert desk.next(Released).id == "last"
        ends = [event.id for event in desk.all if event.terminal]
        assert len(ends) == len(set(ends)) == 7


def test_no_key_no_line_no_engine(meter, desk):
    desk.engine.submit([dataclasses.replace(SALE, meter=SALE.meter._replace(key_version=9))])
    failed = desk.next(Failed)
    assert failed.code == "no_key" and "version 9" in failed.words
    desk.engine.submit([read(1, "elsewhere")])
    assert desk.next(Failed).code == "no_line"
    desk.engine.submit([ask(address="12")])
    assert desk.next(Failed).code == "bad_job"
    assert meter.device.written == []
    desk.engine.stop()
    desk.engine.submit([read(2)])
    assert desk.next(Failed).code == "stopped"
    desk.engine.answer(2, None)
    desk.next(Released)


def test_the_same_id_twice_is_refused(desk):
    with pytest.raises(ValueError, match="under way"):
        desk.engine.submit([read(1), read(1)])
    desk.engine.submit([SALE])
    desk.next(Asked)
    with pytest.raises(ValueError, match="sale"):
        desk.engine.submit([SALE])
    desk.engine.answer("sale", None)
    desk.next(Released)
    desk.engine.submit([SALE])
    desk.next(Asked)
