import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from odoo.tests import tagged

from .common import GatewayCommon

PASSWORD = "000000"


@tagged("post_install", "-at_install")
class TestRemoteLine(GatewayCommon):
    """Commands of the catalogue on meters that a real simulator plays."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        file = Path(cls.enterClassContext(TemporaryDirectory())) / "keys.json"
        file.touch(0o600)
        file.write_text(json.dumps({"1": cls.key, "passwords": {"default": PASSWORD}}))
        cls.enterClassContext(patch.dict(os.environ, {"METERWIRE_KEYS": str(file)}))
        os.environ.pop("METERWIRE_KEY_1", None)

    def _ask(self, code, role="engineer", values=None, meter=None):
        meter = (meter or self.meter).with_user(self.users[role])
        command = self.env.ref(f"meter_gateway.command_type_{code}").with_user(self.users[role])
        return command._enqueue(meter, values)

    def _asked(self, code, **kwargs):
        command = self._ask(code, **kwargs)
        self._run()
        return command

    def test_trip_close_and_back_to_local(self):
        # a meter without credit would trip again by itself
        self.assertEqual(self._charged().state, "done")
        for code, supply, control in (
            ("trip", "off", "remote"),
            ("close", "on", "remote"),
            ("permit", "on", "local"),
        ):
            with self.subTest(code=code):
                command = self._asked(code, role="supervisor")
                self.assertEqual(command.state, "done", command.message)
                self.assertEqual((self.meter.supply, self.meter.control), (supply, control))
                self.assertTrue(command.frame_ids)

    def _charged(self):
        command = self._queue(credit=100.0)
        self._run()
        return command

    def test_a_parameter_was_and_is(self):
        first = self._asked("alarms", values={"alarm_1": "20"})
        self.assertEqual(first.state, "done", first.message)
        second = self._asked("alarms", values={"alarm_1": "30.5"})
        change = second.result["alarm_1"]
        self.assertEqual((change["was"], change["is"], change["ok"]), ("20.00", "30.50", True))
        self.assertIn("was 20.00 kWh, is 30.50 kWh", second.outcome_words)

    def test_the_clock(self):
        self.sim("clock", address=self.meter.address, offset=3600)
        command = self._asked("clock")
        self.assertEqual(command.state, "done", command.message)
        self.assertTrue(command.result["clock"]["ok"])

    def test_registers_and_purchase_number(self):
        command = self._asked("read_registers", values={"total": True, "clock": True})
        self.assertEqual(command.state, "done", command.message)
        self.assertEqual(set(command.result) >= {"total", "clock"}, True)
        command = self._asked("purchase_number", role="cashier")
        self.assertEqual(command.state, "done", command.message)
        self.assertEqual(self.meter.number_seen, self.meter.purchase_number)

    def test_temporary_units_are_cleared(self):
        preset = self._queue("preset", self.fresh, credit=5.0)
        self.fresh.sudo().number_known = True
        self._run()
        self.assertEqual(preset.state, "done", preset.message)
        command = self._asked("clear", role="supervisor", meter=self.fresh)
        self.assertEqual(command.state, "done", command.message)
        self.assertEqual(self.sim.books(self.fresh)["number"], 0)
        self.assertEqual(self.fresh.epoch, command.epoch + 1)

    def test_a_raw_question_brings_its_answer_decoded(self):
        tool = self.env["meter.raw.frame"].with_user(self.users["engineer"])
        digits = self.meter.address
        reverse = " ".join(digits[at : at + 2] for at in range(10, -2, -2))
        tool = tool.create(
            {"meter_id": self.meter.id, "frame": f"68 {reverse} 68 11 04 33 33 34 33"}
        )
        tool.action_complete()
        tool.action_send()
        self._run()
        command = self.env["utility.command"].search([("kind", "=", "raw")], limit=1)
        self.assertEqual(command.state, "done", command.message)
        self.assertTrue(command.result["reply"])
        self.assertIn("kWh", command.frame_ids.received_words)

    def test_without_a_password_nothing_is_switched(self):
        with patch.dict(os.environ, {"METERWIRE_KEY_1": self.key}):
            os.environ.pop("METERWIRE_KEYS")
            command = self._asked("trip")
        self.assertEqual(command.state, "failed")
        self.assertIn("not installed", command.message)

    def test_a_dead_meter_is_said_to_be_dead(self):
        self._impatient()
        self.sim("fault", address=self.meter.address, kind="dead")
        command = self._asked("trip")
        self.assertEqual(command.state, "failed")
        self.assertIn("does not answer", command.message)

    def test_a_stop_holds_what_is_queued_and_lets_questions_through(self):
        trip = self._ask("trip")
        self.site.with_user(self.users["engineer"])._stop("look first")
        read = self._asked("purchase_number")
        self.assertEqual(read.state, "done", read.message)
        self.assertEqual((trip.state, trip.progress), ("queued", "waiting"))
        self.site.with_user(self.users["engineer"])._go_on("looked")
        self._run()
        self.assertEqual(trip.state, "done", trip.message)

    def test_after_a_restored_backup_the_lines_compare_by_themselves(self):
        self.env["meter.restore"].create(
            {"backup_at": "2026-11-20 02:00:00", "reason": "Disk failed", "sure": True}
        ).action_confirm()
        self.sim("card", address=self.second.address, amount=100)
        self._run()
        self.assertFalse(self.meter.restored_at)
        self.assertEqual(self.second.restore_state, "ahead")
