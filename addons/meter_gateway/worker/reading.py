"""Live and scheduled reading: which registers a meter is asked for, and what they mean."""

from ..lib.meterwire import dlt645_2007 as wire
from .evidence import utc
from .words import failure

_BALANCE = {
    "units": (wire.REMAINING_UNITS, wire.OVERDRAFT_UNITS),
    "money": (wire.REMAINING_MONEY, wire.OVERDRAFT_MONEY),
}


def items(row):
    """Data identifiers of a meter.

    :param row: protocol, credit and actuator of the meter's type
    :return: tuple of identifiers; empty for a protocol that cannot be read
    """
    if row["protocol"] != "dlt645_2007":
        return ()
    wanted = (wire.TOTAL, *_BALANCE.get(row["credit"], ()))
    return wanted if row["actuator"] == "none" else (*wanted, wire.STATUS_3)


def result(values):
    """What was read, as texts.

    :param values: value by data identifier, None for what the meter does not have
    :return: dictionary with any of total, balance (signed), supply
    """
    found = {}
    if values.get(wire.TOTAL) is not None:
        found["total"] = str(values[wire.TOTAL])
    for left, owed in _BALANCE.values():
        if values.get(left) is not None:
            found["balance"] = str(values[left] - (values.get(owed) or 0))
    if values.get(wire.STATUS_3) is not None:
        found["supply"] = "off" if values[wire.STATUS_3] & wire.RELAY_OPEN else "on"
    return found


def done(run, held, event):
    """A meter was read: -> state row and command.

    :param event: ``jobs.ReadDone``
    """
    found = result(event.values)
    run.env["utility.meter.state"]._store(held.meter_id, utc(event.at), **found)
    run.command(held)._read_done(found)


def failed(run, held, event):
    """A reading fails at once, whoever waits for it asks again."""
    if event.code == "stopped":
        return
    command = run.command(held)
    command._read_failed(failure(command.env, event, command.meter_id))
