from datetime import date
from decimal import Decimal

from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common_ledger import LedgerCommon

# What every event writes in the books under every policy; amounts are debit less credit, tax is
# 13 % and in the price. An event that is the same under all policies stands under "all".
TABLE = {
    "100.00 paid": {
        "all": ["payment: cash 100.00, customers -100.00"],
    },
    "100.00 delivered": {
        "sale": ["invoice: customers 100.00, tax -11.50, revenue -88.50"],
        "tax_at_sale": ["invoice: customers 100.00, tax -11.50, liability -88.50"],
        "on_use": ["entry: customers 100.00, advance -100.00"],
        "agency": ["entry: customers 100.00, utility -100.00"],
    },
    "100.00 delivered, of it 11.30 monthly fee and 5.65 service fee": {
        "sale": [
            "invoice: customers 100.00, fees -5.00, fees -10.00, tax -11.50, revenue -73.50",
        ],
        "tax_at_sale": [
            "invoice: customers 100.00, fees -5.00, fees -10.00, tax -11.50, liability -73.50",
        ],
        "on_use": [
            "invoice: customers 16.95, tax -1.95, fees -5.00, fees -10.00",
            "entry: customers 83.05, advance -83.05",
        ],
        "agency": [
            "invoice: customers 16.95, tax -1.95, fees -5.00, fees -10.00",
            "entry: customers 83.05, utility -83.05",
        ],
    },
    "emergency credit of 56.50 delivered": {
        "sale": ["invoice: customers 56.50, tax -6.50, revenue -50.00"],
        "tax_at_sale": ["invoice: customers 56.50, tax -6.50, liability -50.00"],
        "on_use": [],
        "agency": ["entry: customers 56.50, utility -56.50"],
    },
    "100.00 delivered, of it 20.00 for arrears": {
        "sale": ["invoice: customers 80.00, tax -9.20, revenue -70.80"],
        "tax_at_sale": ["invoice: customers 80.00, tax -9.20, liability -70.80"],
        "on_use": ["entry: customers 80.00, advance -80.00"],
        "agency": ["entry: customers 80.00, utility -80.00"],
    },
    "sale of 100.00 reversed": {
        "sale": [
            "credit note: revenue 88.50, tax 11.50, customers -100.00",
            "payment: customers 100.00, cash -100.00",
        ],
        "tax_at_sale": [
            "credit note: liability 88.50, tax 11.50, customers -100.00",
            "payment: customers 100.00, cash -100.00",
        ],
        "on_use": [
            "entry: advance 100.00, customers -100.00",
            "payment: customers 100.00, cash -100.00",
        ],
        "agency": [
            "entry: utility 100.00, customers -100.00",
            "payment: customers 100.00, cash -100.00",
        ],
    },
    "proved not charged, 100.00 given back": {
        "all": ["payment: customers 100.00, cash -100.00"],
    },
    "given back, and charged after all": {
        "sale": ["invoice: customers 100.00, tax -11.50, revenue -88.50"],
        "tax_at_sale": ["invoice: customers 100.00, tax -11.50, liability -88.50"],
        "on_use": ["entry: customers 100.00, advance -100.00"],
        "agency": ["entry: customers 100.00, utility -100.00"],
    },
    "... and written off": {
        "all": ["entry: loss 100.00, customers -100.00"],
    },
    "free units": {
        "all": [],
    },
    "adjustment of 113.00 put on the meter": {
        "sale": [
            "invoice: customers 113.00, tax -13.00, revenue -100.00",
            "entry: adjustments 113.00, customers -113.00",
        ],
        "tax_at_sale": [
            "invoice: customers 113.00, tax -13.00, liability -100.00",
            "entry: adjustments 113.00, customers -113.00",
        ],
        "on_use": [
            "entry: customers 113.00, advance -113.00",
            "entry: adjustments 113.00, customers -113.00",
        ],
        "agency": [
            "entry: customers 113.00, utility -113.00",
            "entry: adjustments 113.00, customers -113.00",
        ],
    },
    "adjustment of 56.50 taken off the meter": {
        "sale": [
            "credit note: revenue 50.00, tax 6.50, customers -56.50",
            "entry: customers 56.50, adjustments -56.50",
        ],
        "tax_at_sale": [
            "credit note: liability 50.00, tax 6.50, customers -56.50",
            "entry: customers 56.50, adjustments -56.50",
        ],
        "on_use": [
            "entry: advance 56.50, customers -56.50",
            "entry: customers 56.50, adjustments -56.50",
        ],
        "agency": [
            "entry: utility 56.50, customers -56.50",
            "entry: customers 56.50, adjustments -56.50",
        ],
    },
    "half of 100.00 used in a month": {
        "sale": [],
        "tax_at_sale": ["entry: liability 44.25, revenue -44.25"],
        "on_use": [
            "invoice: customers 50.00, tax -5.75, revenue -44.25",
            "entry: advance 50.00, customers -50.00",
        ],
        "agency": [],
    },
    "the other half, and 20 units beyond the credit": {
        "sale": [],
        "tax_at_sale": ["entry: liability 44.25, revenue -44.25"],
        "on_use": [
            "invoice: customers 50.00, tax -5.75, revenue -44.25",
            "entry: advance 50.00, customers -50.00",
            "invoice: customers 10.00, tax -1.15, revenue -8.85",
        ],
        "agency": [],
    },
    "half of 56.50 of emergency credit used in a month": {
        "sale": [],
        "tax_at_sale": ["entry: liability 25.00, revenue -25.00"],
        "on_use": ["invoice: customers 28.25, tax -3.25, revenue -25.00"],
        "agency": [],
    },
    "closing, half of 100.00 left": {
        "sale": ["credit note: revenue 44.25, tax 5.75, customers -50.00"],
        "tax_at_sale": ["credit note: liability 44.25, tax 5.75, customers -50.00"],
        "on_use": ["entry: advance 50.00, customers -50.00"],
        "agency": ["entry: utility 50.00, customers -50.00"],
    },
    "closing, 10.00 owed": {
        "sale": ["invoice: customers 10.00, tax -1.15, revenue -8.85"],
        "tax_at_sale": ["invoice: customers 10.00, tax -1.15, revenue -8.85"],
        "on_use": ["invoice: customers 10.00, tax -1.15, revenue -8.85"],
        "agency": ["entry: customers 10.00, utility -10.00"],
    },
}
POLICIES = ("sale", "tax_at_sale", "on_use", "agency")


class LedgerTable:
    """The table above, row by row, on each chart below."""

    allow_inherited_tests_method = True

    def _each_policy(self):
        """Run the test's body under every policy, each time in books as they were before."""
        for policy in POLICIES:
            with self.env.cr.savepoint() as point:
                self.policy = self._policy(policy)
                yield
                point.rollback()
            self.env.invalidate_all()

    def _row(self, event, contract=None):
        expected = TABLE[event]
        self.assertEqual(
            self._new(contract),
            expected.get("all", expected.get(self.policy.policy)),
            f"{event}, {self.policy.policy}",
        )

    def test_sale(self):
        for __ in self._each_policy():
            vend = self._sell("100.00")
            self.assertEqual(vend.policy, self.policy.policy)
            self._row("100.00 paid")
            self.assertEqual(self._open_items(), ["-100.00"], "Money that is on no meter yet")
            self._prove(vend.command_id)
            self.assertEqual(self._new(), [])
            self._post()
            self._row("100.00 delivered")
            self.assertEqual(self._open_items(), [])
            reversal = self._reverse(vend)
            self.assertEqual(self._new(), [], "Nothing goes back before the meter proves it")
            self._prove(reversal.command_id, before="192.38", after="10.00")
            self._post()
            self._row("sale of 100.00 reversed")
            self.assertEqual(self._open_items(), [])
            self.assertEqual(reversal.refund_payment_id.amount, 100)

    def test_fees(self):
        for __ in self._each_policy():
            vend = self._sell("100.00")
            self._new()
            self._explain(vend, ("units", 83.05), ("fee", 11.30), ("service", 5.65))
            self._prove(vend.command_id)
            self._post()
            self._row("100.00 delivered, of it 11.30 monthly fee and 5.65 service fee")
            self.assertEqual(self._open_items(), [])
            reversal = self._reverse(vend)
            self._prove(reversal.command_id, before="192.38", after="10.00")
            self._post()
            self.assertEqual(self._open_items(), [])

    def test_emergency_credit_and_its_recovery(self):
        for __ in self._each_policy():
            emergency = self._movement("emergency", 100, 56.50)
            self._post()
            self._row("emergency credit of 56.50 delivered")
            self.assertTrue(emergency.posted_at)
            if self.policy.policy == "on_use":
                continue
            ((owed, amount),) = self.contract._arrears()
            self.assertEqual(amount, Decimal("56.50"))
            vend = self._sell("100.00")
            self._new()
            # 0.35 stays the customer's, and no part of the arrears beyond the cap is taken
            arrears = ("arrears", 20.00, {"arrears_line_id": owed.id})
            self._explain(vend, ("units", 80.00), arrears)
            self.assertEqual(self.contract._arrears()[0][1], Decimal("36.50"), "Promised once")
            self._prove(vend.command_id)
            self._post()
            self._row("100.00 delivered, of it 20.00 for arrears")
            self.assertEqual(self._open_items(), ["36.50"])
            self.assertEqual(self.contract._arrears(), [(owed, Decimal("36.50"))])
            reversal = self._reverse(vend)
            self._prove(reversal.command_id, before="192.38", after="10.00")
            self._post()
            self.assertEqual(self._open_items(), ["56.50"], "Arrears are open again")
            self.assertEqual(reversal.refund_payment_id.amount, 100, "All money goes back")

    def test_arrears_beside_a_remainder(self):
        self.policy = self._policy("sale")
        self._movement("emergency", 100, 56.50)
        self._post()
        ((owed, __),) = self.contract._arrears()
        vend = self._sell("100.00")
        self._new()
        arrears = ("arrears", 20.00, {"arrears_line_id": owed.id})
        self._explain(vend, ("units", 79.66), arrears, after=0.34)
        self._prove(vend.command_id)
        self._post()
        self.assertEqual(self._open_items(), ["36.50", "-0.34"])

    def test_not_charged(self):
        for __ in self._each_policy():
            vend = self._sell("100.00")
            self._new()
            self._arm(vend.command_id)
            vend.command_id._set_unknown("No answer")
            vend.command_id._not_charged("Over the hoarding limit", final=True, quiet=True)
            self._counter().refund(vend.id, "meter is full")
            self._row("proved not charged, 100.00 given back")
            self.assertEqual(self._open_items(), [])
            vend._post_charged_not_paid()
            self._row("given back, and charged after all")
            self.assertEqual(self._open_items(), ["100.00"])
            self.assertEqual(self.contract._arrears()[0][1], Decimal("100.00"))
            vend._post_written_off()
            self._row("... and written off")
            self.assertEqual(self._open_items(), [])

    def test_written_off_although_paid(self):
        """What was paid is not lost: the credit counts as supplied."""
        for __ in self._each_policy():
            vend = self._sell("100.00")
            self._new()
            vend._update_state(("accepted",), "disputed")
            vend._update_state(("disputed",), "written_off")
            self._post()
            self._row("100.00 delivered")
            self.assertEqual(self._open_items(), [])

    def test_free(self):
        for __ in self._each_policy():
            for kind in ("quota", "temporary", "transfer"):
                vend = self._movement(kind, 50)
                self._post()
                self._row("free units")
                self.assertTrue(vend.posted_at)

    def test_free_as_the_company_chose(self):
        self.policy = self._policy("sale")
        self.company.utility_free_booking = "expense"
        self._movement("quota", 100, value=113)
        self._post()
        self.assertEqual(self._new(), ["entry: free 100.00, revenue -100.00"])
        self.company.utility_free_booking = "deemed_sale"
        self._movement("quota", 100, value=113)
        self._post()
        self.assertEqual(
            self._new(),
            [
                "invoice: customers 113.00, tax -13.00, revenue -100.00",
                "entry: free 113.00, customers -113.00",
            ],
        )
        self.assertEqual(self._open_items(), [])
        # without a price its units have no value
        self._movement("temporary", 5, contract=self.env["utility.contract"])
        self._post()
        self.assertEqual(self._new(), [])

    def test_a_deemed_sale_is_revenue_at_once(self):
        """Free units are worth nothing when they are used: no run would take them off an account
        of credit that waits for its use."""
        self.company.utility_free_booking = "deemed_sale"
        for __ in self._each_policy():
            vend = self._movement("quota", 100, value=113)
            self._post()
            self.assertEqual(
                self._new(),
                [
                    "invoice: customers 113.00, tax -13.00, revenue -100.00",
                    "entry: free 113.00, customers -113.00",
                ],
            )
            self.assertEqual(vend.deferred_amount, 0)

    def test_adjustment(self):
        for __ in self._each_policy():
            self._movement("adjustment", 200, 113.00)
            self._post()
            self._row("adjustment of 113.00 put on the meter")
            self._movement("adjustment", -100, -56.50, before=200)
            self._post()
            self._row("adjustment of 56.50 taken off the meter")
            self._movement("adjustment", 10, 0, before=100)
            self._post()
            self.assertEqual(self._new(), [], "Without value nothing is booked")
            self.assertEqual(self._open_items(), [])

    def test_use(self):
        self.tariff.price_ids.price = 0.5
        for __ in self._each_policy():
            with freeze_time("2026-08-10 04:00:00"):
                vend = self._sell("100.00")
                self._prove(vend.command_id, before="0")
                self._post()
                self._new()
            self._read("2026-08-31 15:00:00", balance=100)
            self._run("2026-08-01")
            self._row("half of 100.00 used in a month")
            self.assertEqual(self._open_items(), [])
            self._read("2026-09-30 15:00:00", balance=-20)
            self._run("2026-09-01")
            self._row("the other half, and 20 units beyond the credit")
            owed = ["10.00"] if self.policy.policy == "on_use" else []
            self.assertEqual(self._open_items(), owed)
            self.assertEqual(self.contract._arrears(), [], "The meter takes it back in units")

    def test_emergency_credit_used(self):
        self.tariff.price_ids.price = 0.5
        for __ in self._each_policy():
            with freeze_time("2026-08-10 04:00:00"):
                self._movement("emergency", 100, 56.50)
                self._post()
            self._new()
            self._read("2026-08-31 15:00:00", balance=50)
            self._run("2026-08-01")
            self._row("half of 56.50 of emergency credit used in a month")
            owed = "28.25" if self.policy.policy == "on_use" else "56.50"
            self.assertEqual(self._open_items(), [owed])
            self.assertEqual([amount for __, amount in self.contract._arrears()], [Decimal(owed)])

    def test_closing(self):
        for __ in self._each_policy():
            vend = self._delivered("100.00")
            self._post()
            self._new()
            ledger = self.env["utility.ledger"]
            left = Decimal(str(vend.units)) / 2
            day = date(2026, 3, 31)
            moves = ledger._give_back_left(self.contract, left, day, "CLOSE")
            self._row("closing, half of 100.00 left")
            self.assertEqual(set(moves.mapped("date")), {day})
            self.assertEqual(self._open_items(), ["-50.00"])
            self.assertEqual(self.contract.units_at_close, float(left))
            payment = ledger._pay(self.contract, Decimal("50.00"), self.cash, "outbound", "CLOSE")
            ledger._reconcile(moves.line_ids | payment.move_id.line_ids)
            self.assertEqual(self._new(), ["payment: customers 50.00, cash -50.00"])
            self.assertEqual(self._open_items(), [])

    def test_closing_with_a_debt(self):
        for __ in self._each_policy():
            self.tariff.price_ids.price = 0.5
            self.env["utility.ledger"]._bill_debt(
                self.contract, Decimal(20), date(2026, 3, 31), "CLOSE"
            )
            self._row("closing, 10.00 owed")
            self.assertEqual(self._open_items(), ["10.00"])

    def _reverse(self, vend):
        status = self._counter().reverse(f"reversal-{vend.id:08}", vend.id, "wrong amount")
        return self.env["utility.vend"].browse(status["id"])


@tagged("post_install", "-at_install")
class TestLedgerTableGeneric(LedgerTable, LedgerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()


@tagged("post_install_l10n", "post_install", "-at_install")
class TestLedgerTableChina(LedgerTable, LedgerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()

    def test_accounts_of_the_chart(self):
        company = self.company
        self.assertEqual(company.utility_advance_account_id.code, "220302")
        self.assertTrue(company.utility_advance_account_id.reconcile)
        self.assertEqual(company.utility_liability_account_id.code, "220301")
        self.assertEqual(company.utility_payable_account_id.code, "224101")
        self.assertEqual(company.utility_loss_account_id.code[:4], "5711")

    def test_simplified_rate(self):
        """3 %, offered once, put on the water by the accountant."""
        domain = [
            ("company_id", "=", self.company.id),
            ("type_tax_use", "=", "sale"),
            ("amount", "=", 3),
        ]
        tax = self.env["account.tax"].search(domain)
        self.assertEqual(len(tax), 1)
        self.assertTrue(tax.price_include)
        self.company._utility_setup()
        self.assertEqual(self.env["account.tax"].search_count(domain), 1)
        self.assertEqual(self.company.utility_water_product_id.taxes_id.amount, 9)
        self.product.taxes_id = tax
        vend = self._delivered("103.00")
        self._post()
        self.assertEqual((vend.move_id.amount_tax, vend.move_id.amount_total), (3.0, 103.0))
