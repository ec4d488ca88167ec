from types import SimpleNamespace

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..lib.meterwire.errors import KeyMissing
from ..worker import operations
from .test_catalogue import RemoteCommon

READ = "68 01 00 00 11 26 20 68 11 04 33 33 34 33"
WRITE = "68 01 00 00 11 26 20 68 14 10 34 43 33 37 35 ** ** ** 33 33 33 33 33 83 33 33"


@tagged("post_install", "-at_install")
class TestRaw(RemoteCommon):
    """The raw frame tool (F5): what the wire package lets through goes out, and is remembered."""

    def _tool(self, frame=READ, role="engineer", **values):
        return (
            self.env["meter.raw.frame"]
            .with_user(self.users[role])
            .create({"meter_id": self.meter.id, "frame": frame, **values})
        )

    def _sent(self, frame):
        tool = self._tool(frame)
        tool.action_complete()
        tool.action_send()
        return self._commands(kind="raw")

    def _history(self):
        return self.env["utility.operation"].search(
            [("meter_id", "=", self.meter.id), ("action", "like", "Raw frame")], limit=1
        )

    def test_for_engineers_only(self):
        for role in ("supervisor", "cashier", "reader"):
            with self.assertRaises(AccessError):
                self._tool(role=role)
        tool = self._tool()
        self._type("raw").active = False
        with self.assertRaises(AccessError):
            tool.action_send()

    def test_the_protocol_is_the_meters(self):
        self.assertEqual(self._tool().protocol, "dlt645_2007")
        self.assertTrue(self._tool(meter_id=self.optical.id).protocol.startswith("cjt188"))

    def test_a_question_is_completed_explained_and_sent(self):
        tool = self._tool()
        self.assertIn("checksum", tool.refusal.lower())
        tool.action_complete()
        self.assertFalse(tool.refusal)
        self.assertIn("202611000001 · read · 00010000", tool.explained)
        tool.action_send()
        command = self._commands(kind="raw")
        self.assertEqual(command.arguments["frame"], tool.frame)
        self.assertFalse(command.changes)
        self.assertTrue(command.expires_at)
        self.assertEqual(self._history().note, tool.frame)

    def test_a_refusal_sends_nothing_and_is_remembered_without_the_bytes(self):
        clear = "68 01 00 00 11 26 20 68 1A 08 35 44 55 66 33 33 33 33"
        tool = self._tool(clear)
        tool.action_complete()
        self.assertIn("Nothing is cleared", tool.refusal)
        action = tool.action_send()
        self.assertEqual(action["params"]["type"], "danger")
        self.assertFalse(self._commands(kind="raw"))
        history = self._history()
        self.assertEqual((history.action, history.user_id), (
            "Raw frame refused", self.users["engineer"],
        ))  # fmt: skip
        self.assertNotIn("44", history.note)

    def test_the_frame_of_another_meter_is_refused(self):
        other = READ.replace("01 00 00 11", "03 00 00 11")
        tool = self._tool(other)
        tool.action_complete()
        self.assertIn(self.fresh.vending_id, tool.refusal)

    def test_what_changes_a_meter_is_held_by_a_stop(self):
        self._as("engineer", self.site)._stop("look first")
        self.assertTrue(self._sent(READ))
        tool = self._tool(WRITE)
        tool.action_complete()
        with self.assertRaisesRegex(UserError, "look first"):
            tool.action_send()

    def test_the_password_comes_from_the_keys_when_it_is_sent(self):
        command = self._sent(WRITE)
        self.assertTrue(command.changes)
        self.assertEqual(command.arguments["frame"].count("**"), 4)
        row = {"kind": "raw", "arguments": command.arguments, "priority": 2}
        meter = SimpleNamespace(dialect=self.meter._dialect(), envelope=None)
        with self.assertRaises(KeyMissing):
            operations.job_of(row, 1, "line", meter)
        ring = SimpleNamespace(password=lambda name: "123456")
        job = operations.job_of(row, 1, "line", meter, ring)
        self.assertIn(bytes.fromhex("896745"), job.request)
        self.assertEqual((job.address, job.function), ("202611000001", 0x14))

    def test_what_is_stored_is_not_trusted(self):
        row = {
            "kind": "raw",
            "priority": 2,
            "arguments": {
                "protocol": "dlt645_2007",
                "frame": "68 01 00 00 11 26 20 68 1A 00 ** 16",
            },
        }
        meter = SimpleNamespace(dialect=self.meter._dialect(), envelope=None)
        with self.assertRaises(operations.BadJob):
            operations.job_of(row, 1, "line", meter)
