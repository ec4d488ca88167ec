"""Fed to `odoo shell` by the benchmark: how fast readings are stored, rolled up and found again.

Storing is compared with PostgreSQL's own COPY into the same table, the same rows and the same
number of commits, by turns; finding with one look at every row of the table.
"""
# ruff: noqa: F821  (the shell provides env)

import io
import json
import os
import statistics
import time
from datetime import date, datetime, timedelta
from pathlib import Path

from odoo.addons.utility_prepaid.tools import reading_store
from odoo.addons.utility_prepaid.tools.reading_store import Reading

METERS, TURNS, COLD, BATCH = 2000, 40, 4, 800
# Readings of the history: every two hours for so many days.
DAYS = int(os.environ.get("BENCH_DAYS", "100"))
START = datetime(2025, 1, 1)
cr, report = env.cr, {}


def clock(act):
    begin = time.perf_counter()
    result = act()
    return time.perf_counter() - begin, result


def median(act, times=5):
    return statistics.median(clock(act)[0] for _ in range(times))


def make_meters():
    """A fleet by SQL: what it costs to enter meters is not measured here."""
    kind = env.ref("utility_prepaid.meter_type_d_single")
    site = env["utility.site"].create({"name": "Bench", "code": "bench-readings"})
    first = env["utility.meter"].create({"address": "999900000000", "type_id": kind.id})
    env.flush_all()
    cr.execute("UPDATE utility_meter SET site_id = %s WHERE id = %s", (site.id, first.id))
    cr.execute(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
        " WHERE table_name = 'utility_meter' AND column_name NOT IN ('id', 'address', 'vending_id')"
    )
    columns = cr.fetchone()[0]
    cr.execute(
        f"INSERT INTO utility_meter (address, vending_id, {columns})"
        f" SELECT 999900000000 + n, 'bench' || n, {columns} FROM utility_meter,"
        " generate_series(1, %s) n WHERE id = %s RETURNING id",
        (METERS, first.id),
    )
    ids = [row[0] for row in cr.fetchall()]
    cr.commit()
    env.invalidate_all()
    return site, ids


def batch_of(meters, turn):
    at = datetime(2026, 1, 1) + timedelta(minutes=turn)
    return [
        Reading(
            meters[(turn * BATCH + n) % METERS],
            at + timedelta(milliseconds=n),
            total=f"{1000 + turn}.{n % 100:02d}",
            balance=f"{n % 300}.50",
            supply="on",
        )
        for n in range(BATCH)
    ]


def ours(batch):
    reading_store.store(cr, batch)
    cr.commit()


def theirs(batch):
    """The same columns with the same values."""
    text = io.StringIO(
        "".join(
            f"{r.meter_id}\t{r.at.isoformat()}\t{company}\t{site.id}\t{r.total}\t{r.balance}"
            f"\t{r.supply}\t{r.source}\n"
            for r in batch
        )
    )
    cr.copy_expert(
        "COPY utility_reading_raw (meter_id, at, company_id, site_id, total, balance, supply,"
        " source) FROM STDIN",
        text,
    )
    cr.commit()


def storing():
    reading_store.ensure_months(cr, [date(2026, 1, 1)])
    cr.commit()
    sides = {"copy": theirs, "store": ours}
    times = {name: [] for name in sides}
    for turn in range(TURNS):
        order = sorted(sides, reverse=turn % 2)
        for place, name in enumerate(order):
            batch = batch_of(meters, 2 * turn + place)
            times[name].append(clock(lambda act=sides[name], batch=batch: act(batch))[0])
    return {name: statistics.median(values[COLD:]) / BATCH for name, values in times.items()}


def history():
    months = {(START + timedelta(days=day)).date().replace(day=1) for day in range(DAYS + 1)}
    reading_store.ensure_months(cr, months)
    cr.execute(
        """
        INSERT INTO utility_reading_raw
               (at, meter_id, company_id, site_id, source, total, balance, supply)
        SELECT %s + interval '2 hours' * n + interval '1 second' * (m %% 7000), m, %s, %s,
               'scheduled', n * 0.5, 100 - n %% 90, 'on'
          FROM generate_series(0, %s) n, unnest(%s) m
        """,
        (START, company, site.id, DAYS * 12 - 1, meters),
    )
    count = cr.rowcount
    cr.commit()
    cr.execute("ANALYZE utility_reading_raw")
    cr.commit()
    return count


def rolling():
    """Seconds for each reading of a day, hours, days and months in all."""
    hours = env["utility.reading.hour"]
    settled = hours._settled()
    cr.commit()
    count = METERS * 12
    spent, __ = clock(lambda: (hours._roll_up(settled - count, settled), cr.commit()))
    cr.execute("UPDATE utility_reading_mark SET rolled = %s", (settled,))
    cr.commit()
    return spent / count


def finding():
    readings = env["utility.reading"]
    fleet = env["utility.meter"].browse(meters)
    month = datetime(2025, 2, 1), datetime(2025, 3, 1)
    domain = [("at", ">=", month[0]), ("at", "<", month[1])]
    fields = ["at", "meter_id", "total", "balance", "supply", "source"]

    def page(search):
        env.invalidate_all()
        return readings.search(search, limit=80).read(fields)

    def export():
        env.invalidate_all()
        day = [("site_id", "=", site.id), ("at", ">=", month[0]), ("at", "<", "2025-02-02")]
        return readings.search(day, limit=5000).export_data(["at", "meter_id/vending_id", "total"])

    def look_at_all():
        cr.execute("SELECT sum(total) FROM utility_reading_raw")

    return {
        "every row, once": median(look_at_all, 3),
        "a meter's month": median(lambda: page([("meter_id", "=", meters[77]), *domain])),
        "newest 80 of a site": median(lambda: page([("site_id", "=", site.id)])),
        "newest 80 of a month": median(lambda: page(domain)),
        "a day's 5000 rows exported": median(export, 3),
        "use of one meter, 30.5 days": median(
            lambda: readings._use(fleet[5], month[0] + timedelta(hours=3), month[1])
        ),
        "use of 2000 meters, half a day": median(
            lambda: readings._use(fleet, month[0], month[0] + timedelta(hours=12)), 3
        ),
    }


company = env.company.id
site, meters = make_meters()
report["storing"] = storing()
spent, report["rows"] = clock(history)
report["history"] = spent / report["rows"]
report["rolling"] = rolling()
report["finding"] = finding()
Path(os.environ["BENCH_REPLY"]).write_text(json.dumps(report), encoding="utf-8")
