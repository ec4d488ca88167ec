"""Live and scheduled reading: which registers a meter is asked for, and what they mean."""

from decimal import Decimal

from odoo.addons.utility_prepaid.tools.reading_store import Reading, store

from .evidence import utc
from .operations import text_of
from .words import failure

# Register names of a dialect whose values the meter's state and its readings keep.
_STATE = ("total", "cumulative")
# What a reading tells beyond `state_of`.
_MORE = ("t1", "t2", "t3", "t4", "battery_low")


def items(dialect, arguments=None, live=True):
    """Names of the registers to ask a meter for.

    :param dialect: ``dialect.Dialect``
    :param arguments: of the command; its ``items`` name the registers that were asked for
    :param live: a person waits: all that is shown, not only what is kept
    :return: tuple of names that this meter has
    """
    wanted = (arguments or {}).get("items")
    if wanted:
        return tuple(name for name in wanted if name in dialect.registers)
    return tuple(dialect.reading_items(live))


def state_of(dialect, values):
    """What was read, in the terms of `utility.meter.state`.

    :param values: value by register name, None for what the meter does not have
    :return: dictionary with any of total, cumulative, balance (signed), supply, control
    """
    found = {name: values[name] for name in _STATE if values.get(name) is not None}
    for name, read in (
        ("balance", dialect.balance_of),
        ("supply", dialect.supply_of),
        ("control", dialect.control_of),
    ):
        value = read(values)
        if value is not None:
            found[name] = value
    return found


def texts(found):
    """Values as a command keeps them."""
    return {
        name: str(value) if isinstance(value, Decimal | int) else value
        for name, value in found.items()
    }


def reading_of(held, event, source):
    """What a meter said, as a row of readings.

    :param event: ``jobs.Done``
    :param source: scheduled or live
    :return: ``Reading``
    """
    dialect, values = held.meter.dialect, event.values
    found = state_of(dialect, values)
    tariffs = values.get("tariffs") or ()
    rates = tuple(tariffs[-4:]) if len(tariffs) >= 4 else (None,) * 4
    status = values.get("status")
    return Reading(
        held.meter_id,
        utc(event.at),
        found.get("total"),
        found.get("balance"),
        *rates,
        found.get("supply"),
        found.get("control"),
        dialect.battery_low(values),
        status if isinstance(status, int) else None,
        source,
    )


def done(run, held, event):
    """A meter was read because somebody asked: -> state row, reading and command.

    :param event: ``jobs.Done``
    """
    dialect = held.meter.dialect
    found = state_of(dialect, event.values)
    reading = reading_of(held, event, "live")
    if found:
        store(run.cr, [reading], mirror=False)
    told = {name: getattr(reading, name) for name in _MORE if getattr(reading, name) is not None}
    if reading.total is not None:
        told["restart"] = False  # the reading has the mark now
    run.env["utility.meter.state"]._store(held.meter_id, reading.at, **found, **told)
    command = run.command(held)
    asked = command.arguments and command.arguments.get("items")
    result = {name: text_of(event.values[name]) for name in event.values if asked}
    command._read_done({**result, **texts(found)})


def failed(run, held, event):
    """A reading fails at once, whoever waits for it asks again."""
    if event.code == "stopped":
        return
    command = run.command(held)
    command._read_failed(failure(command.env, event, command.meter_id))
