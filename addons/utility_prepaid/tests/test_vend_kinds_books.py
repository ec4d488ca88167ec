from decimal import Decimal

from odoo.tests import tagged

from .test_vend_kinds import IssueCommon


@tagged("post_install", "-at_install")
class TestVendKindsBooks(IssueCommon):
    """What each kind of movement writes in the books, revenue at sale: exact journal items."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        product = cls.company.utility_electricity_product_id
        cls.income = product._utility_income_account()
        tax = product.taxes_id
        repartition = tax.invoice_repartition_line_ids.filtered(
            lambda line: line.repartition_type == "tax"
        )
        cls.tax_account = repartition.account_id
        cls.rate = tax.amount

    def _own(self, vend):
        """Documents of one movement."""
        return self.env["account.move"].search([("utility_vend_id", "=", vend.id)])

    def _split(self, amount):
        """Net and tax of an amount with the tax in it."""
        net = round(amount / (1 + self.rate / 100), 2)
        return net, round(amount - net, 2)

    def _sold(self, amount):
        """Items of a document that books so much as sold; below zero it is taken back."""
        net, tax = self._split(abs(amount))
        sign = 1 if amount > 0 else -1
        return [
            (self.customer_account.name, amount),
            (self.income.name, -sign * net),
            (self.tax_account.name, -sign * tax),
        ]

    def _proved(self, vend, before="10.00", after=None):
        self._prove(vend.command_id, before=before, after=after)
        self._post()
        self.assertEqual(vend.posting_error, False)
        self.assertTrue(vend.posted_at)
        return vend

    def test_emergency_credit_is_owed_until_it_is_paid(self):
        vend = self._proved(self._give("emergency", "20.00"))
        self.assertEqual(vend.move_id.move_type, "out_invoice")
        self.assertEqual(self._items(self._own(vend)), sorted(self._sold(20.0)))
        self.assertEqual(vend.move_id.payment_state, "not_paid")
        self.assertEqual(self._receivable(), 20.0)
        self.assertEqual(self.contract._emergency_open(), Decimal("20.00"))
        self.assertEqual(
            [(line.move_id, amount) for line, amount in self.contract._arrears()],
            [(vend.move_id, Decimal("20.00"))],
        )

    def test_the_next_sale_recovers_it(self):
        lent = self._proved(self._give("emergency", "20.00"))
        sale = self._sell("100.00")
        arrears = sale.line_ids.filtered(lambda line: line.kind == "arrears")
        self.assertEqual((arrears.amount, sale.cost, sale.arrears_amount), (20.0, 80.0, 20.0))
        self.assertEqual(arrears.arrears_line_id.move_id, lent.move_id)
        self._proved(sale)
        self.assertEqual(lent.move_id.payment_state, "paid")
        self.assertEqual((self._receivable(), self._open_credit()), (0.0, 0.0))
        self.assertEqual(self.contract._emergency_open(), 0)
        self.assertEqual(self._give("emergency", "30.00").state, "accepted")

    def test_reversed_emergency_credit_is_owed_no_more(self):
        vend = self._proved(self._give("emergency", "20.00"))
        status = self._counter().reverse("reverse-lent-2", vend.id, "Not needed")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._proved(reversal, before="46.47", after="10.00")
        self.assertEqual(self._items(self._own(reversal)), sorted(self._sold(-20.0)))
        self.assertEqual((self._receivable(), self._open_credit()), (0.0, 0.0))
        self.assertFalse(reversal.refund_payment_id)
        self.assertEqual(self.contract._emergency_open(), 0)

    def test_free_kinds_write_nothing(self):
        meter = self._meter("202611000031")
        temporary = self._proved(self._give("temporary", "5", meter=meter), before="0")
        adjusted = self._proved(self._give("adjustment", "5"))
        vends = self.env["utility.vend"]
        quota = self._proved(vends._issue("quota-books", "quota", self.meter, Decimal(30)))
        moved = self._proved(vends._issue("transfer-books", "transfer", self.meter, Decimal(3)))
        for vend in (temporary, adjusted, quota, moved):
            with self.subTest(vend.kind):
                self.assertFalse(self._own(vend))

    def test_adjustment_at_a_value_is_borne_by_the_company(self):
        vend = self._proved(self._give("adjustment", "10", cost="5.48"))
        account = self.company.utility_adjustment_account_id
        borne = [(account.name, 5.48), (self.customer_account.name, -5.48)]
        self.assertEqual(self._items(self._own(vend)), sorted(self._sold(5.48) + borne))
        self.assertEqual((self._receivable(), self._open_credit()), (0.0, 0.0))

    def test_adjustment_down_at_a_value(self):
        vend = self._proved(self._give("adjustment", "-10", cost="5.48"), "30", "20")
        account = self.company.utility_adjustment_account_id
        borne = [(account.name, -5.48), (self.customer_account.name, 5.48)]
        self.assertEqual(self._items(self._own(vend)), sorted(self._sold(-5.48) + borne))
        self.assertEqual((self._receivable(), self._open_credit()), (0.0, 0.0))

    def test_reversed_adjustment(self):
        vend = self._proved(self._give("adjustment", "10", cost="5.48"))
        status = self._counter("supervisor").reverse("reverse-adj-2", vend.id, "Wrong")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._proved(reversal, before="20", after="10")
        account = self.company.utility_adjustment_account_id
        borne = [(account.name, -5.48), (self.customer_account.name, 5.48)]
        self.assertEqual(self._items(self._own(reversal)), sorted(self._sold(-5.48) + borne))
        self.assertEqual((self._receivable(), self._open_credit()), (0.0, 0.0))
        self.assertFalse(reversal.refund_payment_id)

    def test_cancelled_writes_nothing(self):
        vend = self._give("emergency", "20.00")
        self._refuse_charge(vend)
        self._counter("supervisor").cancel_issue(vend.id, "Meter is full")
        self._post()
        self.assertFalse(self._own(vend))
        self.assertEqual(self.contract._emergency_open(), 0)
