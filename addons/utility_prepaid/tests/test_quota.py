from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import UtilityCommon

COMPANY = "odoo.addons.utility_prepaid.models.res_company_quota"


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@tagged("post_install", "-at_install")
class TestQuota(UtilityCommon):
    """Free units on the first of the month: once, caught up, and never by a wrong clock."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan = cls._plan()
        cls.contract.sudo().date_open = date(2026, 1, 15)
        cls.meter.write({"quota_plan_id": cls.plan.id, "quota_since": date(2026, 1, 15)})

    @classmethod
    def _plan(cls, units=30, **values):
        plan = cls.env["utility.quota.plan"].create({"name": "Base", **values})
        plan.line_ids.units = units
        return plan

    def _run(self, moment):
        """The scheduled action at a moment (UTC)."""
        with freeze_time(moment), self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_issue_quotas").method_direct_trigger()
        self.env.invalidate_all()
        return self._quotas()

    def _quotas(self, meter=None):
        return self.env["utility.vend"].search(
            [("kind", "=", "quota"), ("meter_id", "=", (meter or self.meter).id)], order="id"
        )

    def _months(self, meter=None):
        return self._quotas(meter).mapped("quota_month")

    # ------------------------------------------------------------------ once

    def test_a_plan_has_twelve_months_that_are_off(self):
        plan = self.env["utility.quota.plan"].create({"name": "New"})
        self.assertEqual(plan.line_ids.mapped("month"), [str(month) for month in range(1, 13)])
        self.assertFalse(any(plan.line_ids.mapped("units")))

    def test_on_the_first_local_day(self):
        """Shanghai is ahead of Greenwich: the month begins there at 16:00 of the day before."""
        self._run("2026-02-28 15:30:00")
        self.assertNotIn(date(2026, 3, 1), self._months())
        self._prove(self._quotas().command_id)
        self._run("2026-02-28 16:30:00")
        quota = self._quotas()[-1]
        self.assertEqual(quota.quota_month, date(2026, 3, 1))
        self.assertEqual((quota.state, quota.origin), ("accepted", "automatic"))
        self.assertEqual((quota.command_id.kind, quota.command_id.credit), ("charge", 30.0))
        self.assertEqual((quota.amount, quota.units), (0.0, 30.0))

    def test_once_a_month(self):
        self._run("2026-02-03 01:00:00")
        self._prove(self._quotas().command_id)
        for moment in ("2026-02-03 02:00:00", "2026-02-15 02:00:00", "2026-02-28 02:00:00"):
            self.assertEqual(len(self._run(moment)), 1)

    def test_the_database_refuses_a_second_one(self):
        quota = self._run("2026-02-03 01:00:00")
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "quota_once|already"),
            self.env.cr.savepoint(),
        ):
            quota.sudo().copy({"uuid": "another-id", "quota_month": quota.quota_month})

    def test_given_up_is_not_given_again(self):
        quota = self._run("2026-02-03 01:00:00")
        self._counter("manager").cancel_issue(quota.id, "Room is empty")
        self.assertEqual(quota.state, "cancelled")
        self.assertEqual(self._run("2026-02-04 01:00:00"), quota)

    def test_zero_is_off(self):
        self.plan.line_ids.filtered(lambda line: line.month == "2").units = 0
        self.assertFalse(self._run("2026-02-03 01:00:00"))
        self._run("2026-03-01 01:00:00")
        self.assertEqual(self._months(), [date(2026, 3, 1)])

    # --------------------------------------------------------- who is entitled

    def test_entitled_from_the_next_first(self):
        other = self._meter("202611000021")
        self._contract(other).sudo().date_open = date(2026, 1, 15)
        with freeze_time("2026-02-10 01:00:00"):
            other.with_user(self.users["engineer"]).quota_plan_id = self.plan
        self.assertEqual(other.quota_since, date(2026, 2, 10))
        self._run("2026-02-11 01:00:00")
        self.assertFalse(self._months(other))
        self._run("2026-03-01 01:00:00")
        self.assertEqual(self._months(other), [date(2026, 3, 1)])

    def test_a_plan_given_again_begins_again(self):
        with freeze_time("2026-02-10 01:00:00"):
            self.meter.quota_plan_id = False
            self.meter.quota_plan_id = self.plan
        self.assertEqual(self.meter.quota_since, date(2026, 2, 10))

    def test_another_plan_goes_on(self):
        with freeze_time("2026-02-10 01:00:00"):
            self.meter.quota_plan_id = self._plan(name="Other")
        self.assertEqual(self.meter.quota_since, date(2026, 1, 15))
        change = self.env["utility.operation"].search(
            [("action", "=", "Monthly quota plan"), ("meter_id", "=", self.meter.id)],
            limit=1,
        )
        self.assertEqual((change.before, change.after), ("Base", "Other"))

    def test_contract_opened_later(self):
        self.contract.sudo().date_open = date(2026, 2, 2)
        self.assertFalse(self._run("2026-02-03 01:00:00"))

    def test_nothing_for_a_month_that_began_in_a_pause(self):
        self.env["utility.contract.pause"].sudo().create(
            {
                "contract_id": self.contract.id,
                "user_id": self.env.uid,
                "date_from": date(2026, 1, 20),
                "date_to": date(2026, 2, 10),
            }
        )
        self._run("2026-03-02 01:00:00")
        self.assertEqual(self._months(), [date(2026, 3, 1)])

    def test_goes_with_the_contract_to_another_meter(self):
        """Once a month, on whichever meter: the old one's month counts."""
        self._run("2026-02-03 01:00:00")
        self._prove(self._quotas().command_id)
        new = self._meter("202611000026")
        self.contract.sudo().meter_id = new
        self.assertEqual((new.quota_plan_id, self.meter.quota_plan_id), (self.plan, self.plan[:0]))
        self.assertEqual(new.quota_since, date(2026, 1, 15))
        self._run("2026-02-20 01:00:00")
        self.assertFalse(self._months(new))
        self._run("2026-03-01 01:00:00")
        self.assertEqual(self._months(new), [date(2026, 3, 1)])

    def test_only_active_contracts_and_no_tests(self):
        self.contract.sudo().state = "closing"
        self.assertFalse(self._run("2026-02-03 01:00:00"))
        self.contract.sudo().write({"state": "active", "is_test": True})
        self.assertFalse(self._run("2026-02-03 02:00:00"))

    def test_plan_of_the_other_utility(self):
        water = self._plan(name="Water", utility="water")
        with self.assertRaisesRegex(ValidationError, "not for meter"):
            self.meter.quota_plan_id = water

    # ----------------------------------------------------------------- late

    def test_late_runs_catch_up_oldest_first(self):
        self.assertEqual(self._run("2026-03-20 01:00:00").mapped("quota_month"), [date(2026, 2, 1)])
        self._prove(self._quotas()[-1].command_id)
        self._run("2026-03-20 02:00:00")
        self.assertEqual(self._months(), [date(2026, 2, 1), date(2026, 3, 1)])

    def test_three_months_and_no_more(self):
        for hour in range(5):
            quota = self._run(f"2026-06-20 0{hour}:00:00")[-1]
            if quota.state == "accepted":
                self._prove(quota.command_id)
        self.assertEqual(self._months(), [date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)])

    def test_waits_for_an_open_order(self):
        with freeze_time("2026-02-03 00:30:00"):
            sale = self._sell("10.00")
        self.assertFalse(self._run("2026-02-03 01:00:00"))
        self.assertIn("still on its way", self.meter.quota_wait)
        with self.capture_quota_trigger() as triggers:
            self._prove(sale.command_id)
        self.assertTrue(triggers, "The sale's end wakes the quota")
        self.assertEqual(len(self._run("2026-02-03 01:05:00")), 1)
        self.assertFalse(self.meter.quota_wait)

    def capture_quota_trigger(self):
        cron = self.env.ref("utility_prepaid.ir_cron_issue_quotas")
        woken = []
        trigger = type(cron)._trigger

        def note(record, at=None):
            if record == cron:
                woken.append(at)
            return trigger(record, at)

        patcher = patch.object(type(cron), "_trigger", note)

        class Capture:
            def __enter__(self):
                patcher.start()
                return woken

            def __exit__(self, *exc):
                patcher.stop()

        return Capture()

    # ------------------------------------------------------------------ clock

    def test_a_clock_put_back_gives_nothing_twice(self):
        self._run("2026-03-01 01:00:00")
        self._prove(self._quotas()[-1].command_id)
        self._run("2026-03-01 02:00:00")
        self._prove(self._quotas()[-1].command_id)
        given = self._quotas()
        self.assertEqual(len(given), 2)
        with mute_logger(COMPANY):
            self.assertEqual(self._run("2026-02-10 01:00:00"), given)
        self.assertIn("at the last run", self.company.utility_quota_clock)

    def test_a_clock_that_jumped_gives_no_future_month(self):
        self._run("2026-02-03 01:00:00")
        self._prove(self._quotas().command_id)
        with mute_logger(COMPANY):
            self.assertEqual(len(self._run("2027-02-03 01:00:00")), 1)
        plan = self.plan
        self.assertIn("2027-02-03", plan.clock_words)
        self.assertEqual(plan.activity_ids.summary, "Is the clock right?")
        # Right again: it goes on by itself, and nothing was lost or given before its time.
        self._run("2026-03-01 01:00:00")
        self.assertEqual(self._months(), [date(2026, 2, 1), date(2026, 3, 1)])
        self.assertFalse(self.company.utility_quota_clock)

    def test_a_long_rest_is_confirmed_by_a_manager(self):
        self._run("2026-02-03 01:00:00")
        self._prove(self._quotas().command_id)
        with mute_logger(COMPANY):
            self._run("2026-05-02 01:00:00")
        self.assertEqual(len(self._quotas()), 1)
        with self.assertRaises(AccessError):
            self.plan.with_user(self.users["supervisor"]).action_confirm_clock()
        with freeze_time("2026-05-02 02:00:00"):
            self.plan.with_user(self.users["manager"]).action_confirm_clock()
        self.assertFalse(self.plan.activity_ids)
        self._run("2026-05-02 03:00:00")
        self.assertEqual(self._months(), [date(2026, 2, 1), date(2026, 3, 1)])

    def test_a_server_that_disagrees_with_the_database(self):
        wrong = patch.object(
            type(self.company), "_database_now", lambda self: datetime(2026, 2, 3, 1)
        )
        with wrong, mute_logger(COMPANY):
            self.assertFalse(self._run("2026-03-03 01:00:00"))
        self.assertIn("database", self.company.utility_quota_clock)

    # ----------------------------------------------------------------- killed

    def test_killed_in_the_middle_gives_nothing_twice(self):
        """The second of three meters ends the run: the first has its quota, the others get it."""
        meters = [self.meter]
        for address in ("202611000022", "202611000023"):
            meter = self._meter(address)
            self._contract(meter).sudo().date_open = date(2026, 1, 15)
            meter.write({"quota_plan_id": self.plan.id, "quota_since": date(2026, 1, 15)})
            meters.append(meter)
        issue = type(self.meter)._issue_quota

        def killed(meter, month):
            issue(meter, month)
            if meter == meters[1]:
                raise Killed

        # not assertRaises: it would roll back what was committed before
        was_killed = False
        with patch.object(type(self.meter), "_issue_quota", killed):
            try:
                self._run("2026-02-03 01:00:00")
            except Killed:
                was_killed = True
        self.assertTrue(was_killed)
        self.env.invalidate_all()
        self.assertEqual([len(self._quotas(meter)) for meter in meters], [1, 0, 0])
        self._run("2026-02-03 01:10:00")
        self._run("2026-02-03 01:20:00")
        for meter in meters:
            self.assertEqual(self._months(meter), [date(2026, 2, 1)])
            self.assertEqual(len(self._quotas(meter).command_ids), 1)

    # ------------------------------------------------------------ money meter

    def test_money_meter_gets_the_price_of_the_day(self):
        meter = self._meter("202611000024", type_code="d_smart")
        self._contract(meter).sudo().date_open = date(2026, 1, 15)
        meter.write({"quota_plan_id": self.plan.id, "quota_since": date(2026, 1, 15)})
        self._run("2026-02-03 01:00:00")
        quota = self._quotas(meter)
        self.assertEqual((quota.credit, quota.units, quota.amount), (16.44, 30.0, 0.0))
        self.assertEqual(quota.value, 16.44)

    def test_a_meter_without_a_price_waits_alone(self):
        meter = self._meter("202611000025")
        tariff = self.tariff.copy({"price_ids": [], "name": "No price"})
        self._contract(meter).sudo().write({"date_open": date(2026, 1, 15), "tariff_id": tariff.id})
        meter.write({"quota_plan_id": self.plan.id, "quota_since": date(2026, 1, 15)})
        self._run("2026-02-03 01:00:00")
        self.assertEqual(self._months(), [date(2026, 2, 1)])
        self.assertFalse(self._quotas(meter))
        self.assertIn("Price missing", meter.quota_wait)

    # ----------------------------------------------------------------- rights

    def test_plans_are_the_managers(self):
        plan = self.plan.with_user(self.users["manager"])
        plan.line_ids[0].units = 5
        with self.assertRaises(AccessError):
            self.plan.with_user(self.users["supervisor"]).line_ids[0].units = 5
        with self.assertRaises(AccessError):
            self.meter.with_user(self.users["supervisor"]).quota_plan_id = False
        self.assertEqual(fields.Date.to_string(self.meter.quota_since), "2026-01-15")
