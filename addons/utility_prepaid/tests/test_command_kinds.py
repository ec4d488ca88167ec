from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.utility_command import KINDS
from .common import UtilityCommon


@tagged("post_install", "-at_install")
class TestCommandKinds(UtilityCommon):
    """Commands without money: one table says what holds for a kind."""

    def _enqueue(self, kind, **values):
        return (
            self.env["utility.command"]
            .with_user(self.users["engineer"])
            ._enqueue(self.meter, kind, **values)
        )

    def _history(self, command):
        return self.env["utility.operation"].search(
            [("model", "=", "utility.command"), ("res_id", "=", command.id)], order="id"
        )

    def test_the_table_and_the_selection_know_the_same_kinds(self):
        self.assertEqual(
            set(KINDS), set(dict(self.env["utility.command"]._fields["kind"].selection))
        )

    def test_money_goes_first_and_is_never_repeated_unasked(self):
        for kind, rules in KINDS.items():
            with self.subTest(kind=kind):
                self.assertEqual(rules.money, rules.priority == 0)
                self.assertEqual(rules.repeatable, not rules.money)
                self.assertFalse(rules.money and not rules.changes)
        self.assertLess(KINDS["switch"].priority, KINDS["read"].priority)

    def test_switching_never_fires_late(self):
        command = self._enqueue("switch", arguments={"action": "off"})
        self.assertEqual((command.expires_at - command.asked_at).total_seconds(), 600)
        command._expire()
        self.assertEqual(command.state, "expired")
        command._read_done({"supply": "off"})
        self.assertEqual(command.state, "expired")

    def test_an_own_time_counts(self):
        until = fields.Datetime.now()
        command = self._enqueue("switch", arguments={"action": "off"}, expires_at=until)
        self.assertEqual(command.expires_at, until)

    def test_what_changes_a_meter_is_in_the_history(self):
        command = self._enqueue("write", arguments={"items": [["alarm_1", "5"]]})
        command._read_done({"alarm_1": {"was": "1", "is": "5", "ok": True}})
        asked, ended = self._history(command)
        self.assertEqual((asked.after, asked.user_id), ("write", self.users["engineer"]))
        self.assertIn("5", asked.note)
        self.assertEqual((ended.before, ended.after), ("queued", "done"))
        read = self._enqueue("read")
        read._read_done({"total": "1.00"})
        self.assertFalse(self._history(read))

    def test_a_failure_keeps_its_words_and_what_was_done(self):
        command = self._enqueue("write", arguments={"items": [["alarm_1", "5"]]})
        command._read_failed("The meter keeps another value.", result={"alarm_1": {"is": "1"}})
        self.assertEqual(command.state, "failed")
        self.assertEqual(command.result, {"alarm_1": {"is": "1"}})
        self.assertEqual(self._history(command)[-1].note, "The meter keeps another value.")

    def test_the_news_of_a_reading_never_touches_money(self):
        vend = self._sell()
        vend.command_id._read_done({"balance": "1"})
        vend.command_id._read_failed("no answer")
        self.assertEqual(vend.command_id.state, "queued")

    def test_a_raw_question_changes_nothing(self):
        self.assertTrue(self._enqueue("raw", arguments={"frame": "68"}).changes)
        self.assertFalse(self._enqueue("raw", arguments={"frame": "68"}, changes=False).changes)

    def test_a_meter_that_may_not_be_changed_refuses(self):
        def refuse(meter):
            raise UserError(meter.env._("stopped"))

        self.patch(self.env.registry["utility.meter"], "_check_changeable", refuse)
        for kind in ("switch", "write", "charge"):
            with self.subTest(kind=kind), self.assertRaisesRegex(UserError, "stopped"):
                self._enqueue(kind)
        self.assertTrue(self._enqueue("read"))
        with self.assertRaisesRegex(UserError, "stopped"):
            self._sell()
