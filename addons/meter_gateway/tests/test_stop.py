from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_catalogue import RemoteCommon


@tagged("post_install", "-at_install")
class TestStop(RemoteCommon):
    """Emergency stop and pilot list (F9)."""

    def _decide(self, role, decision="stop", reason="Balances jump"):
        self.env["utility.site.stop"].with_user(self.users[role]).create(
            {"site_ids": self.site.ids, "decision": decision, "reason": reason}
        ).action_confirm()

    def _card(self, meter=None):
        return self._counter().card((meter or self.meter).id)

    def test_who_stops_and_who_lets_go_on(self):
        for role in ("cashier", "accountant", "reader"):
            with self.assertRaises(AccessError):
                self._as(role, self.site)._stop("I say so")
        self._decide("supervisor")
        self.assertTrue(self.site.stopped)
        self.assertEqual(self.site.stopped_by_id, self.users["supervisor"])
        with self.assertRaises(AccessError):
            self._decide("supervisor", "go_on")
        self._decide("engineer", "go_on", "Looked at")
        self.assertFalse(self.site.stopped or self.site.stop_reason)
        history = self.env["utility.operation"].search(
            [("model", "=", "utility.site"), ("res_id", "=", self.site.id)], order="id"
        )
        self.assertEqual(history.mapped("note"), ["Balances jump", "Looked at"])
        self.assertEqual(
            history.mapped("user_id"), self.users["supervisor"] | self.users["engineer"]
        )

    def test_a_reason_is_needed_and_the_fields_are_not_written_by_hand(self):
        with self.assertRaisesRegex(UserError, "Say why"):
            self._as("engineer", self.site)._stop("  ")
        with self.assertRaisesRegex(UserError, "by its buttons"):
            self._as("engineer", self.site).stopped = True

    def test_nothing_is_sold_switched_or_set(self):
        self._decide("engineer")
        self.assertIn("Balances jump", self._card()["refusal"])
        with self.assertRaisesRegex(UserError, "stopped"):
            self._sell()
        self.assertFalse(self.env["utility.vend"].search([("meter_id", "=", self.meter.id)]))
        for code, values in (("trip", {}), ("alarms", {"alarm_1": "5"}), ("clock", {})):
            with self.subTest(code=code), self.assertRaisesRegex(UserError, "stopped"):
                self._enqueue(code, "engineer", values=values)

    def test_reading_goes_on(self):
        self._decide("engineer")
        self.assertTrue(self._enqueue("purchase_number", "engineer"))
        self.assertTrue(self._counter().request_read(self.meter.id))

    def test_the_counter_says_it(self):
        self.assertNotIn("stopped", self._counter().get_config()["worker"]["message"])
        self._decide("engineer")
        self.assertIn("Balances jump", self._counter().get_config()["worker"]["message"])

    def test_what_was_queued_is_not_armed(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        generation = self.worker._take_generation()
        self._decide("engineer")
        arm = (self.meter.purchase_number + 1, self.meter.epoch, "0" * 64, generation)
        self.assertFalse(command._arm(*arm))
        self.assertEqual((command.state, command.progress), ("queued", "waiting"))
        self._decide("engineer", "go_on")
        self.assertTrue(command._arm(*arm))

    def test_what_was_sent_is_settled_all_the_same(self):
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        command._arm(
            self.meter.purchase_number + 1,
            self.meter.epoch,
            "0" * 64,
            self.worker._take_generation(),
        )
        self._decide("engineer")
        command._set_unknown("No answer")
        self.assertTrue(command._prove({"number": command.number, "epoch": 0, "balance_after": 1}))
        self.assertEqual(command.state, "done")

    def test_pilot_meters_only(self):
        self._as("engineer", self.site).pilot = True
        self.assertIn("pilot list", self._card()["refusal"])
        with self.assertRaisesRegex(UserError, "pilot list"):
            self._sell()
        with self.assertRaisesRegex(UserError, "pilot list"):
            self._enqueue("trip", "engineer")
        command = self._enqueue("purchase_number", "engineer")
        self.assertEqual(command.state, "queued")
        self._as("engineer", self.meter).pilot = True
        self.assertNotIn("pilot list", self._card()["refusal"])
        self.assertTrue(self._enqueue("trip", "engineer"))
        history = self.env["utility.operation"].search(
            [("model", "=", "utility.site"), ("res_id", "=", self.site.id)]
        )
        self.assertEqual(history.mapped("action"), ["Pilot list used"])
        with self.assertRaises(AccessError):
            self._as("supervisor", self.meter).pilot = False

    def test_a_meter_taken_off_the_list_is_not_armed(self):
        self.site.pilot = self.meter.pilot = True
        command = self.env["utility.command"]._enqueue(self.meter, "charge", credit=1)
        generation = self.worker._take_generation()
        self.meter.pilot = False
        self.env.flush_all()
        arm = (self.meter.purchase_number + 1, self.meter.epoch, "0" * 64, generation)
        self.assertFalse(command._arm(*arm))
        self.meter.pilot = True
        self.env.flush_all()
        self.assertTrue(command._arm(*arm))
