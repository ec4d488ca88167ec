from datetime import date, datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, new_test_user, tagged

from .test_reading import ReadingCommon

# 00:00 of the first of October and of November in Shanghai
FIRST = datetime(2026, 9, 30, 16)
LAST = datetime(2026, 10, 31, 16)
HOUR = timedelta(hours=1)


@freeze_time("2026-11-02 04:00:00")
@tagged("post_install", "-at_install")
class TestMeterLoss(ReadingCommon):
    """Bulk meters against the meters behind them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bulk = cls._meter("202611000010", ct_ratio=10)
        cls.subs = cls.meter | cls.other
        cls.subs.bulk_meter_id = cls.bulk
        cls.users = {
            role: new_test_user(cls.root, f"loss_{role}", groups=f"utility_prepaid.group_{role}")
            for role in ("accountant", "manager", "supervisor", "cashier", "reader")
        }

    def _month(self, meter, used, at=(FIRST - HOUR, LAST - HOUR), first="100.00"):
        """Readings at both ends of October."""
        for moment, total in zip(at, (float(first), float(first) + used), strict=True):
            self._read(moment, f"{total:.2f}", meter=meter)

    def _loss(self, role=None, **values):
        user = self.users[role] if role else self.engineer
        report = (
            self.env["utility.meter.loss"]
            .with_user(user)
            .create({"date_from": date(2026, 10, 1), "date_to": date(2026, 10, 31), **values})
        )
        action = report.action_compute()
        return report.env[action["res_model"]].search(action["domain"])

    def _contract(self, meter, price):
        tariff = self.root["utility.tariff"].create(
            {
                "name": f"At {price}",
                "price_ids": [
                    fields.Command.create({"date_from": "2020-01-01", "price": price}),
                    fields.Command.create({"date_from": "2026-11-01", "price": 9}),
                ],
            }
        )
        contract = self.root["utility.contract"].create(
            {
                "partner_id": self.engineer.partner_id.id,
                "meter_id": meter.id,
                "tariff_id": tariff.id,
            }
        )
        contract.state = "active"

    def test_loss_in_units_percent_and_money(self):
        self._month(self.bulk, 20.5)
        self._month(self.meter, 120)
        self._month(self.other, 60)
        self._contract(self.meter, 0.5)
        self._contract(self.other, 0.8)
        # 0.6 is what the units behind it cost on the average
        self.assertRecordValues(
            self._loss(),
            [
                {
                    "meter_id": self.bulk.id, "state": "complete", "sub_count": 2, "used": 205,
                    "used_behind": 180, "loss": 25, "loss_percent": 12.2, "price": 0.6,
                    "amount": 15, "missing_count": 0,
                }
            ],
        )  # fmt: skip

    def test_a_missing_reading_is_no_zero(self):
        self._month(self.bulk, 20.5)
        self._month(self.meter, 120)
        self._month(self.other, 60, at=(FIRST - HOUR, LAST - timedelta(hours=25)))
        line = self._loss()
        self.assertRecordValues(
            line, [{"state": "missing", "missing_count": 1, "loss": 0, "amount": 0}]
        )
        self.assertEqual(line.missing_ids, self.other)
        action = line.action_view_missing()
        self.assertEqual(self.env["utility.meter"].search(action["domain"]), self.other)
        self.assertEqual(self._loss(tolerance=26).loss, 25)

    def test_a_meter_never_read_is_missing(self):
        self._month(self.bulk, 20.5)
        self.assertEqual(self._loss().missing_ids, self.subs)

    def test_old_readings_are_known_by_their_days(self):
        self._month(self.bulk, 20.5)
        self._month(self.meter, 120)
        self._month(self.other, 60)
        hours = self.root["utility.reading.hour"]
        hours._roll_up(hours._mark(), hours._settled())
        self.env.cr.execute("DELETE FROM utility_reading_raw")
        self.assertRecordValues(self._loss(), [{"state": "complete", "loss": 25}])

    def test_a_meter_that_counted_anew_is_marked(self):
        self._month(self.bulk, 20.5)
        self._month(self.meter, 120)
        self._month(self.other, 60)
        self._read(FIRST + 48 * HOUR, "5.00", meter=self.other)
        hours = self.root["utility.reading.hour"]
        hours._roll_up(hours._mark(), hours._settled())
        self.assertRecordValues(self._loss(), [{"state": "anew", "anew_count": 1}])

    def test_levels_are_lines_of_their_own(self):
        top = self._meter("202611000011", ct_ratio=100)
        side = self._meter("202611000012")
        (self.bulk | side).bulk_meter_id = top
        self._month(top, 3)
        self._month(self.bulk, 20.5)
        self._month(side, 65)
        self._month(self.meter, 120)
        self._month(self.other, 60)
        self.assertEqual(
            {(line.meter_id, line.used, line.used_behind, line.loss) for line in self._loss()},
            {(top, 300, 270, 30), (self.bulk, 205, 180, 25)},
        )
        self.assertEqual(self._loss(meter_ids=top.ids).meter_id, top)

    def test_no_loops_and_one_utility(self):
        with self.assertRaises(ValidationError):
            self.bulk.bulk_meter_id = self.meter
        with self.assertRaises(ValidationError):
            self.bulk.bulk_meter_id = self.bulk
        water = self._meter("202611000013", code="d_water")
        with self.assertRaises(ValidationError):
            water.bulk_meter_id = self.bulk
        self.assertEqual(self.bulk.sub_meter_count, 2)
        action = self.bulk.action_view_sub_meters()
        self.assertEqual(self.env["utility.meter"].search(action["domain"]), self.subs)

    def test_who_may_see_it(self):
        for role in ("accountant", "manager", "supervisor"):
            self.assertEqual(len(self._loss(role)), 1)
        for role in ("cashier", "reader"):
            with self.subTest(role), self.assertRaises(AccessError):
                self._loss(role)
        with self.assertRaises(UserError):
            self._loss(date_to=date(2026, 9, 30))
