"""Readings into PostgreSQL: a batch and the mirror of it, in three statements on a cursor.

The ORM would take six times as long for the batch and lock the archive besides; the worker stores
hundreds of readings in each of its ticks, so this is plain SQL. ``utility.reading`` is how they are
read again.
"""

from datetime import date, datetime
from typing import NamedTuple

from odoo.tools import SQL

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
_BATCH = "unnest({}) AS u({})".format(
    ", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS.items()), ", ".join(_COLUMNS)
)

_INSERT = f"""
    INSERT INTO {RAW} (company_id, site_id, ct_ratio, restart, {", ".join(_COLUMNS)})
    SELECT m.company_id, m.site_id, NULLIF(m.ct_ratio, 1), NULLIF(s.restart, false),
           {", ".join(f"u.{name}" for name in _COLUMNS)}
      FROM {_BATCH}
      JOIN utility_meter m ON m.id = u.meter_id
 LEFT JOIN utility_meter_state s ON s.meter_id = u.meter_id
"""

_MIRRORED = (
    "total",
    "balance",
    "t1",
    "t2",
    "t3",
    "t4",
    "supply",
    "control",
    "battery_low",
)
_NEWEST = f"""
    SELECT DISTINCT ON (u.meter_id) u.* FROM {_BATCH}
      JOIN utility_meter m ON m.id = u.meter_id
     ORDER BY u.meter_id, u.at DESC
"""
_MIRROR = f"""
    UPDATE utility_meter_state s
       SET {", ".join(f"{name} = COALESCE(n.{name}, s.{name})" for name in _MIRRORED)},
           seen_at = n.at, restart = s.restart AND n.total IS NULL
      FROM ({_NEWEST}) n
     WHERE s.meter_id = n.meter_id AND s.seen_at <= n.at
"""
_FIRST = f"""
    INSERT INTO utility_meter_state (meter_id, seen_at, {", ".join(_MIRRORED)},
                                     cumulative, purchase_number, epoch)
    SELECT n.meter_id, n.at, COALESCE(n.total, 0), COALESCE(n.balance, 0), n.t1, n.t2, n.t3, n.t4,
           COALESCE(n.supply, 'unknown'), COALESCE(n.control, 'unknown'), n.battery_low, 0, 0, 0
      FROM ({_NEWEST}) n
        ON CONFLICT (meter_id) DO NOTHING
"""


def store(cr, readings):
    """Keep a batch of readings, and mirror the newest of each meter on its state row.

    A reading of a meter that is gone meanwhile is left out. One that is older than what the state
    row shows is kept and not mirrored; what a reading does not tell stays there as it was.

    :param cr: cursor; the caller commits
    :param readings: sequence of Reading
    """
    if not readings:
        return
    ensure_months(cr, {reading.at.date().replace(day=1) for reading in readings})
    columns = dict(zip(_COLUMNS, map(list, zip(*readings, strict=True)), strict=True))
    for name, kind in _COLUMNS.items():
        if kind == "numeric":
            # Texts are quoted as they are; an array of Decimals is taken apart one by one.
            columns[name] = [None if value is None else str(value) for value in columns[name]]
    cr.execute("SELECT pg_advisory_xact_lock_shared(%s)", (BATCH_LOCK,))
    cr.execute(_INSERT, columns)
    cr.execute(_MIRROR, columns)
    if cr.rowcount < len(set(columns["meter_id"])):
        cr.execute(_FIRST, columns)


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
