from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
class TestPause(SettlementCommon):
    def setUp(self):
        super().setUp()
        with freeze_time("2026-01-05 02:00:00"):
            self.contract = self._opened(self.spare)

    def _pause(self, role="cashier", reason="Empty", **values):
        self._as(role, self.contract)._pause(reason, **values)

    def test_nothing_is_sold_and_both_are_dated_and_logged(self):
        with freeze_time("2026-01-20 18:00:00"):
            self._pause()
        self.assertTrue(self.contract.paused)
        self.assertEqual(self.contract.pause_ids.date_from, date(2026, 1, 21), "the local day")
        with self.assertRaisesRegex(UserError, "is paused: resume it"):
            self._sell(meter=self.spare)
        self.assertIn("is paused", self._counter().card(self.spare.id)["refusal"])
        with self.assertRaisesRegex(UserError, "already paused"):
            self._pause()
        with freeze_time("2026-03-10 02:00:00"):
            self._as("cashier", self.contract).action_resume()
        pause = self.contract.pause_ids
        self.assertFalse(self.contract.paused)
        self.assertEqual(
            (pause.date_to, pause.resumed_by_id), (date(2026, 3, 10), self.users["cashier"])
        )
        self._sell(meter=self.spare)
        with self.assertRaisesRegex(UserError, "is not paused"):
            self.contract._resume()
        history = self.env["utility.operation"].search(
            [("model", "=", "utility.contract"), ("res_id", "=", self.contract.id)], order="id"
        )
        self.assertEqual(
            [(line.action, line.note) for line in history][-2:],
            [("Contract paused", "Empty"), ("Contract resumed", "")],
        )

    def test_the_fee_stops_in_months_that_are_paused_as_a_whole(self):
        def months(until):
            return [month.month for month in self.contract._fee_months(until)]

        self.assertEqual(months(date(2026, 3, 31)), [1, 2, 3])
        with freeze_time("2026-01-20 02:00:00"):
            self._pause()
        self.assertEqual(months(date(2026, 3, 31)), [1])
        with freeze_time("2026-03-10 02:00:00"):
            self.contract._resume()
        self.assertEqual(months(date(2026, 4, 30)), [1, 3, 4])

    def test_the_supply_is_cut_and_given_back(self):
        with self.assertRaises(AccessError):
            self._pause(switch_off=True)
        self.assertFalse(self.contract.paused)
        self._pause("supervisor", switch_off=True)
        off = self.contract.pause_ids.switch_off_id
        self.assertEqual(
            (off.kind, off.arguments, off.state), ("switch", {"action": "off"}, "queued")
        )
        off._read_done({"supply": "off"})
        self.contract._resume()
        on = self.contract.pause_ids.switch_on_id
        self.assertEqual((on.arguments, on.state), ({"action": "on"}, "queued"))

    def test_a_cut_that_was_not_carried_out_is_taken_back(self):
        self._pause("engineer", switch_off=True)
        self.contract._resume()
        pause = self.contract.pause_ids
        self.assertEqual((pause.switch_off_id.state, pause.switch_on_id.id), ("cancelled", False))

    def test_what_cannot_be_paused(self):
        with self.assertRaises(AccessError):
            self._pause("reader")
        with self.assertRaisesRegex(UserError, "Say why"):
            self._pause(reason=" ")
        with self.assertRaisesRegex(UserError, "Only an active contract"):
            self._draft(self._meter("202611000078"))._pause("x")
        self._sell(meter=self.spare)
        with self.assertRaisesRegex(UserError, "not settled yet"):
            self._pause()

    def test_a_paused_contract_is_closed(self):
        form = self._as("cashier", self.env["utility.contract.act"]).create(
            {"contract_id": self.contract.id, "act": "pause", "reason": "Empty"}
        )
        form.action_confirm()
        settlement = self.contract._close()
        self._says(settlement, "read", total="1.00", balance="0.00")
        self._says(settlement, "clear", balance_before=0)
        self.assertEqual(self.contract.state, "closed")
        self.assertFalse(self.contract.paused)
