from datetime import date
from decimal import Decimal

from odoo import fields
from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .test_settlement_steps import SettlementCommon

RATES = (9, 3)
METHODS = ("round_per_line", "round_globally")


@tagged("post_install_l10n", "post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestWaterTax(SettlementCommon):
    """A water utility in China: 9 % tax, or 3 % by the simplified rule, in the price of 3.45."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
        cls.product = cls.company.utility_water_product_id
        cls.tariff = cls.env["utility.tariff"].create(
            {
                "name": "Water, homes",
                "utility": "water",
                "company_id": cls.company.id,
                "amount_max": 5000,
                "price_ids": [
                    fields.Command.create({"date_from": date(2020, 1, 1), "price": 3.45})
                ],
            }
        )
        cls.water = cls._meter("202611000061", "d_water")
        sale_tax = [
            *cls.env["account.tax"]._check_company_domain(cls.company),
            ("type_tax_use", "=", "sale"),
            ("price_include", "=", True),
        ]
        cls.taxes = {
            rate: cls.env["account.tax"].search([*sale_tax, ("amount", "=", rate)])
            for rate in RATES
        }

    def _each_rate(self, methods=METHODS[:1]):
        """Run the test's body at both rates, with each of some ways of rounding."""
        for rate in RATES:
            for method in methods:
                with self.env.cr.savepoint() as point:
                    self.product.taxes_id = self.tax = self.taxes[rate]
                    self.company.tax_calculation_rounding_method = method
                    self.bought = self._opened(self.water)
                    yield f"{rate} %, {method}"
                    point.rollback()
                self.env.invalidate_all()

    def _buy(self, amount, before="0"):
        vend = self._sell(amount, meter=self.water)
        self._prove(vend.command_id, before=before)
        self._post()
        self.assertFalse(vend.posting_error)
        return vend

    def _taxed(self, move, net, tax, words):
        """The document has its net amount and its tax, each on its line and with its base."""
        taxes = move.line_ids.filtered("tax_line_id")
        bases = move.line_ids.filtered("tax_ids")
        sign = 1 if move.move_type == "out_refund" else -1
        self.assertEqual((len(taxes), taxes.tax_line_id, bases.tax_ids), (1, self.tax, self.tax))
        self.assertEqual(taxes.account_id, self.tax.invoice_repartition_line_ids.account_id, words)
        self.assertEqual(
            [round(sign * x, 2) for x in (sum(bases.mapped("balance")), taxes.balance)],
            [net, tax],
            words,
        )
        self.assertEqual(round(abs(taxes.tax_base_amount), 2), net, words)

    def test_rates_of_the_chart(self):
        self.assertEqual([len(self.taxes[rate]) for rate in RATES], [1, 1])
        self.assertEqual(self.product.taxes_id, self.taxes[9])

    def test_sale_reversal_and_settlement(self):
        """28.98 m3 are 99.99; 12.34 of them are 42.58."""
        figures = {
            9: {"sale": (91.73, 8.26), "left": (39.06, 3.52)},
            3: {"sale": (97.08, 2.91), "left": (41.34, 1.24)},
        }
        for words in self._each_rate():
            expected = figures[self.tax.amount]
            vend = self._buy("100.00")
            self.assertEqual((vend.units, vend.cost, vend.remainder_after), (28.98, 99.99, 0.01))
            self._taxed(vend.move_id, *expected["sale"], words)
            status = self._counter().reverse(f"reversal-{vend.id:08}", vend.id, "wrong amount")
            reversal = self.env["utility.vend"].browse(status["id"])
            self._prove(reversal.command_id, before="28.98", after="0")
            self._post()
            self.assertEqual(reversal.move_id.move_type, "out_refund")
            self._taxed(reversal.move_id, *expected["sale"], words)
            self.assertEqual(self._open_credit(), 0, words)
            self._buy("100.00")
            closing = self._as("cashier", self.bought)._close()
            self._says(closing, "read", total="40.00", balance="12.34")
            self._says(closing, "clear", balance_before=Decimal("12.34"), balance_after=0)
            self._cron()
            self.assertEqual((closing.amount_left, closing.amount_due), (42.58, 42.59), words)
            self._taxed(closing.move_ids, *expected["left"], words)
            closing._pay(self.cash)
            self.assertEqual(self._open_credit(), 0, words)

    def test_rounding_of_many_lines(self):
        """Steps: 3 m3 at 3.45, 4 at 4.85 and the rest at 5.60 are 10.35, 19.40 and 70.23."""
        self.tariff.price_ids.step_ids = [
            fields.Command.create({"above": 3, "price": 4.85}),
            fields.Command.create({"above": 7, "price": 5.6}),
        ]
        figures = {
            (9, "round_per_line"): (91.73, 8.25),
            (9, "round_globally"): (91.72, 8.26),
            (3, "round_per_line"): (97.06, 2.92),
            (3, "round_globally"): (97.07, 2.91),
        }
        for words in self._each_rate(METHODS):
            method = self.company.tax_calculation_rounding_method
            vend = self._buy("100.00")
            lines = vend.line_ids.filtered(lambda line: line.kind == "units")
            self.assertEqual(lines.mapped("amount"), [10.35, 19.4, 70.23], words)
            self.assertEqual(vend.move_id.amount_total, 99.98, words)
            self._taxed(vend.move_id, *figures[self.tax.amount, method], words)
            status = self._counter().reverse(f"reversal-{vend.id:08}", vend.id, "wrong amount")
            reversal = self.env["utility.vend"].browse(status["id"])
            self._prove(reversal.command_id, before=str(vend.credit), after="0")
            self._post()
            self._taxed(reversal.move_id, *figures[self.tax.amount, method], words)

    def test_debt_and_what_is_deferred(self):
        """A debt at closing is taxed in full; "tax at sale" defers the net and nothing stays."""
        figures = {9: (31.65, 2.85), 3: (33.50, 1.00)}
        self.env["utility.policy"].create(
            {
                "company_id": self.company.id,
                "utility": "water",
                "policy": "tax_at_sale",
                "date_from": "2020-01-01",
            }
        )
        liability = self.company.utility_liability_account_id
        for words in self._each_rate():
            vend = self._buy("100.00")
            deferred = vend.move_id.line_ids.filtered(lambda line: line.account_id == liability)
            self.assertEqual(-deferred.balance, {9: 91.73, 3: 97.08}[self.tax.amount], words)
            closing = self._as("cashier", self.bought)._close()
            self._says(closing, "read", total="40.00", balance="-10.00")
            self._says(closing, "clear", balance_before=Decimal(-10), balance_after=0)
            self._cron()
            self._taxed(closing.move_ids, *figures[self.tax.amount], words)
            self.assertEqual(closing.amount_due, -34.49, words)
