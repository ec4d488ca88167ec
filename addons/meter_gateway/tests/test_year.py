import logging
import os
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from odoo import fields
from odoo.tests import tagged

from .year_proofs import YearProofs
from .year_site import CONTRACTS, MINUTES, MONTHS, YEAR

_logger = logging.getLogger(__name__)
FAULTS = {
    "lost_request": 0.01,
    "lost_reply": 0.01,
    "executed_reply_lost": 0.05,
    "corrupt": 0.01,
    "duplicate": 0.01,
    "wrong_address": 0.01,
    "close_link": 0.005,
}


@tagged("post_install", "-at_install")
class TestYear(YearProofs):
    """A year of a site on simulated meters that keep their own books, on lines with faults.

    People move in and out, meters are replaced, sales are reversed, credit is lent and given, and
    prices and accounting policies change. Meters, money and ledger must agree to the cent.

    Larger: YEAR_CONTRACTS=200 YEAR_MONTHS=12 make test-addon TAGS=/meter_gateway:TestYear
    """

    MONTH = timedelta(days=31)

    def test_a_year(self):
        # The process's own clock: the others are the year's.
        self.begun = os.times().elapsed
        self._fill()
        self.sim("faults", seed=1, **FAULTS)
        self.months = []
        while len(self.months) < MONTHS and not 0 < MINUTES < self._minutes():
            self.months.append(date(YEAR, len(self.months) + 1, 1))
            self._month(self.months[-1])
            self._say(f"{self.months[-1]:%B}")
        self.sim("faults", **dict.fromkeys(FAULTS, 0))
        end = self.months[-1] + relativedelta(months=1)
        self._first_day(end)
        for name in ("meters", "quotas", "money", "customers", "unused", "documents"):
            with self.subTest(name):
                getattr(self, f"_prove_{name}")()
        self._prove_check(end)
        drawn = self.sim("stats", ports=False)["faults"]
        self.did["faults"] = sum(drawn.values())
        self._say("The year")
        for what in ("sold", "reversed", "moved out", "replaced", "quotas", "emergency credits"):
            self.assertTrue(self.did[what], what)

    def _month(self, first):
        self._look_anew()
        if first.month > 1:
            self._first_day(first)
        self._at(first.replace(day=4))
        with self._shifts():
            self._buy(0.8)
        self._at(first.replace(day=7))
        self._lend(0.1)
        self._adjust(1 + CONTRACTS // 50)
        self._rest()
        self._at(first.replace(day=9))
        with self._shifts(early=True):
            self._regret(0.15)
        self._prove_check(first.replace(day=9))
        self._at(first.replace(day=12))
        self._use(5, 40)
        self._at(first.replace(day=14))
        self._move_out(max(1, CONTRACTS // 50))
        if first.month % 3 == 1:
            self._replace()
        self._rest()
        with self._shifts():
            self._pay_settlements()
        self._look_for_free()
        self._fill()
        self._at(first.replace(day=20))
        with self._shifts(early=first.month % 2 == 0):
            self._buy(0.3)
        last = fields.Date.end_of(first, "month")
        self._at(last - timedelta(days=1))
        self._use(50, 99)
        self._at(last)
        self._read()
        self._prove_documents()
        self._prove_check(last)
        self._prove_roll_forward(first, last)

    def _first_day(self, day):
        """Free units of the month that begins; what was used in the one that ended is booked."""
        self._at(day)
        self._rest()
        month = day - relativedelta(months=1)
        for utility in self.wanted:
            run = (
                self.env["utility.consumption"]
                .with_user(self.users["accountant"])
                .create({"company_id": self.company.id, "utility": utility, "month": month})
            )
            run.action_preview()
            run.action_post()
            self._cron("post_consumption")
            self.assertEqual((run.state, run.estimated_count), ("posted", 0), run.posting_error)
            self.did["documents of consumption runs"] += run.move_count

    def _minutes(self):
        return (os.times().elapsed - self.begun) / 60

    def _say(self, what):
        did = ", ".join(f"{name} {number}" for name, number in self.did.items())
        minutes = self._minutes()
        _logger.info("%s, %s contracts, after %.1f min: %s", what, CONTRACTS, minutes, did)
