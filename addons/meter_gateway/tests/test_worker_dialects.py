from datetime import date, datetime
from decimal import Decimal

from odoo import fields
from odoo.tests import tagged

from .common import GatewayCommon

WATER = "20261100000006"
OLD = "202611000097"


@tagged("post_install", "-at_install", "utility")
class TestWorkerDialects(GatewayCommon):
    """Meters of other protocols on the same line: read, sold to, switched, read by plan."""

    @classmethod
    def _start_simulator(cls):
        cls.water = cls._meter(WATER, "f_water", auto_read=False)
        cls.old = cls._meter(OLD, "a_97", auto_read=False)
        cls.meters |= cls.water | cls.old
        return super()._start_simulator()

    def setUp(self):
        super().setUp()
        self.water_tariff = self.env["utility.tariff"].create(
            {
                "name": "Water",
                "utility": "water",
                "company_id": self.company.id,
                "price_ids": [fields.Command.create({"date_from": date(2020, 1, 1), "price": 4.0})],
            }
        )

    def test_every_protocol_is_read(self):
        reads = [self._queue("read", meter) for meter in (self.plain, self.water, self.old)]
        self._run()
        self.assertEqual([read.state for read in reads], ["done"] * 3, [r.message for r in reads])
        for meter in (self.plain, self.water, self.old):
            total = Decimal(self.sim.books(meter)["total"])
            self.assertEqual(Decimal(str(meter.total)), total)

    def test_a_meter_without_opening_is_sold_to_and_proves_it(self):
        contract = self.env["utility.contract"].create(
            {
                "meter_id": self.water.id,
                "partner_id": self.customer.id,
                "tariff_id": self.water_tariff.id,
            }
        )
        contract.action_open()
        self.assertEqual(contract.state, "active", "it keeps no customer: nothing to tell it")
        self.assertFalse(self.env["utility.command"].search([("contract_id", "=", contract.id)]))
        read = self._queue("read", self.water, priority=2)
        self._run()
        self.assertEqual(read.state, "done")
        self.water.with_user(self.users["engineer"]).action_accept_number()
        before = self.sim.books(self.water)
        vend = self._sell("40.00", meter=self.water)
        self._run()
        self.assertEqual((vend.command_id.state, vend.state), ("done", "delivered"))
        after = self.sim.books(self.water)
        self.assertEqual(
            Decimal(after["cumulative"]) - Decimal(before["cumulative"]), Decimal("10.00")
        )
        self.assertEqual(vend.command_id.number, self.water.purchase_number)

    def test_scheduled_readings_are_stored_and_planned_again(self):
        plans = self.env["meter.reading.schedule"]
        self.plain.type_id.sudo().read_interval = 60
        plan = plans.search([("meter_id", "=", self.plain.id)])
        self.assertEqual(plan.minutes, 60)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE meter_reading_schedule SET next_at = '2026-11-01' WHERE id = %s", (plan.id,)
        )
        self.env.invalidate_all()
        self._run()
        reading = self.env["utility.reading"].search([("meter_id", "=", self.plain.id)])
        self.assertEqual(len(reading), 1)
        self.assertEqual(reading.source, "scheduled")
        total = Decimal(self.sim.books(self.plain)["total"])
        self.assertEqual(Decimal(str(reading.total)), total)
        self.assertEqual(self.plain.total, float(total))
        self.assertGreater(plan.next_at, datetime(2026, 11, 1))
        self.assertEqual(plan.failures, 0)
        frames = self.env["meter.frame"].search([("meter_id", "=", self.plain.id)])
        self.assertTrue(frames, "scheduled exchanges are kept unless switched off")

    def test_a_dead_meter_is_asked_less_often(self):
        self.plain.type_id.sudo().read_interval = 60
        plan = self.env["meter.reading.schedule"].search([("meter_id", "=", self.plain.id)])
        self._impatient()
        self.sim("fault", address=self.plain.address, kind="dead")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE meter_reading_schedule SET next_at = '2026-11-01' WHERE id = %s", (plan.id,)
        )
        self.env.invalidate_all()
        self._run()
        self.assertEqual(plan.failures, 1)
        self.assertFalse(self.env["utility.reading"].search([("meter_id", "=", self.plain.id)]))
