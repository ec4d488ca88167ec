"""The meter's clock: how far it is off, and setting it."""

from contextlib import suppress
from datetime import timedelta

from .. import cjt188, coding
from ..errors import BadJob, FrameError, MeterRefused, NoReply, WrongReply
from ..question import Question
from .asking import denies_access, write_question
from .reading import read_one

_ALL = "9" * 12


def read_clock(meter):
    """The meter's own time without a zone; None if it shows none, or none that makes sense."""
    rule = meter.dialect.clock
    if rule is None:
        return None
    try:
        return (yield from read_one(meter, meter.dialect.registers[rule.register]))
    except FrameError:
        return None


def is_off(meter, found, clock):
    """Whether the time ``found`` on the meter has to be corrected."""
    if found is None:
        return True
    return abs(found - clock()) > timedelta(seconds=meter.dialect.clock.tolerance_seconds)


def set_clock(meter, clock, secrets):
    """Set the clock and read it back.

    :param clock: called when a frame is made; the local time where the meter is, without a zone
    :param secrets: ``KeyRing`` with the password
    :return: ``{"clock": {"was", "is", "ok"}}``; ``words`` if the meter refused
    :raises BadJob: its dialect has no way to
    """
    dialect = meter.dialect
    if not dialect.can("clock"):
        raise BadJob(f"the clock of dialect {dialect.code} cannot be set")
    was = yield from read_clock(meter)
    words = ""
    try:
        yield from put_clock(meter, clock, secrets)
    except MeterRefused as refused:
        if denies_access(meter, refused):
            raise
        words = refused.words
    found = yield from read_clock(meter)
    result = {"was": was, "is": found, "ok": not is_off(meter, found, clock)}
    if words:
        result["words"] = words
    return {"clock": result}


def put_clock(meter, clock, secrets):
    """Write the time, without any proof. After silence only a reading can tell."""
    dialect = meter.dialect
    rule = dialect.clock
    if rule.broadcast:
        codec = dialect.codec
        if codec is cjt188:
            raise BadJob("this protocol has no broadcast of the time")
        yield Question(codec, codec.broadcast_time_request(clock()), _ALL, None, None, 1)
        return
    for name in rule.set:
        register = dialect.registers[name]
        data = coding.write(register, clock())
        question = write_question(meter, register.di, register.di_order, data, secrets)
        with suppress(NoReply, WrongReply, FrameError):
            yield question
