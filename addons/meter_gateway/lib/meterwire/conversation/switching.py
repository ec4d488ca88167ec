"""Switch the supply, and believe only what the meter then shows.

An acknowledgement means accepted, not done; no acknowledgement does not mean not done. A relay
command carries a moment after which the meter refuses it, so that a stale one never fires: it is
taken from the meter's own clock, which is read first and corrected when it is off.
"""

import time
from datetime import timedelta

from .. import dlt645_2007
from ..errors import BadJob, FrameError, MeterRefused, NoReply, NotConfirmed, WrongReply
from ..question import Pause, Question
from .asking import acknowledged, authority, denies_access, write_question
from .clock import is_off, put_clock, read_clock
from .reading import read

_UNANSWERED = (NoReply, WrongReply, FrameError)
_SUPPLY = {"on": "on", "off": "off"}
_CONTROL = {"local": "local"}


def switch(meter, action, secrets, clock, now=time.monotonic):
    """Switch and prove.

    :param str action: off, on, local, keep or unkeep
    :param secrets: ``KeyRing`` with the password
    :param clock: gives the local time where the meter is, without a zone
    :param now: gives seconds that only grow
    :return: ``{"supply" or "control": the state that was proved, "acked": whether the meter
        accepted}``; no state for an action that the meter's dialect has no bits for
    :raises NotConfirmed: the meter's state never followed
    :raises MeterRefused: it refuses the password, or refuses and its state stays as it was
    :raises BadJob: the meter has no such action
    """
    dialect = meter.dialect
    rule = dialect.switch
    if rule is None or action not in rule.codes:
        raise BadJob(f"meters of dialect {dialect.code} have no way to switch {action!r}")
    proof = _proof(dialect, action)
    question = yield from _command(meter, rule, action, secrets, clock)
    acked, refused = True, None
    try:
        yield question
    except MeterRefused as error:
        if proof is None or denies_access(meter, error):
            raise
        acked, refused = False, error
    except _UNANSWERED:
        if proof is None:
            raise
        acked = False
    if proof is None:
        return {"acked": True}
    name, register, read_state, wanted = proof
    latest = now() + rule.settle_seconds
    while True:
        state, silent = None, None
        try:
            state = read_state((yield from read(meter, (register,))))
        except _UNANSWERED as error:
            silent = error
        if state == wanted:
            return {name: state, "acked": acked}
        if refused:
            raise refused
        if silent and (not acked or now() >= latest):
            raise silent
        if now() >= latest:
            raise NotConfirmed(
                f"the meter does not show {wanted!r} within {rule.settle_seconds} s, "
                f"but {state or 'neither state'}"
            )
        # The line is free meanwhile.
        yield Pause(rule.poll_seconds)


def _proof(dialect, action):
    """(name, register, how to read the state, state wanted); None: the meter does not show it."""
    if action in _SUPPLY and dialect.supply:
        return "supply", dialect.supply.register, dialect.supply_of, _SUPPLY[action]
    if action in _CONTROL and dialect.control:
        return "control", dialect.control.register, dialect.control_of, _CONTROL[action]
    return None


def _command(meter, rule, action, secrets, clock):
    code = rule.codes[action]
    if rule.form != "relay":
        return write_question(meter, rule.di, rule.di_order, code, secrets)
    level, password, operator = authority(meter, secrets)
    expires = yield from _expiry(meter, rule, secrets, clock)
    request = dlt645_2007.relay_request(
        meter.address,
        code[0],
        expires,
        level,
        password,
        operator,
        rule.n2,
        meter.dialect.preamble,
    )
    function = dlt645_2007.RELAY
    return Question(dlt645_2007, request, meter.address, function, acknowledged(meter, function))


def _expiry(meter, rule, secrets, clock):
    """A moment of the meter's own clock, some minutes from now."""
    life = timedelta(minutes=rule.expiry_minutes)
    if meter.dialect.clock is None:
        return clock() + life
    shown = yield from read_clock(meter)
    if is_off(meter, shown, clock) and meter.dialect.can("clock"):
        try:
            yield from put_clock(meter, clock, secrets)
        except MeterRefused as refused:
            # A second wrong password would not help, a clock that stays wrong does no harm: the
            # stamp is made for the time that the meter shows.
            if denies_access(meter, refused):
                raise
        shown = yield from read_clock(meter)
    return (shown or clock()) + life
