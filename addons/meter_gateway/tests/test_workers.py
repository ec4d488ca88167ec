from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from ..worker.money import StaleRun
from ..worker.run import WorkerRun
from .common import SharedDatabase

USUAL = {
    "max_cron_threads": 4,
    "limit_time_real_cron": 300,
    "limit_time_real": 120,
    "db_maxconn": 64,
}


@tagged("post_install", "-at_install")
class TestWorkers(UtilityCommon):
    """Several workers: sharing out, stepping in, and whether the server suits them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        workers = cls.env["meter.worker"]
        workers.search([]).active = False
        cls.worker = workers.create({"name": "First"})
        cls.boxes = cls.env["meter.concentrator"].create(
            [
                {
                    "name": f"Box {number}",
                    "code": f"B{number}",
                    "site_id": cls.site.id,
                    "worker_id": cls.worker.id,
                    "host": f"10.0.0.{number}",
                    "tcp_port": 4001,
                }
                for number in range(1, 5)
            ]
        )
        cls.meter.port_id = cls.boxes[0].port_ids[0]
        cls.administrator = new_test_user(
            cls.env,
            "lines_administrator",
            "base.group_user,utility_prepaid.group_administrator",
            company_id=cls.company.id,
        )
        cls.workers = workers.with_user(cls.administrator)

    def _sent(self, credit=1):
        """A money command on the wire of the first box."""
        command = self.env["utility.command"]._enqueue(
            self.meter,
            "charge",
            credit=credit,
            customer_number=self.contract.customer_number,
        )
        generation = self.worker._take_generation()
        number = self.meter.purchase_number + 1
        self.assertTrue(command._arm(number, self.meter.epoch, "0" * 64, generation))
        return command

    def _others(self):
        return self.env["meter.worker"].search([("id", "!=", self.worker.id)])

    # ------------------------------------------------------------- sharing out

    def test_one_more_worker_takes_its_share(self):
        self.workers.action_add()
        second = self._others()
        self.assertTrue(second.cron_id.active)
        self.assertEqual(len(self.worker.concentrator_ids), 2)
        self.assertEqual((self.worker.line_count, second.line_count), (8, 8))
        self.workers.action_share()
        self.assertEqual(len(second.concentrator_ids), 2, "even already")
        self.workers.action_add()
        counts = sorted(self.env["meter.worker"].search([]).mapped("line_count"))
        self.assertEqual(counts, [4, 4, 8])

    def test_a_box_with_an_order_on_its_wire_stays(self):
        self._sent()
        second = self.env["meter.worker"].create({"name": "Second"})
        words = self.workers.action_share()["params"]["message"]
        self.assertIn("Box 1", words.partition("Left")[2])
        self.assertEqual(self.boxes[0].worker_id, self.worker)
        self.assertEqual(second.line_count, 8)

    def test_who_gave_boxes_away_arms_nothing_any_more(self):
        command = self.env["utility.command"]._enqueue(
            self.meter,
            "charge",
            credit=1,
            customer_number=self.contract.customer_number,
        )
        generation = self.worker._take_generation()
        self.env["meter.worker"].create({"name": "Second"})
        # The meter's box stays with the first worker, or goes: nothing of the old run is armed.
        self.workers.action_share()
        arm = (self.meter.purchase_number + 1, self.meter.epoch, "0" * 64)
        self.assertFalse(command._arm(*arm, generation))
        owner = self.boxes[0].worker_id
        self.assertTrue(command._arm(*arm, owner._take_generation()))

    def test_no_two_runs_have_the_same_generation(self):
        second = self.env["meter.worker"].create({"name": "Second"})
        runs = [self.worker, second, second, self.worker]
        generations = [worker._take_generation() for worker in runs]
        self.assertEqual(generations, sorted(set(generations)))

    def test_a_run_that_gets_a_box_behind_the_hub_becomes_the_newest(self):
        second = self.env["meter.worker"].create({"name": "Second"})
        self.boxes[0].worker_id = second
        run = WorkerRun(second, SharedDatabase(self.env))
        self.addCleanup(run.engine.close)
        run.start()
        run.tick()
        older = run.generation
        # The hub remembers the run that had the box, and would refuse an older one.
        former = self.worker._take_generation()
        self.boxes[1].write(
            {"link": "dialin", "dtu_id": "DTU1", "port_selection": "address", "hold_seconds": 20}
        )
        self.boxes[1].worker_id = second
        self.env.flush_all()
        run._configure()
        line = self.boxes[1].port_ids.line_id
        self.assertGreater(run.generation, former)
        self.assertEqual(run.generation, second.generation)
        self.assertIn(f"generation={run.generation}&", run.lines[line.id].endpoint)
        newest = run.generation
        run._configure()
        self.assertEqual(run.generation, newest, "once is enough")
        # A run whose generation was ended stays ended, whatever box it is given.
        second._end_generation()
        self.boxes[2].write(
            {"link": "dialin", "dtu_id": "DTU2", "port_selection": "address", "hold_seconds": 20}
        )
        self.boxes[2].worker_id = second
        self.env.flush_all()
        with self.assertRaises(StaleRun):
            run._configure()
        self.assertGreater(newest, older)

    def test_only_an_administrator_shares_out(self):
        workers = self.env["meter.worker"].with_user(self.users["engineer"])
        for action in (workers.action_share, workers.action_add):
            with self.assertRaises(AccessError):
                action()

    # ------------------------------------------------------------- stepping in

    def _silence(self, worker, minutes):
        worker.last_seen = fields.Datetime.now() - timedelta(minutes=minutes)

    def _watch(self):
        with self.enter_registry_test_mode():
            self.env.ref("meter_gateway.ir_cron_watch").method_direct_trigger()
        self.env.invalidate_all()

    def test_a_dead_workers_boxes_go_to_the_living(self):
        command = self._sent()
        second, third = self.env["meter.worker"].create([{"name": "Second"}, {"name": "Third"}])
        for worker in (second, third):
            self._silence(worker, 0)
        self._silence(self.worker, 4)
        dead = self.worker.generation
        self._watch()
        self.assertEqual(self.boxes.worker_id, self.worker, "it may only have been slow to start")
        self.assertTrue(self.worker.missed_at)
        self.worker.missed_at -= timedelta(minutes=4)
        self._watch()
        self.assertFalse(self.worker.concentrator_ids)
        self.assertEqual((second.line_count, third.line_count), (8, 8))
        self.assertGreater(self.worker.generation, dead, "its run can arm nothing")
        self.assertFalse(self.worker.missed_at)
        self.assertEqual(command.state, "sent", "the new owner asks what became of it")
        log = self.env["utility.operation"].search(
            [("model", "=", "meter.concentrator"), ("res_id", "in", self.boxes.ids)]
        )
        self.assertEqual(len(log), 4)

    def test_who_comes_back_keeps_its_boxes(self):
        second = self.env["meter.worker"].create({"name": "Second"})
        self._silence(second, 0)
        self._silence(self.worker, 4)
        self._watch()
        self.worker.missed_at -= timedelta(minutes=4)
        self._silence(self.worker, 0)
        self._watch()
        self.assertFalse(self.worker.missed_at)
        self.assertEqual(self.boxes.worker_id, self.worker)

    def test_nobody_steps_in_when_all_are_silent(self):
        second = self.env["meter.worker"].create({"name": "Second"})
        for worker in (self.worker, second):
            self._silence(worker, 60)
        self._watch()
        self.assertFalse(self.worker.missed_at)
        self.assertEqual(self.boxes.worker_id, self.worker)

    # ------------------------------------------------------------------ sizing

    def _server(self, **options):
        return patch("odoo.addons.meter_gateway.models.meter_worker_size.config", options)

    def _words(self, **options):
        with self._server(**{**USUAL, **options}):
            return " ".join(self.worker._size_words())

    def test_a_server_that_suits_its_workers_needs_no_advice(self):
        self.assertEqual(self._words(), "")
        self.assertEqual(self._words(limit_time_real_cron=0), "")
        self.assertEqual(self._words(max_cron_threads=0), "", "this process has no threads")

    def test_what_is_set_too_tightly_is_said(self):
        for options, words in (
            ({"max_cron_threads": 1}, "max_cron_threads to 2"),
            ({"limit_time_real_cron": -1}, "after 120 seconds"),
            ({"limit_time_real_cron": 60}, "after 60 seconds"),
            ({"db_maxconn": 8}, "db_maxconn"),
        ):
            with self.subTest(options):
                self.assertIn(words, self._words(**options))

    def test_a_worker_with_too_many_lines_is_said(self):
        with patch("odoo.addons.meter_gateway.models.meter_worker_size.MOST_LINES", 15):
            self.assertIn("16 lines", self._words())

    def test_the_advice_of_a_run_is_kept(self):
        database = SharedDatabase(self.env)
        with self._server(**{**USUAL, "db_maxconn": 8}):
            self.assertTrue(self.worker._may_run(database))
        self.assertIn("db_maxconn", self.worker.size_message)
        with self._server(**USUAL):
            self.worker._may_run(database)
        self.assertFalse(self.worker.size_message)
