"""Commands without money: switching, setting, clock, raw frames.

The run holds them while they are on the wire; in the database they stay `queued` until the meter's
own registers have shown the result. A run that dies leaves them queued: they may be carried out
again, and each has a time after which it never is.
"""

from datetime import date, datetime, timedelta

from odoo.tools import SQL

from ..lib.meterwire import cjt188, coding, dlt645_1997, dlt645_2007, raw
from ..lib.meterwire import jobs as wire
from ..lib.meterwire.errors import BadJob, KeyMissing
from . import words
from .evidence import utc

KINDS = ("switch", "write", "set_clock", "raw")
# A line that is down is tried again so much later, until the command is out of time.
LINK_PAUSE = 15
PASSWORD = "default"
# What may leave for a meter now: a condition on utility_command c, utility_meter m and its
# utility_site s (LEFT JOIN). Asking about what was sent, and reading, are never held.
MAY_LEAVE = """
    (   c.state <> 'queued'
     OR NOT (c.money OR c.changes)
     OR (    m.restored_at IS NULL
         AND s.stopped IS NOT TRUE
         AND (s.pilot IS NOT TRUE OR m.pilot)))
"""


def taken(cr, command_ids, now):
    """Note that a run has these commands in hand; their askers see them on the wire.

    :param cr: cursor of the run; call it in the transaction that claims
    :param command_ids: ids of commands without money
    :param now: naive UTC
    """
    if command_ids:
        cr.execute(
            SQL(
                "UPDATE utility_command SET sent_at = %s WHERE id = ANY(%s) AND NOT money",
                now,
                list(command_ids),
            )
        )


# ------------------------------------------------------------------- the job


def job_of(row, job_id, line, meter, keyring=None):
    """The engine's job for a command of these kinds.

    :param row: mapping with kind, arguments and priority of the command
    :param line: key of the line
    :param meter: ``jobs.Meter``
    :param keyring: for the password of a raw frame that has one
    :raises BadJob: it cannot be put to this meter; the words say why
    :raises KeyMissing: the password is not installed
    """
    arguments = row["arguments"] or {}
    kind, priority = row["kind"], row["priority"]
    if kind == "switch":
        return wire.Switch(job_id, line, meter, arguments["action"], priority)
    if kind == "write":
        items = tuple(
            (name, wire_value(meter.dialect, name, value)) for name, value in arguments["items"]
        )
        return wire.Write(job_id, line, meter, items, priority)
    if kind == "set_clock":
        return wire.SetClock(job_id, line, meter, priority)
    if kind == "raw":
        return _raw_job(arguments, job_id, line, meter, keyring, priority)
    raise BadJob(f"no wire command is known for {kind}")


def _raw_job(arguments, job_id, line, meter, keyring, priority):
    # Examined again: what is stored is not what is trusted.
    frame = raw.examine(arguments["protocol"], arguments["frame"], recharge_dis(meter.dialect))
    password = None
    if raw.HIDDEN in frame.text:
        if keyring is None:
            raise KeyMissing("no passwords are installed")
        wanted = meter.dialect.password
        password = keyring.password(wanted.name if wanted else PASSWORD)
    return wire.Raw(
        job_id,
        line,
        raw.fill(frame, password),
        codec_of(frame.protocol),
        frame.address,
        frame.function,
        meter.envelope,
        priority,
    )


def codec_of(protocol):
    """The codec module of a protocol of the raw frame tool."""
    return {
        "dlt645_2007": dlt645_2007,
        "dlt645_1997": dlt645_1997,
        "cjt188_2004": cjt188,
        "cjt188_2018": cjt188,
    }[protocol]


def recharge_dis(dialect):
    """Data identifiers by which a meter of this dialect is charged, as printed."""
    options = (dialect.to_json().get("recharge") if dialect else None) or {}
    return [
        value.upper()
        for key, value in options.items()
        if isinstance(value, str) and (key == "di" or key.endswith("_di"))
    ]


def wire_value(dialect, name, value):
    """A value as a command keeps it (texts, lists of them) as the meter would say it.

    :raises BadJob: no such register
    :raises ValueFault: the register cannot hold it
    """
    register = dialect.registers.get(name)
    if register is None:
        raise BadJob(f"the meter has no register {name}")
    return coding.read(register, coding.write(register, value))


# ------------------------------------------------------------------ what came


def done(run, held, event):
    """The meter has carried it out, and its own registers have shown it.

    :param run: ``run.WorkerRun``
    :param held: what the run knows of the job
    :param event: ``jobs.Done``
    """
    command = run.command(held)
    {"switch": _switched, "write": _written, "set_clock": _written, "raw": _answered}[command.kind](
        run, held, event, command
    )


def _switched(run, held, event, command):
    """What the meter showed; and, where nothing shows it, only that it accepted."""
    proved = {name: event.values[name] for name in ("supply", "control") if event.values.get(name)}
    action = (command.arguments or {}).get("action")
    # A meter without a control register: what was worked from here is under our control.
    told = {"off": "remote", "on": "remote", "local": "local"}
    state = {"control": told[action], **proved} if action in told else proved
    if state:
        run.env["utility.meter.state"]._store(held.meter_id, utc(event.at), **state)
    result = dict(state)
    if not proved:
        result["explained"] = command.env._(
            "The meter accepted it. It has no register that would show it."
        )
    command._read_done(result)


def _written(run, held, event, command):
    """Registers that were set: as they were, and as the meter says that they are."""
    changes = {name: value for name, value in event.values.items() if isinstance(value, dict)}
    result = {name: text_of(value) for name, value in changes.items()}
    wrong = {name: value for name, value in changes.items() if not value.get("ok")}
    if not wrong and changes:
        command._read_done(result)
        return
    labels = ", ".join(command._register_words(name) for name in wrong)
    said = [command.env._("The meter keeps another value than it was given: %s.", labels)]
    said += [value["words"] for value in wrong.values() if value.get("words")]
    said += [event.values["words"]] if event.values.get("words") else []
    command._read_failed("\n".join(said), result=result)


def _answered(run, held, event, command):
    """What a raw frame brought; masked, as every exchange."""
    result = {"reply": event.values.get("reply") or ""}
    if event.values.get("words"):
        result["explained"] = event.values["words"]
    command._read_done(result)


def failed(run, held, event):
    """It was not carried out, or was not proved; a line that is down is tried again in time.

    :param event: ``jobs.Failed``
    """
    command = run.command(held)
    if command.state != "queued":
        return
    if event.code == "stopped":
        # The run ends; the next one takes it up again, within its time.
        command.sudo().sent_at = False
        return
    said = words.failure(command.env, event, command.meter_id)
    if event.code == "link_down" and command.kind != "raw":
        command.sudo().sent_at = False
        command._ask_later(run.now() + timedelta(seconds=LINK_PAUSE), said)
        return
    command._read_failed(said)


def refused(run, held, error):
    """It could not even become a job: unknown register, frame, password.

    :param error: the ``WireError`` of ``job_of``
    """
    command = run.command(held)
    command._read_failed(words.problem(command.env, error))


def text_of(value):
    """A value of the wire as JSON keeps it: texts, lists and dictionaries of texts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {key: text_of(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [text_of(one) for one in value]
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
