from datetime import datetime

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from .test_cash_session import ShiftCommon

# The company's day ends at 16:00 UTC.
NOON, EVENING, MIDNIGHT = "2026-05-10 04:00:00", "2026-05-10 15:59:59", "2026-05-10 16:00:00"


@tagged("post_install", "-at_install")
class TestCashSessionOvernight(CronMixinCase, ShiftCommon):
    def setUp(self):
        super().setUp()
        self.action = self.env.ref("utility_prepaid.ir_cron_overnight_shifts")

    def _look(self, at):
        with freeze_time(at), self.enter_registry_test_mode():
            self.action.method_direct_trigger()
        self.env.invalidate_all()

    def _told(self, session):
        return session.sudo().activity_ids

    def test_a_supervisor_is_told_once(self):
        with freeze_time(NOON), self.capture_triggers(self.action.id) as captured:
            session = self._open("50.00")
        self.assertEqual(captured.records.mapped("call_at"), [datetime(2026, 5, 10, 16)])
        self._look(EVENING)
        self.assertFalse(self._told(session) or session.overnight_at)
        self._look(MIDNIGHT)
        activity = self._told(session)
        self.assertEqual(activity.user_id, self.users["supervisor"])
        self.assertEqual(activity.summary, "Shift left open overnight")
        for words in (self.users["cashier"].name, session.name, self.cash.name, "2026-05-10 12:00"):
            self.assertIn(words, str(activity.note))
        for later in ("2026-05-10 17:00:00", "2026-05-11 16:00:00", "2026-05-20 04:00:00"):
            self._look(later)
        self.assertEqual(self._told(session), activity)
        # it was dealt with, but the shift stays open
        activity.with_user(self.users["supervisor"]).action_feedback(feedback="Told the cashier")
        self._look("2026-05-21 16:00:00")
        self.assertFalse(self._told(session), "Once for each shift")
        history = self.env["utility.operation"].search(
            [("model", "=", "utility.cash.session"), ("res_id", "=", session.id)]
        )
        self.assertEqual(history.mapped("action").count("Shift left open overnight"), 1)

    def test_the_screens_show_it_until_it_is_closed(self):
        shifts = self.env["utility.cash.session"].with_user(self.users["supervisor"])
        overnight = [("overnight_at", "!=", False), ("state", "!=", "closed")]
        with freeze_time(NOON):
            session = self._open("50.00")
            self.assertFalse(self._counter().session_status()["overnight"])
        self._look(MIDNIGHT)
        with freeze_time("2026-05-11 01:00:00"):
            self.assertTrue(self._counter().session_status()["overnight"])
            self.assertEqual(shifts.search(overnight), session)
            form = Form(session.with_user(self.users["supervisor"]))
            self.assertEqual(form.overnight_at, "2026-05-10 16:00:00")
            self._close(session, "50.00")
        self.assertEqual(session.state, "closed")
        self.assertFalse(self._told(session))
        self.assertFalse(shifts.search(overnight))
        self.assertFalse(self._counter("supervisor").session_status(session.id)["overnight"])

    def test_only_shifts_that_are_open_when_their_day_ends(self):
        with freeze_time(NOON):
            closed = self._open("50.00")
            self._close(closed, "50.00")
        # a night shift that began after midnight has until the next one
        with freeze_time("2026-05-10 16:30:00"):
            night = self._open("50.00")
        self._look("2026-05-11 15:59:59")
        self.assertFalse(closed.overnight_at or night.overnight_at)
        self._look("2026-05-11 16:00:00")
        self.assertFalse(closed.overnight_at or self._told(closed))
        self.assertEqual(self._told(night).user_id, self.users["supervisor"])
        self.assertIn("2026-05-11 00:30", str(self._told(night).note))

    def test_a_float_that_waits_for_a_supervisor_counts_too(self):
        self.company.utility_difference_limit = 10
        with freeze_time(NOON):
            session = self._open("50.00")
        self.assertEqual(session.state, "opening")
        self._look(MIDNIGHT)
        self.assertTrue(self._told(session))

    def test_a_supervisors_own_shift_is_told_to_another(self):
        second = new_test_user(
            self.env,
            login="desk_second_supervisor",
            groups="base.group_user,utility_prepaid.group_supervisor",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
        )
        with freeze_time(NOON):
            session = self._open("50.00", role="supervisor")
        self._look(MIDNIGHT)
        self.assertEqual(self._told(session).user_id, second)

    def test_nobody_writes_it(self):
        with freeze_time(NOON):
            session = self._open("50.00")
        for role in ("cashier", "supervisor", "accountant"):
            with self.assertRaises(AccessError):
                session.with_user(self.users[role]).overnight_at = "2026-05-11 00:00:00"
