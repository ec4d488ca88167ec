from datetime import date
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from ..models.utility_limit import ApprovalNeeded
from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestSettlementClosing(SettlementCommon):
    """The spare meter is on a line; 182.38 kWh were bought for 100.00 at 0.5483."""

    def setUp(self):
        super().setUp()
        self.contract = self._opened(self.spare)
        self._bought("100.00")

    def _bought(self, amount, before="0"):
        vend = self._sell(amount, meter=self.spare)
        self._prove(vend.command_id, before=before)
        self._post()
        return vend

    def _close(self, left="82.38", role="cashier", **values):
        """Close, read and clear: the meter proves what was left."""
        settlement = self._as(role, self.contract)._close(**values)
        self._says(settlement, "read", total="200.00", balance="90.00")
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        return settlement

    def _settled(self, left="82.38", **values):
        settlement = self._close(left, **values)
        self._cron()
        return settlement

    def _lines(self, settlement):
        return [
            (line.kind, round(line.quantity, 2), round(line.amount, 2))
            for line in settlement.line_ids
        ]

    def _all_reconciled(self, moves):
        lines = moves.line_ids.filtered(lambda line: line.account_id == self.customer_account)
        return bool(lines) and all(lines.mapped("reconciled"))

    # ------------------------------------------------------------ what is left

    def test_what_the_clearing_proved_is_paid_back_at_the_price_paid(self):
        settlement = self._close()
        self.assertEqual(
            (self.contract.state, self.contract.date_close), ("closed", date(2026, 3, 10))
        )
        self.assertEqual(self._states(settlement)["settle"], "running")
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (0, 1))
        self._cron()
        self.assertEqual((settlement.state, settlement.payout), ("done", "open"))
        # 100.00 of 182.38 kWh were used: 54.83 of 100.00.
        self.assertEqual(self._lines(settlement), [("left", 82.38, 45.17)])
        self.assertEqual((settlement.amount_left, settlement.amount_due), (45.17, 45.17))
        self.assertEqual((settlement.units_left, self.contract.units_at_close), (82.38, 82.38))
        self.assertEqual(self.contract.closing_total, 200)
        self.assertEqual(settlement.move_ids.move_type, "out_refund")
        self.assertEqual(settlement.move_ids.date, date(2026, 3, 10))
        self.assertEqual(
            self._items(settlement.move_ids),
            [
                ("Prepaid utility customers", -45.17),
                ("Product Sales", 39.28),
                ("Tax Received", 5.89),
            ],
        )
        self.assertEqual(self._open_credit(), 45.17)

        settlement._pay(self.cash)
        self.assertEqual(
            (settlement.payout, settlement.amount_paid, settlement.paid_by_id),
            ("paid", 45.17, self.users["cashier"]),
        )
        self.assertEqual(
            self._items(settlement.payment_id.move_id),
            [("Counter cash", -45.17), ("Prepaid utility customers", 45.17)],
        )
        self.assertTrue(self._all_reconciled(settlement.move_ids | settlement.payment_id.move_id))
        self.assertEqual(self._open_credit(), 0)
        with self.assertRaisesRegex(UserError, "nothing to pay"):
            settlement._pay(self.cash)

    def test_first_in_first_out_and_the_carried_cent(self):
        self.tariff.price_ids = [(0, 0, {"date_from": date(2026, 3, 10), "price": 3})]
        self._bought("100.00", before="20.00")
        # 20 were left of the first when 33.33 came for 99.99; then 13.33 of them were used.
        settlement = self._settled("40.00")
        self.assertEqual(
            self._lines(settlement),
            [("left", 6.67, 3.66), ("left", 33.33, 99.99), ("carried", 0, 0.01)],
        )
        self.assertEqual(settlement.amount_due, 103.66)
        self.assertEqual(self._open_credit(), 103.66)
        self.assertEqual(self.contract.remainder, 0)

    def test_nothing_left_nothing_posted(self):
        settlement = self._settled("0.00")
        self.assertEqual((settlement.state, settlement.payout), ("done", "nothing"))
        self.assertFalse(settlement.move_ids)
        self.assertFalse(settlement.line_ids)

    def test_the_preview_is_the_settlement(self):
        preview = self._counter().close_preview(self.spare.id, "82.38")
        self.assertEqual(preview["due"], "45.17")
        self.assertEqual(
            [
                (line["kind"], line["quantity"], line["price"], line["amount"])
                for line in preview["lines"]
            ],
            [("left", "82.38", "0.5483", "45.17")],
        )
        form = self._as("cashier", self.env["utility.contract.act"]).create(
            {"contract_id": self.contract.id, "act": "close", "by_hand": True, "balance": 82.38}
        )
        self.assertEqual(form.amount_due, 45.17)
        self.assertEqual(form.line_ids.mapped("amount"), [45.17])
        self.assertEqual(self.contract.state, "active", "looking does nothing")
        settlement = self._settled()
        self.assertEqual(settlement.amount_due, 45.17)
        refused = self._counter().close_preview(self.spare.id)
        self.assertEqual(refused["error"], f"Meter {self.spare.vending_id} has no contract.")

    # ------------------------------------------------------------------ debt

    def test_use_beyond_what_was_bought_is_billed_and_taken(self):
        settlement = self._settled("-10.00")
        self.assertEqual(self._lines(settlement), [("debt", 10.0, -5.48)])
        self.assertEqual(
            (settlement.amount_due, settlement.payout, settlement.units_left),
            (-5.48, "open", -10),
        )
        self.assertEqual(settlement.move_ids.move_type, "out_invoice")
        self.assertEqual(self._open_credit(), -5.48)
        settlement._pay(self.cash)
        self.assertEqual(
            self._items(settlement.payment_id.move_id),
            [("Counter cash", 5.48), ("Prepaid utility customers", -5.48)],
        )
        self.assertEqual(settlement.move_ids.payment_state, "paid")
        self.assertEqual(self._open_credit(), 0)

    def test_arrears_are_deducted(self):
        arrears = self.env["utility.ledger"]._invoice(
            self.contract,
            [
                {
                    "product": self.company.utility_electricity_product_id,
                    "name": "Debt from before",
                    "quantity": Decimal(1),
                    "price": Decimal(12),
                    "amount": Decimal(12),
                }
            ],
            date(2026, 3, 1),
            "Old",
        )
        settlement = self._settled()
        self.assertEqual(self._lines(settlement), [("left", 82.38, 45.17), ("arrears", 0, -12.0)])
        self.assertEqual(settlement.amount_due, 33.17)
        self.assertTrue(self._all_reconciled(arrears))
        self.assertEqual(self._open_credit(), 33.17)

    def test_monthly_fees_that_no_sale_took_are_billed(self):
        """The sale of March took the fee of March; nobody bought anything in April."""
        self.tariff.price_ids.fee = 5
        self.contract.sudo().fee_from = date(2026, 4, 1)
        with freeze_time("2026-05-02 02:00:00"):
            settlement = self._settled()
        self.assertEqual(
            self._lines(settlement), [("left", 82.38, 45.17), ("fee", 0, -5.0), ("fee", 0, -5.0)]
        )
        self.assertIn("Monthly fee, April 2026", settlement.line_ids[1].name)
        invoice = settlement.move_ids.filtered(lambda move: move.move_type == "out_invoice")
        self.assertEqual(invoice.amount_total, 10)
        self.assertTrue(self._all_reconciled(invoice), "out of what was left")
        self.assertEqual(settlement.amount_due, 35.17)

    # ---------------------------------------------------------------- rights

    def test_who_pays_back(self):
        self.company.utility_settlement_limit = 45
        settlement = self._settled()
        with self.assertRaisesRegex(ApprovalNeeded, "more than .*45.* needs a supervisor"):
            self._as("cashier", settlement)._pay(self.cash)
        with self.assertRaises(AccessError):
            self._as("accountant", settlement)._pay(self.cash)
        status = self._counter("supervisor").pay_settlement(settlement.id, self.cash.id)
        self.assertEqual((status["payout"], status["due"]), ("paid", "45.17"))

    def test_a_bank_transfer_and_later(self):
        bank = self.company_data["default_journal_bank"]
        bank.utility_counter = True
        settlement = self._settled()
        self.assertEqual(
            self.env["utility.settlement"].search([("payout", "=", "open")]), settlement
        )
        form = self._as("cashier", self.env["utility.settlement.payment"]).create(
            {"settlement_id": settlement.id, "journal": str(bank.id)}
        )
        form.action_confirm()
        self.assertEqual((settlement.payout, settlement.journal_id), ("paid", bank))
        self.assertEqual(self._open_credit(), 0)

    # ------------------------------------------------------------ in its turn

    def test_sales_that_are_not_posted_yet_are_posted_first(self):
        vend = self._sell("100.00", meter=self.spare)
        self._prove(vend.command_id, before="100.00")
        settlement = self._settled("282.38")
        self.assertTrue(vend.posted_at)
        self.assertEqual(self._lines(settlement), [("left", 100.0, 54.83), ("left", 182.38, 100.0)])

    def test_an_order_on_its_way_is_finished_first(self):
        vend = self._sell("100.00", meter=self.spare)
        with self.assertRaisesRegex(UserError, "not settled yet"):
            self.contract.action_close()
        self.assertFalse(self._counter().close_preview(self.spare.id)["ok"])
        self._prove(vend.command_id)
        self.contract.action_close()
        with self.assertRaisesRegex(UserError, "Only an active contract"):
            self.contract.action_close()

    def test_books_that_refuse_hold_up_the_money_and_nothing_else(self):
        settlement = self._close()
        product = self.company.utility_electricity_product_id
        included = product.taxes_id
        product.taxes_id = self.company.account_sale_tax_id
        self._cron()
        step = self._step(settlement, "settle")
        self.assertEqual((self.contract.state, settlement.state), ("closed", "stopped"))
        self.assertEqual((step.state, settlement.payout), ("failed", False))
        self.assertIn("included in the price", step.message)
        self.assertIn(
            settlement.activity_ids.user_id,
            self.env.ref("utility_prepaid.group_accountant").all_user_ids,
        )
        product.taxes_id = included
        with freeze_time("2026-03-10 03:01:00"):
            self._cron()
        self.assertEqual((settlement.state, settlement.amount_due), ("done", 45.17))

    def test_a_meter_that_does_not_tell_what_it_held_is_settled_on_the_reading(self):
        settlement = self.contract._close()
        self._says(settlement, "read", total="200.00", balance="82.38")
        self._says(settlement, "clear")
        self._cron()
        self.assertEqual(settlement.amount_due, 45.17)

    def test_a_proof_is_kept_whatever_comes_of_it(self):
        """A step that cannot begin after a proof never takes the proof back."""
        settlement = self.contract._close()
        command = self._step(settlement, "read").command_id
        with self._hook("_begin_clear", UserError("No luck")):
            command._read_done({"total": "200.00", "balance": "82.38"})
        self.assertEqual(command.state, "done")
        self.assertEqual((settlement.state, settlement.words), ("stopped", "No luck"))
        settlement.action_retry()
        self.assertEqual(self._states(settlement)["clear"], "running")

    def test_a_test_contract_is_cleared_and_no_money_moves(self):
        contract = self._opened(self._meter("202611000078"), is_test=True)
        vend = self._sell("10.00", meter=contract.meter_id)
        self._prove(vend.command_id, before="0")
        self._post()
        before = self.env["account.move"].search_count([])
        settlement = contract._close()
        self._says(settlement, "read", total="0.00", balance="18.23")
        self._says(settlement, "clear", balance_before=Decimal("18.23"))
        self._cron()
        self.assertEqual((contract.state, settlement.state), ("closed", "done"))
        self.assertEqual(self._lines(settlement), [("free", 18.23, 0)])
        self.assertEqual((settlement.amount_due, settlement.payout), (0, "nothing"))
        self.assertEqual(self.env["account.move"].search_count([]), before)
        self.assertEqual(contract.vend_ids, vend, "nothing is deleted")

    def test_a_money_meter_pays_the_rest_back_as_money(self):
        contract = self._opened(self._meter("202611000079", "d_smart"))
        vend = self._sell("100.00", meter=contract.meter_id)
        self._prove(vend.command_id, before="0")
        self._post()
        settlement = contract._close()
        self._says(settlement, "read", total="0.00", balance="30.25")
        self._says(settlement, "clear", balance_before=Decimal("30.25"))
        self._cron()
        self.assertEqual(self._lines(settlement), [("left", 30.25, 30.25)])
        self.assertEqual(settlement.amount_due, 30.25)

    def test_behind_current_transformers_units_are_those_on_paper(self):
        meter = self._meter("202611000076", ct_ratio=40)
        contract = self._opened(meter)
        vend = self._sell("1000.00", meter=meter)
        self._prove(vend.command_id, before="0")
        self._post()
        settlement = contract._close()
        self._says(settlement, "read", total="0.00", balance="10.00")
        self._says(settlement, "clear", balance_before=Decimal("10.00"))
        self._cron()
        self.assertEqual(settlement.units_left, 400)
        line = settlement.line_ids.filtered(lambda line: line.kind == "left")
        self.assertEqual((line.quantity, line.amount), (400, 219.32))

    def test_paper(self):
        settlement = self._settled()
        settlement._pay(self.cash)
        for paper in ("a4", "80mm"):
            report = self._as("cashier", self.env["ir.actions.report"])
            html, __ = report._render_qweb_html(
                f"utility_prepaid.report_settlement_{paper}", settlement.ids
            )
            html = html.decode()
            for words in (
                f"paper_{paper}",
                "Final settlement",
                settlement.name,
                "Room 101 tenant",
                "45.17",
                "82.38",
                settlement.move_ids.name,
            ):
                self.assertIn(words, html, paper)
