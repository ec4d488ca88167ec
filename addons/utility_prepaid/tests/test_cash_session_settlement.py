from decimal import Decimal
from uuid import uuid4

from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged

from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestShiftSettlement(SettlementCommon):
    """What a closing pays back belongs to the shift that pays it, and is paid once."""

    def setUp(self):
        super().setUp()
        self.company.utility_session_required = True
        self.contract = self._opened(self.spare)

    def _open_shift(self, role="cashier", journal=None, counted="0"):
        status = self._counter(role).session_open(str(uuid4()), (journal or self.cash).id, counted)
        return self.env["utility.cash.session"].browse(status["id"])

    def _settled(self, left):
        settlement = self._as("cashier", self.contract)._close()
        self._says(settlement, "read", total="200.00", balance=left)
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        self._cron()
        return settlement

    def _outbound(self):
        return self.env["account.payment"].search(
            [("utility_contract_id", "=", self.contract.id), ("payment_type", "=", "outbound")]
        )

    def test_paid_out_of_the_payers_drawer(self):
        sold_in = self._open_shift()
        self._prove(self._sell("100.00", meter=self.spare).command_id, before="0")
        self._post()
        settlement = self._settled("82.38")
        with self.assertRaisesRegex(UserError, "Open your shift first"):
            self._as("supervisor", settlement)._pay(self.cash)
        drawer = self.cash.copy({"name": "Second drawer", "code": "UCSH2"})
        self.company._utility_setup()
        paid_in = self._open_shift("supervisor", drawer)
        self._as("supervisor", settlement)._pay(self.cash)
        self.assertEqual(settlement.payment_id.utility_session_id, paid_in)
        self.assertEqual(
            (settlement.payment_id.journal_id, settlement.journal_id), (drawer, drawer)
        )
        self.assertEqual(paid_in._expected()[drawer].paid_out, Decimal("45.17"))
        self.assertEqual(sold_in._expected()[self.cash].expected, Decimal("100.00"))
        self.assertEqual(
            [(row["kind"], row["amount"]) for row in paid_in._report_totals()],
            [("Settlement", Decimal("-45.17"))],
        )
        self.assertEqual(self._open_credit(), 0.0)

    def test_money_back_due_is_paid_by_the_closing_and_not_again(self):
        shift = self._open_shift()
        vend = self._sell("100.00", meter=self.spare)
        self._prove(vend.command_id, before="0")
        self._post()
        status = self._counter().reverse(str(uuid4()), vend.id, "moved out")
        reversal = self.env["utility.vend"].browse(status["id"])
        shift.sudo().state = "closed"
        self._prove(reversal.command_id, before="182.38", after="0")
        self._post()
        self.assertEqual(reversal.money_back_due, 100.0)
        settlement = self._settled("0.00")
        self.assertEqual(settlement.amount_due, 100.0)
        self._open_shift(counted="100.00")
        reversal.invalidate_recordset()
        self.assertEqual(reversal.money_back_due, 0.0, "It is part of what the closing pays")
        with self.assertRaisesRegex(UserError, "no money to give back"):
            self._counter().pay_back(reversal.id, self.cash.id)
        self._as("cashier", settlement)._pay(self.cash)
        reversal.invalidate_recordset()
        self.assertEqual(reversal.money_back_due, 0.0)
        self.assertFalse(reversal.search(reversal._due_domain()))
        self._counter().pay_back(reversal.id, self.cash.id)
        self.assertEqual(self._outbound().mapped("amount"), [100.0])
        self.assertEqual(self._open_credit(), 0.0)

    def test_what_the_books_settled_is_not_paid(self):
        shift = self._open_shift()
        vend = self._sell("100.00", meter=self.spare)
        self._prove(vend.command_id, before="0")
        self._post()
        status = self._counter().reverse(str(uuid4()), vend.id, "moved out")
        reversal = self.env["utility.vend"].browse(status["id"])
        shift.sudo().state = "closed"
        self._prove(reversal.command_id, before="182.38", after="0")
        self._post()
        # an accountant pays it by bank, outside the desk
        ledger = self.env["utility.ledger"]
        account = self.company_data["default_account_expense"]
        entry = ledger._entry(
            self.company,
            self.company._utility_today(),
            "Paid by bank",
            [
                (self.customer_account, Decimal("30.00"), vend.partner_id, "part"),
                (account, Decimal("-30.00"), None, "part"),
            ],
            contract=self.contract,
        )
        ledger._reconcile(entry.line_ids | vend._money_lines())
        self._open_shift(counted="100.00")
        with self.assertRaisesRegex(UserError, "settled meanwhile"):
            self._counter().pay_back(reversal.id, self.cash.id)
        self.assertFalse(self._outbound())
