from datetime import date
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestReplacement(SettlementCommon):
    def setUp(self):
        super().setUp()
        self.contract = self._opened(self.spare)
        self.sale = self._sell("100.00", meter=self.spare)
        self._prove(self.sale.command_id, before="0")
        self._post()
        self.new = self._meter("202611000088", room_id=False)

    def _replace(self, role="engineer", reason="Display broken", **values):
        meter = self._as(role, self.new)
        return self._as(role, self.contract)._replace(meter, reason, **values)

    def _moved(self, left="82.38"):
        settlement = self._replace()
        self._says(settlement, "read", self.spare, total="200.00", balance="90.00")
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        self._cron()
        self._says(settlement, "read", self.new, total="0.50", balance="0.00")
        self._says(settlement, "open", balance_before=0, balance_after=0)
        return settlement

    def test_credit_moves_and_no_revenue_is_made(self):
        moves = self.env["account.move"].search_count([])
        settlement = self._replace()
        with self.assertRaisesRegex(UserError, "being replaced"):
            self._sell(meter=self.spare)
        self._says(settlement, "read", self.spare, total="200.00", balance="90.00")
        self.assertEqual(self.contract.meter_id, self.spare, "not before the old one is cleared")
        self._says(settlement, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self.assertEqual((self.contract.meter_id, self.contract.state), (self.new, "active"))
        self.assertEqual((self.new.contract_id, self.new.room_id), (self.contract, self.room))
        self.assertFalse(self.spare.contract_id)
        self._says(settlement, "read", self.new, total="0.50", balance="0.00")
        self._says(settlement, "open", balance_before=0, balance_after=0)
        step = self._step(settlement, "transfer")
        self.assertEqual((step.vend_id.kind, step.vend_id.state), ("transfer", "accepted"))
        self.assertEqual((step.vend_id.credit, step.vend_id.amount), (82.38, 0))
        self._prove(step.vend_id.command_id, before="0")
        self._post()
        self.assertEqual((settlement.state, step.state, step.balance), ("done", "done", 82.38))
        self.assertEqual((self.new.purchase_number, self.spare.purchase_number), (2, 0))
        self.assertEqual(self.contract.opening_total, 0.5)
        self.assertEqual(self.env["account.move"].search_count([]), moves)
        self.assertEqual(self.sale.meter_id, self.spare, "history stays where it was made")
        self.assertEqual(self.contract.vend_ids, self.sale | step.vend_id)
        self.assertEqual(settlement.partner_id, self.customer)

        # The customer leaves: what is left is what was bought on the old meter.
        closing = self.contract._close()
        self._says(closing, "read", total="50.50", balance="32.38")
        self._says(closing, "clear", balance_before=Decimal("32.38"), balance_after=0)
        self._cron()
        self.assertEqual(closing.line_ids.mapped("name"), [f"Left of {self.sale.name}"])
        self.assertEqual((closing.units_left, closing.amount_due), (32.38, 17.75))

    def test_nothing_left_nothing_moves(self):
        settlement = self._moved("0.00")
        self.assertEqual(self._step(settlement, "transfer").state, "skipped")
        self.assertEqual(settlement.state, "done")

    def test_what_the_old_meter_was_owed_is_billed(self):
        settlement = self._moved("-4.00")
        self.assertEqual(settlement.state, "done")
        self.assertEqual(settlement.move_ids.move_type, "out_invoice")
        self.assertEqual(settlement.move_ids.amount_total, 2.19)
        self.assertEqual(self.contract._arrears()[0][1], Decimal("2.19"))

    def test_a_new_meter_that_ran_open_is_wiped_first(self):
        settlement = self._replace()
        self._says(settlement, "read", self.spare, total="200.00", balance="82.38")
        self._says(settlement, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self._says(settlement, "read", self.new, total="7.00", balance="-7.00")
        self._says(settlement, "wipe", balance_before=-7, balance_after=0)
        self._says(settlement, "open", balance_after=0)
        self.assertEqual(self._step(settlement, "transfer").state, "running")

    def test_a_transfer_that_did_not_arrive_is_sent_again(self):
        settlement = self._moved()
        step = self._step(settlement, "transfer")
        command = step.vend_id.command_id
        self._arm(command)
        command._set_unknown("No reply.")
        command._not_charged("Refused.", final=True, quiet=True)
        self.assertEqual((step.state, settlement.state), ("failed", "stopped"))
        with self.assertRaisesRegex(UserError, "send it again"):
            step.vend_id._cancel_issue("No")
        settlement.action_retry()
        vend = step.vend_id
        self.assertEqual(len(self.contract.vend_ids.filtered(lambda v: v.kind == "transfer")), 1)
        self.assertNotEqual(vend.command_id, command)
        self._prove(vend.command_id, before="0")
        self.assertEqual(settlement.state, "done")

    def test_a_dead_old_meter_a_person_decides(self):
        settlement = self._replace()
        self._step(settlement, "read", self.spare).command_id._read_failed("No answer.")
        with self.assertRaises(AccessError):
            self._as("engineer", settlement)._read_by_hand(balance=Decimal(50), note="Dead")
        self._as("supervisor", settlement)._read_by_hand(
            balance=Decimal(50), note="Dead: by the last month's use"
        )
        self._cron()
        self.assertEqual(self._step(settlement, "clear").state, "skipped")
        self.assertEqual((self.contract.meter_id, self.spare.to_clear), (self.new, True))
        self._says(settlement, "read", self.new, total="0.00", balance="0.00")
        self._says(settlement, "open", balance_after=0)
        vend = self._step(settlement, "transfer").vend_id
        self.assertEqual(vend.credit, 50)
        self._prove(vend.command_id, before="0")
        self.assertEqual((settlement.state, settlement.by_hand), ("done", True))
        with self.assertRaisesRegex(UserError, "takes no new customer"):
            self._draft(self.spare).action_open()
        self._as("engineer", self.spare).action_clear_left()
        clear = self.env["utility.command"].search(
            [("meter_id", "=", self.spare.id), ("kind", "=", "clear")]
        )
        self.assertEqual(clear.customer_number, self.contract.customer_number)
        self._arm(clear)
        clear._prove({"number": 0, "epoch": 1, "balance_before": 3, "balance_after": 0})
        self.assertFalse(self.spare.to_clear)
        self.assertEqual(self.contract.meter_id, self.new)

    def test_what_cannot_take_its_place(self):
        cashier = self._as("cashier", self.contract)
        with self.assertRaises(AccessError):
            cashier._replace(self.new, "x")
        with self.assertRaisesRegex(UserError, "Say why"):
            self._replace(reason=" ")
        for meter, words in (
            (self.spare, "This is the meter"),
            (self.meter, "already has contract"),
            (self._meter("202611000090", "d_smart"), "counts units and the other money"),
            (self._meter("202611000091", "d_water"), "not a prepaid meter of the same utility"),
        ):
            with self.assertRaisesRegex(UserError, words):
                self.contract._replace(meter, "x")
        self._replace()
        with self.assertRaisesRegex(UserError, "has a part in ST/"):
            self._draft(self.new).action_open()

    def test_addresses_of_both_stay(self):
        self._moved()
        for meter in (self.spare, self.new):
            with self.assertRaisesRegex(UserError, "is locked"):
                meter.address = "202611009999"

    def test_from_the_form(self):
        form = self._as("supervisor", self.env["utility.contract.act"]).create(
            {
                "contract_id": self.contract.id,
                "act": "replace",
                "new_meter_id": self.new.id,
                "reason": "Old",
            }
        )
        self.assertFalse(form.line_ids)
        settlement = self.env["utility.settlement"].browse(form.action_confirm()["res_id"])
        self.assertEqual((settlement.kind, settlement.new_meter_id), ("replacement", self.new))
        self.assertEqual(
            [step.meter_id for step in settlement._steps()], [self.spare] * 3 + [self.new] * 5
        )


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestHandOver(SettlementCommon):
    def setUp(self):
        super().setUp()
        self.contract = self._opened(self.spare)
        vend = self._sell("100.00", meter=self.spare)
        self._prove(vend.command_id, before="0")
        self._post()
        self.next_one = self.env["res.partner"].create({"name": "Room 101 next tenant"})

    def _hand_over(self, **values):
        return self._as("cashier", self.contract)._hand_over(self.next_one, **values)

    def test_the_next_tenant_starts_clean_in_one_act(self):
        settlement = self._hand_over()
        contract = settlement.next_contract_id
        self.assertEqual((contract.state, contract.tariff_id), ("draft", self.tariff))
        self._says(settlement, "read", total="200.00", balance="82.38")
        self._says(settlement, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self.assertEqual((settlement.state, settlement.amount_due), ("done", 45.17))
        opening = contract.settlement_id
        self.assertEqual((opening.kind, opening.user_id), ("opening", self.users["cashier"]))
        self._says(opening, "read", total="200.01", balance="0.00")
        self._says(opening, "open", balance_before=0, balance_after=0)
        self.assertEqual((contract.state, contract.date_open), ("active", date(2026, 3, 10)))
        self.assertEqual((contract.opening_total, contract.opening_balance), (200.01, 0))
        self.assertEqual((contract.remainder, len(contract.vend_ids)), (0, 0))
        self.assertEqual(self.spare.partner_id, self.next_one)
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (1, 1))

    def test_off_line_the_next_one_waits_until_the_meter_was_cleared(self):
        settlement = self._hand_over()
        self._step(settlement, "read").command_id._read_failed("No answer.")
        self._as("supervisor", settlement)._read_by_hand(
            total=Decimal(200), balance=Decimal("82.38"), note="Line down"
        )
        self._cron()
        contract = settlement.next_contract_id
        self.assertEqual(
            (self.contract.state, contract.state, settlement.amount_due),
            ("closed", "draft", 45.17),
        )
        self._says(settlement, "clear", balance_before=80, balance_after=0)
        self._cron()
        self.assertEqual((contract.state, settlement.state), ("opening", "done"))

    def test_money_that_cannot_be_posted_does_not_keep_the_next_one_out(self):
        settlement = self._hand_over()
        self._says(settlement, "read", total="200.00", balance="82.38")
        self._says(settlement, "clear", balance_before=Decimal("82.38"), balance_after=0)
        with self._hook("_begin_settle", UserError("Books are locked.")):
            self._cron()
        self.assertEqual(settlement.next_contract_id.state, "opening")
        self.assertEqual((settlement.state, settlement.words), ("stopped", "Books are locked."))

    def test_a_next_contract_that_cannot_be_opened_says_why(self):
        settlement = self._hand_over()
        self._says(settlement, "read", total="200.00", balance="82.38")
        self.spare.active = True
        settlement.next_contract_id.sudo().tariff_id.price_ids.unlink()
        self._says(settlement, "clear", balance_before=Decimal("82.38"), balance_after=0)
        self._cron()
        self.assertEqual(self.contract.state, "closed")
        self.assertIn("Price missing", self._step(settlement, "next").message)
        self.tariff.price_ids = [(0, 0, {"date_from": date(2026, 1, 1), "price": 1})]
        settlement.action_retry()
        self._cron()
        self.assertEqual(settlement.next_contract_id.state, "opening")

    def test_given_up(self):
        settlement = self._hand_over()
        settlement.action_cancel()
        self.assertEqual(self.contract.state, "active")
        with self.assertRaisesRegex(UserError, "is the present one"):
            self.contract._hand_over(self.customer)
