"""One money command: when it may be sent, and what the meter's own records say about it.

The rules are those of CONTRIBUTING, "A money command". Only two things are ever believed: that the
meter has the order under its number (proved), or that it still has the number before (denied);
the second only for the moment at which the meter was asked. The balance is never looked at.
"""

from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal

from odoo.exceptions import UserError

from odoo.addons.utility_prepaid.tools.reading_store import Reading
from odoo.addons.utility_prepaid.tools.reading_store import store as keep

from ..lib.meterwire.errors import BadJob, KeyMissing
from ..lib.meterwire.recharge import NO_CUSTOMER, Ack, Order, Status
from . import words
from .evidence import utc

STEP = Decimal("0.01")
# The columns of the books; a meter that counts further is for a person.
MAX_NUMBER = 0x7FFFFFFF
# How long the engine keeps the line for our answer: a frame cannot leave later after `sent`.
TURN_HOLD = 5.0
# An order that the meter never takes is handed to a person.
MAX_ATTEMPTS = 5
# So long a meter that was sent an order may be silent before a person decides.
PERSON_AFTER = timedelta(days=1)
ASK_PAUSE, ASK_PAUSE_MAX = 1, 60
LINK_PAUSE = 3


class StaleRun(Exception):
    """A newer run of this worker exists: this one may not send money."""


# ------------------------------------------------------------------ the turn


def asked(run, book, held, event):
    """The meter has said where it stands; the line waits for an order or for None."""
    store(run, held, event)
    command = run.command(held)
    book.answers.append((event.id, _order(run, command, held.meter, event)))


def _order(run, command, wire_meter, event):
    """The order to send, its number committed with it; None to send nothing."""
    meter, shape = command.meter_id, wire_meter.dialect.shape
    status = known(event.status, meter, shape)
    if command.state != "queued" or command.hold_reason:
        return None
    try:
        if command.numbered:
            order = order_of(command, shape)
            verdict = judge(command, shape, event.status)
            if verdict.outcome != "not_executed":
                command._came_late(command.env._("The meter moved before it was sent again."))
                _conclude(run, command, wire_meter, event, verdict)
                return None
        else:
            if refusal := _objection(command, status, shape):
                command._hold(refusal)
                return None
            order = order_of(command, shape, status.number + 1, status.epoch)
        shape.check(order)
        keys = shape.keys(run.keyring, wire_meter)
        digest = shape.fingerprint(wire_meter, keys, order)
    except KeyMissing as error:
        command._hold(meter._key_refusal(run.keyring) or error.words)
        return None
    except BadJob as error:
        command._hold(command.env._("No meter could carry this out: %s", error.words))
        return None
    except UserError as error:
        command._hold(str(error))
        return None
    number = command.number if command.numbered else status.number + 1
    epoch = command.epoch if command.numbered else status.epoch
    if not command._arm(number, epoch, digest, run.generation):
        run.check_generation()
        if command.state == "queued":
            pause(run, command)
        return None
    if command.attempts == 1:
        # What the meter kept before the first byte: the proof of meters that tell little.
        command.sudo().status_before = asdict(event.status)
    return order


def known(status, meter, shape):
    """A status with the books' words for what this meter does not tell.

    A number that starts over (CJ/T 188 counts to 255) is the one nearest to the books' number.
    """
    number = status.number
    if number is None:
        number = meter.purchase_number
    elif shape.modulus:
        half = shape.modulus // 2
        ahead = (number - meter.purchase_number + half) % shape.modulus - half
        number = max(meter.purchase_number + ahead, number)
    epoch = meter.epoch if status.epoch is None else status.epoch
    return replace(status, number=number, epoch=epoch)


def judge(command, shape, status):
    """What a status proves about a command that has its number."""
    before = Status(**command.status_before) if command.status_before else None
    return shape.judge(order_of(command, shape), status, before, command.acked)


def order_of(command, shape, number=None, epoch=None):
    """The wire's order of a command, under its own number unless another is given."""
    number = command.number if number is None else number
    return Order(
        kind=command.kind,
        amount_steps=command._amount_steps(),
        customer=command.customer_number or NO_CUSTOMER,
        reference=command.reference,
        number=number % shape.modulus if shape.modulus else number,
        epoch=command.epoch if epoch is None else epoch,
    )


def _objection(command, status, shape):
    """Why an order that was never sent may not be sent to a meter that stands like this."""
    _ = command.env._
    meter = command.meter_id
    seen = (status.number, status.epoch)
    in_books = (meter.purchase_number, meter.epoch)
    if status.number >= MAX_NUMBER:
        return _("The meter's purchase number %s is beyond what it may be.", status.number)
    if meter.number_known and seen != in_books:
        if given_up := _given_up(command, status):
            return _charged_not_paid(given_up, status)
        return _(
            "The meter shows purchase number %(number)s of epoch %(epoch)s, the books have "
            "%(known)s of epoch %(known_epoch)s: a card or another desk moved it. An engineer "
            "must accept the meter's number.",
            number=status.number,
            epoch=status.epoch,
            known=meter.purchase_number,
            known_epoch=meter.epoch,
        )
    if shape.counted and not meter.number_known and command.kind not in ("open", "clear"):
        return _(
            "The purchase number of this meter was never accepted: it shows number %(number)s of "
            "epoch %(epoch)s. An engineer must accept it.",
            number=status.number,
            epoch=status.epoch,
        )
    wanted = command.customer_number or NO_CUSTOMER
    before = NO_CUSTOMER if command.kind in ("open", "preset") else wanted
    if status.customer is not None and status.customer != before:
        return _(
            "The meter is set to customer %(theirs)s, not to %(ours)s.",
            theirs=status.customer,
            ours=before,
        )
    used = command.search(
        [
            ("id", "!=", command.id),
            ("meter_id", "=", meter.id),
            ("money", "=", True),
            ("numbered", "=", True),
            ("epoch", "=", status.epoch),
            ("number", "=", status.number + 1),
            ("state", "not in", ("failed", "cancelled", "expired")),
        ],
        limit=1,
    )
    if used:
        return _(
            "Purchase number %(number)s was already used by order %(order)s.",
            number=status.number + 1,
            order=used.reference,
        )
    return ""


def _given_up(command, status):
    """An order of ours that was given up as not charged, and is the meter's last one now."""
    if status.last_reference is None:
        return command.browse()
    return command.search(
        [
            ("id", "=", status.last_reference),
            ("id", "!=", command.id),
            ("meter_id", "=", command.meter_id.id),
            ("money", "=", True),
            ("numbered", "=", True),
            ("state", "in", ("failed", "cancelled", "expired")),
        ]
    )


def _charged_not_paid(given_up, status):
    """Write it into the history, and say it."""
    given_up._prove({"number": status.number, "epoch": status.epoch})
    return given_up.env._(
        "Charged, not paid: the meter executed order %(order)s, which had been given up, under "
        "purchase number %(number)s.",
        order=given_up.reference,
        number=status.number,
    )


def answered(run, book, held, event):
    """The frame has left. A reply is only words, silence is unknown: the meter is asked now."""
    command = run.command(held)
    if command.state not in ("sent", "unknown"):
        return
    left = utc(event.exchanges[-1].started if event.exchanges else event.at)
    reply = event.reply
    values = {"frame_left_at": left}
    if reply is not None and not isinstance(reply, Ack):
        values.update(refusal=reply.code, refusal_final=reply.final)
    command.sudo().write(values)
    if isinstance(reply, Ack):
        command.sudo().acked = True
        command._answered(command.env._("The meter confirms it; its records are being checked."))
    elif reply is None:
        _unknown(command, command.env._("The meter did not answer: it is being asked."))
    else:
        said = words.refusal(command.env, reply)
        command._answered(said)
        _unknown(command, said)


# ---------------------------------------------------------------- the answer


def settled(run, book, held, event):
    """The meter was asked after the frame left, or could not be asked."""
    if event.status is not None:
        store(run, held, event)
    command = run.command(held)
    if command.state not in ("sent", "unknown"):
        return
    if event.status is None:
        _unknown(command, command.env._("No answer after the order was sent: it is being asked."))
        pause(run, command)
        return
    shape = held.meter.dialect.shape
    _conclude(run, command, held.meter, event, judge(command, shape, event.status))


def _conclude(run, command, wire_meter, event, verdict):
    """What a verdict does to a command that was sent."""
    status, shape = event.status, wire_meter.dialect.shape
    if verdict.outcome == "proved":
        command._prove(proof(command, status))
        _keep(run, command, event)
        return
    _unknown(command, command.env._("The meter does not show the order yet."))
    if verdict.outcome == "disputed":
        command._dispute(_dispute_words(command, status, verdict))
    else:
        _denied(run, command, utc(_asked_at(event)), shape)


def _keep(run, command, event):
    """The credit that a proof tells is a reading, too; `store` has written the state row."""
    told = _told(event.status)
    if "balance" in told:
        at = utc(_asked_at(event))
        told.pop("cumulative", None)
        keep(run.cr, [Reading(command.meter_id.id, at, **told, source="proof")], mirror=False)


def _denied(run, command, asked_at, shape):
    """The meter has the number before ours.

    One denial may only be early: the same frame is sent again after a second one. For good it
    counts when the meter denied after the longest time that the link may keep a frame.
    """
    _ = command.env._
    box = command.meter_id.concentrator_id
    left = command.frame_left_at or command.sent_at + timedelta(seconds=TURN_HOLD)
    if command.refusal_final or command.attempts >= MAX_ATTEMPTS or not shape.resend:
        quiet_at = left + timedelta(seconds=box.hold_seconds)
        if asked_at < quiet_at:
            command._ask_later(quiet_at)
            return
        reason = command.message or ""
        if not shape.resend and not command.refusal_final:
            reason = _("The meter does not have the order; it is of a kind that is sent once.")
        elif not command.refusal_final:
            reason = _("The meter did not take the order after %s attempts.", command.attempts)
        command._not_charged(reason, final=True, quiet=True)
        return
    if not command.denied_at:
        command.sudo().denied_at = asked_at
        command._ask_later(run.now() + timedelta(seconds=box.drain_seconds))
    elif asked_at >= command.denied_at + timedelta(seconds=box.drain_seconds):
        command._not_charged(_("The meter has not received it: it is sent again."))
        command._ask_later(False)
    else:
        command._ask_later(command.denied_at + timedelta(seconds=box.drain_seconds))


def _dispute_words(command, status, verdict):
    if given_up := _given_up(command, status):
        return _charged_not_paid(given_up, status)
    if status.last_reference is None or status.number is None:
        before = Status(**command.status_before) if command.status_before else Status(None)
        return command.env._(
            "The meter's records do not prove order %(order)s (%(amount)s): balance %(before)s "
            "before, %(after)s now. (%(words)s)",
            order=command.reference,
            amount=command._amount_steps() * STEP,
            before=_steps_words(before.balance),
            after=_steps_words(status.balance),
            words=verdict.words,
        )
    kinds = dict(command._fields["kind"]._description_selection(command.env))
    return command.env._(
        "Order %(order)s was to become purchase number %(number)s of epoch %(epoch)s; the meter "
        "shows number %(their_number)s of epoch %(their_epoch)s, last order %(theirs)s (%(kind)s, "
        "%(amount)s).",
        order=command.reference,
        number=command.number,
        epoch=command.epoch,
        their_number=status.number,
        their_epoch=status.epoch,
        theirs=status.last_reference,
        kind=kinds.get(status.last_kind, status.last_kind),
        amount=status.last_amount * STEP,
    )


def _steps_words(steps):
    return "?" if steps is None else f"{steps * STEP:.2f}"


def lost(run, book, held, event):
    """The job ended before any byte of an order left: no line, no answer, no key, or our own no."""
    command = run.command(held)
    if command.state == "sent":
        # Committed, but the line was given back first.
        _unknown(command, command.env._("The order could not leave in time: it is being asked."))
        return
    if command.state not in ("queued", "unknown"):
        return
    code = getattr(event, "code", "")
    if not code or code == "stopped":
        return
    said = words.failure(command.env, event, command.meter_id)
    if code == "no_key" and command.state == "queued":
        command._hold(said)
    elif code == "link_down":
        said = command.env._("%s It is charged once it is back.", said)
        command._ask_later(run.now() + timedelta(seconds=LINK_PAUSE), said)
    else:
        pause(run, command, said)


def refused(run, held, error):
    """It cannot even be put to the meter: nobody said how it is spoken to.

    :param error: the ``WireError``
    """
    command = run.command(held)
    said = words.problem(command.env, error)
    if command.state == "queued" and not command.numbered:
        command._hold(said)
    else:
        pause(run, command, said)


def orphan(run, command):
    """`sent` and in nobody's hands: only asking is allowed."""
    if command.state == "sent":
        command._set_unknown(command.env._("The connection was interrupted: it is being asked."))


def pause(run, command, said=None):
    """Leave a command alone for a while that doubles each time."""
    if command.numbered and command.sent_at < run.now() - PERSON_AFTER:
        reason = command.env._(
            "The meter has not said for a day whether it has order %s.", command.reference
        )
        command._came_late(reason)
        command._dispute(reason)
        return
    asks = command.asks + 1
    seconds = min(ASK_PAUSE * 2 ** min(command.asks, 10), ASK_PAUSE_MAX)
    command.sudo().asks = asks
    command._ask_later(run.now() + timedelta(seconds=seconds), said)


# ------------------------------------------------------------------- helpers


def _unknown(command, said):
    if command.state == "sent":
        command._set_unknown(said)


def _asked_at(event):
    return event.exchanges[-1].started if event.exchanges else event.at


def proof(command, status):
    """What a status record proves, for ``utility.command._prove``.

    What the meter does not tell is the order's own: it was just proved that the meter has it.
    """
    cleared = command.kind == "clear"
    number = 0 if cleared else command.number
    epoch = command.epoch + cleared if status.epoch is None else status.epoch
    return {"number": number, "epoch": epoch} | {
        name: getattr(status, name) * STEP
        for name in ("balance_before", "balance_after", "balance", "cumulative")
        if getattr(status, name) is not None
    }


def store(run, held, event):
    """Keep what a status record says of the meter."""
    meter = run.env["utility.meter"].browse(held.meter_id)
    told = event.status
    status = known(told, meter, held.meter.dialect.shape)
    values = _told(told)
    if told.customer is not None:
        values["customer_number"] = told.customer
    if told.number is not None:
        values["purchase_number"] = min(status.number, MAX_NUMBER)
        values["epoch"] = status.epoch
    run.env["utility.meter.state"]._store(
        held.meter_id,
        utc(_asked_at(event)),
        **values,
    )


def _told(status):
    """Credit and switch of a status record, without what this meter does not tell."""
    values = {
        "balance": None if status.balance is None else status.balance * STEP,
        "cumulative": None if status.cumulative is None else status.cumulative * STEP,
        "supply": None if status.supply_off is None else "off" if status.supply_off else "on",
        "control": None if status.remote is None else "remote" if status.remote else "local",
    }
    return {name: value for name, value in values.items() if value is not None}
