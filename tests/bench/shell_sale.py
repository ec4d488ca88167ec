"""Fed to `odoo shell` by the benchmark: sales and plain invoices by turns, each step a request.

Each step has a cursor, an environment and a commit of its own, as a request has. What the meter
says between the sale and its posting is told to the command by hand and not measured.
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

COLD = 5
pairs = int(os.environ["BENCH_PAIRS"]) + COLD
registry, company = env.registry, env.ref("base.main_company")
cashier = env["res.users"].search([("login", "=", "cashier1")])
clerk = env["res.users"].create(
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
contracts = env["utility.contract"].search([("state", "=", "draft")])
contracts.action_open()
meters, customers = contracts.meter_id.ids, contracts.partner_id.ids
product = company.utility_electricity_product_id.id
cash = env["account.journal"].search([("utility_counter", "=", True), ("type", "=", "cash")]).id
env.cr.commit()


def step(user, act):
    """Time and queries of one request."""
    with registry.cursor() as cr:
        own = api.Environment(cr, user, {"allowed_company_ids": company.ids, "lang": "en_US"})
        before, begin = cr.sql_log_count, time.perf_counter()
        result = act(own)
        own.flush_all()
        cr.commit()
        return result, [(time.perf_counter() - begin) * 1000, cr.sql_log_count - before]


def prove(command):
    """What the worker does when the meter shows the order."""
    meter = command.meter_id
    generation = meter.concentrator_id.worker_id.generation
    number = meter.purchase_number + 1
    assert command._arm(number, meter.epoch, "0" * 64, generation)
    command._answered("yes")
    state = meter.state_ids
    before = Decimal(str(state.balance or 0))
    after = before + Decimal(str(command.credit))
    command._prove(
        {
            "number": number,
            "epoch": meter.epoch,
            "balance_before": before,
            "balance_after": after,
            "balance": after,
            "cumulative": after,
        }
    )


def sell(own, meter):
    return own["utility.counter"].sell(str(uuid4()), meter, "50.00", cash)["id"]


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
    wizard.create({"journal_id": cash})._create_payments()
    assert own["account.move"].browse(move).payment_state in ("paid", "in_payment")


for command in env["utility.command"].search([("kind", "=", "open"), ("state", "=", "queued")]):
    prove(command)
env.cr.commit()
rows = {"sell": [], "posting": [], "invoice": [], "payment": []}


def ours(turn):
    vend, spent = step(cashier.id, lambda own: sell(own, meters[turn % len(meters)]))
    rows["sell"].append(spent)
    step(api.SUPERUSER_ID, lambda own: prove(own["utility.vend"].browse(vend).command_id))
    __, spent = step(api.SUPERUSER_ID, lambda own: own["utility.vend"].browse(vend)._post())
    rows["posting"].append(spent)


def theirs(turn):
    move, spent = step(clerk.id, lambda own: invoice(own, customers[turn % len(customers)]))
    rows["invoice"].append(spent)
    __, spent = step(clerk.id, lambda own: pay(own, move))
    rows["payment"].append(spent)


for turn in range(pairs):
    for side in (ours, theirs) if turn % 2 else (theirs, ours):
        side(turn)
result = {name: values[COLD:] for name, values in rows.items()}
Path(os.environ["BENCH_REPLY"]).write_text(json.dumps(result), encoding="utf-8")
