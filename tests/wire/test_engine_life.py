"""The engine: start, stop, lines that come and go, waking its user."""

import dataclasses
import select
import threading
from decimal import Decimal

import pytest
from engine_desk import SALE, money_frames, read
from meter_double import (
    KEYRING,
    PATIENCE,
    QUICK,
    SILENT,
    EngineDesk,
    MeterDouble,
    charge,
)
from meterwire import dlt645_2007 as dlt
from meterwire.engine import Engine
from meterwire.jobs import (
    Answered,
    Asked,
    Done,
    Failed,
    LineSpec,
    Released,
    Settled,
)
from meterwire.recharge import judge


def test_stop_while_a_line_is_held(meter, desk):
    desk.engine.submit([SALE, read(1)])
    desk.next(Asked)
    assert desk.engine.stop()
    desk.engine.answer("sale", charge(1))
    events = [desk.next(), desk.next(), desk.next()]
    assert {event.id for event in events if isinstance(event, Failed)} >= {1}
    assert all(isinstance(event, Failed | Released) for event in events)
    assert money_frames(meter) == []


def test_stop_after_a_frame_left_follows_it_up(meter, desk):
    def stopping(reply):
        desk.engine._begin_stop(PATIENCE)  # as stop() does it, but surely before the reply
        return reply

    order = charge(1)
    meter.script.extend([None, stopping])
    desk.engine.submit([SALE, read(1)])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert desk.engine.stop(timeout=PATIENCE)
    events = {type(event): event for event in (desk.next(), desk.next(), desk.next())}
    assert judge(order, events[Settled].status).outcome == "proved"
    assert events[Failed].id == 1 and set(events) == {Answered, Settled, Failed}


def test_stop_does_not_wait_longer_than_asked(meter):
    timing = dataclasses.replace(QUICK, first_byte=60.0, total=60.0)
    meter.script.extend([None] + [SILENT] * 5)
    gate = threading.Event()
    meter.script[1] = lambda reply: gate.set() or b""
    with EngineDesk(LineSpec("line", meter.endpoint, timing)) as desk:
        desk.engine.submit([SALE])
        desk.next(Asked)
        desk.engine.answer("sale", charge(1))
        assert gate.wait(PATIENCE)
        assert desk.engine.stop(timeout=0.05) or desk.engine.stop(timeout=PATIENCE)
        settled = desk.next(Settled)
    assert settled.status is None and "stopped" in settled.words


def test_a_job_that_came_too_late_for_the_loop_ends_too(desk, monkeypatch):
    monkeypatch.setattr(desk.engine, "_submit", lambda jobs: None)
    desk.engine.submit([read(1)])
    assert desk.engine.stop()
    assert (desk.next(Failed).id, desk.engine.drain()) == (1, [])


def test_jobs_of_a_line_taken_out_end(meter, desk):
    desk.engine.submit([SALE, read(1)])
    desk.next(Asked)
    desk.engine.configure([])
    events = {event.id: event for event in (desk.next(), desk.next())}
    assert isinstance(events["sale"], Released)
    assert events[1].code == "no_line"
    desk.engine.submit([read(2)])
    assert desk.next(Failed).code == "no_line"


def test_a_line_taken_out_and_put_back_is_never_served_twice(meter, desk):
    """The money that has left is followed up before the line's next owner says a word."""

    def swap(reply):  # in the engine's thread, while the frame is out; its reply is lost
        desk.engine._configure([])
        desk.engine._configure(desk.specs)
        desk.engine.submit([read(1)])
        return b""

    order = charge(1)
    meter.script.extend([None, swap])
    desk.engine.submit([SALE])
    desk.next(Asked)
    desk.engine.answer("sale", order)
    assert desk.next(Answered).reply is None
    assert judge(order, desk.next(Settled).status).outcome == "proved"
    desk.next(Done)
    assert [frame.function for frame in meter.requests] == [3, 3, 3, dlt.READ]


def test_a_line_taken_out_while_the_meter_is_asked_is_not_held(meter, desk):
    meter.script.append(lambda reply: desk.engine._configure([]) or reply)
    desk.engine.submit([SALE])
    assert desk.next(Failed).words == "the line was taken out"


def test_a_line_moves_to_another_endpoint_at_run_time(meter, desk):
    moved = MeterDouble("moved")
    desk.engine.submit([read(1)])
    desk.next(Done)
    desk.engine.configure([LineSpec("line", moved.endpoint, QUICK)])
    desk.engine.submit([read(2)])
    desk.next(Done)
    assert (len(meter.requests), len(moved.requests)) == (1, 1)


def test_lines_run_side_by_side():
    """A held line keeps none of the others waiting."""
    meters = [MeterDouble(f"side {n}") for n in range(20)]
    with EngineDesk(*(LineSpec(n, m.endpoint, QUICK) for n, m in enumerate(meters))) as desk:
        desk.engine.submit([dataclasses.replace(SALE, line=0)])
        desk.next(Asked)
        desk.engine.submit([read((n, k), n) for n in range(1, 20) for k in range(5)])
        done = [desk.next(Done) for _ in range(95)]
        assert all(event.values == {"total": Decimal("317.76")} for event in done)
        desk.engine.answer("sale", None)
        desk.next(Released)


def test_wake_fd_is_readable_exactly_while_events_wait(desk):
    def readable():
        return bool(select.select([desk.engine.wake_fd], [], [], 0)[0])

    assert not readable() and desk.engine.drain() == []
    desk.engine.submit([read(1), read(2)])
    desk.next(Done)
    desk.next(Done)
    assert not readable()
    desk.engine.answer("x", None)
    assert select.select([desk.engine.wake_fd], [], [], PATIENCE)[0]
    assert len(desk.engine.drain()) == 1 and not readable()


def test_jobs_aside_wake_nobody(desk):
    desk.engine.submit([read(1), read(2)], aside=True)
    desk.engine.submit([read(3)])
    # The line serves them in their order: when the third has ended, the others have.
    assert desk.next(Done).id == 3 and desk.engine.drain() == []
    assert [event.id for event in desk.engine.drain_aside()] == [1, 2]
    assert not desk.engine.drain_aside()
    desk.engine.submit([read(1)])
    assert desk.next(Done).id == 1, "the id means nothing any more"
    assert desk.engine.stop()
    desk.engine.submit([read(4)], aside=True)
    assert desk.engine.drain() == []
    assert [event.code for event in desk.engine.drain_aside()] == ["stopped"]


def test_submit_from_many_threads(meter, desk):
    def work(name):
        for n in range(25):
            desk.engine.submit([read((name, n))])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    done = {desk.next(Done).id for _ in range(100)}
    assert len(done) == 100
    for thread in threads:
        thread.join()


def test_an_engine_is_started_once_and_stopped_in_any_state():
    engine = Engine(KEYRING)
    assert engine.stop()
    engine.submit([read(1)])
    (failed,) = engine.drain()
    assert failed.code == "stopped"
    engine.start()
    with pytest.raises(RuntimeError):
        engine.start()
    assert engine.stop() and engine.stop()
    engine.close()
