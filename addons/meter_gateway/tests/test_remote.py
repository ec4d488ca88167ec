from datetime import datetime
from types import SimpleNamespace

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..lib.meterwire import jobs as wire
from ..worker import operations
from ..worker.words import failure, refused
from .test_catalogue import RemoteCommon

AT = datetime(2026, 11, 25, 12, 0).timestamp()


@tagged("post_install", "-at_install")
class TestRemote(RemoteCommon):
    """The form of remote operations, its follow-up, and what the worker records (F4)."""

    def _form(self, role="engineer", meters=None):
        meters = meters if meters is not None else self.meter
        return Form(
            self.env["meter.remote.operation"]
            .with_user(self.users[role])
            .with_context(default_meter_ids=meters.ids)
        )

    # ------------------------------------------------------------------ form

    def test_only_what_is_allowed_and_possible_is_offered(self):
        form = self._form("engineer")
        self.assertIn(self._type("trip"), form.possible_type_ids[:])
        self.assertNotIn(self._type("valve_close"), form.possible_type_ids[:])
        form = self._form("engineer", self.plain)
        self.assertNotIn(self._type("trip"), form.possible_type_ids[:])
        form = self._form("cashier")
        self.assertNotIn(self._type("trip"), form.possible_type_ids[:])
        self.assertIn(self._type("purchase_number"), form.possible_type_ids[:])

    def test_values_are_asked_for_and_one_command_goes_to_each_meter(self):
        meters = self.meter | self.fresh
        form = self._form("engineer", meters)
        form.type_id = self._type("hoard")
        self.assertEqual(len(form.value_ids), 1)
        with form.value_ids.edit(0) as line:
            line.value = "900"
        action = form.save().action_confirm()
        commands = self.env["utility.command"].search(action["domain"])
        self.assertEqual(commands.meter_id, meters)
        self.assertEqual(commands[0].arguments, {"items": [["hoard_limit", "900"]]})
        self.assertEqual(set(commands.mapped("progress")), {"queued"})

    def test_registers_are_chosen(self):
        form = self._form("engineer")
        form.type_id = self._type("read_registers")
        with self.assertRaisesRegex(UserError, "Choose what"):
            form.save().action_confirm()
        names = [line.register for line in form.save().value_ids.field_id]
        with form.value_ids.edit(names.index("total")) as line:
            line.wanted = True
        form.save().action_confirm()
        self.assertEqual(self._commands(kind="read").arguments, {"items": ["total"]})

    def test_the_form_is_no_way_around_the_gate(self):
        operation = (
            self.env["meter.remote.operation"]
            .with_user(self.users["cashier"])
            .create({"meter_ids": self.meter.ids, "type_id": self._type("trip").id})
        )
        with self.assertRaises(AccessError):
            operation.action_confirm()

    # --------------------------------------------------------------- buttons

    def test_buttons_by_right(self):
        self.assertTrue(self._as("engineer", self.meter).can_cut)
        self.assertFalse(self._as("cashier", self.meter).can_cut)
        self.assertFalse(self._as("engineer", self.plain).can_cut)
        with self.assertRaises(AccessError):
            self._as("cashier", self.meter).action_cut_supply()
        self._as("supervisor", self.meter).action_cut_supply()
        self._as("supervisor", self.meter).action_restore_supply()
        self.assertEqual(
            [command.arguments["action"] for command in self._commands(kind="switch")],
            ["on", "off"],
        )

    def test_front_desk_and_board_offer_what_the_catalogue_allows(self):
        for role in ("cashier", "supervisor"):
            counter = self.env["utility.counter"].with_user(self.users[role])
            self.assertIn("remote", [act["name"] for act in counter.acts(self.meter.id)])
            action = counter.start_act(self.meter.id, "remote")
            self.assertEqual(action["context"]["default_meter_ids"], self.meter.ids)
        methods = {
            role: [
                act["method"]
                for act in self.env["utility.board"].with_user(self.users[role])._acts()
            ]
            for role in ("engineer", "reader")
        }
        self.assertEqual(methods["engineer"], ["action_read", "action_remote_operation"])
        self.assertEqual(methods["reader"], [])

    def test_the_board_says_that_a_line_is_down(self):
        now = datetime(2026, 11, 25, 12, 0)
        state = self.meter.state_ids
        self.assertNotIn("Line is down", self.meter._board_alarms(state, now))
        self.meter.port_id.line_id.reachable = False
        self.assertIn("Line is down", self.meter._board_alarms(state, now))

    def test_local_control_is_offered_back_without_switching(self):
        self.assertFalse(self._as("engineer", self.meter).can_give_back)
        self._state(control="remote", supply="on")
        self.assertTrue(self._as("engineer", self.meter).can_give_back)
        self.assertIn("remote control", self._counter().card(self.meter.id)["warning"])
        self._as("engineer", self.meter).action_give_back()
        command = self._commands(kind="switch")
        self.assertEqual(command.arguments, {"action": "local"})
        self._done(command, {"control": "local"})
        self.assertEqual((self.meter.control, self.meter.supply), ("local", "on"))

    def _state(self, **values):
        self.env["utility.meter.state"]._store(self.meter.id, datetime(2026, 11, 25), **values)
        self.env.invalidate_all()

    # ---------------------------------------------------------------- worker

    def _run_of(self, command):
        return SimpleNamespace(
            env=self.env, command=lambda held: command, now=lambda: datetime(2026, 11, 25, 12)
        )

    def _done(self, command, values):
        held = SimpleNamespace(meter_id=command.meter_id.id, command_id=command.id)
        operations.done(self._run_of(command), held, wire.Done(1, values, at=AT))
        self.env.invalidate_all()

    def _failed(self, command, code, words="", **more):
        held = SimpleNamespace(meter_id=command.meter_id.id, command_id=command.id)
        event = SimpleNamespace(code=code, words=words, **more)
        operations.failed(self._run_of(command), held, event)
        self.env.invalidate_all()

    def test_a_switch_is_done_when_its_state_is_proved(self):
        command = self._enqueue("trip", "engineer")
        self._done(command, {"supply": "off", "acked": True})
        self.assertEqual((command.state, command.progress), ("done", "done"))
        self.assertEqual((self.meter.supply, self.meter.control), ("off", "remote"))
        self.assertIn("Supply: Off", command.outcome_words)
        history = self.env["utility.operation"].search([("res_id", "=", command.id)])
        self.assertEqual(history[0].after, "done")

    def test_what_no_register_shows_is_said_to_be_accepted_only(self):
        command = self._enqueue("keep", "engineer")
        self._done(command, {"acked": True})
        self.assertEqual((command.state, self.meter.control), ("done", False))
        self.assertIn("no register that would show it", command.outcome_words)

    def test_a_switch_that_is_not_confirmed_failed(self):
        command = self._enqueue("trip", "engineer")
        self._failed(command, "not_confirmed")
        self.assertEqual(command.state, "failed")
        self.assertIn("its status does not show it", command.outcome_words)
        self.assertFalse(self.meter.supply)

    def test_a_line_that_is_down_is_tried_again_until_out_of_time(self):
        command = self._enqueue("trip", "engineer")
        operations.taken(self.env.cr, command.ids, datetime(2026, 11, 25, 12))
        self.env.invalidate_all()
        self.assertEqual(command.progress, "wire")
        self._failed(command, "link_down")
        self.assertEqual((command.state, command.progress), ("queued", "queued"))
        self.assertGreater(command.not_before, datetime(2026, 11, 25, 12))
        self.assertIn("cannot be reached", command.message)
        command._expire()
        self.assertEqual(command.progress, "expired")

    def test_was_and_is(self):
        command = self._enqueue("hoard", "engineer", values={"hoard_limit": "900"})
        self._done(command, {"hoard_limit": {"was": "500.00", "is": "900.00", "ok": True}})
        self.assertEqual(command.state, "done")
        self.assertIn("Hoarding limit: was 500.00", command.outcome_words)
        self.assertIn("is 900.00", command.outcome_words)

    def test_a_meter_that_kept_another_value(self):
        command = self._enqueue("hoard", "engineer", values={"hoard_limit": "900"})
        self._done(command, {"hoard_limit": {"was": "500.00", "is": "500.00", "ok": False}})
        self.assertEqual(command.state, "failed")
        self.assertIn("another value", command.message)
        self.assertEqual(command.result["hoard_limit"]["is"], "500.00")

    def test_every_failure_has_words(self):
        codes = (
            "no_reply", "link_down", "no_line", "wrong_reply", "refused", "backed_off", "no_key",
            "bad_job", "bad_value", "not_confirmed", "stopped", "internal",
        )  # fmt: skip
        said = set()
        for code in codes:
            event = SimpleNamespace(code=code, words="detail", refusal=0b110)
            said.add(failure(self.env, event, self.meter))
        self.assertEqual(len(said), len(codes))
        self.assertTrue(all(said))

    def test_refusals_by_their_bits(self):
        event = SimpleNamespace(code="refused", words="", refusal=0b110)
        words = refused(self.env, event, self.meter)
        self.assertIn("no such data", words)
        self.assertIn("wrong password", words)

    def test_a_result_that_comes_late_changes_nothing(self):
        command = self._enqueue("trip", "engineer")
        self._as("engineer", command).action_withdraw()
        self.assertEqual(command.progress, "cancelled")
        self._done(command, {"supply": "off"})
        self.assertEqual(command.state, "cancelled")

    def test_taking_back(self):
        command = self._enqueue("trip", "engineer")
        with self.assertRaises(AccessError):
            self._as("supervisor", command).action_withdraw()
        operations.taken(self.env.cr, command.ids, datetime(2026, 11, 25, 12))
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "on its way"):
            self._as("engineer", command).action_withdraw()
