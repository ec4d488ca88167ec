from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .test_catalogue import RemoteCommon


@tagged("post_install", "-at_install")
class TestRestore(RemoteCommon):
    """A database restored from an older backup sells nothing before it was compared (F9)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.administrator = new_test_user(
            cls.env,
            "gateway_restorer",
            "base.group_user,utility_prepaid.group_administrator",
            company_id=cls.company.id,
            company_ids=[fields.Command.set(cls.company.ids)],
        )

    def _restore(self, user=None):
        self.env["meter.restore"].with_user(user or self.administrator).create(
            {"backup_at": "2026-11-20 02:00:00", "reason": "Disk failed", "sure": True}
        ).action_confirm()
        self.env.invalidate_all()

    def _tell(self, meter, number, epoch=0):
        """What the worker stores when a meter has told its number, after the restoring."""
        seen_at = fields.Datetime.now() + timedelta(seconds=5)
        self.env["utility.meter.state"]._store(
            meter.id, seen_at, purchase_number=number, epoch=epoch
        )
        self.env.invalidate_all()

    def _decide(self, meters, decision, role="engineer", reason="Looked at"):
        self.env["meter.restore.decision"].with_user(self.users[role]).create(
            {"meter_ids": meters.ids, "decision": decision, "reason": reason}
        ).action_confirm()
        self.env.invalidate_all()

    def _go_on(self):
        self._as("engineer", self.site)._go_on("All lines are up")
        self.env.invalidate_all()

    def test_only_the_administrator_says_it(self):
        for role in ("engineer", "supervisor"):
            with self.assertRaises(AccessError):
                self._restore(self.users[role])
        with self.assertRaisesRegex(UserError, "Confirm"):
            self.env["meter.restore"].with_user(self.administrator).create(
                {"backup_at": "2026-11-20 02:00:00", "reason": "Disk failed"}
            ).action_confirm()

    def test_everything_stops_and_every_prepaid_meter_is_asked(self):
        self._restore()
        self.assertTrue(self.site.stopped)
        self.assertIn("Disk failed", self.site.stop_reason)
        self.assertTrue((self.meter | self.fresh).mapped("restored_at"))
        self.assertFalse(self.plain.restored_at)
        for meter in self.meter | self.fresh:
            read = self._commands(meter, kind="read", state="queued")
            self.assertEqual(len(read), 1)
            self.assertFalse(read.expires_at)
        self.assertFalse(self._commands(self.plain, kind="read"))

    def test_a_meter_that_agrees_goes_on_by_itself(self):
        self._restore()
        self._go_on()
        with self.assertRaisesRegex(UserError, "Not asked yet"):
            self._sell()
        self._tell(self.meter, self.meter.purchase_number)
        self.assertFalse(self.meter.restored_at)
        self.assertNotIn("backup", self._counter().card(self.meter.id)["refusal"])

    def test_an_older_saying_proves_nothing(self):
        self.env["utility.meter.state"]._store(
            self.meter.id,
            fields.Datetime.now() - timedelta(minutes=1),
            purchase_number=self.meter.purchase_number,
            epoch=0,
        )
        self._restore()
        self.assertEqual(self.meter.restore_state, "waiting")
        self.meter._restore_compare()
        self.assertTrue(self.meter.restored_at)

    def test_a_meter_ahead_of_the_books_is_for_a_person(self):
        books = self.meter.purchase_number
        self._restore()
        self._go_on()
        self._tell(self.meter, books + 2)
        self.assertEqual(self.meter.restore_state, "ahead")
        with self.assertRaisesRegex(UserError, "Ahead of the books"):
            self._sell()
        self._decide(self.meter, "investigate", reason="Asking the cashier")
        self.assertEqual(self.meter.restore_note, "Asking the cashier")
        self.assertTrue(self.meter.restored_at)
        self._decide(self.meter, "accept", reason="Two receipts on paper")
        self.assertFalse(self.meter.restored_at)
        self.assertEqual(self.meter.purchase_number, books + 2)
        history = self.env["utility.operation"].search(
            [("model", "=", "utility.meter"), ("res_id", "=", self.meter.id)]
        )
        self.assertIn("Purchase number accepted", history.mapped("action"))
        self.assertIn(self.users["engineer"], history.mapped("user_id"))

    def test_who_decides_and_what_cannot_be_accepted(self):
        self._restore()
        with self.assertRaises(AccessError):
            self._decide(self.meter, "books", role="supervisor")
        with self.assertRaisesRegex(UserError, "has not told its number"):
            self._decide(self.meter, "accept")
        self._decide(self.meter, "books")
        self.assertFalse(self.meter.restored_at)

    def test_an_order_that_was_sent_is_asked_about(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        command._arm(
            self.meter.purchase_number + 1,
            self.meter.epoch,
            "0" * 64,
            self.worker._take_generation(),
        )
        self._restore()
        self.assertEqual(command.state, "unknown")

    def test_an_order_that_was_queued_may_have_been_sent_since(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        number = self.meter.purchase_number + 1
        self._restore()
        self.assertEqual((command.state, command.number), ("unknown", number))
        with self.assertRaises(UserError):
            command._cancel("money back")
        # the meter shows it: it was executed after the backup, and is not executed again
        self._tell(self.meter, number)
        self.assertTrue(self.meter.restored_at)
        self.assertTrue(command._prove({"number": number, "epoch": 0}))
        self.env.invalidate_all()
        self.assertEqual(command.state, "done")
        self.assertFalse(self.meter.restored_at)

    def test_an_order_that_the_meter_denies_gets_that_very_number(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        number = self.meter.purchase_number + 1
        self._restore()
        self._tell(self.meter, number - 1)
        command._not_charged("The meter has not received it.")
        self._go_on()
        generation = self.worker._take_generation()
        self.assertFalse(command._arm(number + 1, 0, "0" * 64, generation))
        self.assertTrue(command._arm(number, 0, "0" * 64, generation))

    def test_a_barred_meter_is_not_armed(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        self._restore()
        command._not_charged("The meter has not received it.")
        self._go_on()
        generation = self.worker._take_generation()
        self.assertFalse(command._arm(command.number, 0, "0" * 64, generation))

    def test_what_was_to_be_switched_is_stale(self):
        command = self._enqueue("trip", "engineer")
        self._restore()
        self.assertEqual((command.state, command.progress), ("expired", "expired"))

    def test_references_are_not_given_twice(self):
        before = self.env["utility.command"]._enqueue(self.meter, "read")
        self._restore()
        after = self.env["utility.command"]._enqueue(self.meter, "read")
        self.assertGreater(after.id, before.id + 1_000_000)

    def test_asking_again(self):
        self._restore()
        meters = self._as("engineer", self.meter | self.fresh)
        meters.action_restore_ask()
        self.assertEqual(len(self._commands(kind="read")), 2)

    def test_a_difference_of_the_daily_check_asks_for_the_number(self):
        company = self.meter.company_id
        values = {"code": "meter_ahead", "company_id": company.id, "since": fields.Datetime.now()}
        differences = (
            self.env["utility.check.difference"]
            .sudo()
            .create(
                [
                    {**values, "key": f"meter:{meter.id}", "meter_id": meter.id}
                    for meter in self.meter | self.fresh
                ]
            )
        )
        self._as("engineer", differences).action_read()
        number = self.env.ref("meter_gateway.command_type_purchase_number")
        for meter in (self.meter, self.fresh):
            self.assertEqual(self._commands(meter, kind="read").type_id, number)
