from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestSettlementByHand(SettlementCommon):
    """The meter does not answer, or cannot be cleared over its line."""

    def setUp(self):
        super().setUp()
        self.contract = self._opened(self.spare)
        vend = self._sell("100.00", meter=self.spare)
        self._prove(vend.command_id, before="0")
        self._post()

    def _silent(self):
        settlement = self._as("cashier", self.contract)._close()
        self._step(settlement, "read").command_id._read_failed("No answer.")
        return settlement

    def _by_hand(self, settlement, role="supervisor", **reading):
        reading = {
            "total": Decimal(200),
            "balance": Decimal("82.38"),
            "note": "Line down",
        } | reading
        self._as(role, settlement)._read_by_hand(**reading)

    def test_a_supervisors_reading_closes_and_the_meter_waits_to_be_cleared(self):
        settlement = self._silent()
        self.assertEqual((settlement.state, self.contract.state), ("stopped", "closing"))
        for role in ("cashier", "engineer", "reader"):
            with self.assertRaises(AccessError):
                self._by_hand(settlement, role)
        with self.assertRaisesRegex(UserError, "Say why"):
            self._by_hand(settlement, note="")
        self._by_hand(settlement)
        self.assertEqual(self.contract.state, "closed")
        self.assertTrue(self.spare.to_clear)
        clear = self._step(settlement, "clear").command_id
        self.assertEqual(
            (clear.state, clear.customer_number), ("queued", self.contract.customer_number)
        )
        self._cron()
        self.assertEqual(
            (settlement.state, settlement.by_hand, settlement.amount_due),
            ("running", True, 45.17),
        )
        settlement._pay(self.cash)
        with self.assertRaisesRegex(UserError, "cannot be given up"):
            settlement.action_cancel()

        # It takes no customer before it was cleared.
        next_one = self._draft(self.spare)
        with self.assertRaisesRegex(UserError, "takes no new customer before it was cleared"):
            next_one.action_open()
        self._says(settlement, "clear", balance_before=Decimal("80.00"), balance_after=0)
        self.assertEqual(settlement.state, "done")
        self.assertFalse(self.spare.to_clear)
        self.assertEqual(self._step(settlement, "clear").balance, 80, "what it really held")
        self.assertEqual(settlement.amount_due, 45.17, "settled on what was agreed")
        next_one.action_open()
        self.assertEqual(next_one.state, "opening")

    def test_the_reading_comes_while_the_clearing_waits_for_the_line(self):
        settlement = self._as("cashier", self.contract)._close()
        self._says(settlement, "read", total="200.00", balance="90.00")
        clear = self._step(settlement, "clear").command_id
        self._by_hand(settlement)
        self.assertEqual(self._step(settlement, "read").source, "manual")
        self.assertEqual((self.contract.state, clear.state), ("closed", "queued"))
        self._says(settlement, "clear", balance_before=Decimal("81.00"), balance_after=0)
        self._cron()
        self.assertEqual((settlement.state, settlement.amount_due), ("done", 45.17))
        with self.assertRaisesRegex(UserError, "No reading is awaited"):
            self._by_hand(settlement)

    def test_at_once_from_the_closing_form(self):
        self.off_line.add(self.spare.address)
        self.addCleanup(self.off_line.discard, self.spare.address)
        form = self._as("cashier", self.env["utility.contract.act"]).create(
            {
                "contract_id": self.contract.id,
                "by_hand": True,
                "total": 200,
                "balance": 82.38,
                "note": "Tenant leaves today",
            }
        )
        with self.assertRaises(AccessError):
            form.action_confirm()
        self.assertEqual(self.contract.state, "active")
        action = form.with_user(self.users["supervisor"]).action_confirm()
        settlement = self.env["utility.settlement"].browse(action["res_id"])
        self._cron()
        self.assertEqual((self.contract.state, settlement.amount_due), ("closed", 45.17))

    def test_a_handheld_clears_a_meter_on_no_line(self):
        self.off_line.add(self.spare.address)
        self.addCleanup(self.off_line.discard, self.spare.address)
        settlement = self.contract._close()
        self.assertEqual(
            self._states(settlement), {"read": "skipped", "clear": "running", "settle": "waiting"}
        )
        clear = self._step(settlement, "clear").command_id
        form = self._as("engineer", self.env["utility.command.resolve"]).create(
            {
                "command_id": clear.id,
                "decision": "charged",
                "number": 0,
                "balance_before": 82.38,
                "reason": "Handheld",
            }
        )
        form.action_confirm()
        self._cron()
        self.assertEqual((self.contract.state, settlement.amount_due), ("closed", 45.17))
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (0, 1))

    def test_a_meter_that_cannot_be_cleared_over_its_line(self):
        self.cannot[self.spare.address] = ("clear",)
        self.addCleanup(self.cannot.clear)
        settlement = self._as("cashier", self.contract)._close()
        self._says(settlement, "read", total="200.00", balance="82.38")
        self.assertEqual((self.contract.state, settlement.by_hand), ("closed", True))
        self._cron()
        self.assertEqual(settlement.amount_due, 45.17)
        self.assertIn("an engineer clears it", settlement.words)
        self.assertTrue(self.spare.to_clear)
        with self.assertRaisesRegex(UserError, "takes no new customer"):
            self._draft(self.spare).action_open()
        with self.assertRaisesRegex(UserError, "cannot be cleared over its line"):
            self._as("engineer", self.spare).action_clear_left()
        with self.assertRaises(AccessError):
            self._as("supervisor", settlement).action_confirm_cleared()
        self._as("engineer", settlement).action_confirm_cleared()
        self.assertEqual((settlement.state, self.spare.to_clear), ("done", False))
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (0, 1))
        with self.assertRaisesRegex(UserError, "is not to be cleared"):
            self._as("engineer", self.spare).action_confirm_cleared()

    def test_nobody_clears_behind_an_order_that_is_on_its_way(self):
        settlement = self._silent()
        self._by_hand(settlement)
        with self.assertRaisesRegex(UserError, "An order to clear meter .* is on its way"):
            self._as("engineer", self.spare).action_confirm_cleared()
        self._step(settlement, "clear").command_id._cancel("Meter is dead.")
        self.assertEqual(settlement.state, "stopped")
        self._as("engineer", self.spare).action_confirm_cleared()
        self.assertEqual(settlement.state, "running")
        self._cron()
        self.assertEqual(settlement.state, "done")
