import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import UtilityCommon


@tagged("post_install", "-at_install")
class TestCommand(UtilityCommon):
    """The gates of a money command (states of the outbox)."""

    def setUp(self):
        super().setUp()
        self.vend = self._sell()
        self.command = self.vend.command_id

    def test_written_without_a_number_in_the_sale(self):
        self.assertEqual(self.command.state, "queued")
        self.assertFalse(self.command.numbered)
        self.assertEqual(self.command.attempts, 0)
        self.assertEqual(self.command.credit, 182.38)
        self.assertEqual(self.command.customer_number, self.contract.customer_number)

    def test_one_open_money_command_per_meter(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation):
            self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
            self.env.flush_all()

    def test_a_number_belongs_to_one_command(self):
        self._prove(self.command)
        other = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation):
            other._arm(self.command.number, self.command.epoch, "0" * 64, 1)
            self.env.flush_all()

    def test_arm_only_queued(self):
        self.assertTrue(self._arm(self.command))
        self.assertFalse(self._arm(self.command), "Already sent: nothing leaves twice")
        self.assertEqual(self.command.attempts, 1)

    def test_held_command_is_not_armed(self):
        self.command._hold("A card moved the number.")
        self.assertFalse(self._arm(self.command))
        self.assertEqual(self.vend._status()["message"], "A card moved the number.")

    def test_resend_keeps_its_number(self):
        self._arm(self.command)
        number = self.command.number
        self.command._set_unknown("No answer")
        self.command._not_charged("Not there")
        self.assertEqual(self.command.state, "queued")
        self.assertFalse(self.command._arm(number + 1, 0, "1" * 64, 2))
        self.assertTrue(self.command._arm(number, 0, "0" * 64, 2))
        self.assertEqual(self.command.attempts, 2)

    def test_answer_is_no_proof(self):
        self._arm(self.command)
        self.command._answered("Accepted")
        self.assertEqual(self.command.state, "sent")
        steps = self.vend._status()["steps"]
        self.assertTrue(steps["answered"])
        self.assertFalse(steps["proved"])

    def test_same_news_twice_is_harmless(self):
        self._prove(self.command)
        proof = {"number": self.command.number, "epoch": 0}
        delivered = self.vend.delivered_at
        history = self.env["utility.operation"].search_count([])
        self.assertFalse(self.command._prove(proof))
        self.assertEqual(self.vend.delivered_at, delivered)
        self.assertEqual(self.env["utility.operation"].search_count([]), history)

    def test_not_charged_before_quiet_is_sent_again_not_failed(self):
        self._arm(self.command)
        self.command._set_unknown("Over the hoarding limit")
        self.command._not_charged("Over the hoarding limit", final=True, quiet=False)
        self.assertEqual(self.command.state, "queued")

    def test_number_of_a_failed_command_is_free_again(self):
        self._arm(self.command)
        number = self.command.number
        self.command._set_unknown("Refused")
        self.command._not_charged("Refused", final=True, quiet=True)
        self._counter().retry(self.vend.id)
        again = self.vend.command_id
        self.assertNotEqual(again, self.command)
        self.assertTrue(again._arm(number, 0, "2" * 64, 1))

    def test_charged_after_given_up_is_shown_not_lost(self):
        self._arm(self.command)
        self.command._set_unknown("Refused")
        self.command._not_charged("Refused", final=True, quiet=True)
        self.assertFalse(self.command._prove({"number": 2, "epoch": 0}))
        self.assertEqual(self.command.state, "failed")
        self.assertTrue(
            self.env["utility.operation"].search(
                [("action", "=", "Charged, not paid"), ("vend_id", "=", self.vend.id)]
            )
        )

    def test_dispute_is_decided_by_someone_else(self):
        self._arm(self.command)
        self.command._set_unknown("No answer")
        self.command._dispute("The meter shows another order")
        self.assertEqual(self.vend.state, "disputed")
        resolve = self.env["utility.command.resolve"]
        values = {
            "command_id": self.command.id,
            "decision": "not_charged",
            "reason": "Seen on the meter",
        }
        with self.assertRaises(AccessError):
            resolve.with_user(self.users["cashier"]).create(values).action_confirm()
        resolve.with_user(self.users["engineer"]).create(values).action_confirm()
        self.assertEqual(self.command.state, "failed")
        self._counter().refund(self.vend.id, "not charged")
        self.assertEqual(self.vend.state, "refunded")

    def test_dispute_decided_as_charged_delivers(self):
        self._arm(self.command)
        self.command._set_unknown("No answer")
        self.command._dispute("The meter shows another order")
        self.env["utility.command.resolve"].with_user(self.users["engineer"]).create(
            {
                "command_id": self.command.id,
                "decision": "charged",
                "number": self.command.number,
                "balance_before": 1,
                "balance_after": 183.38,
                "reason": "Seen on the meter",
            }
        ).action_confirm()
        self.assertEqual(self.vend.state, "delivered")
        self.assertEqual(self.meter.purchase_number, self.command.number)

    def _handheld(self, role="engineer", **values):
        return (
            self.env["utility.command.resolve"]
            .with_user(self.users[role])
            .create(
                {
                    "command_id": self.command.id,
                    "decision": "charged",
                    "number": self.meter.purchase_number + 1,
                    "balance_before": 1,
                    "balance_after": 183.38,
                    "reason": "Served with the handheld",
                    **values,
                }
            )
        )

    def test_meter_on_no_line_is_served_with_a_handheld(self):
        with self.assertRaisesRegex(UserError, "must show purchase number"):
            self._handheld(number=self.meter.purchase_number + 2).action_confirm()
        self.assertEqual(self.command.state, "queued")
        with self.assertRaisesRegex(AccessError, "Only engineers"):
            self._handheld("supervisor").action_confirm()
        self._handheld().action_confirm()
        self.assertEqual((self.command.state, self.vend.state), ("done", "delivered"))
        self.assertEqual(self.vend.balance_after, 183.38)

    def test_handheld_gives_up_an_order(self):
        self._handheld(decision="not_charged").action_confirm()
        self.assertEqual((self.command.state, self.vend.state), ("cancelled", "accepted"))
        self.assertTrue(self.vend._status()["can_refund"])

    def test_seller_does_not_decide_own_sale(self):
        vend = self._sell(meter=self._second_meter(), role="supervisor")
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._dispute("Unclear")
        with self.assertRaisesRegex(AccessError, "other than the seller"):
            self.env["utility.command.resolve"].with_user(self.users["supervisor"]).create(
                {"command_id": command.id, "decision": "not_charged", "reason": "I say so"}
            ).action_confirm()

    def test_expiry_never_drops_what_was_sent(self):
        self._arm(self.command)
        self.command._set_unknown("No answer")
        self.command._not_charged("Not there")
        self.assertFalse(self.command._expire())
        self.assertEqual(self.command.state, "queued")

    def test_history_cannot_be_edited(self):
        line = self.env["utility.operation"].search([], limit=1)
        self.assertTrue(line)
        with self.assertRaisesRegex(UserError, "cannot be edited"):
            line.note = "nothing happened"
        with self.assertRaisesRegex(UserError, "cannot be deleted"):
            line.sudo().unlink()

    def test_users_cannot_write_states(self):
        with self.assertRaises(AccessError):
            self.command.with_user(self.users["supervisor"]).write({"state": "done"})
        with self.assertRaises(AccessError):
            self.vend.with_user(self.users["accountant"]).write({"state": "refunded"})

    def _second_meter(self):
        meter = self._meter("202611000009")
        self._contract(meter)
        return meter
