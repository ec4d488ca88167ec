"""Write registers and read them back: what was there, what is there, whether it is as wanted.

A register with a standby is not written itself. By the standard its new value goes into the standby
set, and a moment is written at which the whole set becomes live: so whatever else belongs to that
set is brought up to the live values first, else an old price would become live with the new one.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from .. import coding
from ..errors import BadJob, FrameError, MeterRefused, NoReply, WireError, WrongReply
from ..question import GIVE_WAY, Pause
from .asking import denies_access, write_question
from .clock import read_clock
from .reading import read_one

_UNANSWERED = (NoReply, WrongReply, FrameError)
#: a moment is in whole minutes; it must still be ahead when the meter gets it
_AHEAD = timedelta(seconds=75)
_AFTER_SECONDS = 5
_LOOKS = 4


class _Entry(NamedTuple):
    register: object
    data: bytes
    wanted: object  # as it reads back


class _Writer(NamedTuple):
    meter: object
    secrets: object
    clock: Callable


def write(meter, items, secrets, clock):
    """Write registers.

    :param items: pairs of name and value; where the register that holds the moment of a standby set
        is among them, the set is left to that moment, else it is made live at once
    :param secrets: ``KeyRing`` with the password
    :param clock: gives the local time where the meter is, without a zone
    :return: by name ``{"was", "is", "ok"}``; ``words`` where it went wrong; ``from``, the moment,
        where the value is in the standby set and not live yet
    :raises BadJob: a register cannot be written
    :raises ValueFault: it cannot hold the value
    """
    entries = _entries(meter, items)
    writer = _Writer(meter, secrets, clock)
    switches = {entry.register.standby.switch for entry in entries if entry.register.standby}
    moments = {entry.register.name: entry for entry in entries if entry.register.name in switches}
    steps = [
        ((entry,), _write_one(writer, entry))
        for entry in entries
        if not entry.register.standby and entry.register.name not in switches
    ]
    for name in sorted(switches):
        table = tuple(
            entry
            for entry in entries
            if entry.register.standby and entry.register.standby.switch == name
        )
        moment = moments.get(name)
        steps.append(
            ((*table, moment) if moment else table, _write_set(writer, name, table, moment))
        )
    return (yield from _all(steps))


def _entries(meter, items):
    dialect = meter.dialect
    entries = []
    for name, value in items:
        register = dialect.register(name)
        if not register.writable:
            raise BadJob(f"register {name} of dialect {dialect.code} can only be read")
        data = coding.write(register, value)
        entries.append(_Entry(register, data, coding.read(register, data)))
    if not entries or len({entry.register.name for entry in entries}) != len(entries):
        raise BadJob("nothing to write, or one register twice")
    return entries


def _all(steps):
    """Do what can be done: a failure after the first success is part of the result."""
    results = {}
    failed = None
    for entries, step in steps:
        if failed is None:
            try:
                results.update((yield from step))
                yield GIVE_WAY
                continue
            except WireError as error:
                if not results:
                    raise
                failed = error
        step.close()
        for entry in entries:
            results[entry.register.name] = _result(entry, None, None, failed.words)
    return results


def _result(entry, was, found, words=""):
    result = {"was": was, "is": found, "ok": coding.same(entry.register, entry.wanted, found)}
    if words:
        result["words"] = words
    return result


def _write_one(writer, entry):
    register = entry.register
    was = yield from read_one(writer.meter, register)
    if coding.same(register, entry.wanted, was):
        return {register.name: _result(entry, was, was)}
    words = yield from _put(writer, register, entry.data)
    found = yield from read_one(writer.meter, register)
    return {register.name: _result(entry, was, found, words)}


def _put(writer, register, data):
    """Write, without any proof; the words of a refusal, which need not be true."""
    meter = writer.meter
    try:
        yield write_question(meter, register.di, register.di_order, data, writer.secrets)
    except MeterRefused as refused:
        if denies_access(meter, refused):
            raise
        return refused.words
    except _UNANSWERED as error:
        return error.words
    return ""


# --- standby sets -------------------------------------------------------------------------------


def _write_set(writer, switch, table, moment):
    """Standby values, read back; then the moment, read back; then the live values."""
    meter = writer.meter
    before = {}
    for entry in table:
        before[entry.register.name] = yield from read_one(meter, entry.register)
        yield GIVE_WAY
    if not moment and all(
        coding.same(entry.register, entry.wanted, before[entry.register.name]) for entry in table
    ):
        return {
            entry.register.name: _result(entry, was, was)
            for entry in table
            for was in (before[entry.register.name],)
        }
    words = yield from _prepare(writer, switch, table)
    results = {}
    if not words:
        entry = moment or (yield from _soon(writer, switch))
        done = yield from _write_one(writer, entry)
        if moment:
            results.update(done)
        if not done[switch]["ok"]:
            words = done[switch].get("words") or "the meter did not take the moment of the change"
        elif moment:
            for one in table:
                name = one.register.name
                was = before[name]
                results[name] = {"was": was, "is": was, "ok": True, "from": entry.wanted}
            return results
        else:
            shown = (yield from read_clock(meter)) or writer.clock()
            yield Pause(max((entry.wanted - shown).total_seconds(), 0) + _AFTER_SECONDS)
    live = yield from _live(meter, table, looks=1 if words else _LOOKS)
    for one in table:
        name = one.register.name
        results[name] = _result(one, before[name], live[name], words)
    if moment and switch not in results:
        results[switch] = _result(moment, None, None, words)
    return results


def _prepare(writer, switch, table):
    """Fill the standby set; words if the meter did not take all of it."""
    meter = writer.meter
    ours = {entry.register.name for entry in table}
    for register in meter.dialect.registers.values():
        if register.standby is None or register.standby.switch != switch or register.name in ours:
            continue
        live = yield from read_one(meter, register)
        if live is not None and live != ():
            data = coding.write(register, live)
            words = yield from _put_standby(writer, _Entry(register, data, live))
            if words:
                return words
        yield GIVE_WAY
    for entry in table:
        words = yield from _put_standby(writer, entry)
        if words:
            return words
        yield GIVE_WAY
    return ""


def _put_standby(writer, entry):
    standby = _standby(entry.register)
    found = yield from read_one(writer.meter, standby)
    if coding.same(standby, entry.wanted, found):
        return ""
    words = yield from _put(writer, standby, entry.data)
    found = yield from read_one(writer.meter, standby)
    if coding.same(standby, entry.wanted, found):
        return ""
    return words or f"the standby of {entry.register.name} did not take its value"


def _standby(register):
    return replace(register, di=register.standby.di, part_of=None, standby=None)


def _soon(writer, switch):
    """The next whole minute of the meter's clock that is sure to be ahead."""
    register = writer.meter.dialect.registers[switch]
    shown = (yield from read_clock(writer.meter)) or writer.clock()
    moment = (shown + _AHEAD).replace(second=0, microsecond=0)
    return _Entry(register, coding.write(register, moment), moment)


def _live(meter, table, looks):
    """The live values, looked at until all are as wanted."""
    for look in range(looks):
        if look:
            yield Pause(_AFTER_SECONDS)
        live = {}
        for entry in table:
            live[entry.register.name] = yield from read_one(meter, entry.register)
            yield GIVE_WAY
        if all(coding.same(one.register, one.wanted, live[one.register.name]) for one in table):
            break
    return live
