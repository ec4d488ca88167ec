"""Fed to `odoo shell` by the benchmark: what the daily check and the roll-forward cost.

A few sales are made as the counter makes them; copies of them are the history of as many homes. All
is measured twice: with the last days alone, and with ten times as many days before them.
"""
# ruff: noqa: F821  (the shell provides env)

import json
import os
import statistics
import sys
import time
from contextlib import nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

from lxml import etree

from odoo import api
from odoo.tools import SQL

sys.path.insert(0, os.environ["BENCH_FOLDER"])
from history import Copier

HOMES, TENTH = int(os.environ["BENCH_HOMES"]), int(os.environ["BENCH_SALES"]) // 10
DAYS = int(os.environ["BENCH_DAYS"])  # of the whole history
SITES, OPEN = 4, 50
KWH = Decimal("54.83")  # the price of a hundred units
registry, company, cr = env.registry, env.ref("base.main_company"), env.cr
users = {
    login: env["res.users"].search([("login", "=", login)])
    for login in ("cashier1", "supervisor", "accountant")
}
cash = env["account.journal"].search([("utility_counter", "=", True), ("type", "=", "cash")])
account = company.utility_account_id
report = {"homes": HOMES, "days": DAYS, "history": []}


# ------------------------------------------------------------------ originals


def prove(command, before=0):
    """The meter shows the order; who drives the line is not measured here."""
    meter = command.meter_id
    command._arm(meter.purchase_number + 1, meter.epoch, "0" * 64, 1)
    command._answered("Accepted")
    after = before + Decimal(str(command.credit))
    command._prove(
        {
            "number": command.number,
            "epoch": command.epoch,
            "balance_before": before,
            "balance_after": after,
            "cumulative": after,
        }
    )


def counter():
    return (
        env["utility.counter"]
        .with_user(users["cashier1"])
        .with_context(allowed_company_ids=company.ids)
    )


def sell(meter):
    return env["utility.vend"].browse(
        counter().sell(str(uuid4()), meter.id, str(KWH), cash.id)["id"]
    )


def homes():
    """Rooms at some sites, and one home whose meter, customer and contract are copied."""
    rooms = env["utility.room"]
    for number in range(SITES):
        site = env["utility.site"].create({"name": f"S{number}", "code": f"S{number}"})
        building = env["utility.building"].create(
            {"name": f"B{number}", "code": f"B{number}", "site_id": site.id}
        )
        floor = env["utility.floor"].create({"name": "1", "code": "1", "building_id": building.id})
        rooms |= rooms.create({"name": "101", "code": "101", "floor_id": floor.id})
    kind = env.ref("utility_prepaid.meter_type_d_single")
    meter = env["utility.meter"].create(
        {"address": "202611000001", "type_id": kind.id, "room_id": rooms[0].id}
    )
    contract = env["utility.contract"].create(
        {
            "meter_id": meter.id,
            "tariff_id": env["utility.tariff"].search([], limit=1).id,
            "partner_id": env["res.partner"].create({"name": "Tenant"}).id,
        }
    )
    contract.action_open()
    prove(env["utility.command"].search([("contract_id", "=", contract.id)]))
    return rooms, contract


def whole(vends):
    """Sales with all that belongs to them, as the copier wants it."""
    payments = vends.payment_id | vends.refund_payment_id
    moves = env["account.move"].search([("utility_vend_id", "in", vends.ids)]) | payments.move_id
    items = moves.line_ids
    parts = items.matched_debit_ids | items.matched_credit_ids
    return [
        vends, vends.line_ids, vends.command_ids, payments, moves, items, parts,
        items.full_reconcile_id,
    ]  # fmt: skip


def originals(contract):
    """One sale that is done, one that was reversed, and one of which nothing is known yet."""
    meter = contract.meter_id
    done, undone = sell(meter), None
    prove(done.command_id)
    done._post()
    undone = sell(meter)
    prove(undone.command_id, Decimal(100))
    undone._post()
    reversal = env["utility.vend"].browse(
        counter()
        .with_user(users["supervisor"])
        .reverse(str(uuid4()), undone.id, "typed wrong")["id"]
    )
    prove(reversal.command_id, Decimal(200))
    reversal._post()
    waiting = sell(meter)
    waiting.command_id._arm(meter.purchase_number + 1, meter.epoch, "0" * 64, 1)
    waiting.command_id._set_unknown("No answer")
    env.flush_all()
    env.invalidate_all()
    assert not account_items(reconciled=False) - waiting.payment_id.move_id.line_ids
    return whole(done), whole(undone | reversal), whole(waiting)


def account_items(**values):
    return env["account.move.line"].search(
        [("account_id", "=", account.id), *((name, "=", value) for name, value in values.items())]
    )


# -------------------------------------------------------------------- history


def make_homes(rooms, contract, start):
    gen = (
        f"SELECT n, '{start}'::timestamp AS at,"
        f" (ARRAY{rooms.ids})[1 + n % {SITES}] AS room,"
        f" (ARRAY{rooms.site_id.ids})[1 + n % {SITES}] AS site FROM generate_series(1, {HOMES}) n"
    )
    order = env["utility.command"].search(
        [("contract_id", "=", contract.id), ("kind", "=", "open")]
    )
    meter = contract.meter_id
    copier.copy(
        [contract.partner_id, meter, meter.state_ids, contract, order],
        gen,
        # the two name each other; see count_meters
        {"utility_meter.contract_id": "NULL::int"},
    )
    cr.execute(
        """
        CREATE TABLE bench_home AS
        SELECT row_number() OVER (ORDER BY c.id) - 1 AS number, c.id AS contract,
               c.meter_id AS meter, c.partner_id AS partner, c.room_id AS room, r.site_id AS site
          FROM utility_contract c JOIN utility_room r ON r.id = c.room_id WHERE c.id <> %s
        """,
        (contract.id,),
    )
    cr.execute("ANALYZE bench_home")


def make_sales(kinds, first, count, start, days):
    """Sales evenly over some days: of a hundred one is reversed the same day."""
    done, undone, __ = kinds
    every = days * 86400 / count
    gen = (
        f"SELECT s.n, date_trunc('second', '{start}'::timestamp + (s.n - {first}) * interval"
        f" '{every} seconds') AS at, h.* FROM generate_series({first}, {first + count - 1}) s(n)"
        f" JOIN bench_home h ON h.number = s.n %% {HOMES} WHERE s.n %% 100 {{}} 0"
    ).replace("%%", "%")
    copier.copy(done, gen.format("<>"), {"utility_command.number": "2 * g.n"})
    copier.copy(undone, gen.format("="), {"utility_command.number": "o.number - 2 + 2 * g.n"})


def make_open(kinds, first, start):
    """Sales of the last weeks whose proof never came."""
    gen = (
        f"SELECT {first} + n AS n, '{start}'::timestamp - n * interval '1 day' AS at, h.*"
        f" FROM generate_series(1, {OPEN}) n JOIN bench_home h ON h.number = n"
    )
    copier.copy(kinds[2], gen, {"utility_command.number": "2 * g.n"})


def count_meters():
    """Meters count what the books have proved, as if each had been asked after its last order."""
    cr.execute(
        """
        UPDATE utility_meter m SET purchase_number = c.number, contract_id = h.contract
          FROM bench_home h, (SELECT meter_id, max(number) AS number FROM utility_command
                               WHERE state = 'done' GROUP BY meter_id) c
         WHERE h.meter = m.id AND c.meter_id = m.id
        """
    )
    cr.execute(
        """
        UPDATE utility_meter_state s
           SET purchase_number = c.number, cumulative = c.credit, epoch = c.epoch,
               number_seen_at = now() at time zone 'UTC',
               cumulative_seen_at = now() at time zone 'UTC'
          FROM (SELECT meter_id, max(number) AS number, max(epoch) AS epoch,
                       sum(CASE kind WHEN 'reverse' THEN -credit ELSE credit END) AS credit
                  FROM utility_command WHERE state = 'done' AND money GROUP BY meter_id) c
         WHERE c.meter_id = s.meter_id
        """
    )


def make_readings(start, end):
    """What every home used, rolled up by day and month, and a reading a week."""
    from odoo.addons.utility_prepaid.tools import reading_store

    months = {
        (start + timedelta(days=day)).date().replace(day=1) for day in range((end - start).days)
    }
    reading_store.ensure_months(cr, months)
    cr.execute(
        """
        INSERT INTO utility_reading_raw (at, meter_id, company_id, site_id, source, total, balance)
        SELECT d.at, h.meter, %s, h.site, 'scheduled', 10 * EXTRACT(day FROM d.at - %s), 50
          FROM bench_home h, generate_series(%s::timestamp, %s::timestamp, '7 days') d(at)
        """,
        (company.id, report_start, start, end),
    )
    for kind, unit in (("day", "1 day"), ("month", "1 month")):
        cr.execute(
            f"""
            INSERT INTO utility_reading_{kind} (start, date, meter_id, company_id, site_id, used)
            SELECT d.day - interval '8 hours', d.day, h.meter, %s, h.site,
                   10 * LEAST(EXTRACT(day FROM interval '{unit}') + 30 * EXTRACT(month FROM
                   interval '{unit}'), 30)
              FROM bench_home h, generate_series(date_trunc('{kind}', %s::timestamp), %s,
                   '{unit}') d(day)
                ON CONFLICT DO NOTHING
            """,
            (company.id, start, end),
        )
    cr.execute("UPDATE utility_reading_mark SET rolled = (SELECT max(id) FROM utility_reading_raw)")


# ------------------------------------------------------------------ measuring


def memory(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise AssertionError(name)


def step(act, user=None, times=1):
    """Median seconds, queries and peak megabytes of a request of its own."""
    rows = []
    for __ in range(times):
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        with registry.cursor() as own_cr:
            own = api.Environment(
                own_cr,
                user.id if user else api.SUPERUSER_ID,
                {"allowed_company_ids": company.ids, "lang": "en_US"},
            )
            queries, begin = own_cr.sql_log_count, time.perf_counter()
            act(own)
            own.flush_all()
            own_cr.commit()
            spent = time.perf_counter() - begin
            rows.append((spent, own_cr.sql_log_count - queries, memory("VmHWM") - before))
    return [statistics.median(values) for values in zip(*rows, strict=True)]


def check(own, day):
    found = own["utility.check"]._run(own["res.company"].browse(company.id), day)
    assert found.state == "named", found.state
    assert not found.finding_ids.filtered(lambda finding: finding.code == "unexplained")
    return found


def carry(own):
    """Sum what is settled; the scheduled action does so every day, and commits in between."""
    base = own["utility.check.base"]
    while base._carry_forward(own["res.company"].browse(company.id)):
        pass


def position(own, anew=False):
    """Figures and findings of yesterday's end, from what is carried or from all there is."""
    base, positions = own["utility.check.base"], own["utility.check.position"]
    parts = SQL("SELECT *, NULL::int AS id, 'anew' AS how FROM (%s) n", base._numbers_sql())
    with patch.object(type(base), "_parts_sql", return_value=parts) if anew else nullcontext():
        places, found = positions._at(own["res.company"].browse(company.id), yesterday)
    told.append(({key: row for key, row in places.items() if any(row.values())}, found))


def check_month(own):
    for day in range(30, 0, -1):
        check(own, today - timedelta(days=day))
        own.flush_all()
        own.invalidate_all()


def roll(own):
    last = today.replace(day=1) - timedelta(days=1)
    wizard = own["utility.roll.forward"].create({"date_from": last.replace(day=1), "date_to": last})
    wizard.action_compute()
    assert len(wizard.line_ids) >= HOMES, len(wizard.line_ids)


def specification(model, view):
    """What the web client asks for, by a view."""
    arch = etree.fromstring(model.get_view(view_type=view)["arch"])
    return _fields(model, arch)


def _fields(model, arch):
    asked = {}
    for node in arch.iterfind(".//field"):
        if next(node.iterancestors("field"), None) is not None and node is not arch:
            continue
        field = model._fields[node.get("name")]
        asked[field.name] = {}
        if field.type == "many2one":
            asked[field.name] = {"fields": {"display_name": {}}}
        elif field.type in ("one2many", "many2many"):
            inner = node.find("list")
            lines = etree.fromstring(etree.tostring(inner)) if inner is not None else None
            more = _fields(model.env[field.comodel_name], lines) if lines is not None else {}
            asked[field.name] = {"fields": more, "limit": 40}
    return asked


def page(own, name, domain=(), **more):
    model = own[name]
    rows = model.web_search_read(list(domain), specification(model, "list"), limit=80, **more)
    assert rows["length"], name


def form(own, record):
    record.web_read(specification(record, "form"))


def screens(own):
    """{what is opened: what does it} of the accountant's screens."""
    checks, differences = own["utility.check"], own["utility.check.difference"]
    mine = [("state", "!=", "resolved")]
    newest = checks.search([], limit=1)
    late = differences.search(mine, limit=1)
    items = late.action_open_items()["domain"]
    day = newest.action_open_items()["domain"]
    return {
        "list of days": lambda e: page(e, "utility.check"),
        "a day": lambda e: form(e, e["utility.check"].browse(newest.id)),
        "list of differences": lambda e: page(e, "utility.check.difference", mine),
        "differences by owner": lambda e: e["utility.check.difference"].formatted_read_group(
            mine, ["user_id"], ["__count", "amount:sum"]
        ),
        "differences older than 7 days": lambda e: page(
            e, "utility.check.difference", [*mine, ("age", ">", 7)]
        ),
        "a difference": lambda e: form(e, e["utility.check.difference"].browse(late.id)),
        "its journal items": lambda e: page(e, "account.move.line", items),
        "the account up to a day": lambda e: page(e, "account.move.line", day, count_limit=10001),
    }


def measure():
    copier.finish()
    cr.execute("ANALYZE")
    cr.commit()
    env.invalidate_all()
    cr.execute("SELECT count(*) FROM utility_vend WHERE state <> 'accepted'")
    rows = {"sales": cr.fetchone()[0]}
    cr.execute("SELECT count(*) FROM account_move_line WHERE account_id = %s", (account.id,))
    rows["items"] = cr.fetchone()[0]
    cr.rollback()
    report["history"].append(rows)
    accountant = users["accountant"]
    acts = {
        "all sales looked at": (lambda own: position(own, anew=True), None, 1),
        "carried forward, from nothing": (carry, None, 1),
        "settled sales carried": (position, None, 3),
        "carried forward, nothing new": (carry, None, 1),
        "first check": (lambda own: check(own, yesterday), None, 1),
        "check of a day": (lambda own: check(own, yesterday), None, 3),
        "checks of 30 days": (check_month, None, 1),
        "roll-forward of a month": (roll, accountant, 1),
    }
    for name, (act, user, times) in acts.items():
        rows[name] = step(act, user, times)
        report_so_far()
    assert all(one == told[0] for one in told), "What is carried tells something else"
    told.clear()
    with registry.cursor() as own_cr:
        own = api.Environment(own_cr, accountant.id, {"allowed_company_ids": company.ids})
        pages = screens(own)
    for name, act in pages.items():
        rows[name] = step(act, accountant, times=3)
    report_so_far()


def report_so_far():
    Path(os.environ["BENCH_REPLY"]).write_text(json.dumps(report), encoding="utf-8")


today = company._utility_today()
yesterday, told = today - timedelta(days=1), []
now = datetime.utcnow().replace(microsecond=0)
midnight = datetime.combine(today, datetime.min.time()) - timedelta(hours=8)
report_start, late_start = midnight - timedelta(days=DAYS), midnight - timedelta(days=DAYS // 10)
rooms, contract = homes()
kinds = originals(contract)
copier = Copier(env, now)
begin = time.perf_counter()
make_homes(rooms, contract, report_start)
make_sales(kinds, 1, TENTH, late_start, DAYS // 10)
make_open(kinds, 100_000_000, midnight)
make_readings(late_start, midnight)
count_meters()
print("filled", time.perf_counter() - begin, file=sys.stderr)
measure()
begin = time.perf_counter()
make_sales(kinds, TENTH + 1, 9 * TENTH, report_start, DAYS - DAYS // 10)
make_readings(report_start, late_start - timedelta(days=7))
count_meters()
print("filled", time.perf_counter() - begin, file=sys.stderr)
measure()
