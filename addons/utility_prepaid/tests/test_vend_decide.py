from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..models.utility_command_later import UtilityCommand
from .common import Killed, UtilityCommon

START = "2026-12-01 01:00:00"


@tagged("post_install", "-at_install")
class TestVendDecide(UtilityCommon):
    """C6: a sale that is paid and not charged is charged, sent again or handed to a person."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {"utility_retry_count": 2, "utility_retry_minutes": 5, "utility_retry_hours": 4}
        )

    def _fail(self, vend, words="The line was down"):
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._not_charged(words, final=True, quiet=True)

    def _cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_decide_vends").method_direct_trigger()
        self.env.invalidate_all()

    def test_sent_again_with_growing_pauses_then_a_person(self):
        with freeze_time(START) as clock:
            vend = self._sell()
            commands = [vend.command_id]
            self._fail(vend)
            self._cron()
            self.assertEqual(vend.command_id, commands[0], "Not before the pause is over")
            self.assertIn("sent again by itself at 09:05", vend._status()["message"])
            for pause in (5, 10):
                clock.tick(60 * pause)
                self._cron()
                self.assertNotIn(vend.command_id, commands)
                self.assertEqual(vend.command_id.state, "queued")
                commands.append(vend.command_id)
                self._fail(vend)
            self.assertEqual((vend.state, vend.retry_count), ("accepted", 2))
            self._cron()
            self.assertEqual(vend.command_id, commands[2], "Two attempts and no more")
            self.assertEqual(vend.sudo().activity_ids.user_id, self.users["supervisor"])
            self.assertIn("The line was down", vend.sudo().activity_ids.note)
            clock.tick(3600)
            self._cron()
            self.assertEqual(len(vend.sudo().activity_ids), 1, "A person is told once")
            vend.with_user(self.users["supervisor"])._retry()
            self._prove(vend.command_id)
            self.assertEqual((vend.state, vend.decide_at), ("delivered", False))
            self.assertFalse(vend.sudo().activity_ids)
        self.assertEqual(self._open_credit(), 100.0, "Taken once, however often it was sent")

    def test_final_refusal_goes_to_a_person_at_once(self):
        with freeze_time(START):
            vend = self._sell()
            with patch.object(UtilityCommand, "_may_succeed_later", lambda command: False):
                self._fail(vend, "Over the hoarding limit")
                self._cron()
            self.assertEqual(vend.command_id.state, "failed")
            self.assertIn("hoarding", vend.sudo().activity_ids.note)
            self._counter().refund(vend.id, "meter is full")
        self.assertEqual((vend.state, self._open_credit()), ("refunded", 0.0))
        self.assertFalse(vend.sudo().activity_ids)

    def test_offline_meter_is_handed_over_after_the_hours(self):
        with freeze_time(START) as clock:
            vend = self._sell()
            clock.tick(4 * 3600 - 60)
            self._cron()
            self.assertFalse(vend.handed_over_at)
            clock.tick(120)
            self._cron()
            self.assertTrue(vend.handed_over_at)
            self.assertEqual(vend.command_id.state, "queued", "The order itself still stands")
            self.assertEqual(len(vend.sudo().activity_ids), 1)
            self._prove(vend.command_id)
            self.assertEqual(vend.state, "delivered")
            self.assertFalse(vend.sudo().activity_ids)

    def test_reversal_that_nobody_can_tell_of_is_a_persons(self):
        with freeze_time(START):
            vend = self._delivered()
            status = self._counter().reverse("reversal-0001", vend.id, "Typed wrong")
            reversal = self.env["utility.vend"].browse(status["id"])
            command = reversal.command_id
            self._arm(command)
            command._set_unknown("No answer")
            command._dispute("Number 7 instead of 3")
            self._cron()
        activity = reversal.sudo().activity_ids
        self.assertEqual(activity.summary, "Reversal not proved")
        self.assertIn("Number 7", activity.note)

    def test_money_given_back_in_the_pause_is_not_sent(self):
        with freeze_time(START) as clock:
            vend = self._sell()
            self._fail(vend)
            self._counter().refund(vend.id, "customer leaves")
            clock.tick(600)
            self._cron()
        self.assertEqual((vend.state, len(vend.command_ids)), ("refunded", 1))

    def test_stopped_meter_counts_as_an_attempt(self):
        def stopped(meter):
            words = "All orders are stopped."
            raise UserError(words)

        with freeze_time(START) as clock:
            vend = self._sell()
            self._fail(vend)
            with patch.object(type(vend.meter_id), "_check_changeable", stopped):
                for minutes in (5, 10):
                    clock.tick(60 * minutes)
                    self._cron()
            self.assertEqual((vend.retry_count, len(vend.command_ids)), (2, 1))
            clock.tick(20 * 60)
            self._cron()
            self.assertTrue(vend.handed_over_at)

    def test_killed_between_two_sales(self):
        other = self._meter("202611000002")
        self._contract(other)
        decide = type(self.env["utility.vend"])._decide
        with freeze_time(START) as clock:
            vends = self._sell() | self._sell(meter=other)
            for vend in vends:
                self._fail(vend)
            clock.tick(300)

            def killed(vend):
                if vend == vends[1]:
                    raise Killed
                return decide(vend)

            with (
                patch.object(type(self.env["utility.vend"]), "_decide", killed),
                self._killed(),
            ):
                self._cron()
            self.assertEqual([len(vend.command_ids) for vend in vends], [2, 1])
            self._cron()
            self._cron()
        self.assertEqual([len(vend.command_ids) for vend in vends], [2, 2])

    def test_disputed_is_a_persons_at_once_and_written_off_by_a_manager(self):
        with freeze_time(START):
            vend = self._sell()
            command = vend.command_id
            self._arm(command)
            command._set_unknown("No answer")
            command._dispute("Number 7 instead of 2")
            self._cron()
            self.assertEqual(vend.sudo().activity_ids.user_id, self.users["supervisor"])
            form = {"vend_id": vend.id, "reason": "The meter burnt"}
            wizard = self.env["utility.vend.write.off"]
            with self.assertRaises(AccessError):
                wizard.with_user(self.users["supervisor"]).create(form)
            with self.assertRaisesRegex(AccessError, "managers"):
                vend.with_user(self.users["supervisor"])._write_off("The meter burnt")
            wizard.with_user(self.users["manager"]).create(form).action_confirm()
        self.assertEqual((vend.state, vend.reason), ("written_off", "The meter burnt"))
        self.assertEqual(command.state, "failed", "The meter is free for the next sale")
        self._post()
        self.assertEqual((vend.move_id.payment_state, self._open_credit()), ("paid", 0.0))
        self.assertTrue(self._sell(uuid="sale-after-write-off"))

    def test_write_off_not_by_the_seller_and_only_disputed(self):
        seller = self.users["manager"]
        seller.group_ids += self.env.ref("utility_prepaid.group_cashier")
        vend = self._sell(role="manager")
        with self.assertRaisesRegex(AccessError, "other than the seller"):
            vend.with_user(seller)._write_off("mine")
        other = self._sell_for_other()
        with self.assertRaisesRegex(UserError, "Only a disputed"):
            other.with_user(seller)._write_off("why not")

    def _sell_for_other(self):
        meter = self._meter("202611000003")
        self._contract(meter)
        return self._sell(meter=meter)
