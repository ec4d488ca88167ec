from datetime import datetime, timedelta

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, freeze_time, tagged

from odoo.addons.utility_prepaid.tests.test_archive import ArchiveCommon
from odoo.addons.utility_prepaid.tools.prepared import planned_ahead

from ..worker import schedule
from ..worker.database import RunDatabase
from ..worker.schedule import Reading

NOW = datetime(2026, 11, 2, 12, 0, 30)


@tagged("post_install", "-at_install")
class TestReadingSchedule(ArchiveCommon):
    """When meters are read by themselves: no line is opened here, the plan is all there is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = cls.env(su=True)
        cls.kind = root.ref("utility_prepaid.meter_type_d_single")
        cls.kind.write({"read_interval": 60, "min_interval": 0})
        cls.worker = root["meter.worker"].create({"name": "Test lines"})
        cls.box = root["meter.concentrator"].create(
            {
                "name": "Cellar",
                "code": "C1",
                "site_id": cls.site.id,
                "worker_id": cls.worker.id,
                "host": "127.0.0.1",
                "tcp_port": 1024,
            }
        )
        cls.lines = cls.box.port_ids

    def setUp(self):
        super().setUp()
        frozen = freeze_time(NOW)
        frozen.start()
        self.addCleanup(frozen.stop)

    def _meters(self, count, line=0, **values):
        first = self.env["utility.meter"].search_count([])
        return self.env["utility.meter"].union(
            *(
                self._meter(f"2026110{first + number:05d}", port_id=self.lines[line].id, **values)
                for number in range(count)
            )
        )

    def _plans(self, meters):
        self.env.flush_all()
        self.env["meter.reading.schedule"].invalidate_model()
        return meters.schedule_ids.sudo()

    def _set(self, meters, **values):
        """What the worker left in the plan."""
        self._plans(meters).write(values)
        self.env.flush_all()

    def _claim(self, held=(), depth=4, now=NOW, lines=None):
        self.env.flush_all()
        lines = self.lines if lines is None else lines
        hands = {line.id: set(held) & set(line.meter_ids.ids) for line in lines}
        places = {line: depth - len(meters) for line, meters in hands.items()}
        return schedule.claim_due(self.env.cr, self.worker.id, now, places, hands)

    def _due(self, meters, **kwargs):
        """Make these due, in their order, and claim."""
        for number, meter in enumerate(meters):
            self._set(meter, next_at=NOW - timedelta(hours=5) + timedelta(seconds=number))
        return [row["meter_id"] for row in self._claim(**kwargs)]

    # ------------------------------------------------------------------- plan

    def test_meters_are_spread_over_their_interval(self):
        """No minute of the hour has more than its share, whichever part of a line one looks at."""
        meters = self._meters(40)
        times = self._plans(meters).mapped("next_at")
        self.assertTrue(all(NOW < at <= NOW + timedelta(hours=1) for at in times))
        for sixth in range(6):
            start = NOW + timedelta(minutes=10 * sixth)
            count = sum(start < at <= start + timedelta(minutes=10) for at in times)
            self.assertTrue(4 <= count <= 9, f"{count} of 40 in ten minutes")

    def test_a_meter_keeps_its_place_in_the_interval(self):
        meter = self._meters(1)
        plan = self._plans(meter)
        first = plan.next_at
        schedule.done(self.env.cr, [(meter.id, first + timedelta(seconds=7))])
        self.assertEqual(self._plans(meter).next_at, first + timedelta(hours=1))
        self.assertEqual(plan.last_ok_at, first + timedelta(seconds=7))

    def test_the_plan_follows_the_archive(self):
        meter = self._meters(1)
        steps = (
            (lambda: meter.write({"auto_read": False}), 0),
            (lambda: meter.write({"auto_read": True}), 60),
            (lambda: meter.write({"read_interval": 15}), 15),
            (lambda: self.kind.write({"min_interval": 20}), 20),
            (lambda: meter.write({"active": False}), 0),
            (lambda: meter.write({"active": True, "read_interval": 0}), 60),
            (lambda: self.kind.write({"read_interval": 0}), 0),
        )
        for change, minutes in steps:
            change()
            plan = self._plans(meter)
            self.assertEqual(plan.minutes, minutes)
            self.assertEqual(bool(plan.next_at), bool(minutes))
            if minutes:
                self.assertTrue(NOW < plan.next_at <= NOW + timedelta(minutes=minutes))
        self.assertEqual(plan.line_id, self.lines[0])
        meter.port_id = self.lines[1]
        self.assertEqual(self._plans(meter).line_id, self.lines[1])
        meter.port_id = False
        self.assertFalse(self._plans(meter).line_id)

    def test_what_does_not_change_the_interval_does_not_put_a_reading_off(self):
        meter = self._meters(1)
        overdue = NOW - timedelta(hours=3)
        self._set(meter, next_at=overdue)
        meter.write({"read_interval": 60, "port_id": self.lines[1].id})
        self.kind.min_interval = 30
        self.assertEqual(self._plans(meter).next_at, overdue)

    def test_another_interval_waits_for_the_shortest_one(self):
        self.kind.min_interval = 45
        meter = self._meters(1)
        self._set(meter, last_ok_at=NOW - timedelta(minutes=5))
        meter.read_interval = 50
        self.assertGreaterEqual(self._plans(meter).next_at, NOW + timedelta(minutes=40))

    def test_meters_from_before_the_plan_get_one(self):
        meters = self._meters(2)
        self._plans(meters[0]).unlink()
        self.env["meter.reading.schedule"].sudo()._plan_all()
        self.assertEqual(self._plans(meters).mapped("minutes"), [60, 60])
        self.env["meter.reading.schedule"].sudo()._plan_all()

    # ------------------------------------------------------------------ claim

    def test_what_is_due_comes_in_order_and_few_for_each_line(self):
        one, two = self._meters(6), self._meters(2, line=1)
        self.assertEqual(self._claim(), [], "nothing is due yet")
        claimed = self._due(one | two)
        self.assertEqual(claimed, [*one.ids[:4], *two.ids])
        row = self._claim()[0]
        self.assertEqual(
            {name: row[name] for name in ("line_id", "port_id", "address", "algorithm")},
            {
                "line_id": self.lines[0].id,
                "port_id": self.lines[0].id,
                "address": one[0].address,
                "algorithm": "3des",
            },
        )
        self.assertIn("dialect_id", row)
        self.assertIn("key_version", row)

    def test_what_is_held_counts_against_its_line(self):
        one, two = self._meters(6), self._meters(2, line=1)
        self._due(one | two)
        held = one.ids[:3]
        self.assertEqual(
            [row["meter_id"] for row in self._claim(held=held)], [one.ids[3], *two.ids]
        )
        self.assertEqual([row["meter_id"] for row in self._claim(held=one.ids[:5])], two.ids)
        self.assertEqual(len(self._claim(depth=1)), 2, "one for each line")
        self.assertEqual(len(self._claim(lines=self.lines[0])), 4, "no other line is looked at")
        self.assertEqual(self._claim(lines=self.lines[:0]), [])

    def test_only_lines_of_this_worker_that_can_be_opened(self):
        meters = self._meters(1) | self._meters(1, line=1) | self._meters(1, line=2)
        self._due(meters)
        self.lines[0].sudo().tcp_port = 2000
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE meter_port SET endpoint = NULL WHERE id = %s", (self.lines[1].id,)
        )
        other = self.worker.copy({"name": "Other"})
        self.assertEqual([row["meter_id"] for row in self._claim()], [meters.ids[0], meters.ids[2]])
        self.box.worker_id = other
        self.assertEqual(self._claim(), [])

    def test_a_meter_that_is_not_read_by_itself_is_not_claimed(self):
        meters = self._meters(3)
        self._due(meters)
        meters[0].auto_read = False
        meters[1].active = False
        self.assertEqual([row["meter_id"] for row in self._claim()], meters.ids[2:])

    # ------------------------------------------------------------- moving on

    def test_after_an_outage_each_meter_is_read_once(self):
        """The backlog of a day is served line by line, and nobody is due twice."""
        meters = self._meters(10)
        for meter in meters:
            self._set(meter, next_at=self._plans(meter).next_at - timedelta(days=1))
        now, read = NOW, []
        while rows := self._claim(now=now):
            self.assertLessEqual(len(rows), 4)
            now += timedelta(seconds=2)
            read += [row["meter_id"] for row in rows]
            schedule.done(self.env.cr, [(row["meter_id"], now) for row in rows])
        self.assertEqual(sorted(read), meters.ids)
        plans = self._plans(meters)
        self.assertTrue(all(plan.next_at > now for plan in plans))
        self.assertTrue(all(plan._slot(now) == plan.next_at for plan in plans))

    def test_a_late_reading_is_not_followed_too_soon(self):
        self.kind.min_interval = 60
        meter = self._meters(1)
        late = self._plans(meter).next_at + timedelta(minutes=59)
        schedule.done(self.env.cr, [(meter.id, late)])
        self.assertEqual(self._plans(meter).next_at, late + timedelta(minutes=60))

    def test_a_dead_meter_is_asked_less_and_less_and_never_forgotten(self):
        meter = self._meters(1)
        at, pauses = self._plans(meter).next_at, []
        for __ in range(8):
            schedule.failed(self.env.cr, [(meter.id, at + timedelta(seconds=5))])
            following = self._plans(meter).next_at
            pauses.append((following - at) / timedelta(hours=1))
            at = following
        self.assertEqual(pauses, [1, 2, 4, 8, 16, 24, 24, 24])
        self.assertEqual(self._plans(meter).failures, 8)
        schedule.done(self.env.cr, [(meter.id, at)])
        self.assertEqual(self._plans(meter).failures, 0)
        self.assertEqual(self._plans(meter).next_at, at + timedelta(hours=1))

    def test_a_long_interval_is_its_own_longest_pause(self):
        self.kind.read_interval = 3 * 1440
        meter = self._meters(1)
        at = self._plans(meter).next_at
        for __ in range(3):
            schedule.failed(self.env.cr, [(meter.id, at)])
            self.assertEqual(self._plans(meter).next_at - at, timedelta(days=3))
            at += timedelta(days=3)

    def test_a_line_that_is_down_is_no_fault_of_its_meters(self):
        meters = self._meters(2)
        self._due(meters)
        schedule.postponed(self.env.cr, [(meter.id, NOW) for meter in meters])
        self.assertEqual(self._claim(), [])
        self.assertEqual(
            [row["meter_id"] for row in self._claim(now=NOW + timedelta(seconds=60))], meters.ids
        )
        self.assertEqual(self._plans(meters).mapped("failures"), [0, 0])

    def test_news_of_a_meter_that_was_taken_off_the_plan(self):
        meter = self._meters(1)
        meter.auto_read = False
        self.env.flush_all()
        for move in (schedule.done, schedule.failed, schedule.postponed):
            move(self.env.cr, [(meter.id, NOW)])
            move(self.env.cr, [])
        self.assertFalse(self._plans(meter).next_at)

    def test_when_the_next_reading_is_due(self):
        self.assertIsNone(schedule.next_time(self.env.cr, self.worker.id))
        meters = self._meters(3)
        first = min(self._plans(meters), key=lambda plan: plan.next_at)
        self.assertEqual(schedule.next_time(self.env.cr, self.worker.id), first.next_at)
        self.assertGreater(
            schedule.next_time(self.env.cr, self.worker.id, [first.meter_id.id]), first.next_at
        )

    def test_readings_are_stored_with_the_worker_s_cursor(self):
        meter = self._meters(1)
        self.env.flush_all()
        schedule.store(self.env.cr, [Reading(meter.id, NOW, total="12.50", balance="3.00")])
        self.env.invalidate_all()
        self.assertEqual((meter.total, meter.balance, meter.seen_at), (12.5, 3, NOW))
        reading = self.env["utility.reading"].search([("meter_id", "=", meter.id)])
        self.assertEqual(reading.source, "scheduled")

    # ----------------------------------------------------------------- rights

    def test_engineers_see_the_plan_and_nobody_edits_it(self):
        plan = self.env["meter.reading.schedule"].search([("meter_id", "in", self._meters(1).ids)])
        self.assertEqual(plan.minutes, 60)
        with self.assertRaises(AccessError):
            plan.write({"next_at": NOW})
        company = self.env(su=True)["res.company"].create({"name": "Other"})
        stranger = self.engineer.sudo().copy(
            {
                "login": "plan_stranger",
                "company_id": company.id,
                "company_ids": [(6, 0, company.ids)],
            }
        )
        self.assertFalse(plan.with_user(stranger).search([("id", "=", plan.id)]))


@tagged("post_install", "-at_install")
class TestReadingClaims(TransactionCase):
    """Two connections, and so rows that are committed and taken away again."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            site = env["utility.site"].create({"name": "Claims", "code": "test-claims"})
            worker = env["meter.worker"].create({"name": "Claims"})
            box = env["meter.concentrator"].create(
                {
                    "name": "Claims",
                    "code": "test-claims",
                    "site_id": site.id,
                    "worker_id": worker.id,
                    "host": "127.0.0.1",
                    "tcp_port": 2048,
                }
            )
            meters = env["utility.meter"].create(
                [
                    {
                        "address": f"20261109999{number}",
                        "type_id": env.ref("utility_prepaid.meter_type_d_single").id,
                        "port_id": box.port_ids[0].id,
                    }
                    for number in range(6)
                ]
            )
            env.flush_all()
            for number, plan in enumerate(meters.schedule_ids):
                plan.next_at = NOW - timedelta(minutes=60 - number)
            self.worker_id, self.meter_ids = worker.id, meters.ids
            self.line_id = box.port_ids[0].line_id.id
            made = [(records._name, records.ids) for records in (meters, box, worker, site)]
        self.addCleanup(self._take_away, made)

    def _take_away(self, made):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            for model, ids in made:
                env[model].browse(ids).unlink()

    def _claim(self, cr):
        rows = schedule.claim_due(cr, self.worker_id, NOW, {self.line_id: 4}, {})
        return [row["meter_id"] for row in rows]

    def test_planned_ahead_it_gives_the_same(self):
        with self.registry.cursor() as plain, self.registry.cursor() as cr:
            rows = self._claim(plain)
            self.assertEqual(rows, self.meter_ids[:4])
            with planned_ahead(cr):
                self.assertEqual(self._claim(cr), rows)
                cr.rollback()
                schedule.done(cr, [(meter_id, NOW) for meter_id in rows[:1]])
                self.assertEqual(self._claim(cr), self.meter_ids[1:5])
                cr.execute("SELECT name FROM pg_prepared_statements ORDER BY name")
                self.assertEqual(
                    [name for (name,) in cr.fetchall()], ["meter_reading_done", "meter_reading_due"]
                )
                cr.rollback()
            with planned_ahead(cr):
                self.assertEqual(self._claim(cr), rows, "and again on the same connection")

    def test_only_the_plan_does_not_wait_for_the_disk(self):
        def setting():
            cr.execute("SHOW synchronous_commit")
            return cr.fetchone()[0]

        with self.registry.cursor() as own:
            env = api.Environment(own, SUPERUSER_ID, {})
            with RunDatabase(env).apart() as database:
                cr = database.cr
                cr.execute("SET synchronous_commit = on")
                cr.commit()  # pylint: disable=invalid-commit
                with self.assertRaises(ZeroDivisionError):
                    database.transact(lambda _book: self.assertEqual(setting(), "off") or 1 / 0)
                database.rollback()
                self.assertEqual(setting(), "on")
                database.transact(lambda _book: self.assertEqual(setting(), "off"))
                self.assertEqual(setting(), "on")
