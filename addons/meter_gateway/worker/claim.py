"""Which commands go to the engine next."""

from typing import NamedTuple

from odoo.addons.utility_prepaid.tools.prepared import Statement

from ..lib.meterwire.errors import BadJob
from ..lib.meterwire.jobs import Ask, Money, Read
from . import operations, reading

# What is claimed waits in the engine's own queue: few per line. Orders and the rest are counted
# apart, an order must never wait for a reading round.
LINE_DEPTH = 4
PURPOSES = {"queued": "money", "unknown": "ask"}
MONEY = ("money", "ask")


class Held(NamedTuple):
    """What the run knows of a job that the engine has.

    ``purpose``: money and ask (orders), read and command (commands without money), status (the
    purchase number after a live reading), plan (a scheduled reading, which is no command).
    ``meter``: the engine's ``jobs.Meter``.
    """

    command_id: int | None
    meter_id: int
    port_id: int
    line_id: int
    purpose: str
    user_id: int | None = None
    company_id: int | None = None
    meter: object = None

    @property
    def queue(self):
        """Where the job waits: orders and the rest do not count against each other."""
        return self.line_id, self.purpose in MONEY


# A command's meter, the line that carries it, and the site that may have been stopped.
_WIRE = """
      JOIN utility_meter m ON m.id = c.meter_id
      JOIN meter_port p ON p.id = m.port_id
      JOIN meter_port l ON l.id = p.line_id
      JOIN meter_concentrator k ON k.id = p.concentrator_id
 LEFT JOIN utility_site s ON s.id = m.site_id
"""

_DUE = Statement(
    "meter_command_due",
    f"""
    SELECT c.id, c.kind, c.money, c.state, c.priority, c.user_id, c.company_id, c.meter_id,
           c.arguments, m.port_id, p.line_id, m.address, m.key_version, m.algorithm,
           COALESCE(m.dialect_id, t.dialect_id) AS dialect_id, b.utility_tz AS zone
      FROM utility_command c
      JOIN res_company b ON b.id = c.company_id
      JOIN utility_meter m ON m.id = c.meter_id
      JOIN utility_meter_type t ON t.id = m.type_id
      JOIN meter_port p ON p.id = m.port_id
     WHERE c.id IN (
           SELECT id FROM (
                  SELECT c.id,
                         row_number() OVER (
                             PARTITION BY p.line_id, c.money ORDER BY c.priority, c.id
                         ) AS place
                    FROM utility_command c {_WIRE}
                   WHERE k.worker_id = %(worker)s
                     AND l.endpoint IS NOT NULL
                     AND c.state IN ('queued', 'unknown')
                     AND c.hold_reason IS NULL
                     AND (c.not_before IS NULL OR c.not_before <= %(now)s)
                     AND NOT c.id = ANY(%(held)s)
                     AND {operations.MAY_LEAVE}
           ) due
            WHERE place <= %(depth)s
     )
       -- Said once more: a row that somebody cancelled meanwhile is looked at again by this alone.
       AND c.state IN ('queued', 'unknown')
       AND c.hold_reason IS NULL
     ORDER BY c.priority, c.id
       FOR NO KEY UPDATE OF c SKIP LOCKED
    """,
    {"worker": "int4", "now": "timestamp", "held": "int4[]", "depth": "int4"},
)

_NEXT = Statement(
    "meter_command_next",
    f"""
    SELECT min(COALESCE(c.not_before, %(now)s))
      FROM utility_command c {_WIRE}
     WHERE k.worker_id = %(worker)s
       AND l.endpoint IS NOT NULL
       AND c.state IN ('queued', 'sent', 'unknown')
       AND c.hold_reason IS NULL
       AND {operations.MAY_LEAVE}
    """,
    {"worker": "int4", "now": "timestamp"},
)

_CHORES = Statement(
    "meter_command_chores",
    """
    SELECT c.id, c.meter_id, c.state
      FROM utility_command c
      JOIN utility_meter m ON m.id = c.meter_id
      JOIN meter_concentrator k ON k.id = m.concentrator_id
     WHERE k.worker_id = %(worker)s
       AND NOT c.id = ANY(%(held)s)
       AND (   c.state = 'sent' AND c.money
            OR c.state = 'queued' AND c.expires_at <= %(now)s
               AND NOT (c.money AND COALESCE(c.attempts, 0) > 0))
     ORDER BY c.id
    """,
    {"worker": "int4", "now": "timestamp", "held": "int4[]"},
)


def chores(cr, worker_id, now, held):
    """Commands that must change without any answer.

    `sent` and not in the engine's hands: another run sent it, or this one lost it; it is asked.
    `queued` and out of time: it never fires later.

    :return: list of (command id, meter id, state)
    """
    _CHORES.run(cr, {"worker": worker_id, "now": now, "held": held})
    return cr.fetchall()


def due(cr, worker_id, now, held):
    """Commands to be carried out now: money first, few per line.

    :param held: ids of the commands that the engine has already
    :return: list of dictionaries
    """
    _DUE.run(cr, {"worker": worker_id, "now": now, "held": held, "depth": LINE_DEPTH})
    return cr.dictfetchall()


def next_time(cr, worker_id, now):
    """When the earliest open command is due, or None when nothing is open."""
    _NEXT.run(cr, {"worker": worker_id, "now": now})
    return cr.fetchone()[0]


def held_of(row):
    """What the run must know of a due command."""
    if row["money"]:
        purpose = PURPOSES[row["state"]]
    else:
        purpose = "read" if row["kind"] == "read" else "command"
    return Held(
        row["id"],
        row["meter_id"],
        row["port_id"],
        row["line_id"],
        purpose,
        row["user_id"],
        row["company_id"],
    )


def job_of(row, held, job_id, meter, keyring):
    """The engine's job for a due command.

    :param meter: ``jobs.Meter``
    :raises WireError: it cannot be put to this meter, for the reason given
    """
    if row["money"]:
        make = Money if held.purpose == "money" else Ask
        return make(job_id, held.line_id, meter)
    if held.purpose == "command":
        return operations.job_of(row, job_id, held.line_id, meter, keyring)
    items = reading.items(meter.dialect, row["arguments"])
    if not items:
        raise BadJob("this meter has no register that could be read")
    return Read(job_id, held.line_id, meter, items, row["priority"])
