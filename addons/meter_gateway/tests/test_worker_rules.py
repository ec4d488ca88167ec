import hashlib
import time
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..lib.meterwire import recharge
from ..worker import money
from ..worker.database import LOCK_SPACE, RunDatabase
from .common import HOLD, PATIENCE, GatewayCommon


@tagged("post_install", "-at_install")
class TestWorkerRules(GatewayCommon):
    """The numbered rules about a money command, each against a real meter on a real socket."""

    # 1. Written in the transaction that takes the money, without a number; one open per meter.

    def test_rule_1_written_without_number_one_open_per_meter(self):
        vend = self._sell("100.00")
        command = vend.command_id
        self.assertEqual(command.state, "queued")
        self.assertFalse(command.numbered)
        before = len(self._orders(self.meter))
        with self.assertRaises(UserError):
            self._sell("50.00")
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self._queue()
            self.env.flush_all()
        self.assertEqual(len(self._orders(self.meter)), before, "no byte leaves in a sale")
        self._run()
        self.assertEqual((command.state, vend.state), ("done", "delivered"))
        self.assertEqual(self._executions(command), 1)
        self.assertEqual(self._sell("50.00").command_id.state, "queued")

    # 2. Ask, compare with the proved base, commit the next number, only then send.

    def test_rule_2_number_and_hash_are_committed_before_the_first_byte(self):
        command = self._queue()
        number = self.meter.purchase_number
        run = self._start_run()
        left = []
        answer = run.engine.answer

        def watched(job_id, order):
            self.assertIsNone(run.db.savepoint, "the transaction is committed by now")
            command.invalidate_recordset()
            left.append((command.state, command.number, command.generation, command.frame_hash))
            self.assertEqual(self._executions(command), 0)
            keys = run.keyring.meter_keys(self.meter.address, 1, self.meter.algorithm)
            frame = recharge.build(order, self.meter.address, keys)
            self.assertEqual(hashlib.sha256(frame).hexdigest(), command.frame_hash)
            answer(job_id, order)

        with patch.object(run.engine, "answer", watched):
            self._tick_until(run, lambda: command.state == "done")
        self.assertEqual([row[:3] for row in left], [("sent", number + 1, run.generation)])
        self.assertEqual(self.meter.purchase_number, number + 1)

    def test_rule_2_a_number_moved_by_a_card_stops_the_order_until_an_engineer_accepts(self):
        command = self._queue()
        number = self.sim("card", address=self.meter.address, amount="5.00")["number"]
        self._run()
        self.assertEqual(command.state, "queued")
        self.assertIn(str(number), command.hold_reason)
        self.assertEqual((command.numbered, self._executions(command)), (False, 0))
        self.meter.with_user(self.users["engineer"]).action_accept_number()
        self._run()
        self.assertEqual((command.state, command.number), ("done", number + 1))

    def test_rule_2_a_foreign_customer_stops_the_order(self):
        command = self._queue(customer_number="999999999999")
        self._run()
        self.assertEqual((command.state, command.attempts), ("queued", 0))
        self.assertIn("999999999999", command.hold_reason)

    def test_rule_2_an_unknown_base_is_accepted_for_opening_only(self):
        self.fresh.sudo().number_known = False
        preset = self._queue("preset", self.fresh)
        self._run()
        self.assertEqual(preset.state, "queued")
        self.assertIn("never accepted", preset.hold_reason)
        preset._cancel("tried")
        opened = self._queue("open", self.fresh, 0.0, customer_number="000000000042")
        self._run()
        self.assertEqual((opened.state, self.fresh.number_known), ("done", True))
        self.assertEqual(self.sim.books(self.fresh)["customer"], "000000000042")
        cleared = self._queue("clear", self.fresh, 0.0, customer_number="000000000042")
        self._run()
        books = self.sim.books(self.fresh)
        self.assertEqual(cleared.state, "done")
        self.assertEqual((books["number"], books["customer"]), (0, "0" * 12))
        self.assertEqual(
            (self.fresh.purchase_number, self.fresh.epoch), (0, books["epoch"]), "a new epoch"
        )

    # 3. Anything but a proof is unknown; then only asking.

    def test_rule_3_a_lost_reply_is_proved_by_asking(self):
        self._impatient()
        for fault in ("executed_reply_lost", "corrupt", "wrong_address", "close_link"):
            with self.subTest(fault):
                command = self._queue()
                self.sim("fault", address=self.meter.address, kind=fault, when="money")
                self._run()
                self.assertEqual((command.state, command.attempts), ("done", 1))
                self.assertEqual(self._executions(command), 1)

    def test_rule_3_a_lost_order_is_sent_again_with_the_same_number(self):
        self._impatient()
        command = self._queue()
        number = self.meter.purchase_number + 1
        self.sim("fault", address=self.meter.address, kind="lost_request", when="money")
        self._run()
        self.assertEqual((command.state, command.attempts), ("done", 2))
        self.assertEqual((command.number, self._executions(command)), (number, 1))

    def test_rule_3_one_denial_is_not_enough_to_send_again(self):
        self._impatient()
        command = self._queue()
        self.sim("fault", address=self.meter.address, kind="lost_request", when="money")
        run = self._start_run()
        self._tick_until(run, lambda: command.denied_at)
        self.assertEqual((command.state, command.attempts), ("unknown", 1))
        self._tick_until(run, lambda: command.state == "done")

    def test_rule_3_a_late_order_is_executed_once(self):
        self._impatient()
        command = self._queue()
        self.sim("fault", address=self.meter.address, kind="late_request", when="money")
        self._run()
        self.assertEqual((command.state, command.attempts), ("done", 2))
        self.assertEqual(self.sim("deliver"), {"delivered": 1})
        self.assertEqual(self._executions(command), 1)

    def test_rule_3_an_order_that_arrived_before_its_resend_is_proved_not_sent(self):
        command = self._queue()
        run = self._start_run()
        self._tick_until(run, lambda: command.state == "sent")
        self._until_executed(command)
        self.assertTrue(run.engine.stop(5))
        # As if the meter had denied it twice before the frame arrived.
        command._set_unknown("no answer")
        command._not_charged("denied")
        self._run()
        self.assertEqual((command.state, command.attempts), ("done", 1))
        self.assertEqual(self._executions(command), 1)

    def test_rule_3_a_number_used_by_a_card_is_disputed(self):
        self._impatient()
        vend = self._sell("10.00")
        command = vend.command_id
        self.sim("fault", address=self.meter.address, kind="lost_request", when="money")
        run = self._start_run()
        answer = run.engine.answer

        def with_a_card(job_id, order):
            self.sim("card", address=self.meter.address, amount="10.00")
            answer(job_id, order)

        with patch.object(run.engine, "answer", with_a_card):
            self._tick_until(run, lambda: command.state not in ("queued", "sent", "unknown"))
        self.assertEqual((command.state, vend.state), ("disputed", "disputed"))
        self.assertIn(str(command.number), command.message)

    # 4. Not charged for good only when no copy can arrive any more.

    def test_rule_4_a_final_refusal_fails_only_after_the_quiet_time(self):
        vend = self._sell("100.00", meter=self.small)
        command = vend.command_id
        run = self._start_run()
        set_unknown = type(command)._set_unknown
        with patch.object(
            type(command), "_set_unknown", autospec=True, side_effect=set_unknown
        ) as unknown:
            self._tick_until(run, lambda: command.state == "failed")
        self.assertIn("hoarding", command.message)
        frames = self.env["meter.frame"].search([("command_id", "=", command.id)], order="id")
        last = frames[-1].at
        self.assertGreaterEqual((last - command.frame_left_at).total_seconds(), HOLD)
        unknown.assert_called_once()
        self.assertEqual(command.attempts, 1, "a refusal that is final is not sent again")
        self.assertEqual((vend.state, self._executions(command)), ("accepted", 0))
        self.assertFalse(command._may_succeed_later(), "a person decides at once")

    def test_rule_4_an_order_given_up_that_arrives_later_is_charged_not_paid(self):
        self._impatient()
        command = self._queue()
        self.sim("fault", address=self.meter.address, kind="late_request", when="money")
        with patch.object(money, "MAX_ATTEMPTS", 1):
            self._run()
        self.assertEqual((command.state, self._executions(command)), ("failed", 0))
        self.assertEqual(self.sim("deliver"), {"delivered": 1})
        self._until_executed(command)
        later = self._queue()
        self._run()
        self.assertEqual((later.state, later.attempts), ("queued", 0))
        self.assertIn("Charged, not paid", later.hold_reason)
        log = self.env["utility.operation"].search(
            [("action", "=", "Charged, not paid"), ("res_id", "=", command.id)]
        )
        self.assertEqual((len(log), log.meter_id), (1, self.meter))

    def test_rule_4_an_order_never_taken_is_handed_to_a_person(self):
        self._impatient()
        vend = self._sell("10.00")
        self.sim("fault", address=self.meter.address, kind="lost_request", when="money", count=2)
        with patch.object(money, "MAX_ATTEMPTS", 2):
            self._run()
        self.assertEqual((vend.command_id.state, vend.command_id.attempts), ("failed", 2))
        self.assertTrue(vend._can_retry() and vend._can_refund())
        self.assertTrue(vend.command_id._may_succeed_later(), "it is sent again after a pause")

    # 5. Every run starts by asking about what another run sent.

    def test_rule_5_a_run_killed_after_sending_is_settled_by_the_next(self):
        command = self._queue()
        run = self._start_run()
        self._tick_until(run, lambda: command.state == "sent")
        self._until_executed(command)
        run.engine.close()
        self._run()
        self.assertEqual((command.state, command.attempts), ("done", 1))
        self.assertEqual(self._executions(command), 1)

    def test_rule_5_a_run_killed_before_the_first_byte_is_settled_by_the_next(self):
        command = self._queue()
        run = self._start_run()
        with patch.object(run.engine, "answer", lambda *args: None):
            self._tick_until(run, lambda: command.state == "sent")
        run.engine.close()
        self.assertEqual(self._executions(command), 0)
        self._run()
        self.assertEqual((command.state, command.attempts), ("done", 2))
        self.assertEqual(self._executions(command), 1)

    def test_rule_5_an_unforeseen_error_ends_the_run_and_the_next_one_asks(self):
        command = self._queue()
        other = self._queue(meter=self.second)
        gate = type(self.env["utility.command"])._prove

        def broken(record, values):
            if record == command:
                raise ZeroDivisionError("unforeseen")
            return gate(record, values)

        with (
            patch.object(type(self.env["utility.command"]), "_prove", broken),
            self._raises(ZeroDivisionError),
        ):
            self._run()
        self.assertIn(command.state, ("sent", "unknown"))
        self.assertTrue(command.not_before, "others are served first next time")
        command.not_before = False
        self._run()
        self.assertEqual((command.state, other.state), ("done", "done"))
        self.assertEqual((self._executions(command), self._executions(other)), (1, 1))

    # 6. One owner per line.

    def test_rule_6_two_runs_at_once_are_refused_by_the_session_lock(self):
        command = self._queue()
        with self.registry.cursor() as other:
            other.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_SPACE, self.worker.id))
            generation = self.worker.generation
            self.assertFalse(self._run())
            self.assertEqual((command.state, self.worker.generation), ("queued", generation))
            other.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK_SPACE, self.worker.id))
        self.assertTrue(self._run())
        self.assertEqual(command.state, "done")

    def test_rule_6_the_lock_is_released_or_its_connection_closed(self):
        with self.registry.cursor() as cursor:
            database = RunDatabase(self.env(cr=cursor))
            self.assertTrue(database.lock(self.worker.id))
            database.unlock(self.worker.id)
            self.assertFalse(cursor.closed)
        cursor = self.registry.cursor()
        database = RunDatabase(self.env(cr=cursor))
        self.assertTrue(database.lock(self.worker.id))
        cursor.execute("SELECT pg_advisory_unlock_all()")
        database.unlock(self.worker.id)
        self.assertTrue(cursor.closed, "nobody knows who has the lock: the connection goes")

    def test_rule_6_an_older_run_can_no_longer_send(self):
        command = self._queue()
        run = self._start_run()
        newer = self.worker._take_generation()
        self.assertGreater(newer, run.generation)
        with self._raises(money.StaleRun):
            self._tick_until(run, lambda: command.state != "queued")
        run.db.rollback()
        self.assertEqual(self._executions(command), 0)
        self.assertFalse(command._arm(command.meter_id.purchase_number + 1, 0, "0" * 64, newer - 1))
        self.assertEqual(command.state, "queued")

    def test_rule_6_an_answer_after_the_line_was_given_back_sends_nothing(self):
        command = self._queue()
        run = self._start_run()
        answer = run.engine.answer

        def too_late(job_id, order):
            # As when the line was held for too long without an answer.
            answer(job_id, None)
            until = time.monotonic() + PATIENCE
            while not any(event.terminal for event in run.engine._events):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.01)
            answer(job_id, order)

        with patch.object(run.engine, "answer", too_late):
            self._tick_until(run, lambda: command.state == "sent")
        self._tick_until(run, lambda: command.state == "unknown")
        self.assertEqual(self._executions(command), 0)
        run.engine.close()
        self._run()
        self.assertEqual((command.state, command.attempts), ("done", 2))
        self.assertEqual(self._executions(command), 1)

    # 7. A copied database opens no line: see test_instance, and here that nothing leaves.

    def test_rule_7_a_copied_database_opens_no_line(self):
        command = self._queue()
        self.assertTrue(self._run())
        done = self._queue(meter=self.second)
        self.instance_file.write_text("another installation\n")
        self.assertFalse(self._run())
        self.assertEqual((command.state, done.state), ("done", "queued"))
        self.assertEqual(self._executions(done), 0)
        self.assertIn("copy", self.worker.state_message)
        self.assertFalse(self._counter().get_config()["worker"]["ok"])
