from datetime import date, datetime, timedelta
from decimal import Decimal

from psycopg2.errors import LockNotAvailable

from odoo import fields
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from ..tools.reading_store import BATCH_LOCK, Reading
from .test_reading import ReadingCommon

# 00:00 in Shanghai
MIDNIGHT = datetime(2026, 10, 31, 16)


@tagged("post_install", "-at_install")
class TestReadingUse(ReadingCommon):
    """Roll-ups, and what meters used between any two moments."""

    def setUp(self):
        super().setUp()
        self.hours = self.root["utility.reading.hour"]

    def _roll_up(self):
        self.hours._roll_up(self.hours._mark(), self.hours._settled())

    def _rows(self, level, meter=None):
        return self.root[f"utility.reading.{level}"].search(
            [("meter_id", "=", (meter or self.meter).id)], order="start"
        )

    def _used(self, level, meter=None):
        return {row.start: round(row.used, 4) for row in self._rows(level, meter)}

    def test_hours_days_and_months(self):
        for minutes, total, balance in (
            (-90, "10.00", "9"), (-5, "10.50", "8.5"), (0, "10.60", "8.4"), (59, "11.00", "8"),
            (60, "11.10", "9.9"),
        ):  # fmt: skip
            self._read(MIDNIGHT + timedelta(minutes=minutes), total, balance=balance)
        self._roll_up()
        hour = timedelta(hours=1)
        self.assertEqual(
            self._used("hour"),
            {MIDNIGHT - 2 * hour: 0, MIDNIGHT - hour: 0.5, MIDNIGHT: 0.5, MIDNIGHT + hour: 0.1},
        )
        self.assertRecordValues(
            self._rows("day"),
            [
                {
                    "start": MIDNIGHT - timedelta(days=1), "date": date(2026, 10, 31),
                    "used": 0.5, "first_total": 10, "last_total": 10.5, "min_balance": 8.5,
                    "readings": 2, "restarts": 0, "site_id": self.site.id,
                    "first_at": MIDNIGHT - timedelta(minutes=90),
                    "last_at": MIDNIGHT - timedelta(minutes=5),
                },
                {
                    "start": MIDNIGHT, "date": date(2026, 11, 1), "used": 0.6,
                    "first_total": 10.6, "last_total": 11.1, "min_balance": 8, "readings": 3,
                    "restarts": 0, "site_id": self.site.id, "first_at": MIDNIGHT,
                    "last_at": MIDNIGHT + hour,
                },
            ],
        )  # fmt: skip
        self.assertEqual(
            {row.date: round(row.used, 4) for row in self._rows("month")},
            {date(2026, 10, 1): 0.5, date(2026, 11, 1): 0.6},
        )

    def test_days_where_summer_time_ends(self):
        """A day of 25 hours, whose hour between two and three comes twice."""
        self.company.utility_tz = "Europe/Berlin"
        first = datetime(2026, 10, 24, 22)
        for hours in range(26):
            self._read(first + timedelta(hours=hours), str(hours))
        self._roll_up()
        self.assertEqual(len(self._rows("hour")), 26)
        self.assertEqual(self._used("day"), {first: 24, first + timedelta(hours=25): 1})

    def test_a_zone_beside_the_full_hour(self):
        self.company.utility_tz = "Asia/Kolkata"
        for minutes, total in ((0, "1"), (29, "2"), (30, "4")):
            self._read(datetime(2026, 11, 1, 18, minutes), total)
        self._roll_up()
        self.assertEqual(
            {row.date: row.used for row in self._rows("day")},
            {date(2026, 11, 1): 1, date(2026, 11, 2): 2},
        )

    def test_a_late_reading_changes_its_own_day_and_the_next_one(self):
        day = timedelta(days=1)
        self._read(MIDNIGHT, "10.00")
        self._read(MIDNIGHT + 3 * day, "16.00")
        self._roll_up()
        self.assertEqual(self._used("day"), {MIDNIGHT: 0, MIDNIGHT + 3 * day: 6})
        self._read(MIDNIGHT + day, "11.00")
        self._roll_up()
        self.assertEqual(self._used("day"), {MIDNIGHT: 0, MIDNIGHT + day: 1, MIDNIGHT + 3 * day: 5})
        self.assertEqual(self._rows("month").mapped("used"), [6])

    def test_a_totaliser_that_turns_over(self):
        for minutes, total in enumerate(("999998.50", "999999.50", "0.75", "1.00")):
            self._read(MIDNIGHT + timedelta(minutes=minutes), total)
        self._roll_up()
        day = self._rows("day")
        self.assertEqual((round(day.used, 4), day.restarts), (2.5, 0))

    def test_a_totaliser_that_was_cleared(self):
        for minutes, total in enumerate(("500.00", "501.00", "0.00", "2.00")):
            self._read(MIDNIGHT + timedelta(minutes=minutes), total)
        self._roll_up()
        day = self._rows("day")
        self.assertEqual((day.used, day.restarts), (3, 1))

    def test_another_meter_behind_the_same_record(self):
        """Whatever it shows first is where it begins, more or less than the one before."""
        self._read(MIDNIGHT, "500.00")
        self.meter.address = "202611000077"
        # An answer without a total does not use the mark up.
        self._read(MIDNIGHT + timedelta(minutes=1), None, balance="5.00")
        self._read(MIDNIGHT + timedelta(minutes=2), "700.00")
        self._read(MIDNIGHT + timedelta(minutes=3), "701.50")
        self._roll_up()
        day = self._rows("day")
        self.assertEqual((day.used, day.restarts, day.readings), (1.5, 1, 4))

    def test_units_on_paper_behind_current_transformers(self):
        self.meter.ct_ratio = 40
        self._read(MIDNIGHT, "1.00")
        self._read(MIDNIGHT + timedelta(minutes=1), "2.50")
        self.meter.ct_ratio = 50
        self._read(MIDNIGHT + timedelta(minutes=2), "3.50")
        self._roll_up()
        self.assertEqual(self._rows("day").used, 1.5 * 40 + 50)

    def test_registers_of_the_rates(self):
        first = {"t1": "10", "t2": "20", "t3": "30", "t4": "40"}
        last = {"t1": "11", "t2": "22", "t3": "33", "t4": "44"}
        self._read(MIDNIGHT, "100", **first)
        self._read(MIDNIGHT + timedelta(minutes=1), "104", source="manual")
        self._read(MIDNIGHT + timedelta(minutes=2), "110", **last)
        self._roll_up()
        self.assertRecordValues(
            self._rows("day"),
            [{"used": 10, "used_t1": 1, "used_t2": 2, "used_t3": 3, "used_t4": 4}],
        )

    def test_the_scheduled_action_rolls_up_what_arrived(self):
        self._read(MIDNIGHT, "1.00")
        cron = self.root.ref("utility_prepaid.ir_cron_roll_up_readings")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(self._used("day"), {MIDNIGHT: 0})
        self._read(MIDNIGHT + timedelta(hours=2), "2.00")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(self._used("day"), {MIDNIGHT: 1})

    def test_a_batch_under_way_is_not_passed_over(self):
        """Its ids are given already: the roll-up waits until they are committed."""
        with self.registry.cursor() as other:
            other.execute("SELECT pg_advisory_xact_lock_shared(%s)", (BATCH_LOCK,))
            self.env.cr.execute("SET LOCAL lock_timeout = '50ms'")
            with (
                self.assertRaises(LockNotAvailable),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.hours._settled()

    def test_the_company_moves_its_midnight(self):
        self._read(MIDNIGHT, "1.00")
        self._read(MIDNIGHT + timedelta(hours=9), "2.00")
        self._roll_up()
        self.assertEqual(self._used("day"), {MIDNIGHT: 1})
        self.company.utility_tz = "UTC"
        self._roll_up()
        self.assertEqual(
            {row.date: row.used for row in self._rows("day")},
            {date(2026, 10, 31): 0, date(2026, 11, 1): 1},
        )

    # -------------------------------------------------------------------- use

    def _use(self, start, end, meters=None):
        return self.root["utility.reading"]._use(meters or self.meter, start, end)

    def _profile(self):
        """A reading every 7 hours for 75 days, each one more than the last by one more."""
        total, batch = 0, []
        for number in range(75 * 24 // 7):
            total += number
            batch.append(
                Reading(self.meter.id, MIDNIGHT + timedelta(hours=7 * number), total=str(total))
            )
        self.readings._store(batch)
        return {reading.at: number for number, reading in enumerate(batch)}

    def test_use_between_any_two_moments(self):
        steps = self._profile()
        spans = (
            (MIDNIGHT, MIDNIGHT + timedelta(days=75)),
            (MIDNIGHT + timedelta(minutes=1), MIDNIGHT + timedelta(days=40, hours=5)),
            (MIDNIGHT + timedelta(days=3, hours=1), MIDNIGHT + timedelta(days=3, hours=20)),
            (MIDNIGHT + timedelta(days=3, hours=20), MIDNIGHT + timedelta(days=4, hours=2)),
            (MIDNIGHT - timedelta(days=400), MIDNIGHT + timedelta(days=400)),
        )
        for rolled in (False, True):
            if rolled:
                self._roll_up()
            for start, end in spans:
                expected = sum(step for at, step in steps.items() if start <= at < end)
                with self.subTest(rolled=rolled, start=start, end=end), freeze_time("2027-12-01"):
                    self.assertEqual(self._use(start, end), {self.meter.id: Decimal(expected)})

    def test_use_takes_whole_days_and_months_from_the_roll_ups(self):
        self._profile()
        pieces = self.readings._use_pieces
        start, end = MIDNIGHT + timedelta(hours=5), MIDNIGHT + timedelta(days=70, hours=5)
        with freeze_time("2027-12-01"):
            self.assertEqual(
                pieces(self.company, start, end), [("raw", start, end)], "nothing is rolled up"
            )
            self._roll_up()
            self.assertEqual(
                pieces(self.company, start, end),
                [
                    ("raw", start, datetime(2026, 11, 1, 16)),
                    ("day", datetime(2026, 11, 1, 16), datetime(2026, 11, 30, 16)),
                    ("month", datetime(2026, 11, 30, 16), datetime(2026, 12, 31, 16)),
                    ("day", datetime(2026, 12, 31, 16), datetime(2027, 1, 9, 16)),
                    ("raw", datetime(2027, 1, 9, 16), end),
                ],
            )
            # A late reading is counted at once: from its day on the readings themselves answer.
            self._read(datetime(2027, 1, 2, 3), "1.00", meter=self.other)
            self.assertEqual(
                pieces(self.company, start, end)[-1], ("raw", datetime(2027, 1, 1, 16), end)
            )

    def test_use_of_several_meters(self):
        self._read(MIDNIGHT, "1.00")
        self._read(MIDNIGHT + timedelta(hours=1), "2.50")
        silent = self._meter("202611000008")
        used = self._use(MIDNIGHT, MIDNIGHT + timedelta(days=1), self.meter | self.other | silent)
        self.assertEqual(used, {self.meter.id: Decimal("1.5"), self.other.id: 0, silent.id: 0})

    def test_use_is_grouped_by_place_and_summed(self):
        self._read(MIDNIGHT, "1.00")
        self._read(MIDNIGHT, "5.00", meter=self.other)
        self._read(MIDNIGHT + timedelta(days=1), "2.50")
        self._read(MIDNIGHT + timedelta(days=1), "7.00", meter=self.other)
        self._roll_up()
        days = self.env["utility.reading.day"]
        for group in ("site_id", "building_id", "floor_id", "utility", "type_id", "date:month"):
            with self.subTest(group):
                rows = days.formatted_read_group(
                    [("site_id", "=", self.site.id)], [group], ["used:sum"]
                )
                self.assertEqual([row["used:sum"] for row in rows], [3.5])
        self.assertTrue(fields.Date.to_date("2026-11-02") in days.search([]).mapped("date"))
