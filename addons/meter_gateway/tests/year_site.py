import os
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import freeze_time, new_test_user
from odoo.tools import SQL

from ..worker.run import WorkerRun
from .common import DRAIN, HOLD, GatewayCommon, Simulator

CONTRACTS = int(os.environ.get("YEAR_CONTRACTS", "6"))
MONTHS = int(os.environ.get("YEAR_MONTHS", "1"))
# The year ends with the month in which this time is up; zero: it does not.
MINUTES = int(os.environ.get("YEAR_MINUTES", "0"))
YEAR = 2027
# 10:00 in Shanghai
MORNING = timedelta(hours=2)
PER_PORT = 16
# Some answers are lost here, and waited for in vain; but a settlement that hears nothing because
# the machine is busy would stop for a person.
REPLY = 1.0
OVERDRAFT = 20
QUOTA = 8
# How each utility's sales are booked, quarter by quarter.
POLICIES = {
    "electricity": ("sale", "tax_at_sale", "on_use", "agency"),
    "water": ("on_use", "agency", "sale", "tax_at_sale"),
}
# What goes on by itself beside the worker.
CRONS = ("settlements", "decide_vends", "issue_quotas", "post_vends")
RUNS = 14
WAITS = 12
DAY_MINUTES = 24 * 60
GROWING = (
    "account_full_reconcile",
    "account_move",
    "account_move_line",
    "account_partial_reconcile",
    "account_payment",
    "utility_command",
    "utility_contract",
    "utility_meter",
    "utility_meter_state",
    "utility_operation",
    "utility_reading_raw",
    "utility_settlement",
    "utility_settlement_step",
    "utility_vend",
    "utility_vend_line",
)


class YearSite(GatewayCommon):
    """A site for a whole year: meters that keep their own books, tariffs, policies and people."""

    @classmethod
    def setUpClass(cls):
        frozen = freeze_time(datetime(YEAR, 1, 1) + MORNING, tick=True)
        cls.clock = frozen.start()
        cls.addClassCleanup(frozen.stop)
        super().setUpClass()

    # ---------------------------------------------------------------- meters

    @classmethod
    def _start_simulator(cls):
        cls.year_meters = cls.env["utility.meter"]
        water = CONTRACTS // 4
        cls.wanted = {"electricity": CONTRACTS - water, "water": water}
        for type_code, contracts in zip(("d_single", "d_water"), cls.wanted.values(), strict=True):
            for __ in range(contracts + 2 + contracts // 10):
                cls.year_meters |= cls._meter(
                    f"2027{len(cls.year_meters):08d}", type_code, read_interval=DAY_MINUTES
                )
        cls.meters |= cls.year_meters
        cls.overdrawn = cls.year_meters[::5]
        chunks = [
            cls.meters[start : start + PER_PORT] for start in range(0, len(cls.meters), PER_PORT)
        ]
        site = {
            # Nothing is used but by `_use`.
            "speed": "1",
            "td": "0.002",
            "concentrators": [
                {
                    "name": "C1",
                    "ports": [
                        {
                            "number": number,
                            "listen": "tcp://127.0.0.1:0",
                            "meters": [cls._played(meter) for meter in chunk],
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

    @classmethod
    def _played(cls, meter):
        overdraft = OVERDRAFT if meter in cls.overdrawn else 0
        return {**meter._simulator_meter(), "load": "0", "overdraft": str(overdraft)}

    # ----------------------------------------------------------------- books

    def setUp(self):
        super().setUp()
        self.fate = random.Random(1)
        self.did = defaultdict(int)
        self.company.utility_session_required = True
        self.company.utility_difference_limit = 5
        self.company.utility_emergency_limit = 60
        self.company.utility_free_booking = "deemed_sale"
        water = self.company.utility_water_product_id
        water.taxes_id = water.taxes_id.copy({"name": "Water, in the price", "amount": 3})
        self.bank = self.env["account.journal"].search(
            [("company_id", "=", self.company.id), ("type", "=", "bank")], limit=1
        )
        self.bank.utility_counter = True
        self.tariffs = {
            "electricity": [
                self._tariff(
                    "Shops",
                    [
                        {"price": 0.85},
                        # rises in the middle of a month
                        {"date_from": date(YEAR, 6, 16), "price": 0.9133},
                    ],
                ),
                self._tariff(
                    "Homes by steps",
                    [
                        {
                            "price": 0.5183,
                            "step_ids": [
                                fields.Command.create({"above": 100, "price": 0.5683}),
                                fields.Command.create({"above": 200, "price": 0.8183}),
                            ],
                        }
                    ],
                    arrears_percent=50,
                ),
                self._tariff(
                    "Offices with fees", [{"price": 0.7, "fee": 5, "service_percent": 1.5}]
                ),
            ],
            "water": [self._tariff("Water", [{"price": 4.17}], "water")],
        }
        self._make_policies()
        self._make_cashiers()
        self._make_plans()

    def _tariff(self, name, versions, utility="electricity", **values):
        return self.env["utility.tariff"].create(
            {
                "name": name,
                "utility": utility,
                "company_id": self.company.id,
                "price_ids": [
                    fields.Command.create({"date_from": date(2020, 1, 1), **version})
                    for version in versions
                ],
                **values,
            }
        )

    def _make_policies(self):
        self.supplier = self.env["res.partner"].create({"name": "City works"})
        self.env["utility.policy"].with_user(self.users["accountant"]).create(
            [
                {
                    "company_id": self.company.id,
                    "utility": utility,
                    "policy": policy,
                    "date_from": date(YEAR, 1 + 3 * quarter, 1),
                    "partner_id": self.supplier.id if policy == "agency" else False,
                }
                for utility, policies in POLICIES.items()
                for quarter, policy in enumerate(policies)
            ]
        )

    def _make_cashiers(self):
        """Two, each with a drawer."""
        drawer = self.env["account.journal"].create(
            {
                "name": "Second drawer",
                "code": "CSH9",
                "type": "cash",
                "company_id": self.company.id,
                "utility_counter": True,
            }
        )
        self.company._utility_setup()
        self.cashiers = {
            new_test_user(
                self.env,
                login=f"year_cashier_{number}",
                groups="base.group_user,utility_prepaid.group_cashier",
                company_id=self.company.id,
                company_ids=[fields.Command.set(self.company.ids)],
            ): journal
            for number, journal in enumerate((self.cash, drawer))
        }

    def _make_plans(self):
        """Every sixth meter has free units each month."""
        for utility in POLICIES:
            plan = self.env["utility.quota.plan"].create(
                {"name": "Base", "utility": utility, "company_id": self.company.id}
            )
            plan.line_ids.units = QUOTA
            meters = self.year_meters.filtered(lambda meter, u=utility: meter.utility == u)
            meters[::6].quota_plan_id = plan

    # ------------------------------------------------------------- the clock

    def _at(self, day):
        self.env.flush_all()
        moment = datetime.combine(day, datetime.min.time()) + MORNING
        self._pass(moment - self.clock())

    def _pass(self, delta):
        # This clock goes on by itself and knows no move_to.
        self.clock.time_to_freeze += delta

    def _cron(self, name):
        with self.enter_registry_test_mode():
            self.env.ref(f"utility_prepaid.ir_cron_{name}").method_direct_trigger()
        self.env.invalidate_all()

    def _rest(self):
        """Let the worker and the scheduled actions go on until nothing is on its way."""
        for __ in range(RUNS):
            self._work()
            for cron in CRONS:
                self._cron(cron)
            left = self._under_way()
            if not left:
                return
            # What waits after a failure is due again.
            self._pass(timedelta(minutes=30))
        self.fail(f"still under way: {left}")

    def _work(self):
        """Runs of the worker; what it would wait for by the clock waits for no second here."""
        for __ in range(WAITS):
            with patch.object(WorkerRun, "_soon", lambda run: False):
                self._run(seconds=60.0, idle=0.05)
            if not self._asked():
                return
            self._pass(timedelta(minutes=2))

    def _asked(self):
        """Whether anything is asked of a meter."""
        return self.env["utility.command"].search_count(
            [("state", "in", ("queued", "sent", "unknown")), ("hold_reason", "=", False)], limit=1
        )

    def _look_anew(self):
        """Nothing is committed here, so that PostgreSQL learns by itself of no row of the year."""
        self.env.flush_all()
        for table in GROWING:
            self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table)))

    def _under_way(self):
        """What still goes on by itself, in words."""
        money = self.env["utility.command"].search(
            [("money", "=", True), ("state", "in", ("queued", "sent", "unknown"))]
        )
        settlements = self.env["utility.settlement"].search(
            [("state", "in", ("running", "stopped"))]
        )
        unposted = self.env["utility.vend"].search(
            [("state", "in", ("delivered", "reversed")), ("posted_at", "=", False)]
        )
        paid = self.env["utility.vend"].search([("state", "=", "accepted")])
        missed = self.env["utility.meter"]._missed_quotas(self.company)
        return [
            *(f"{c.kind} {c.id} {c.state}: {c.message}" for c in money),
            *(f"{s.name} {s.state}: {s.words}" for s in settlements),
            *(f"{v.name} not posted: {v.posting_error}" for v in unposted),
            *(
                f"{v.name} {v.kind} accepted: {v.command_id.state} {v.command_id.message}"
                for v in paid
            ),
            *(
                f"quota of {meter.vending_id} {month}: {meter.quota_wait}"
                for meter, month in missed
            ),
        ]
