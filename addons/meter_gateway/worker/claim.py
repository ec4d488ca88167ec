"""Which commands go to the engine next."""

from typing import NamedTuple

from ..lib.meterwire.jobs import Ask, Money, Read
from .reading import items

# What is claimed waits in the engine's own queue: few per line. Orders and readings are counted
# apart, an order must never wait for a reading round.
LINE_DEPTH = 4
PURPOSES = {"queued": "money", "unknown": "ask"}


class Held(NamedTuple):
    """What the run knows of a job that the engine has."""

    command_id: int
    meter_id: int
    port_id: int
    purpose: str
    user_id: int | None
    company_id: int | None

    @property
    def queue(self):
        """Where the job waits: orders and readings of a line do not count against each other."""
        return self.port_id, self.purpose in ("read", "status")


_DUE = """
    SELECT c.id, c.kind, c.money, c.state, c.priority, c.user_id, c.company_id, c.meter_id,
           m.port_id, m.address, m.key_version, m.algorithm, t.protocol, t.credit, t.actuator
      FROM utility_command c
      JOIN utility_meter m ON m.id = c.meter_id
      JOIN utility_meter_type t ON t.id = m.type_id
     WHERE c.id IN (
           SELECT id FROM (
                  SELECT c.id, c.money, m.port_id,
                         row_number() OVER (
                             PARTITION BY m.port_id, c.money ORDER BY c.priority, c.id
                         ) AS place
                    FROM utility_command c
                    JOIN utility_meter m ON m.id = c.meter_id
                    JOIN meter_port p ON p.id = m.port_id
                    JOIN meter_concentrator k ON k.id = p.concentrator_id
                   WHERE k.worker_id = %(worker)s
                     AND p.endpoint IS NOT NULL
                     AND c.state IN ('queued', 'unknown')
                     AND c.hold_reason IS NULL
                     AND (c.not_before IS NULL OR c.not_before <= %(now)s)
                     AND NOT c.id = ANY(%(held)s)
           ) due
            WHERE place <= %(depth)s
     )
     ORDER BY c.priority, c.id
       FOR NO KEY UPDATE OF c SKIP LOCKED
"""

_NEXT = """
    SELECT min(COALESCE(c.not_before, %(now)s))
      FROM utility_command c
      JOIN utility_meter m ON m.id = c.meter_id
      JOIN meter_port p ON p.id = m.port_id
      JOIN meter_concentrator k ON k.id = p.concentrator_id
     WHERE k.worker_id = %(worker)s
       AND p.endpoint IS NOT NULL
       AND c.state IN ('queued', 'sent', 'unknown')
       AND c.hold_reason IS NULL
"""

_CHORES = """
    SELECT c.id, c.meter_id, c.state
      FROM utility_command c
      JOIN utility_meter m ON m.id = c.meter_id
      JOIN meter_concentrator k ON k.id = m.concentrator_id
     WHERE k.worker_id = %(worker)s
       AND NOT c.id = ANY(%(held)s)
       AND (   c.state = 'sent' AND c.money
            OR c.state = 'queued' AND COALESCE(c.attempts, 0) = 0 AND c.expires_at <= %(now)s)
     ORDER BY c.id
"""


def chores(cr, worker_id, now, held):
    """Commands that must change without any answer.

    `sent` and not in the engine's hands: another run sent it, or this one lost it; it is asked.
    `queued` and out of time: it never fires later.

    :return: list of (command id, meter id, state)
    """
    cr.execute(_CHORES, {"worker": worker_id, "now": now, "held": held})
    return cr.fetchall()


def due(cr, worker_id, now, held):
    """Commands to be carried out now: money first, few per line.

    :param held: ids of the commands that the engine has already
    :return: list of dictionaries
    """
    cr.execute(_DUE, {"worker": worker_id, "now": now, "held": held, "depth": LINE_DEPTH})
    return cr.dictfetchall()


def next_time(cr, worker_id, now):
    """When the earliest open command is due, or None when nothing is open."""
    cr.execute(_NEXT, {"worker": worker_id, "now": now})
    return cr.fetchone()[0]


def job_of(row, job_id):
    """The engine's job for a due command.

    :return: (job, Held); the job is None for a command that cannot be carried out on this meter
    """
    purpose = PURPOSES[row["state"]] if row["money"] else "read"
    held = Held(
        row["id"], row["meter_id"], row["port_id"], purpose, row["user_id"], row["company_id"]
    )
    if row["money"]:
        make = Money if purpose == "money" else Ask
        job = make(job_id, row["port_id"], row["address"], row["key_version"], row["algorithm"])
        return job, held
    wanted = items(row) if row["kind"] == "read" else ()
    if not wanted:
        return None, held
    return Read(job_id, row["port_id"], row["address"], wanted, row["priority"]), held
