"""Fed to `odoo shell` by the benchmark: what posting costs, each step a transaction of its own.

Sales are made at the counter, by turns with bare payments of the same amount. Then parts of them
are posted by the scheduled action's own steps, by turns with Odoo's own invoice and "register
payment" for as many customers. What the meter says in between is told to the command by hand.
"""
# ruff: noqa: F821  (the shell provides env)

import json
import os
import time
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from odoo import api
from odoo.fields import Command

COLD, PART, METERS = 5, 50, 100
sales = int(os.environ["BENCH_SALES"])
registry, company = env.registry, env.ref("base.main_company")
cashier = env["res.users"].search([("login", "=", "cashier1")]).id
clerk = (
    env["res.users"]
    .create(
        {
            "name": "Billing clerk",
            "login": "clerk",
            "tz": "Asia/Shanghai",
            "group_ids": [
                Command.set(
                    [env.ref("base.group_user").id, env.ref("account.group_account_invoice").id]
                )
            ],
        }
    )
    .id
)
room = env["utility.room"].create(
    {"name": "101", "code": "101", "floor_id": env["utility.floor"].search([], limit=1).id}
)
kind = env.ref("utility_prepaid.meter_type_d_single")
tariff = env["utility.tariff"].search([], limit=1)
meters = env["utility.meter"].create(
    [
        {"address": f"{202611000000 + number}", "type_id": kind.id, "room_id": room.id}
        for number in range(METERS)
    ]
)
contracts = env["utility.contract"].create(
    [
        {
            "meter_id": meter.id,
            "tariff_id": tariff.id,
            "partner_id": env["res.partner"].create({"name": f"Tenant {meter.id}"}).id,
        }
        for meter in meters
    ]
)
contracts.action_open()
product = company.utility_electricity_product_id.id
cash = env["account.journal"].search([("utility_counter", "=", True), ("type", "=", "cash")])
customers = contracts.partner_id.ids


def prove(commands):
    """The meter shows the order; who drives the line is not measured here."""
    for command in commands:
        meter = command.meter_id
        command._update_state(
            ("queued",), "sent", number=meter.purchase_number + 1, epoch=meter.epoch, numbered=True
        )
        credit = Decimal(str(command.credit))
        command._prove(
            {
                "number": command.number,
                "epoch": command.epoch,
                "balance_before": Decimal(0),
                "balance_after": credit,
                "cumulative": credit,
            }
        )


def step(user, act, *arguments):
    """Time and queries of one request."""
    with registry.cursor() as cr:
        own = api.Environment(cr, user, {"allowed_company_ids": company.ids, "lang": "en_US"})
        before, begin = cr.sql_log_count, time.perf_counter()
        result = act(own, *arguments)
        own.flush_all()
        cr.commit()
        return result, [(time.perf_counter() - begin) * 1000, cr.sql_log_count - before]


def sell(own, meter):
    return own["utility.counter"].sell(str(uuid4()), meter, "50.00", cash.id)["id"]


def bare_payment(own, customer):
    payment = own["account.payment"].create(
        {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": customer,
            "amount": 50.0,
            "journal_id": cash.id,
        }
    )
    payment.action_post()
    return payment.id


def invoice(own, customer):
    move = own["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": customer,
            "invoice_line_ids": [
                Command.create({"product_id": product, "quantity": 91.19, "price_unit": 0.5483})
            ],
        }
    )
    move.action_post()
    return move.id


def pay(own, move):
    wizard = own["account.payment.register"].with_context(
        active_model="account.move", active_ids=[move]
    )
    wizard.create({"journal_id": cash.id})._create_payments()
    assert own["account.move"].browse(move).payment_state in ("paid", "in_payment")


def deliver(own, vend):
    prove(own["utility.vend"].browse(vend).command_id)


def post(own, ids):
    vends = own["utility.vend"].browse(ids)
    assert vends._post_together([("posted_at", "=", False)])


prove(env["utility.command"].search([("kind", "=", "open"), ("state", "=", "queued")]))
env.cr.commit()
meters, report = meters.ids, {"sell": [], "payment": [], "documents": []}
vends = []
while len(vends) < sales + COLD:
    turn = len(vends)
    order = ("sell", "payment") if turn % 2 else ("payment", "sell")
    for side in order:
        if side == "sell":
            vend, spent = step(cashier, sell, meters[turn % METERS])
            vends.append(vend)
        elif turn < 100:
            __, spent = step(clerk, bare_payment, customers[turn % METERS])
        else:
            continue
        if COLD <= turn < 100:
            report[side].append(spent)
    step(api.SUPERUSER_ID, deliver, vends[-1])
step(api.SUPERUSER_ID, post, vends[:COLD])
batch = {"sales": 0, "ms": 0, "queries": 0}
for first in range(COLD, len(vends), PART):
    ids = vends[first : first + PART]
    __, (spent, queries) = step(api.SUPERUSER_ID, post, ids)
    batch["sales"] += len(ids)
    batch["ms"] += spent
    batch["queries"] += queries
    for vend in ids:
        customer = customers[vend % METERS]
        move, one = step(clerk, invoice, customer)
        __, other = step(clerk, pay, move)
        report["documents"].append([a + b for a, b in zip(one, other, strict=True)])
report["batch"] = batch
open_items = env["account.move.line"].search_count(
    [("account_id", "=", company.utility_account_id.id), ("reconciled", "=", False)]
)
assert env["utility.vend"].search_count([("posted_at", "!=", False)]) == len(vends)
assert not open_items, open_items
Path(os.environ["BENCH_REPLY"]).write_text(json.dumps(report), encoding="utf-8")
