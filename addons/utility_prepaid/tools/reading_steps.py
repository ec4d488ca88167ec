"""SQL of use: what registers counted from one reading to the next.

The use between two readings counts where the later of them falls, so that the use of any spans that
follow each other is what the totaliser moved over all of them.
"""

from odoo.tools import SQL

from .reading_store import RAW

# register of a reading -> its use in a roll-up
USED = {"total": "used", "t1": "used_t1", "t2": "used_t2", "t3": "used_t3", "t4": "used_t4"}


def step(register):
    """What a register counted since the reading before, in units on paper; 0 when not known.

    A register that turned over shows little after it showed almost all. Any other step back means
    that it was cleared, or that the meter was changed for another.

    :param register: key of USED; ``r`` is a row of ``steps``
    """
    return SQL(
        """CASE WHEN %(now)s IS NULL THEN NULL
                WHEN %(before)s IS NULL OR r.restart THEN 0
                WHEN %(now)s >= %(before)s THEN %(now)s - %(before)s
                WHEN r.turnover > %(before)s
                     AND r.turnover - %(before)s + %(now)s <= r.turnover / 10
                THEN r.turnover - %(before)s + %(now)s
                ELSE 0 END * COALESCE(r.ct_ratio, 1)""",
        now=SQL.identifier("r", register),
        before=SQL.identifier("r", f"before_{register}"),
    )


def uses():
    """The use of every register over a group of rows ``r`` of ``steps``, as columns."""
    return SQL(", ").join(
        SQL("sum(%s) AS %s", step(register), SQL.identifier(used))
        for register, used in USED.items()
    )


def steps(spans):
    """The readings of some meters in some spans of time, each with what was shown before it.

    Look-ups go by (meter, time): OFFSET 0 lets PostgreSQL not turn them into a scan of years.

    :param spans: SQL of rows (meter_id, start, stop, turnover); naive UTC, the stop not included
    :return: SQL of the readings, with start, turnover and ``before_<register>``
    """
    befores = SQL(", ").join(
        SQL(
            "COALESCE(lag(i.%(register)s) OVER (PARTITION BY s.meter_id, s.start,"
            " i.%(mate)s IS NULL ORDER BY i.at, i.id), b.%(register)s) AS %(before)s",
            register=SQL.identifier(register),
            # The registers of the rates are read together, the total maybe alone.
            mate=SQL.identifier("total" if register == "total" else "t1"),
            before=SQL.identifier(f"before_{register}"),
        )
        for register in USED
    )
    return SQL(
        """
        SELECT i.*, s.start, s.turnover, %(befores)s
          FROM (%(spans)s) s
         CROSS JOIN LATERAL (
               SELECT * FROM %(raw)s i
                WHERE i.meter_id = s.meter_id AND i.at >= s.start AND i.at < s.stop
               OFFSET 0) i
     LEFT JOIN LATERAL (
               SELECT * FROM %(raw)s b
                WHERE b.meter_id = s.meter_id AND b.at < s.start AND b.total IS NOT NULL
                ORDER BY b.at DESC LIMIT 1) b ON true
        """,
        befores=befores,
        spans=spans,
        raw=SQL.identifier(RAW),
    )


def local_start(unit, at):
    """First moment of the hour, day or month of the company's zone in which a moment lies.

    :param unit: "hour", "day" or "month"
    :param at: SQL of a naive UTC time; ``c`` is the row of the company
    """
    return SQL("date_trunc(%s, %s AT TIME ZONE 'UTC', %s) AT TIME ZONE 'UTC'", unit, at, ZONE)


ZONE = SQL("COALESCE(NULLIF(c.utility_tz, ''), 'UTC')")
