from decimal import Decimal

from odoo import fields
from odoo.tests import tagged

from .common import REPLY, GatewayCommon

TENANT, SPARE = "202611000007", "202611000008"


@tagged("post_install", "-at_install", "utility")
class TestWorkerSettlement(GatewayCommon):
    """Openings, closings and replacements with meters that answer, and some that do not."""

    @classmethod
    def _start_simulator(cls):
        cls.tenant = cls._meter(TENANT, auto_read=False)
        cls.spare = cls._meter(SPARE, auto_read=False)
        cls.meters |= cls.tenant | cls.spare
        return super()._start_simulator()

    def setUp(self):
        super().setUp()
        # The simulator's books outlive a test: whatever the last one left is cleared.
        for meter in (self.tenant, self.spare):
            books = self.sim.books(meter)
            if books["number"]:
                self._queue("clear", meter, 0.0, customer_number=books["customer"])
                self._run()

    def _drive(self, settlement, times=12):
        """Runs of the worker and of the scheduled action, as long as there is something to do."""
        for __ in range(times):
            if settlement.state != "running":
                break
            self._run()
            if settlement.due_at and settlement.due_at <= fields.Datetime.now():
                settlement._work()
        return settlement

    def _contract_on(self, meter):
        contract = self.env["utility.contract"].create(
            {
                "meter_id": meter.id,
                "partner_id": self.customer.id,
                "tariff_id": self.tariff.id,
            }
        )
        settlement = self._drive(contract._open())
        self.assertEqual((settlement.state, contract.state), ("done", "active"), settlement.words)
        return contract

    def _sold(self, meter, amount="100.00"):
        vend = self._sell(amount, meter=meter)
        self._run()
        self.assertEqual(vend.state, "delivered", vend.command_id.message)
        return vend

    def test_temporary_units_go_and_the_tenant_begins_at_nothing(self):
        self.tenant.sudo().number_known = True
        preset = self._queue("preset", self.tenant, credit=5.0)
        self._run()
        self.assertEqual(preset.state, "done", preset.message)
        self.sim("spend", address=TENANT, amount="2.00")
        contract = self._contract_on(self.tenant)
        books = self.sim.books(self.tenant)
        self.assertEqual(
            (books["balance"], books["number"], books["customer"]),
            ("0.00", 1, contract.customer_number),
        )
        self.assertEqual(self.tenant.purchase_number, 1)
        wipe = contract.settlement_ids._step("wipe")
        self.assertEqual((wipe.state, wipe.balance), ("done", 3.0))

    def test_a_base_that_nobody_accepted_is_no_hindrance(self):
        self.tenant.sudo().number_known = True
        preset = self._queue("preset", self.tenant, credit=5.0)
        self._run()
        self.assertEqual(preset.state, "done", preset.message)
        self.tenant.sudo().number_known = False
        self._contract_on(self.tenant)
        self.assertEqual(self.sim.books(self.tenant)["balance"], "0.00")

    def test_closed_the_meter_is_as_new(self):
        contract = self._contract_on(self.tenant)
        self._sold(self.tenant)
        self.sim("spend", address=TENANT, amount="100.00")
        settlement = self._drive(contract._close())
        self.assertEqual((settlement.state, contract.state), ("done", "closed"), settlement.words)
        self.assertEqual(settlement.units_left, 82.38)
        self.assertEqual(settlement.amount_due, 45.17)
        books = self.sim.books(self.tenant)
        self.assertEqual(
            (books["number"], books["balance"], books["customer"]), (0, "0.00", "0" * 12)
        )
        asked = self.env.ref("meter_gateway.command_type_purchase_number")
        command = asked.with_user(self.users["cashier"])._enqueue(self.tenant)
        self._run()
        self.assertEqual(command.state, "done", command.message)
        self.assertEqual(self.tenant.number_seen, 0)
        self._contract_on(self.tenant)

    def test_a_lost_reply_clears_once(self):
        contract = self._contract_on(self.tenant)
        self._sold(self.tenant, "10.00")
        # A settlement goes on only where the meter answers: a while for a busy machine.
        self.box.reply_seconds = 3
        self.sim("fault", kind="executed_reply_lost", address=TENANT, when="money")
        settlement = self._drive(contract._close())
        self.assertEqual(settlement.state, "done", settlement.words)
        self.assertEqual(self._executions(settlement._step("clear").command_id), 1)
        self.assertEqual(settlement.units_left, 18.23)

    def test_a_silent_meter_is_settled_by_hand_and_cleared_when_it_is_back(self):
        contract = self._contract_on(self.tenant)
        self._sold(self.tenant)
        self._impatient()
        self.sim("fault", kind="dead", address=TENANT)
        settlement = self._drive(contract._close())
        self.assertEqual((settlement.state, contract.state), ("stopped", "closing"))
        settlement.with_user(self.users["supervisor"])._read_by_hand(
            total=Decimal(100), balance=Decimal("82.38"), note="Silent"
        )
        settlement._work()
        self.assertEqual((contract.state, settlement.amount_due), ("closed", 45.17))
        self.assertTrue(self.tenant.to_clear)
        self.sim("revive")
        self.box.reply_seconds = REPLY
        settlement._step("clear").command_id.not_before = False
        self._drive(settlement)
        self.assertEqual((settlement.state, self.tenant.to_clear), ("done", False))
        self.assertEqual(settlement._step("clear").balance, 182.38, "what it really held")
        self.assertEqual(self.sim.books(self.tenant)["balance"], "0.00")

    def test_what_is_left_goes_to_the_new_meter(self):
        contract = self._contract_on(self.tenant)
        self._sold(self.tenant)
        self.sim("spend", address=TENANT, amount="100.00")
        settlement = self._drive(contract._replace(self.spare, "Display broken"))
        self.assertEqual(settlement.state, "done", settlement.words)
        old, new = self.sim.books(self.tenant), self.sim.books(self.spare)
        self.assertEqual((old["balance"], old["customer"]), ("0.00", "0" * 12))
        self.assertEqual(
            (new["balance"], new["number"], new["customer"]),
            ("82.38", 2, contract.customer_number),
        )
        self.assertEqual(contract.meter_id, self.spare)
