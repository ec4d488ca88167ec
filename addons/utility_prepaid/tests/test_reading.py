import doctest
from datetime import date, datetime, timedelta
from decimal import Decimal

from psycopg2.errors import CheckViolation

from odoo.exceptions import UserError, ValidationError
from odoo.tests import freeze_time, tagged

from ..models.utility_reading import KEEP_PARAMETER
from ..tools import reading_store
from ..tools.reading_store import Reading
from .test_archive import ArchiveCommon

NOON = datetime(2026, 11, 2, 12)


class ReadingCommon(ArchiveCommon):
    """Meters of one company, whose days are those of Shanghai."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.env(su=True)
        cls.company = cls.root.company
        cls.company.utility_tz = "Asia/Shanghai"
        cls.meter = cls._meter("202611000001")
        cls.other = cls._meter("202611000002")
        cls.readings = cls.root["utility.reading"]

    def _read(self, at, total=None, meter=None, **values):
        """Store one reading; numbers are given as texts."""
        meter = meter or self.meter
        self.readings._store([Reading(meter.id, at, total=total, **values)])

    def _raw(self, meter=None):
        return self.readings.search([("meter_id", "=", (meter or self.meter).id)], order="at, id")


@tagged("post_install", "-at_install")
class TestReading(ReadingCommon):
    def test_doctests(self):
        self.assertFalse(doctest.testmod(reading_store).failed)

    def test_a_reading_is_kept_with_its_place_and_all_it_says(self):
        self.meter.ct_ratio = 40
        self._read(
            NOON, "120.55", balance="-3.25", t1="1.00", t2="2.00", t3="3.00", t4="4.00",
            supply="off", control="remote", battery_low=True, flags=0x10, source="live",
        )  # fmt: skip
        self.assertRecordValues(
            self._raw(),
            [
                {
                    "at": NOON, "total": 120.55, "balance": -3.25, "t1": 1, "t2": 2, "t3": 3,
                    "t4": 4, "supply": "off", "control": "remote", "battery_low": True,
                    "flags": 16, "source": "live", "ct_ratio": 40, "restart": False,
                    "company_id": self.company.id, "site_id": self.site.id,
                    "building_id": self.building.id, "type_id": self.meter.type_id.id,
                }
            ],
        )  # fmt: skip

    def test_the_newest_reading_is_mirrored_and_an_older_one_is_not(self):
        self.readings._store(
            [
                Reading(self.meter.id, NOON, total="10.00", balance="5.00", supply="on"),
                Reading(self.meter.id, NOON - timedelta(hours=1), total="9.00", supply="off"),
                Reading(self.other.id, NOON, total="1.00", t1="0.25"),
            ]
        )
        state = self.meter.state_ids
        self.assertRecordValues(
            state, [{"total": 10, "balance": 5, "supply": "on", "seen_at": NOON}]
        )
        self.assertEqual((self.other.total, self.other.t1, self.other.supply), (1, 0.25, "unknown"))
        # Late: kept, not mirrored. And what is not told stays.
        self._read(NOON - timedelta(minutes=1), "9.90", balance="7.00")
        self._read(NOON + timedelta(minutes=1), None, balance="4.00")
        self.assertRecordValues(
            state,
            [{"total": 10, "balance": 4, "supply": "on", "seen_at": NOON + timedelta(minutes=1)}],
        )
        self.assertEqual(len(self._raw()), 4)

    def test_a_caller_that_writes_the_state_row_itself(self):
        self._read(NOON, "10.00")
        self.root["utility.meter.state"]._store(self.meter.id, NOON, restart=True)
        later = NOON + timedelta(minutes=1)
        self.env.flush_all()
        reading_store.store(
            self.env.cr, [Reading(self.meter.id, later, total="2.00")], mirror=False
        )
        self.root["utility.meter.state"].invalidate_model()
        self.assertRecordValues(
            self.meter.state_ids, [{"total": 10, "seen_at": NOON, "restart": True}]
        )
        self.assertEqual(self._raw().mapped("restart"), [False, True])
        self.root["utility.meter.state"]._store(
            self.meter.id, later, total=2, t1=1.5, battery_low=True, restart=False
        )
        self.assertRecordValues(
            self.meter.state_ids,
            [{"total": 2, "t1": 1.5, "battery_low": True, "seen_at": later, "restart": False}],
        )

    def test_an_empty_batch_and_a_meter_that_is_gone(self):
        self.readings._store([])
        gone = self._meter("202611000003")
        number = gone.id
        gone.sudo().unlink()
        self.readings._store([Reading(number, NOON, total="1"), Reading(self.meter.id, NOON, "2")])
        self.assertFalse(self.readings.search([("meter_id", "=", number)]))
        self.assertEqual(self.meter.total, 2)

    # ---------------------------------------------------------------- months

    def test_a_reading_of_a_month_without_a_partition_makes_it(self):
        self.assertNotIn(date(2031, 2, 1), self.readings._months())
        self._read(datetime(2031, 2, 28, 23, 59, 59), "1.00")
        self._read(datetime(2031, 3, 1), "2.00")
        self.assertLessEqual({date(2031, 2, 1), date(2031, 3, 1)}, set(self.readings._months()))
        self.env.cr.execute("SELECT at FROM utility_reading_raw_2031_02")
        self.assertEqual(self.env.cr.fetchall(), [(datetime(2031, 2, 28, 23, 59, 59),)])
        self.assertEqual(self._raw().mapped("total"), [1, 2])

    def test_the_daily_action_makes_the_months_ahead_and_twice_is_as_once(self):
        with freeze_time("2030-11-15"):
            for __ in range(2):
                self.readings._cron_months()
        made = [month for month in self.readings._months() if month >= date(2030, 11, 1)]
        self.assertEqual(
            made, [date(2030, 11, 1), date(2030, 12, 1), date(2031, 1, 1), date(2031, 2, 1)]
        )

    def test_old_months_go_only_when_asked_and_rolled_up(self):
        self._read(datetime(2020, 1, 5), "1.00")
        self._read(datetime(2020, 2, 5), "3.00")
        self.readings._cron_months()
        self.assertIn(date(2020, 1, 1), self.readings._months(), "kept for ever")
        self.root["ir.config_parameter"].set_param(KEEP_PARAMETER, "12")
        self.readings._cron_months()
        self.assertIn(date(2020, 1, 1), self.readings._months(), "not rolled up")
        self._roll_up()
        with freeze_time("2021-02-20"):
            self.readings._cron_months()
        self.assertNotIn(date(2020, 1, 1), self.readings._months(), "thirteen months old")
        self.assertIn(date(2020, 2, 1), self.readings._months())
        self.assertEqual(self._raw().mapped("total"), [3])
        days = self.root["utility.reading.day"].search([("meter_id", "=", self.meter.id)])
        self.assertEqual(sorted(days.mapped("used")), [0, 2], "the use of every day stays")

    def _roll_up(self):
        hours = self.root["utility.reading.hour"]
        hours._roll_up(hours._mark(), hours._settled())

    def test_the_set_up_runs_again_and_changes_nothing(self):
        self._read(NOON, "1.00")
        before = self.readings._months()
        self.readings.init()
        self.root["utility.reading.hour"].init()
        self.assertEqual(self.readings._months(), before)
        self.assertEqual(self._raw().mapped("total"), [1])

    def test_every_month_has_its_indexes_and_is_passed_over_when_it_is_not_asked_for(self):
        self._read(datetime(2031, 2, 5), "1.00")
        self.env.cr.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'utility_reading_raw_2031_02'"
        )
        indexes = " ".join(row for (row,) in self.env.cr.fetchall())
        for columns in ("(id, at)", "(meter_id, at)", "(at)"):
            self.assertIn(columns, indexes)
        self.env.cr.execute(
            "EXPLAIN SELECT * FROM utility_reading WHERE at >= '2031-02-01' AND at < '2031-03-01'"
        )
        plan = " ".join(row for (row,) in self.env.cr.fetchall())
        self.assertIn("2031_02", plan)
        self.assertNotIn("2026_11", plan)

    # ----------------------------------------------------------------- rights

    def test_nobody_edits_or_deletes(self):
        self._read(NOON, "1.00")
        reading = self._raw()
        deeds = (
            lambda: reading.write({"total": 2}),
            reading.unlink,
            lambda: self.readings.create({"meter_id": self.meter.id, "at": NOON}),
            lambda: reading.copy(),
        )
        for deed in deeds:
            with self.assertRaises(UserError):
                deed()
        self.assertEqual(self._raw().total, 1)

    def test_a_meter_with_readings_is_not_deleted(self):
        self._read(NOON, "1.00")
        with self.assertRaisesRegex(UserError, "archive it"):
            self.meter.sudo().unlink()

    # ---------------------------------------------------------------- screens

    def test_readings_are_found_and_grouped_by_what_the_meter_is(self):
        water = self._meter("202611000009", "d_water")
        self._read(NOON, "10.00", balance="2.00")
        self._read(NOON + timedelta(days=1), "12.00", balance="1.00")
        self._read(NOON, "3.00", meter=water)
        ours = [("site_id", "=", self.site.id)]
        for domain, count in (
            ([("building_id", "=", self.building.id)], 3),
            ([("utility", "=", "water")], 1),
            ([("type_id.code", "=", "d_single")], 2),
            ([("at", ">=", NOON), ("at", "<", NOON + timedelta(hours=1))], 2),
            ([("meter_id", "=", "202611000009")], 1),
        ):
            with self.subTest(domain):
                self.assertEqual(self.readings.search_count(ours + domain), count)
        for group in ("building_id", "type_id", "utility", "meter_id", "source", "at:day"):
            with self.subTest(group):
                rows = self.readings.formatted_read_group(ours, [group], ["__count", "balance:min"])
                self.assertEqual(sum(row["__count"] for row in rows), 3)
        rows = self.readings._read_group(ours, ["type_id"], ["total:max"])
        self.assertEqual({kind.code: total for kind, total in rows}, {"d_single": 12, "d_water": 3})

    def test_an_export_has_numbers(self):
        self._read(NOON, "10.25")
        rows = self._raw().export_data(["meter_id/vending_id", "total", "source"])["datas"]
        self.assertEqual(rows, [[self.meter.vending_id, 10.25, "Scheduled"]])

    def test_the_buttons_of_a_meter(self):
        action = self.meter.action_view_readings()
        self.assertEqual(action["domain"], [("meter_id", "in", self.meter.ids)])
        action = self.meter.action_view_use()
        self.assertEqual(action["res_model"], "utility.reading.day")
        self.assertEqual(action["views"][0][1], "graph")

    # --------------------------------------------------------------- interval

    def test_an_interval_is_never_shorter_than_the_maker_allows(self):
        kind = self.meter.type_id.sudo()
        kind.write({"read_interval": 60, "min_interval": 30})
        self.assertEqual(self.meter._reading_minutes(), 60)
        self.meter.read_interval = 30
        self.assertEqual(self.meter._reading_minutes(), 30)
        with self.assertRaisesRegex(ValidationError, "every 30 minutes"):
            self.meter.read_interval = 29
        with self.assertRaisesRegex(ValidationError, "every 61 minutes"):
            kind.min_interval = 61
        kind.write({"read_interval": 120, "min_interval": 90})
        self.assertEqual(self.meter._reading_minutes(), 90, "the meter's own is too short now")
        with self._integrity_error() as caught:
            self.meter.read_interval = -1
            self.meter.flush_recordset()
        self.assertIsInstance(caught.exception, CheckViolation)

    def test_what_is_not_read_by_itself(self):
        self.assertEqual(self.meter._reading_minutes(), 60)
        self.meter.type_id.sudo().read_interval = 0
        self.assertEqual(self.meter._reading_minutes(), 0)
        self.meter.read_interval = 15
        self.assertEqual(self.meter._reading_minutes(), 15)
        self.meter.auto_read = False
        self.assertEqual(self.meter._reading_minutes(), 0)
        self.meter.write({"auto_read": True, "active": False})
        self.assertEqual(self.meter._reading_minutes(), 0)

    def test_totals_are_decimals_to_the_last_digit(self):
        self._read(NOON, Decimal("999999.9999"))
        self.env.cr.execute(
            "SELECT total::text FROM utility_reading_raw WHERE meter_id = %s", (self.meter.id,)
        )
        self.assertEqual(self.env.cr.fetchone()[0], "999999.9999")
