import os
import re
import secrets
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..lib.meterwire import recharge
from ..worker import claim, money
from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestWorker(GatewayCommon):
    """What the worker's run does besides the rules about money."""

    def _due(self):
        self.env.flush_all()
        return claim.due(self.env.cr, self.worker.id, fields.Datetime.now(), [])

    # ------------------------------------------------------------------ claim

    def test_money_overtakes_reads(self):
        reads = [self._queue("read", meter) for meter in self.meters]
        money = self._queue(meter=self.second)
        rows = self._due()
        self.assertEqual(rows[0]["id"], money.id)
        # few readings per line are taken at once, the oldest first
        self.assertEqual(
            [row["id"] for row in rows[1:]], [read.id for read in reads[: claim.LINE_DEPTH]]
        )

    def test_what_waits_is_not_claimed(self):
        held = self._queue()
        held._hold("an engineer must look")
        later = self._queue(meter=self.second)
        later.not_before = fields.Datetime.now() + timedelta(minutes=1)
        self.assertEqual(self._due(), [])
        later.not_before = fields.Datetime.now()
        self.assertEqual([row["id"] for row in self._due()], [later.id])
        held.with_user(self.users["engineer"]).action_release()
        self.assertEqual([row["id"] for row in self._due()], [held.id, later.id])

    def test_commands_of_another_worker_are_not_claimed(self):
        self._queue()
        self.box.worker_id = self.env["meter.worker"].create({"name": "Others"})
        self.assertEqual(self._due(), [])

    def test_a_reading_out_of_time_expires(self):
        read = self._queue("read", expires_at=fields.Datetime.now() - timedelta(seconds=1))
        self._run()
        self.assertEqual(read.state, "expired")

    def test_a_sent_order_never_expires(self):
        command = self._queue(expires_at=fields.Datetime.now() + timedelta(hours=1))
        past = fields.Datetime.now() - timedelta(days=1)

        def chores():
            now = fields.Datetime.now()
            return [row[0] for row in claim.chores(self.env.cr, self.worker.id, now, [])]

        command.sudo().expires_at = past
        self.env.flush_all()
        self.assertIn(command.id, chores())
        command.sudo().attempts = 1
        self.env.flush_all()
        self.assertNotIn(command.id, chores(), "a copy of its frame may still arrive")

    def test_a_command_wakes_its_worker(self):
        with patch.object(type(self.env["ir.cron"]), "_trigger", autospec=True) as trigger:
            self._queue()
        self.assertEqual(trigger.call_args.args[0].id, self.worker.cron_id.id)

    # ---------------------------------------------------------------- reading

    def _readings(self, source):
        return (
            self.env["utility.reading"].sudo().search([("source", "=", source)], order="meter_id")
        )

    def test_a_reading_is_stored(self):
        read = self._queue("read")
        plain = self._queue("read", self.plain)
        self._run()
        self.assertEqual((read.state, plain.state), ("done", "done"))
        self.assertEqual(set(read.result), {"balance", "total", "supply"})
        self.assertEqual(set(plain.result), {"total"})
        balance = self.sim.books(self.meter)["balance"]
        self.assertEqual(f"{self.meter.balance:.2f}", balance)
        self.assertTrue(self.meter.seen_at)
        kept = self._readings("live")
        self.assertEqual(kept.meter_id, self.meter | self.plain)

    def test_a_live_reading_writes_the_state_row_once(self):
        # A scheduled one, which may be due by chance, would write it too.
        self.meter.type_id.sudo().read_interval = 0
        read, states = self._queue("read"), self.env["utility.meter.state"].sudo()
        states._store(self.meter.id, fields.Datetime.now() - timedelta(hours=1), restart=True)
        state = self.meter.sudo().state_ids
        with patch.object(type(state), "_store", autospec=True, return_value=True) as store:
            self._run()
        # What `_store` was kept from writing, nobody else wrote.
        state.invalidate_recordset()
        self.assertTrue(state.restart)
        values = next(call.kwargs for call in store.call_args_list if "total" in call.kwargs)
        self.assertIs(values["restart"], False)
        self.assertEqual((read.state, self._readings("live").restart), ("done", True))

    def test_the_proof_of_an_order_is_a_reading(self):
        command = self._queue()
        self._run()
        self.assertEqual(command.state, "done")
        self.assertRecordValues(
            self._readings("proof"),
            [
                {
                    "source": "proof", "balance": command.balance_after, "total": 0,
                    "supply": "on", "at": self.meter.seen_at,
                }
            ],
        )  # fmt: skip

    def test_a_live_reading_learns_the_purchase_number_too(self):
        number = self.sim("card", address=self.meter.address, amount="1.00")["number"]
        self._queue("read")
        self._run()
        self.assertTrue(self.meter.number_differs)
        self.assertEqual(self.meter.number_seen, number)
        self.meter.with_user(self.users["engineer"]).action_accept_number()
        self.assertEqual(self.meter.purchase_number, number)

    def test_a_silent_meter_says_so(self):
        self._impatient()
        self.sim("fault", address=self.second.address, kind="dead")
        read = self._queue("read", self.second)
        self._run()
        self.assertEqual((read.state, read.message), ("failed", "The meter does not answer."))

    def test_a_meter_that_nobody_knows_how_to_speak_to_is_refused_in_words(self):
        self.plain.type_id.sudo().dialect_id = False
        read = self._queue("read", self.plain)
        self._run()
        self.assertEqual(read.state, "failed")
        self.assertIn("dialect", read.message)

    # ------------------------------------------------------------------ money

    def test_a_sale_and_its_reversal(self):
        vend = self._sell("100.00")
        before = self.sim.books(self.meter)
        self._run()
        self.assertEqual(vend.state, "delivered")
        reversal = vend._reverse("reversal-of-the-test", "wrong room")
        self._run()
        after = self.sim.books(self.meter)
        self.assertEqual((vend.state, reversal.state), ("reversed", "delivered"))
        self.assertEqual(after["cumulative"], before["cumulative"])
        self.assertEqual(after["number"], before["number"] + 2)
        self.assertEqual(self.meter.purchase_number, after["number"])

    def test_no_key_stops_the_order_in_words(self):
        command = self._queue()
        with patch.dict(os.environ):
            del os.environ["METERWIRE_KEY_1"]
            self._run()
        self.assertEqual((command.state, command.attempts), ("queued", 0))
        self.assertIn("not installed", command.hold_reason)
        command.with_user(self.users["engineer"]).action_release()
        self._run()
        self.assertEqual(command.state, "done")

    def test_a_key_that_is_not_the_meters_sends_nothing(self):
        self._impatient()
        command = self._queue()
        with patch.dict(os.environ, {"METERWIRE_KEY_1": secrets.token_hex(16)}):
            run = self._start_run()
            self._tick_until(run, lambda: "not signed" in (command.message or ""))
        self.assertEqual((command.state, command.attempts), ("queued", 0))
        self.assertTrue(command.not_before)

    def test_an_unreachable_box_keeps_the_money_queued_and_fails_reads(self):
        self.port.tcp_port = 1
        command = self._queue()
        read = self._queue("read", self.second)
        run = self._start_run()
        self._tick_until(run, lambda: command.message and read.state == "failed")
        self.assertEqual((command.state, command.attempts), ("queued", 0))
        self.assertIn("cannot be reached", command.message)
        self.assertIn("cannot be reached", read.message)
        self.assertFalse(self.box.reachable)
        self.assertTrue(self.box.unreachable_since and self.box.last_error)
        self.assertIn("cannot be reached since", self.meter._sell_warning())
        run.engine.close()
        self.port.tcp_port = self.tcp_port
        command.not_before = False
        self._run()
        self.assertEqual((command.state, self.box.reachable), ("done", True))
        self.assertEqual(self.meter._sell_warning(), "")
        self.assertTrue(self.box.last_seen)

    def test_a_meter_keeps_its_line_while_an_order_may_be_inside(self):
        command = self._queue()
        run = self._start_run()
        self._tick_until(run, lambda: command.state == "sent")
        with self.assertRaisesRegex(UserError, "on its way"):
            self.meter.port_id = self.box.port_ids[1]
        self._tick_until(run, lambda: command.state == "done")
        self.meter.port_id = self.box.port_ids[1]

    def test_a_meter_that_stays_silent_for_a_day_is_for_a_person(self):
        vend = self._sell("10.00")
        command = vend.command_id
        run = self._start_run()
        self._tick_until(run, lambda: command.state == "sent")
        run.engine.close()
        command._set_unknown("no answer")
        money.pause(run, command)
        self.assertEqual(command.state, "unknown")
        command.sudo().sent_at -= timedelta(days=1, seconds=1)
        money.pause(run, command)
        self.assertEqual((command.state, vend.state), ("disputed", "disputed"))
        self.assertIn("for a day", command.message)

    def test_a_tick_is_repeated_after_a_collision_and_records_once(self):
        command = self._queue()
        run = self._start_run()
        due, calls = claim.due, []

        def collide(*args):
            calls.append(1)
            if len(calls) % 2:
                raise SerializationFailure("could not serialize access")
            return due(*args)

        with patch.object(claim, "due", collide):
            self._tick_until(run, lambda: command.state == "done")
        self.assertEqual((command.attempts, self._executions(command)), (1, 1))
        frames = self.env["meter.frame"].search_count([("command_id", "=", command.id)])
        self.assertEqual(frames, 3)

    def test_results_of_a_meter_that_a_sale_has_locked_are_kept(self):
        command = self._queue()
        run = self._start_run()
        lock, calls = run._lock_meters, []

        def locked(meter_ids):
            calls.extend(meter_ids)
            return lock(meter_ids) if len(calls) > 3 else set()

        with patch.object(run, "_lock_meters", locked):
            self._tick_until(run, lambda: run.pending)
            self.assertEqual(command.state, "queued")
            self._tick_until(run, lambda: command.state == "done")
        self.assertEqual((command.attempts, self._executions(command)), (1, 1))

    # --------------------------------------------------------------- evidence

    def test_exchanges_are_kept_without_cipher_key_or_mac(self):
        command = self._queue(credit=12.34)
        run = self._start_run()
        answer, orders = run.engine.answer, []

        def watched(job_id, order):
            orders.append(order)
            answer(job_id, order)

        with patch.object(run.engine, "answer", watched):
            self._tick_until(run, lambda: command.state == "done")
        self.assertEqual(command.state, "done")
        frames = self.env["meter.frame"].search([("command_id", "=", command.id)])
        self.assertEqual(len(frames), 3, "question, order, question")
        self.assertEqual(frames.user_id, self.env.user)
        self.assertEqual(frames.company_id, self.company)
        text = re.sub(r"\s", "", " ".join(f"{f.tx} {f.rx} {f.words}" for f in frames)).upper()
        keys = run.keyring.meter_keys(self.meter.address, 1, self.meter.algorithm)
        frame = recharge.build(orders[0], self.meter.address, keys)
        # what follows the key version in the order: cipher and MAC, then checksum and end
        secret = frame[-24:-2]
        for start in range(len(secret) - 3):
            self.assertNotIn(secret[start : start + 4].hex().upper(), text)
        for key in (keys.cipher_key, keys.mac_key, bytes.fromhex(self.key)):
            self.assertNotIn(key[:4].hex().upper(), text)
        self.assertIn("**", text)

    # ---------------------------------------------------------------- counter

    def test_a_meter_without_line_or_key_is_not_sold_to(self):
        self.meter._check_sellable()
        self.meter.key_version = 9
        with self.assertRaisesRegex(UserError, "version 9"):
            self.meter._check_sellable()
        self.meter.write({"key_version": 1, "port_id": False})
        with self.assertRaisesRegex(UserError, "not connected"):
            self.meter._check_sellable()
        card = self._counter().card(self.meter.id)
        self.assertFalse(card["sellable"])
        self.assertIn("not connected", card["refusal"])

    def test_the_counter_sees_a_worker_at_rest(self):
        status = self.env["meter.worker"]._status
        self.worker.last_seen = fields.Datetime.now()
        self.assertTrue(status()["ok"])
        self.worker.last_seen = fields.Datetime.now() - timedelta(seconds=100)
        self.assertTrue(status()["ok"], "nothing to do")
        command = self._queue()
        self.assertFalse(status()["ok"])
        self.worker.last_seen = fields.Datetime.now() - timedelta(minutes=4)
        command._cancel("not needed")
        self.assertIn("4 minutes", status()["message"])
        self._run()
        self.assertTrue(status()["ok"])

    def test_the_scheduled_action_runs_the_worker(self):
        seen = []
        with patch.object(
            type(self.worker), "_run", autospec=True, side_effect=lambda w: seen.append(w.id)
        ):
            self.worker.cron_id.ir_actions_server_id.run()
        self.assertEqual(seen, [self.worker.id])
