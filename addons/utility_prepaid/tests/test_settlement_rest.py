from datetime import date
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestSettlementRest(SettlementCommon):
    """What fills no step of the new meter. 182.38 kWh were bought for 100.00 at 0.5483."""

    def setUp(self):
        super().setUp()
        self.contract = self._opened(self.spare)
        self.sale = self._sell("100.00", meter=self.spare)
        self._prove(self.sale.command_id, before="0")
        self._post()

    def _moved(self, ct_ratio, left="82.38"):
        """Another meter takes over what it can: the charge of it is under way."""
        self.new = self._meter("202611000088", ct_ratio=ct_ratio)
        settlement = self._as("engineer", self.contract)._replace(
            self._as("engineer", self.new), "Bigger transformers"
        )
        self._says(settlement, "read", self.spare, total="200.00", balance=left)
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        self._cron()
        self._says(settlement, "read", self.new, total="0.00", balance="0.00")
        self._says(settlement, "open", balance_before=0, balance_after=0)
        return settlement.sudo().with_user(self.env.user)

    def _replaced(self, ct_ratio, left="82.38"):
        settlement = self._moved(ct_ratio, left)
        self._prove(self._step(settlement, "transfer").vend_id.command_id, before="0")
        self._post()
        self.assertEqual(settlement.state, "done")
        return settlement

    def _lines(self, settlement):
        return [
            (line.kind, round(line.quantity, 2), round(line.amount, 2))
            for line in settlement.line_ids
        ]

    def _differences(self):
        self.env.flush_all()
        check = self.env["utility.check"]._run(self.company, self.company._utility_today())
        rows = check.finding_ids.filtered(lambda row: not row.gone)
        return {row.code: round(row.amount, 2) for row in rows if row.code != "meter_behind"}

    # --------------------------------------------------------- kept, and used

    def test_the_cents_of_a_small_rest(self):
        settlement = self._moved(10)
        vend = self._step(settlement, "transfer").vend_id
        # 82.38 on paper are 8.238 there: whole steps of 0.01 are 8.23.
        self.assertEqual((vend.units, vend.credit), (82.3, 8.23))
        # 100.00 and 0.08 of 182.38 are 54.83 and 0.04.
        self.assertEqual(self._lines(settlement), [("left", 0.08, 0.04)])
        self.assertEqual((settlement.rest_units, settlement.rest_amount), (0.08, 0.04))
        self.assertEqual((settlement.payout, self.contract.remainder), ("kept", 0.04))
        self.assertEqual(self._open_credit(), 0.04)

    def test_the_next_sale_uses_it(self):
        settlement = self._replaced(3000)
        # One step is 30 kWh there: two of them, and 22.38 kWh at 0.5483.
        self.assertEqual(self._lines(settlement), [("left", 22.38, 12.27)])
        self.assertEqual(
            self._items(settlement.move_ids),
            [
                ("Prepaid utility customers", -12.27),
                ("Product Sales", 10.67),
                ("Tax Received", 1.6),
            ],
        )
        self.assertEqual(settlement.move_ids.utility_contract_id, self.contract)
        self.assertEqual(self._differences(), {})
        # 4.18 and 12.27 are one step of 16.45.
        vend = self._sell("4.18", meter=self.new)
        self.assertEqual((vend.units, vend.cost, vend.remainder_before), (30, 16.45, 12.27))
        self._prove(vend.command_id, before="0.02")
        self._post()
        self.assertEqual((self.contract.remainder, self._open_credit()), (0, 0))
        self.assertEqual(vend.move_id.payment_state, "paid")
        self.assertEqual(settlement.payout, "kept")
        self.assertEqual(self._differences(), {})
        with self.assertRaisesRegex(UserError, "carried was used, or settled"):
            self._as("cashier", settlement)._pay(self.cash)

    def test_the_form_shows_it_before(self):
        form = self._as("engineer", self.env["utility.contract.act"]).create(
            {
                "contract_id": self.contract.id,
                "act": "replace",
                "new_meter_id": self._meter("202611000088", ct_ratio=3000).id,
                "reason": "Bigger transformers",
                "by_hand": True,
                "balance": 82.38,
            }
        )
        self.assertEqual(
            [(line.kind, line.quantity, line.amount) for line in form.line_ids],
            [("left", 22.38, 12.27)],
        )
        self.assertEqual((self.contract.remainder, self.contract.meter_id), (0, self.spare))

    def test_less_than_one_step_is_all_money(self):
        settlement = self._moved(10000)
        step = self._step(settlement, "transfer")
        self.assertEqual((step.state, settlement.state), ("skipped", "done"))
        self.assertIn("fills no step", step.message)
        self.assertFalse(step.vend_id)
        self.assertEqual(self._lines(settlement), [("left", 82.38, 45.17)])
        self.assertEqual(self.contract.remainder, 45.17)
        closing = self.contract._close()
        self._says(closing, "read", total="0.00", balance="0.00")
        self._says(closing, "clear", balance_before=Decimal(0), balance_after=0)
        self._cron()
        self.assertEqual(self._lines(closing), [("carried", 0, 45.17)])
        closing._pay(self.cash)
        self.assertEqual((self._open_credit(), self.contract.remainder), (0, 0))
        self.assertEqual(self._differences(), {})
        with self.assertRaisesRegex(UserError, "used, or settled, meanwhile"):
            settlement._pay(self.cash)

    def test_what_is_used_and_left_after_it_sums_to_what_was_paid(self):
        self._replaced(3000)
        closing = self.contract._close()
        self._says(closing, "read", total="0.01", balance="0.01")
        self._says(closing, "clear", balance_before=Decimal("0.01"), balance_after=0)
        self._cron()
        # 130 kWh used are 71.28; 71.28 + 16.45 + 12.27 = 100.00
        self.assertEqual(self._lines(closing), [("left", 30, 16.45), ("carried", 0, 12.27)])

    def test_free_units_are_worth_nothing(self):
        self.sale.sudo().line_ids.unlink()
        self.sale.sudo().write({"kind": "quota", "cost": 0})
        settlement = self._moved(3000)
        self.assertEqual(self._lines(settlement), [("free", 22.38, 0)])
        self.assertEqual((settlement.payout, settlement.move_ids.ids), ("nothing", []))
        self.assertEqual(self.contract.remainder, 0)

    def test_whole_steps_leave_nothing_over(self):
        settlement = self._replaced(1)
        self.assertEqual((settlement.rest_units, settlement.payout), (0, False))
        self.assertFalse(settlement.line_ids)
        self.assertFalse(settlement.move_ids)

    def test_a_test_contract_moves_no_money(self):
        self.contract.sudo().is_test = True
        settlement = self._moved(3000)
        self.assertEqual(self._lines(settlement), [("free", 22.38, 0)])
        self.assertFalse(settlement.move_ids)

    def test_a_money_meter_with_larger_steps(self):
        money = self._meter("202611000079", "d_smart")
        coarse = money.type_id.copy({"name": "Coarse", "code": "coarse", "number": 99, "step": 0.5})
        self.contract = self._opened(money)
        vend = self._sell("100.00", meter=money)
        self._prove(vend.command_id, before="0")
        self._post()
        new = self._meter("202611000080")
        new.type_id = coarse
        settlement = self._as("engineer", self.contract)._replace(self._as("engineer", new), "Old")
        self._says(settlement, "read", money, total="0.00", balance="30.37")
        self._says(settlement, "clear", balance_before=Decimal("30.37"), balance_after=0)
        self._cron()
        self.assertEqual(self._lines(settlement), [("left", 0.37, 0.37)])
        self.assertEqual((self.contract.remainder, settlement.units_left), (0.37, 30.37))

    # ------------------------------------------------------------- paid back

    def test_paid_back_when_the_person_says_so(self):
        settlement = self._replaced(3000)
        with self.assertRaises(AccessError):
            self._as("engineer", settlement)._pay(self.cash)
        form = self._as("cashier", self.env["utility.settlement.payment"]).create(
            {"settlement_id": settlement.id, "journal": str(self.cash.id)}
        )
        self.assertEqual(form.amount_due, 12.27)
        form.action_confirm()
        self.assertEqual(
            (settlement.payout, settlement.amount_paid, settlement.paid_by_id),
            ("paid", 12.27, self.users["cashier"]),
        )
        self.assertEqual(
            self._items(settlement.payment_id.move_id),
            [("Counter cash", -12.27), ("Prepaid utility customers", 12.27)],
        )
        customers = settlement.move_ids.line_ids.filtered(
            lambda line: line.account_id == self.customer_account
        )
        self.assertTrue(customers.reconciled)
        self.assertEqual((self.contract.remainder, self._open_credit()), (0, 0))
        self.assertEqual(self._differences(), {})
        with self.assertRaisesRegex(UserError, "nothing to pay"):
            settlement._pay(self.cash)

    def test_not_while_a_sale_may_use_it(self):
        settlement = self._replaced(3000)
        self._sell("20.00", meter=self.new)
        with self.assertRaisesRegex(UserError, "not settled yet"):
            settlement._pay(self.cash)

    def test_other_credit_of_the_customer_stays(self):
        """What an earlier sale left over is not paid back with it, and no debt is settled by it."""
        settlement = self._replaced(3000)
        vend = self._sell("20.00", meter=self.new)
        self._prove(vend.command_id, before="0.02")
        self._post()
        # 20.00 and 12.27 less one step of 16.45
        self.assertEqual(self.contract.remainder, 15.82)
        self.env["utility.ledger"]._bill_debt(self.contract, Decimal(10), date(2026, 3, 10), "Debt")
        settlement._pay(self.cash)
        self.assertEqual(settlement.amount_paid, 12.27)
        self.assertEqual(self.contract.remainder, 3.55)
        self.assertEqual([amount for __, amount in self.contract._arrears()], [Decimal("5.48")])

    # ------------------------------------------------------------------ papers

    def test_roll_forward(self):
        self._replaced(3000)
        report = self.env["utility.roll.forward"].create(
            {
                "company_id": self.company.id,
                "date_from": date(2026, 3, 1),
                "date_to": date(2026, 3, 31),
                "contract_ids": self.contract.ids,
            }
        )
        report.action_compute()
        line = report.line_ids
        self.assertEqual(
            (line.sold, line.transferred, line.transferred_amount), (182.38, -22.38, -12.27)
        )
        self.assertEqual(
            round(line.used_amount + line.closing_amount, 2), 87.73, "what was sold, less the rest"
        )

    def test_paper(self):
        settlement = self._replaced(3000)
        html, __ = self._as("cashier", self.env["ir.actions.report"])._render_qweb_html(
            "utility_prepaid.report_settlement_a4", settlement.ids
        )
        html = html.decode()
        for words in (
            "Replacement of a meter",
            f"Too little for a step of the new meter, of {self.sale.name}",
            "22.38",
            "12.27",
            "Carried to the next sale",
            settlement.move_ids.name,
        ):
            self.assertIn(words, html)
        self.assertNotIn("To pay back", html)
