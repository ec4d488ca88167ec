"""A money turn whose shape says more than one thing: what left, what is told, and only once."""

import dataclasses

import pytest
from engine_desk import SALE, money_frames
from meter_double import ADDRESS, SILENT, charge, frame_of
from meterwire import dlt645_2007 as dlt
from meterwire.dialect import Dialect, shipped
from meterwire.errors import NoReply, WireError
from meterwire.jobs import Answered, Asked, Failed, Meter, Released, Settled
from meterwire.question import Call, Pause, Question
from meterwire.recharge import Ack, Refusal

AUTH = dlt.read_request(ADDRESS, dlt.STATUS_3)


def auth():
    """What has to be said before the order; answered by the double as a reading."""
    return Question(dlt, AUTH, ADDRESS, dlt.READ, lambda frame: frame.data, 1)


def leaving(order, **changes):
    question = Question(
        dlt, frame_of(order), ADDRESS, dlt.SECURITY, lambda frame: Ack(order.number), leaving=True
    )
    return question._replace(**changes)


def sale(send):
    """A sale to a meter whose order is sent by the generator function ``send``."""
    dialect = Dialect.from_json(shipped()["d_single"])
    dialect.shape.send = lambda meter, keys, order: send(order)
    return dataclasses.replace(SALE, meter=Meter(ADDRESS, dialect))


def turn(desk, send, order=None):
    """All events of a turn after ``Asked``, by their types; and the last one."""
    desk.engine.submit([sale(send)])
    desk.next(Asked)
    desk.engine.answer("sale", order or charge(1))
    events = [desk.next()]
    while not events[-1].terminal:
        events.append(desk.next())
    return [type(event) for event in events], events[-1], events[0]


def test_the_steps_before_the_order_are_part_of_its_evidence(meter, desk):
    def send(order):
        assert (yield auth())[4:] == b"\0\0"
        return (yield leaving(order))

    types, settled, answered = turn(desk, send)
    assert types == [Answered, Settled] and settled.status.number == 1
    assert answered.reply == Ack(1) and len(answered.exchanges) == 2
    assert len(money_frames(meter)) == 1


def test_silence_before_the_order_means_that_it_did_not_leave(meter, desk):
    def send(order):
        yield auth()
        return (yield leaving(order))

    meter.script.extend([None, SILENT])
    types, failed, _ = turn(desk, send)
    assert types == [Failed] and failed.code == "no_reply"
    assert money_frames(meter) == []


def test_a_link_lost_before_the_order_gives_the_line_back(meter, desk):
    def send(order):
        yield auth()
        return (yield leaving(order))

    meter.script.extend([None, lambda reply: meter.device.hang_up() or reply])
    types, released, _ = turn(desk, send)
    assert types == [Released] and "hung up" in released.words
    assert money_frames(meter) == []


def test_a_program_that_fails_before_the_order(meter, desk):
    def refuse():
        raise WireError("the encryptor knows no such meter")

    def send(order):
        yield Call(refuse)
        return (yield leaving(order))

    types, failed, _ = turn(desk, send)
    assert types == [Failed] and failed.words == "the encryptor knows no such meter"
    assert money_frames(meter) == []


def test_a_program_that_answers(meter, desk):
    def send(order):
        number = yield Call(lambda: 1)
        return (yield leaving(charge(number)))

    types, settled, _ = turn(desk, send)
    assert types == [Answered, Settled] and settled.status.number == 1


def test_an_order_that_the_shape_does_not_send_is_released(meter, desk):
    def send(order):
        yield auth()
        return Refusal(1, "the meter does not let the desk in", True)

    types, released, _ = turn(desk, send)
    assert types == [Released] and released.words == "the meter does not let the desk in"


def test_however_often_a_question_may_be_put_an_order_leaves_once(meter, desk):
    def send(order):
        return (yield leaving(order, attempts=5))

    meter.script.extend([None, SILENT])
    types, settled, answered = turn(desk, send)
    assert types == [Answered, Settled] and answered.reply is None
    assert settled.status.number == 1 and len(money_frames(meter)) == 1


def test_a_shape_that_would_send_twice_is_stopped(meter, desk):
    def send(order):
        try:
            yield leaving(order)
        except NoReply:
            return (yield leaving(order))

    meter.script.extend([None, SILENT])
    types, settled, _ = turn(desk, send)
    # Nothing is known, and nothing is claimed; whoever reads it asks the meter.
    assert types == [Settled] and settled.status is None
    assert len(money_frames(meter)) == 1


@pytest.mark.parametrize("fault", [SILENT, dlt.encode(dlt.Frame(ADDRESS, 0xC3, b"\x20\x00"))])
def test_whatever_goes_wrong_after_the_order_left_is_followed_up(meter, desk, fault):
    def send(order):
        yield leaving(order)
        yield auth()
        raise WireError("never mind")

    meter.script.extend([None, None, fault])
    types, settled, answered = turn(desk, send)
    assert types == [Answered, Settled] and answered.reply is None
    assert settled.status.number == 1 and len(money_frames(meter)) == 1


def test_a_pause_in_a_money_turn_keeps_the_line(meter, desk):
    def send(order):
        yield Pause(0)
        yield Pause(0.02)
        meter.paused = len(meter.requests)
        return (yield leaving(order))

    types, settled, _ = turn(desk, send)
    assert types == [Answered, Settled] and settled.status.number == 1
    assert meter.paused == 1 and len(meter.requests) == 3


def test_a_meter_that_cannot_be_charged(meter, desk):
    plain = Dialect.from_json(shipped()["b_07"])
    desk.engine.submit([dataclasses.replace(SALE, meter=Meter(ADDRESS, plain))])
    failed = desk.next(Failed)
    assert failed.code == "bad_job" and "not charged over the wire" in failed.words
    assert meter.requests == []
