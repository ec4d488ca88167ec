"""Readings into PostgreSQL: a batch and the mirror of it, in one statement on a cursor.

The ORM would take six times as long for the batch and lock the archive besides; the worker stores
hundreds of readings in each of its ticks, so this is plain SQL. ``utility.reading`` is how they are
read again.
"""

import re
from datetime import date, datetime
from typing import NamedTuple

from odoo.tools import SQL

from .prepared import Statement

RAW = "utility_reading_raw"
SOURCES = ("scheduled", "live", "manual", "proof")
# Advisory lock keys of this addon: who makes a month waits for whoever makes one, and who rolls up
# waits for the batches that are being stored.
MONTH_LOCK = 0x75747265616431
BATCH_LOCK = 0x75747265616432


class Reading(NamedTuple):
    """What a meter said at a time; None for what it did not tell.

    :param meter_id: id of the `utility.meter`
    :param at: when the meter said it, naive UTC
    :param total: totaliser, in what the meter counts (before the CT ratio)
    :param balance: credit left, signed, in units or money as the meter counts
    :param t1: registers of the rates, sharp, peak, flat and valley
    :param supply: "on" or "off"
    :param control: "local" or "remote"
    :param battery_low: the meter says that its battery is low
    :param flags: the status word, as read
    :param source: one of SOURCES
    """

    meter_id: int
    at: datetime
    total: object = None
    balance: object = None
    t1: object = None
    t2: object = None
    t3: object = None
    t4: object = None
    supply: str | None = None
    control: str | None = None
    battery_low: bool | None = None
    flags: int | None = None
    source: str = "scheduled"


_STRANGE = re.compile(r"[^-+.:,\w ]")
_TYPES = {
    "meter_id": "int4",
    "at": "timestamp",
    "supply": "varchar",
    "control": "varchar",
    "battery_low": "bool",
    "flags": "int4",
    "source": "varchar",
}
_COLUMNS = {name: _TYPES.get(name, "numeric") for name in Reading._fields}
_MIRRORED = ("total", "balance", "t1", "t2", "t3", "t4", "supply", "control", "battery_low")

# One statement: the arrays are sent and taken apart once. Its parts all see the state rows as they
# were, so a reading is marked as the first of another meter and the mark is taken away.
_BATCH = """
    WITH batch AS MATERIALIZED (
         SELECT m.company_id, m.site_id, m.ct_ratio, s.id AS state_id, s.restart, u.*
           FROM unnest({arrays}) AS u({columns})
           JOIN utility_meter m ON m.id = u.meter_id
      LEFT JOIN utility_meter_state s ON s.meter_id = u.meter_id
    )"""
_ROWS = """
         INSERT INTO {raw} (company_id, site_id, ct_ratio, restart, {columns})
         SELECT u.company_id, u.site_id, NULLIF(u.ct_ratio, 1), NULLIF(u.restart, false), {values}
           FROM batch u
"""
_MIRROR = """, newest AS MATERIALIZED (
         SELECT DISTINCT ON (meter_id) * FROM batch ORDER BY meter_id, at DESC
    ), mirror AS (
         UPDATE utility_meter_state s
            SET {mirrored}, seen_at = n.at, restart = s.restart AND n.total IS NULL
           FROM newest n
          WHERE s.id = n.state_id AND s.seen_at <= n.at
    )
    INSERT INTO utility_meter_state (meter_id, seen_at, {names}, cumulative, purchase_number, epoch)
    SELECT n.meter_id, n.at, COALESCE(n.total, 0), COALESCE(n.balance, 0), n.t1, n.t2, n.t3, n.t4,
           COALESCE(n.supply, 'unknown'), COALESCE(n.control, 'unknown'), n.battery_low, 0, 0, 0
      FROM newest n
     WHERE n.state_id IS NULL
        ON CONFLICT (meter_id) DO NOTHING
"""
_WORDS = {
    "raw": RAW,
    "arrays": ", ".join(f"%({name})s" for name in _COLUMNS),
    "columns": ", ".join(_COLUMNS),
    "values": ", ".join(f"u.{name}" for name in _COLUMNS),
    "names": ", ".join(_MIRRORED),
    "mirrored": ", ".join(f"{name} = COALESCE(n.{name}, s.{name})" for name in _MIRRORED),
}
_STORE, _STORE_ONLY = (
    Statement(
        name,
        text.format(**_WORDS),
        {column: f"{kind}[]" for column, kind in _COLUMNS.items()},
        # One round trip; the lock is held before the other statement looks.
        first=f"SELECT pg_advisory_xact_lock_shared({BATCH_LOCK});",
    )
    for name, text in (
        ("utility_reading_store", f"{_BATCH}, rows AS ({_ROWS}){_MIRROR}"),
        ("utility_reading_store_only", f"{_BATCH}{_ROWS}"),
    )
)


def store(cr, readings, mirror=True, months=frozenset()):
    """Keep a batch of readings, and mirror the newest of each meter on its state row.

    A reading of a meter that is gone meanwhile is left out. One that is older than what the state
    row shows is kept and not mirrored; what a reading does not tell stays there as it was.

    :param cr: cursor; the caller commits
    :param readings: sequence of Reading
    :param mirror: False where the caller writes the state row itself, afterwards: it knows more
        than a reading holds
    :param months: first days of months that the caller knows to be there
    """
    if not readings:
        return
    if wanted := {reading.at.date().replace(day=1) for reading in readings} - months:
        ensure_months(cr, wanted)
    columns = zip(*readings, strict=True)
    arrays = {name: array(values) for name, values in zip(_COLUMNS, columns, strict=True)}
    (_STORE if mirror else _STORE_ONLY).run(cr, arrays)


def array(values):
    """PostgreSQL's own text of an array: psycopg2 would look at every element one by one.

    The values are numbers, times, and words of this product, none of which needs quotes.

    >>> array((1, None, 2.5)), array((None, None)), array((datetime(2026, 11, 2, 12), True))
    ('{1,NULL,2.5}', None, '{2026-11-02 12:00:00,True}')
    >>> array(("on", "a,b"))
    Traceback (most recent call last):
    ...
    ValueError: not values of readings: on,a,b
    """
    if values.count(None) == len(values):
        # A shorter array is filled up with NULL.
        return None
    text = ",".join(["NULL" if value is None else str(value) for value in values])
    if _STRANGE.search(text) or text.count(",") != len(values) - 1:
        raise ValueError(f"not values of readings: {text[:200]}")
    return f"{{{text}}}"


def month_name(month):
    """Name of the partition that holds a month of UTC.

    >>> month_name(date(2026, 11, 1))
    'utility_reading_raw_2026_11'
    """
    return f"{RAW}_{month:%Y_%m}"


def next_month(month, count=1):
    """First day of a later month, or of an earlier one.

    >>> next_month(date(2026, 11, 1), 3), next_month(date(2026, 1, 1), -1)
    (datetime.date(2027, 2, 1), datetime.date(2025, 12, 1))
    """
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def ensure_months(cr, months):
    """Make the partitions of some months that are not there yet.

    A table is made and then attached: that disturbs neither readers nor writers of the others.

    :param months: first days of months
    """
    missing = _missing(cr, months)
    if not missing:
        return
    cr.execute("SELECT pg_advisory_xact_lock(%s)", (MONTH_LOCK,))
    for month in _missing(cr, missing):
        raw, name = SQL.identifier(RAW), SQL.identifier(month_name(month))
        cr.execute(SQL("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING INDEXES)", name, raw))
        cr.execute(
            SQL(
                "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)",
                raw,
                name,
                month,
                next_month(month),
            )
        )


def _missing(cr, months):
    months = sorted(months)
    cr.execute(
        "SELECT to_regclass(name) IS NULL FROM unnest(%s) WITH ORDINALITY AS n(name, place)"
        " ORDER BY place",
        ([month_name(month) for month in months],),
    )
    return [month for month, (gone,) in zip(months, cr.fetchall(), strict=True) if gone]
