import doctest
from datetime import date, datetime, timedelta
from itertools import pairwise
from unittest.mock import patch
from uuid import uuid4

from odoo.exceptions import AccessError
from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..tools import roll_forward as roll_tool
from ..tools.reading_store import Reading
from .common import UtilityCommon

# 10:00 in Shanghai, of the day on which the contracts were opened
OPENED = datetime(2026, 9, 28, 2)
DAY = timedelta(days=1)


@tagged("post_install", "-at_install")
class TestRollForward(UtilityCommon):
    """Opening + sold - reversed - used = closing, against the meter's own balance."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        frozen = freeze_time(OPENED)
        cls.clock = frozen.start()
        cls.addClassCleanup(frozen.stop)
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.clock.move_to(OPENED)

    def _at(self, days, hours=0):
        self.clock.move_to(OPENED + timedelta(days=days, hours=hours))

    def _read(self, total, balance, meter=None):
        now = datetime.utcnow()
        self.env["utility.reading"]._store(
            [Reading((meter or self.meter).id, now, total=total, balance=balance)]
        )

    def _sell_now(self, amount, meter=None, before="0"):
        vend = self._sell(amount, meter=meter)
        self._prove(vend.command_id, before=before)
        return vend

    def _roll(self, first, last, role="accountant", **values):
        report = (
            self.env["utility.roll.forward"]
            .with_user(self.users[role])
            .with_context(allowed_company_ids=self.company.ids)
            .create(
                {
                    "company_id": self.company.id,
                    "date_from": first,
                    "date_to": last,
                    "contract_ids": self.contract.ids,
                    **values,
                }
            )
        )
        action = report.action_compute()
        return report.env[action["res_model"]].search(action["domain"])

    def _year(self):
        """September: 100 sold, 20 used; October: 50 more, 10 of them reversed, 70 used."""
        self._read("0.00", "0.00")
        self._at(0, 1)
        self._sell_now("54.83")
        self._at(2)
        self._read("20.00", "80.00")
        self._at(5)
        self._sell_now("27.41", before="80.00")
        self._at(6)
        sale = self._sell_now("10.97", before="130.00")
        status = self._counter().reverse(str(uuid4()), sale.id, "typed wrong")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="150.00", after="130.00")
        self._at(20)
        self._read("90.00", "59.99")
        self._at(40)

    def test_doctests(self):
        self.assertFalse(doctest.testmod(roll_tool).failed)

    def test_a_month_in_units_and_money(self):
        self._year()
        (line,) = self._roll(date(2026, 10, 1), date(2026, 10, 31))
        self.assertRecordValues(
            line,
            [
                {
                    "contract_id": self.contract.id, "opening": 80, "sold": 69.99,
                    "reversed": -20, "used": 70, "settled": 0, "closing": 59.99,
                    "meter_opening": 80, "meter_closing": 59.99, "difference": 0,
                    "state": "agrees", "site_id": self.site.id,
                    "opening_amount": 43.86, "sold_amount": 38.38, "reversed_amount": -10.97,
                    "used_amount": 38.38, "closing_amount": 32.89,
                }
            ],
        )  # fmt: skip

    def test_periods_follow_each_other(self):
        self._year()
        names = ("opening", "closing", "opening_amount", "closing_amount")
        days = [date(2026, 9, 28) + number * DAY for number in range(0, 32, 4)]
        rows = [self._roll(first, first + 3 * DAY) for first in days]
        self.assertEqual(rows[0].opening, 0)
        for before, after in pairwise(rows):
            self.assertEqual(before.closing, after.opening)
            self.assertEqual(before.closing_amount, after.opening_amount)
        whole = self._roll(days[0], days[-1] + 3 * DAY)
        self.assertEqual(
            [whole[name] for name in names],
            [rows[0].opening, rows[-1].closing, rows[0].opening_amount, rows[-1].closing_amount],
        )
        for name in ("sold", "reversed", "used", "sold_amount", "used_amount"):
            self.assertEqual(round(sum(row[name] for row in rows), 4), whole[name])

    def test_rolled_up_readings_give_the_same(self):
        self._year()
        before = self._roll(date(2026, 10, 1), date(2026, 10, 31)).read()[0]
        hours = self.env["utility.reading.hour"].sudo()
        hours._roll_up(hours._mark(), hours._settled())
        after = self._roll(date(2026, 10, 1), date(2026, 10, 31)).read()[0]
        for row in (before, after):
            for name in ("id", "roll_id", "display_name", "create_date", "write_date"):
                row.pop(name)
        self.assertEqual(before, after)

    def test_a_meter_that_says_something_else(self):
        self._year()
        self._read("95.00", "50.00")
        line = self._roll(date(2026, 10, 1), date(2026, 11, 30))
        self.assertEqual((line.closing, line.meter_closing), (54.99, 50))
        self.assertEqual((line.difference, line.state), (-4.99, "differs"))

    def test_what_came_after_the_last_reading_is_no_difference(self):
        self._year()
        self._sell_now("54.83", before="59.99")
        line = self._roll(date(2026, 11, 1), date(2026, 11, 30))
        self.assertEqual((line.opening, line.sold, line.closing), (59.99, 100, 159.99))
        self.assertEqual(line.state, "unread")
        line = self._roll(date(2026, 10, 1), date(2026, 11, 30))
        self.assertEqual((line.closing, line.meter_closing), (159.99, 59.99))
        self.assertEqual((line.difference, line.state), (0, "agrees"))

    def test_read_and_cleared_within_a_second(self):
        """Readings are kept finer than orders: what was used last is still this customer's."""
        self._read("0.00", "0.00")
        self._at(0, 1)
        self._sell_now("54.83")
        self.clock.move_to(OPENED + timedelta(days=2, milliseconds=400))
        online = {"_is_connected": lambda meter: True, "_takes": lambda meter, kind: True}
        with patch.multiple(type(self.meter), **online):
            settlement = self.contract._close()
            settlement._step("read").command_id._read_done({"total": "20.00", "balance": "80.00"})
            self._read("20.00", "80.00")
        clear = settlement._step("clear").command_id
        self._arm(clear)
        clear._prove(
            {"number": 0, "epoch": clear.epoch + 1, "balance_before": 80, "balance_after": 0}
        )
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_settlements").method_direct_trigger()
        self.env.invalidate_all()
        self._at(5)
        line = self._roll(date(2026, 9, 28), date(2026, 9, 30))
        self.assertEqual((line.used, line.settled, line.closing), (20, 80, 0))
        self.assertEqual(line.state, "agrees")

    def test_units_on_paper_behind_current_transformers(self):
        meter = self._meter("202611000002", ct_ratio=40)
        contract = self._contract(meter)
        self._read("0.00", "0.00", meter)
        self._at(1)
        self._sell_now("100.00", meter=meter)
        self._at(2)
        self._read("1.50", "3.05", meter)
        self._at(3)
        line = self._roll(date(2026, 9, 28), date(2026, 9, 30), contract_ids=contract.ids)
        self.assertEqual((line.sold, line.used, line.closing), (182, 60, 122))
        self.assertEqual((line.meter_closing, line.difference), (122, 0))
        self.assertEqual((line.sold_amount, line.used_amount), (99.8, 32.9))

    def test_many_contracts_ask_no_more_questions_than_few(self):
        meters = [self._meter(f"2026110001{number:02}") for number in range(12)]
        contracts = [self._contract(meter) for meter in meters]
        self._at(0, 1)
        for meter in meters:
            self._sell_now("54.83", meter=meter)
            self._read("1.00", "99.00", meter)
        self._at(3)

        def queries(some):
            report = self.env["utility.roll.forward"].create(
                {
                    "company_id": self.company.id,
                    "date_from": date(2026, 9, 1),
                    "date_to": date(2026, 9, 30),
                    "contract_ids": [contract.id for contract in some],
                }
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            lines = report._lines()
            self.assertEqual({line["closing"] for line in lines}, {100.0})
            return self.env.cr.sql_log_count - before

        queries(contracts)
        self.assertLessEqual(queries(contracts), queries(contracts[:2]) + 2)

    def test_who_may_see_it(self):
        for role in ("accountant", "supervisor"):
            self.assertEqual(len(self._roll(date(2026, 9, 1), date(2026, 9, 30), role)), 1)
        for role in ("cashier", "engineer", "reader"):
            with self.subTest(role), self.assertRaises(AccessError):
                self._roll(date(2026, 9, 1), date(2026, 9, 30), role)
