"""Scheduled readings: which meters are due, and what becomes of them.

They are no commands. A due row of the plan is claimed and read; done or failed, the plan moves on.
What a run had in hand when it died is due still, and a reading may be repeated. All functions work
on the cursor of the run and leave the commit to it.
"""

from odoo.addons.utility_prepaid.tools.prepared import Statement
from odoo.addons.utility_prepaid.tools.reading_store import Reading, array, store

__all__ = ["Reading", "claim_due", "done", "failed", "next_time", "postponed", "store"]

# A meter whose line is down is tried again so much later; its own count of failures stays.
LINE_PAUSE = 60
# However often a meter failed, it is asked once a day, or by its interval when that is longer.
LONGEST_PAUSE = 86400

# Line by line, all meters of a line: no index has the next time, which every reading moves, so the
# row is written anew on its own page and nothing else. What the run has in hand is among the first
# of its line, so as many more are taken.
_DUE = Statement(
    "meter_reading_due",
    """
    SELECT d.id, d.meter_id, d.line_id, m.port_id, m.address, m.key_version, m.algorithm,
           m.company_id, COALESCE(m.dialect_id, t.dialect_id) AS dialect_id
      FROM unnest(%(lines)s, %(counts)s) AS w(line_id, count)
      JOIN meter_port l ON l.id = w.line_id AND l.endpoint IS NOT NULL
      JOIN meter_concentrator k ON k.id = l.concentrator_id AND k.worker_id = %(worker)s
     CROSS JOIN LATERAL (
           SELECT s.id, s.meter_id, s.line_id, s.next_at
             FROM meter_reading_schedule s
            WHERE s.line_id = w.line_id
              AND s.next_at <= %(now)s
            ORDER BY s.next_at
            LIMIT w.count) d
      JOIN utility_meter m ON m.id = d.meter_id
      JOIN utility_meter_type t ON t.id = m.type_id
     ORDER BY d.next_at, d.id
    """,
    {"lines": "int4[]", "counts": "int4[]", "worker": "int4", "now": "timestamp"},
)

_NEXT = """
    SELECT min(d.next_at)
      FROM meter_port l
      JOIN meter_concentrator k ON k.id = l.concentrator_id
     CROSS JOIN LATERAL (
           SELECT s.next_at
             FROM meter_reading_schedule s
            WHERE s.line_id = l.id
              AND s.next_at IS NOT NULL
              AND s.meter_id <> ALL(%(held)s)
            ORDER BY s.next_at
            LIMIT 1) d
     WHERE k.worker_id = %(worker)s
       AND l.endpoint IS NOT NULL
"""


def _slot(at):
    """SQL of the first time of a meter's own that comes after a moment.

    :param at: SQL of a naive UTC time; ``s`` is the row of the plan
    """
    return (
        f"date_trunc('second', {at}) + interval '1 second' * (s.minutes * 60"
        f" - mod(floor(extract(epoch FROM {at}))::int8 - s.phase, s.minutes * 60))"
    )


def _moving(name, changes):
    """The statement that moves the plan of some meters.

    :param changes: SQL of the columns; ``s`` is the row of the plan, ``u.at`` the moment
    """
    return Statement(
        f"meter_reading_{name}",
        f"""
        UPDATE meter_reading_schedule s
           SET {changes}
          FROM unnest(%(meters)s, %(times)s) AS u(meter_id, at)
         WHERE s.meter_id = u.meter_id AND s.minutes > 0
        """,
        {"meters": "int4[]", "times": "timestamp[]"},
    )


# A reading that came late is not followed too soon by the next one.
_DONE = _moving(
    "done",
    f"""failures = 0, last_ok_at = u.at,
        next_at = GREATEST({_slot("u.at")}, u.at + interval '1 minute' * s.min_minutes)""",
)

# One interval after the first failure, two after the second, four after the third ...
_PAUSE = f"""
    interval '1 minute' * (LEAST(s.minutes * power(2, LEAST(s.failures, 20)),
                                 GREATEST(s.minutes, {LONGEST_PAUSE // 60})) - s.minutes)
"""
_FAILED = _moving(
    "failed",
    f"""failures = s.failures + 1, last_failed_at = u.at,
        next_at = {_slot(f"(u.at + {_PAUSE})")}""",
)
_POSTPONED = _moving("postponed", f"next_at = u.at + interval '{LINE_PAUSE} seconds'")


def claim_due(cr, worker_id, now, places, held):
    """The meters to be read now, those that wait longest first.

    Nothing is written: a row stays due until ``done``, ``failed`` or ``postponed``, and until then
    the caller names its meter among those that are held.

    :param now: naive UTC
    :param places: {line: how many more of its readings may be taken}
    :param held: {line: set of meters whose scheduled reading the run has in hand}
    :return: list of dictionaries: id (of the plan), meter_id, line_id, port_id, address,
        key_version, algorithm, company_id, dialect_id
    """
    counts = [place + len(held.get(line, ())) for line, place in places.items()]
    lines = tuple(places)
    _DUE.run(
        cr,
        {"worker": worker_id, "now": now, "lines": array(lines), "counts": array(counts)},
    )
    left, rows = dict(places), []
    for row in cr.dictfetchall():
        line = row["line_id"]
        if left[line] > 0 and row["meter_id"] not in held.get(line, ()):
            left[line] -= 1
            rows.append(row)
    return rows


def next_time(cr, worker_id, held_meter_ids=()):
    """When the next reading is due, maybe in the past; None when nothing is planned."""
    cr.execute(_NEXT, {"worker": worker_id, "held": list(held_meter_ids)})
    return cr.fetchone()[0]


def done(cr, rows):
    """Meters were read; ``store`` keeps what they said.

    :param rows: sequence of (meter id, naive UTC when it answered)
    """
    _move(cr, _DONE, rows)


def failed(cr, rows):
    """Meters did not answer, or nothing that could be read: they are asked less often.

    :param rows: sequence of (meter id, naive UTC)
    """
    _move(cr, _FAILED, rows)


def postponed(cr, rows):
    """Meters could not be asked, because their line is down: no fault of theirs.

    :param rows: sequence of (meter id, naive UTC)
    """
    _move(cr, _POSTPONED, rows)


def _move(cr, statement, rows):
    if rows:
        meters, times = zip(*rows, strict=True)
        statement.run(cr, {"meters": array(meters), "times": array(times)})
