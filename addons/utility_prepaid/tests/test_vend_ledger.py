from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import UtilityCommon


class LedgerCases:
    """The journal items of policy "revenue at sale" for every event; run on each chart below."""

    # Odoo runs inherited test methods only where a class asks for it.
    allow_inherited_tests_method = True

    def test_paid_posts_payment_at_once(self):
        vend = self._sell("100.00")
        payment = vend.payment_id
        self.assertEqual(payment.move_id.state, "posted")
        self.assertEqual(
            self._items(payment.move_id),
            sorted(
                [
                    (self.cash.default_account_id.name, 100.0),
                    (self.customer_account.name, -100.0),
                ]
            ),
        )
        self.assertEqual(payment.state, "paid")
        self.assertFalse(vend.move_id)
        self.assertEqual(self._open_credit(), 100.0, "Money taken, not yet on the meter")

    def test_delivered_posts_invoice_reconciled(self):
        vend = self._delivered("100.00")
        self._post()
        invoice = vend.move_id
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(invoice.move_type, "out_invoice")
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(invoice.amount_total, 100.0)
        tax = self.company.utility_electricity_product_id.taxes_id
        self.assertEqual(len(tax), 1)
        self.assertTrue(tax.price_include)
        expected_tax = round(100.0 - 100.0 / (1 + tax.amount / 100), 2)
        self.assertEqual(invoice.amount_tax, expected_tax)
        receivable = invoice.line_ids.filtered(lambda line: line.display_type == "payment_term")
        self.assertEqual(receivable.account_id, self.customer_account)
        self.assertTrue(receivable.reconciled)
        line = invoice.invoice_line_ids
        self.assertEqual((line.quantity, line.price_unit), (182.38, 0.5483))
        self.assertEqual(self._open_credit(), 0.0)
        self.assertTrue(vend.posted_at)

    def test_posting_twice_posts_once(self):
        vend = self._delivered()
        self._post()
        invoice = vend.move_id
        self._post()
        self.assertEqual(vend.move_id, invoice)
        self.assertEqual(
            self.env["account.move"].search_count(
                [("utility_vend_id", "=", vend.id), ("move_type", "=", "out_invoice")]
            ),
            1,
        )

    def test_reversal_posts_credit_note_and_money_back(self):
        vend = self._delivered("100.00")
        self._post()
        status = self._counter().reverse("reversal-0001", vend.id, "typed wrong amount")
        reversal = self.env["utility.vend"].browse(status["id"])
        self.assertEqual(reversal.command_id.kind, "reverse")
        self._post()
        self.assertFalse(reversal.move_id, "Nothing is given back before the meter proves it")
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self.assertEqual((vend.state, reversal.state), ("reversed", "delivered"))
        self.assertEqual((vend + reversal).mapped("amount_signed"), [100.0, -100.0])
        self._post()
        self.assertEqual(reversal.move_id.move_type, "out_refund")
        self.assertEqual(reversal.move_id.state, "posted")
        self.assertEqual(reversal.move_id.amount_total, 100.0)
        self.assertEqual(vend.move_id.payment_state, "reversed")
        self.assertEqual(
            self._items(reversal.refund_payment_id.move_id),
            sorted(
                [
                    (self.cash.default_account_id.name, -100.0),
                    (self.customer_account.name, 100.0),
                ]
            ),
        )
        self.assertEqual(self._open_credit(), 0.0)
        self.assertFalse(
            self.env["account.move.line"].search(
                [
                    ("account_id", "=", self.customer_account.id),
                    ("reconciled", "=", False),
                    ("parent_state", "=", "posted"),
                ]
            )
        )

    def test_reversal_before_posting(self):
        vend = self._delivered("100.00")
        status = self._counter().reverse("reversal-0002", vend.id, "wrong room")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertTrue(vend.posted_at and reversal.posted_at)
        self.assertEqual(self._open_credit(), 0.0)

    def test_refund_of_sale_proved_not_charged(self):
        vend = self._sell("100.00")
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        with self.assertRaisesRegex(UserError, "not certain"):
            self._counter().refund(vend.id, "customer in a hurry")
        self.assertEqual(self._open_credit(), 100.0)
        command._not_charged("Over the hoarding limit", final=True, quiet=True)
        self.assertEqual((command.state, vend.state), ("failed", "accepted"))
        self._counter().refund(vend.id, "meter is full")
        self.assertEqual(vend.state, "refunded")
        self.assertEqual(self._open_credit(), 0.0)
        self.assertTrue(vend.payment_id.move_id.line_ids.filtered("reconciled"))
        self.assertFalse(vend.move_id)
        self._counter().refund(vend.id, "twice")
        self.assertEqual(
            self.env["account.payment"].search_count(
                [("utility_vend_id", "=", vend.id), ("payment_type", "=", "outbound")]
            ),
            1,
        )


@tagged("post_install", "-at_install")
class TestLedgerGeneric(LedgerCases, UtilityCommon):
    """generic_coa: excluded tax by default, no cash journal of its own."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()

    def test_cash_journal_is_made(self):
        self.assertEqual(len(self.cash), 1)
        lines = self.cash.inbound_payment_method_line_ids
        self.assertEqual(lines.payment_account_id, self.cash.default_account_id)

    def test_setup_is_idempotent(self):
        def count():
            return [
                self.env[model].with_context(active_test=False).search_count([])
                for model in (
                    "account.account",
                    "account.journal",
                    "account.tax",
                    "product.product",
                )
            ]

        before = count()
        self.company._utility_setup()
        self.assertEqual(count(), before)

    def test_remainder_is_carried_and_used(self):
        meter = self._meter("202611000002", ct_ratio=40)
        self._contract(meter)
        first = self._delivered("100.00", meter=meter)
        self.assertEqual((first.units, first.credit), (182.0, 4.55))
        self.assertEqual((first.cost, first.remainder_after), (99.8, 0.2))
        self.assertEqual(sum(first.line_ids.mapped("amount")), 100.0)
        self._post()
        self.assertEqual(first.move_id.amount_total, 99.8)
        self.assertEqual(self._open_credit(), 0.2)
        second = self._delivered("100.00", meter=meter)
        self.assertEqual(second.remainder_before, 0.2)
        self.assertEqual(round(sum(second.line_ids.mapped("amount")), 2), 100.0)
        self._post()
        self.assertEqual(second.move_id.payment_state, "paid")
        self.assertEqual(self._open_credit(), meter.contract_id.remainder)

    def test_remainder_comes_back_with_a_reversal(self):
        meter = self._meter("202611000002", ct_ratio=40)
        contract = self._contract(meter)
        self._delivered("100.00", meter=meter)
        second = self._delivered("50.00", meter=meter)
        self._post()
        status = self._counter().reverse("reversal-0003", second.id, "too much")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="20.00", after="10.00")
        self._post()
        self.assertEqual(contract.remainder, 0.2)
        self.assertEqual(self._open_credit(), 0.2)

    def test_money_meter_is_sent_money(self):
        meter = self._meter("202611000003", "d_smart")
        self._contract(meter)
        vend = self._delivered("50.00", meter=meter)
        self.assertEqual(vend.credit, 50.0)
        self._post()
        self.assertEqual(vend.move_id.amount_total, 50.0)
        self.assertEqual(self._open_credit(), 0.0)

    def test_locked_period_refuses_the_sale(self):
        self.company.hard_lock_date = fields.Date.add(self.company._utility_today(), days=1)
        with self.assertRaisesRegex(UserError, "locked"):
            self._sell()
        self.assertFalse(self.env["utility.vend"].search([("meter_id", "=", self.meter.id)]))

    def test_proof_in_a_period_locked_since_is_posted_today(self):
        vend = self._delivered()
        vend.sudo().delivered_at = fields.Datetime.subtract(vend.delivered_at, days=40)
        today = self.company._utility_today()
        self.company.sale_lock_date = fields.Date.subtract(today, days=10)
        self._post()
        self.assertEqual(vend.move_id.invoice_date, today)

    def test_posting_held_up_has_an_owner(self):
        vend = self._delivered()
        product = self.company.utility_electricity_product_id
        product.taxes_id.price_include_override = "tax_excluded"
        self._post()
        self.assertFalse(vend.move_id)
        self.assertIn("included in the price", vend.posting_error)
        self.assertEqual(vend.sudo().activity_ids.user_id, self.users["accountant"])
        self.assertEqual(self._open_credit(), 100.0, "The money stays visible")
        product.taxes_id.price_include_override = "tax_included"
        vend.sudo().post_after = False
        self._post()
        self.assertEqual(vend.move_id.payment_state, "paid")

    def test_payment_by_its_day_invoice_by_day_of_proof(self):
        vend = self._sell()
        command = vend.command_id
        self._prove(command)
        # 17:00 UTC is the next day in Shanghai
        vend.sudo().delivered_at = fields.Datetime.to_datetime("2026-03-31 17:00:00")
        self._post()
        self.assertEqual(str(vend.move_id.invoice_date), "2026-04-01")

    def test_bank_method_posts_on_outstanding_account(self):
        bank = self.env["account.journal"].search(
            [
                ("company_id", "=", self.company.id),
                ("type", "=", "bank"),
                ("utility_counter", "=", True),
            ],
            limit=1,
        )
        self.assertTrue(bank)
        vend = self._sell("30.00", journal=bank)
        self.assertEqual(vend.payment_id.move_id.state, "posted")
        self.assertEqual(self._open_credit(), 30.0)


@tagged("post_install_l10n", "post_install", "-at_install")
class TestLedgerChina(LedgerCases, UtilityCommon):
    """l10n_cn: 13 % for electricity, 9 % for water."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()

    def test_rates(self):
        company = self.company
        self.assertEqual(company.utility_electricity_product_id.taxes_id.amount, 13)
        self.assertEqual(company.utility_water_product_id.taxes_id.amount, 9)


@tagged("post_install_l10n", "post_install", "-at_install")
class TestLedgerUnitedKingdom(LedgerCases, UtilityCommon):
    """l10n_uk: a chart whose sales tax is on top of the price."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("gb")
    def setUpClass(cls):
        super().setUpClass()

    def test_charts_own_tax_is_excluded_ours_included(self):
        self.assertFalse(self.company.account_sale_tax_id.price_include)
        self.assertTrue(self.company.utility_electricity_product_id.taxes_id.price_include)
