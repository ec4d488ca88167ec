import os
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, new_test_user, tagged

from odoo.addons.utility_prepaid.models.utility_contract import OPEN_STATES as CONTRACT_OPEN
from odoo.addons.utility_prepaid.models.utility_settlement import OPEN_STATES
from odoo.addons.utility_prepaid.tools.decimals import dec

from .common import DRAIN, HOLD, REPLY, GatewayCommon, Simulator

# A whole year: YEAR_CONTRACTS=200 YEAR_MONTHS=12 make test-addon TAGS=/meter_gateway:TestYear
CONTRACTS = int(os.environ.get("YEAR_CONTRACTS", "6"))
MONTHS = int(os.environ.get("YEAR_MONTHS", "1"))
PER_PORT = 40
YEAR = 2027
# 10:00 in Shanghai
HOUR = timedelta(hours=2)
FAULTS = {
    "lost_request": 0.01,
    "lost_reply": 0.01,
    "executed_reply_lost": 0.05,
    "corrupt": 0.01,
    "duplicate": 0.01,
    "wrong_address": 0.01,
    "close_link": 0.005,
}
# What each entry of a meter's own log does to what it counts as bought.
SIGN = {"open": 1, "charge": 1, "preset": 1, "reverse": -1, "clear": 0}
# What goes on by itself beside the worker.
CRONS = ("ir_cron_settlements", "ir_cron_decide_vends", "ir_cron_post_vends")
RUNS = 12


@tagged("post_install", "-at_install")
class TestYear(GatewayCommon):
    """A year of a site on simulated meters that keep their own books, on lines with faults.

    People move in and out, meters are replaced, sales are reversed, prices and the accounting
    policy change. At the end meters, money and ledger must agree to the cent.
    """

    @classmethod
    def setUpClass(cls):
        frozen = freeze_time(datetime(YEAR, 1, 1) + HOUR, tick=True)
        cls.clock = frozen.start()
        cls.addClassCleanup(frozen.stop)
        super().setUpClass()

    @classmethod
    def _start_simulator(cls):
        count = CONTRACTS + max(2, CONTRACTS // 20) * 2
        cls.year_meters = cls.env["utility.meter"]
        for number in range(count):
            cls.year_meters |= cls._meter(f"2027{number:08d}")
        cls.meters |= cls.year_meters
        chunks = [
            cls.meters[start : start + PER_PORT] for start in range(0, len(cls.meters), PER_PORT)
        ]
        site = {
            "speed": "0",
            "td": "0.002",
            "concentrators": [
                {
                    "name": "C1",
                    "ports": [
                        {
                            "number": number,
                            "listen": "tcp://127.0.0.1:0",
                            "meters": [meter._simulator_meter() for meter in chunk],
                        }
                        for number, chunk in enumerate(chunks, 1)
                    ],
                }
            ],
        }
        cls.sim = Simulator(site, cls.key)
        cls.addClassCleanup(cls.sim.close)
        cls.box = cls.env["meter.concentrator"].create(
            {
                "name": "Cellar",
                "code": "C1",
                "site_id": cls.site.id,
                "worker_id": cls.worker.id,
                "port_count": "16",
                "host": "127.0.0.1",
                "tcp_port": 1024,
                "reply_seconds": REPLY,
                "drain_seconds": DRAIN,
                "hold_seconds": HOLD,
            }
        )
        places = cls.sim("ports")["ports"]
        for port, chunk in zip(cls.box.port_ids, chunks, strict=False):
            port.tcp_port = int(places[f"C1/{port.number}"].rpartition(":")[2])
            chunk.port_id = port
        cls.port = cls.box.port_ids[0]

    def setUp(self):
        super().setUp()
        self.fate = random.Random(1)
        self.company.utility_session_required = False
        bank = self.env["account.journal"].search(
            [("company_id", "=", self.company.id), ("type", "=", "bank")], limit=1
        )
        bank.utility_counter = True
        self.methods = [self.cash, bank]
        self.tariffs = self._tariffs()
        self.cashiers = [
            new_test_user(
                self.env,
                login=f"year_cashier_{number}",
                groups="base.group_user,utility_prepaid.group_cashier",
                company_id=self.company.id,
                company_ids=[fields.Command.set(self.company.ids)],
            )
            for number in range(2)
        ]
        self.free = list(self.year_meters)
        self.posted = {}
        self.did = defaultdict(int)

    def _tariffs(self):
        """A plain one whose price rises in June, one with monthly steps, one with fees."""

        def tariff(name, **values):
            return self.env["utility.tariff"].create(
                {"name": name, "utility": "electricity", "company_id": self.company.id, **values}
            )

        def version(day, price, **values):
            return fields.Command.create({"date_from": day, "price": price, **values})

        return [
            tariff(
                "Shops",
                price_ids=[
                    version(date(2020, 1, 1), 0.85),
                    version(date(YEAR, 6, 16), 0.9133),
                ],
            ),
            tariff("Homes by steps", **self._steps()),
            tariff("Offices with fees", **self._fees()),
        ]

    # ------------------------------------------------------------- the clock

    def _at(self, day, hours=0):
        self.env.flush_all()
        moment = datetime.combine(day, datetime.min.time()) + HOUR + timedelta(hours=hours)
        self._pass(moment - self.clock())

    def _pass(self, delta):
        # This clock goes on by itself and knows no move_to.
        self.clock.time_to_freeze += delta

    def _cron(self, name):
        with self.enter_registry_test_mode():
            self.env.ref(f"utility_prepaid.{name}").method_direct_trigger()
        self.env.invalidate_all()

    def _rest(self):
        """Let the worker and the scheduled actions go on until nothing is on its way."""
        for __ in range(RUNS):
            self._run(seconds=20.0, idle=0.05)
            for cron in CRONS:
                self._cron(cron)
            left = self._under_way()
            if not left:
                return
            # What waits after a failure is due again.
            self._pass(timedelta(minutes=30))
        self.fail(f"still under way: {left}")

    def _steps(self):
        return {
            "price_ids": [
                fields.Command.create(
                    {
                        "date_from": date(2020, 1, 1),
                        "price": 0.5183,
                        "step_ids": [
                            fields.Command.create({"above": 100, "price": 0.5683}),
                            fields.Command.create({"above": 200, "price": 0.8183}),
                        ],
                    }
                )
            ]
        }

    def _fees(self):
        return {
            "price_ids": [
                fields.Command.create(
                    {
                        "date_from": date(2020, 1, 1),
                        "price": 0.7,
                        "fee": 5,
                        "service_percent": 1.5,
                    }
                )
            ]
        }

    def _under_way(self):
        """What still goes on by itself, in words."""
        money = self.env["utility.command"].search(
            [("money", "=", True), ("state", "in", ("queued", "sent", "unknown"))]
        )
        settlements = self.env["utility.settlement"].search([("state", "in", OPEN_STATES)])
        unposted = self.env["utility.vend"].search(
            [("state", "in", ("delivered", "reversed")), ("posted_at", "=", False)]
        )
        paid = self.env["utility.vend"].search([("state", "=", "accepted")])
        return [
            *(f"{c.kind} {c.id} {c.state}: {c.message}" for c in money),
            *(f"{s.name} {s.state}: {s.words}" for s in settlements),
            *(f"{v.name} not posted: {v.posting_error}" for v in unposted),
            *(
                f"{v.name} {v.kind} accepted: {v.command_id.state} {v.command_id.message}"
                for v in paid
            ),
        ]

    # ---------------------------------------------------------------- people

    def _desk(self):
        return (
            self.env["utility.counter"]
            .with_user(self.fate.choice(self.cashiers))
            .with_context(allowed_company_ids=self.company.ids)
        )

    def _active(self):
        return self.env["utility.contract"].search(
            [("meter_id", "in", self.year_meters.ids), ("state", "=", "active")], order="id"
        )

    def _move_in(self):
        """A new tenant on a meter that nobody has."""
        meter = self.free.pop(self.fate.randrange(len(self.free)))
        self.did["moved in"] += 1
        contract = self.env["utility.contract"].create(
            {
                "meter_id": meter.id,
                "partner_id": self.env["res.partner"]
                .create({"name": f"Tenant {self.did['moved in']}"})
                .id,
                "tariff_id": self.tariffs[self.did["moved in"] % 3].id,
            }
        )
        contract._open()

    def _buy(self, share):
        """Some of the tenants buy; one in ten by two clicks."""
        for contract in self._active():
            if self.fate.random() > share:
                continue
            amount = f"{self.fate.randrange(1500, 20000) / 100:.2f}"
            mark, method = str(uuid4()), self.fate.choice(self.methods)
            status = self._desk().sell(mark, contract.meter_id.id, amount, method.id)
            self.did["sold"] += 1
            if self.fate.random() < 0.1:
                again = self._desk().sell(mark, contract.meter_id.id, amount, method.id)
                self.assertEqual(again["id"], status["id"])

    def _regret(self, share):
        """Some take their last sale back."""
        for contract in self._active():
            last = self.env["utility.vend"].search(
                [("contract_id", "=", contract.id)], limit=1, order="id desc"
            )
            if last.kind != "sale" or last.state != "delivered" or self.fate.random() > share:
                continue
            try:
                self._desk().reverse(str(uuid4()), last.id, "The customer asked for it")
            except UserError:
                self.did["reversal refused"] += 1
            else:
                self.did["reversed"] += 1

    def _move_out(self, count):
        for contract in self.fate.sample(list(self._active()), count):
            contract._close(reason="Moved out")
            self.did["moved out"] += 1

    def _after_move_out(self):
        """What was settled is paid, and the meters are free for the next."""
        settlements = self.env["utility.settlement"].search(
            [("kind", "=", "closing"), ("state", "=", "done"), ("payout", "=", "open")]
        )
        for settlement in settlements:
            settlement.with_user(self.fate.choice(self.cashiers))._pay(self.cash)
        taken = self.env["utility.contract"].search([("state", "in", CONTRACT_OPEN)]).meter_id
        self.free = [m for m in self.year_meters if m not in taken and not m.to_clear]

    def _replace(self):
        contract = self.fate.choice(list(self._active()))
        new = self.free.pop(0)
        contract.with_user(self.users["engineer"])._replace(new, "Display broken")
        self.did["replaced"] += 1

    def _consume(self):
        """Every meter uses some of what it has."""
        for contract in self._active():
            books = self.sim.books(contract.meter_id)
            used = (Decimal(books["balance"]) * self.fate.randrange(50, 99) / 100).quantize(
                Decimal("0.01")
            )
            if used > 0:
                self.sim("spend", address=contract.meter_id.address, amount=f"{used}")
            self.env["utility.command"]._enqueue(contract.meter_id, "read")

    # ------------------------------------------------------------------ year

    def test_a_year(self):
        for __ in range(CONTRACTS):
            self._move_in()
        self._rest()
        self.assertEqual(len(self._active()), CONTRACTS)
        self.sim("faults", seed=1, **FAULTS)
        for month in range(1, MONTHS + 1):
            self._month(date(YEAR, month, 1))
        self.sim("faults", **dict.fromkeys(FAULTS, 0))
        self._assert_meters()
        self._assert_money()
        self._assert_customers()
        self._assert_check(self.company._utility_today())
        for what in ("sold", "reversed", "moved out", "replaced"):
            self.assertTrue(self.did[what], what)

    def _month(self, first):
        last = fields.Date.end_of(first, "month")
        self._at(first.replace(day=4))
        self._buy(1)
        self._rest()
        self._at(first.replace(day=9))
        self._regret(0.2)
        self._rest()
        self._at(first.replace(day=14))
        self._move_out(max(1, CONTRACTS // 50))
        if first.month % 3 == 1:
            self._replace()
        self._rest()
        self._after_move_out()
        while len(self._active()) < CONTRACTS:
            self._move_in()
            self._rest()
        self._at(first.replace(day=20))
        self._buy(0.4)
        self._rest()
        self._at(last)
        self._consume()
        self._rest()
        self._assert_posted_stays()
        self._assert_check(last)

    # ------------------------------------------------------------ invariants

    def _assert_posted_stays(self):
        """No posted journal item changes; reconciling writes elsewhere."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT l.id, l.account_id, l.partner_id, l.date, l.balance, l.tax_line_id, l.name,"
            " m.name, m.state, m.invoice_date FROM account_move_line l"
            " JOIN account_move m ON m.id = l.move_id"
            " WHERE l.company_id = %s AND (m.state = 'posted' OR l.id = ANY(%s))",
            (self.company.id, list(self.posted)),
        )
        now = {row[0]: row for row in self.env.cr.fetchall()}
        for line, row in self.posted.items():
            self.assertEqual(now.get(line), row)
        self.posted = now

    def _assert_check(self, day):
        """The daily check explains every cent, and nothing waits for anybody."""
        check = self.env["utility.check"]._run(self.company, day)
        found = [
            f"{f.code} {f.money} {f.ledger} {f.display_name}"
            for f in check.finding_ids.filtered(lambda finding: not finding.gone)
        ]
        self.assertEqual((check.state, found), ("agreed", []), f"{day} {dict(self.did)}")

    def _assert_meters(self):
        """Delivered credit less reversals is what each meter counts, in every epoch."""
        for meter in self.year_meters:
            theirs, ours = defaultdict(Decimal), defaultdict(Decimal)
            for order in self.sim.books(meter)["orders"]:
                theirs[order["epoch"]] += SIGN[order["kind"]] * Decimal(order["amount"])
            done = self.env["utility.command"].search(
                [("meter_id", "=", meter.id), ("money", "=", True), ("state", "=", "done")]
            )
            for command in done:
                ours[command.epoch] += SIGN[command.kind] * dec(command.credit)
            for epoch in {*theirs, *ours}:
                self.assertEqual(ours[epoch], theirs[epoch], f"{meter.address} epoch {epoch}")

    def _assert_money(self):
        """Money taken less money paid out = payments posted = sales and settlements."""
        payments = self.env["account.payment"].search(
            [("company_id", "=", self.company.id), ("utility_contract_id", "!=", False)]
        )
        for journal in self.methods:
            posted = sum(
                dec(p.amount, 2) * (1 if p.payment_type == "inbound" else -1)
                for p in payments
                if p.journal_id == journal
            )
            vends = self.env["utility.vend"].search([("journal_id", "=", journal.id)])
            sold = sum(
                dec(v.amount, 2)
                for v in vends
                if v.kind == "sale" and v.state in ("accepted", "delivered")
            )
            paid = sum(
                dec(s.payment_id.amount, 2) * (1 if s.payment_id.payment_type == "inbound" else -1)
                for s in self.env["utility.settlement"].search([])
                if s.payment_id.journal_id == journal
            )
            self.assertEqual(posted, sold + paid, journal.name)
            items = self.env["account.move.line"].search(
                [
                    ("account_id", "=", journal.default_account_id.id),
                    ("parent_state", "=", "posted"),
                ]
            )
            if journal.type == "cash":
                self.assertEqual(dec(sum(items.mapped("balance")), 2), posted)

    def _assert_customers(self):
        """Open on the customers' account is what contracts carry, and nothing else."""
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ]
        )
        open_by_contract = defaultdict(Decimal)
        for line in lines:
            open_by_contract[line.move_id.utility_contract_id] -= dec(line.amount_residual, 2)
        contracts = self.env["utility.contract"].search([("company_id", "=", self.company.id)])
        for contract in contracts | self.env["utility.contract"].union(*open_by_contract):
            self.assertEqual(open_by_contract[contract], dec(contract.remainder, 2), contract.name)
