from decimal import Decimal

from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common_ledger import LedgerCommon
from .test_ledger_table import POLICIES
from .test_settlement_steps import SettlementCommon

# What settlements write in the books under every policy; amounts are debit less credit, tax is 13 %
# and in the price. 182.38 kWh were bought for 100.00 at 0.5483, of which 11.50 are tax.
TABLE = {
    "closed with 82.38 kWh left": {
        "sale": ["credit note: revenue 39.97, tax 5.20, customers -45.17"],
        "tax_at_sale": ["credit note: liability 39.97, tax 5.20, customers -45.17"],
        "on_use": ["entry: advance 45.17, customers -45.17"],
        "agency": ["entry: utility 45.17, customers -45.17"],
    },
    "45.17 paid back": {
        "all": ["payment: customers 45.17, cash -45.17"],
    },
    "month of 100.00 kWh used": {
        "sale": [],
        "tax_at_sale": ["entry: liability 48.53, revenue -48.53"],
        "on_use": [
            "invoice: customers 54.83, tax -6.31, revenue -48.52",
            "entry: advance 54.83, customers -54.83",
        ],
        "agency": [],
    },
    "replaced with 82.38 kWh left, two steps of 30 go on": {
        "sale": ["credit note: revenue 10.86, tax 1.41, customers -12.27"],
        "tax_at_sale": ["credit note: liability 10.86, tax 1.41, customers -12.27"],
        "on_use": ["entry: advance 12.27, customers -12.27"],
        "agency": ["entry: utility 12.27, customers -12.27"],
    },
    "handed over with one of them left": {
        "sale": ["credit note: revenue 14.56, tax 1.89, customers -16.45"],
        "tax_at_sale": ["credit note: liability 14.56, tax 1.89, customers -16.45"],
        "on_use": ["entry: advance 16.45, customers -16.45"],
        "agency": ["entry: utility 16.45, customers -16.45"],
    },
    "28.72 paid back": {
        "all": ["payment: customers 28.72, cash -28.72"],
    },
    "month of 130 kWh used": {
        "sale": [],
        "tax_at_sale": ["entry: liability 63.08, revenue -63.08"],
        "on_use": [
            "invoice: customers 71.28, tax -8.20, revenue -63.08",
            "entry: advance 71.28, customers -71.28",
        ],
        "agency": [],
    },
    "replaced, 4 kWh owed": {
        "sale": ["invoice: customers 2.19, tax -0.25, revenue -1.94"],
        "tax_at_sale": ["invoice: customers 2.19, tax -0.25, revenue -1.94"],
        "on_use": ["invoice: customers 2.19, tax -0.25, revenue -1.94"],
        "agency": ["entry: customers 2.19, utility -2.19"],
    },
    "closed, 10 kWh owed": {
        "sale": ["invoice: customers 5.48, tax -0.63, revenue -4.85"],
        "tax_at_sale": ["invoice: customers 5.48, tax -0.63, revenue -4.85"],
        "on_use": ["invoice: customers 5.48, tax -0.63, revenue -4.85"],
        "agency": ["entry: customers 5.48, utility -5.48"],
    },
    "7.67 taken": {
        "all": ["payment: cash 7.67, customers -7.67"],
    },
    "month of 182.38 kWh used": {
        "sale": [],
        "tax_at_sale": ["entry: liability 88.50, revenue -88.50"],
        "on_use": [
            "invoice: customers 100.00, tax -11.50, revenue -88.50",
            "entry: advance 100.00, customers -100.00",
        ],
        "agency": [],
    },
}


class SettlementTable:
    """The table above, one life of a contract after the other, on each chart below."""

    allow_inherited_tests_method = True

    def _each_policy(self):
        """Run the test's body under every policy, for a contract that has bought for 100.00."""
        for policy in POLICIES:
            with self.env.cr.savepoint() as point, freeze_time("2026-03-10 02:00:00"):
                self.policy = self._policy(policy)
                self.lived = self._opened(self.spare)
                vend = self._sell("100.00", meter=self.spare)
                self._prove(vend.command_id, before="0")
                self._post()
                self._new(self.lived)
                yield
                point.rollback()
            self.env.invalidate_all()

    def _row(self, event):
        expected = TABLE[event]
        self.assertEqual(
            self._new(self.lived),
            expected.get("all", expected.get(self.policy.policy)),
            f"{event}, {self.policy.policy}",
        )

    def _ended(self, left, next_one=None):
        contract = self._as("cashier", self.lived)
        settlement = contract._hand_over(next_one) if next_one else contract._close()
        self._says(settlement, "read", total="300.00", balance=left)
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        self._cron()
        self.assertEqual(self._step(settlement, "settle").state, "done")
        return settlement.sudo()

    def _replaced(self, left, ct_ratio=1):
        """The contract goes on, on another meter."""
        new = self._meter("202611000088", ct_ratio=ct_ratio)
        contract = self._as("engineer", self.lived)
        settlement = contract._replace(self._as("engineer", new), "Old")
        self._says(settlement, "read", self.spare, total="300.00", balance=left)
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        self._cron()
        self._says(settlement, "read", new, total="0.00", balance="0.00")
        self._says(settlement, "open", balance_before=0, balance_after=0)
        transfer = self._step(settlement, "transfer").vend_id
        if transfer:
            self._prove(transfer.command_id, before="0")
            self._post()
        self.assertEqual(settlement.state, "done")

    def _nothing_stays(self):
        """The contract is over: nothing is open, and nothing waits for use any longer."""
        self.assertEqual(self._open_items(), [])
        for role in ("liability", "advance"):
            (account,) = [account for account, name in self.roles.items() if name == role]
            lines = self.env["account.move.line"].search(
                [("account_id", "=", account.id), ("parent_state", "=", "posted")]
            )
            balance = round(sum(lines.mapped("balance")), 2)
            self.assertEqual(balance, 0, f"{role}, {self.policy.policy}")

    def test_closing_with_money_back(self):
        for __ in self._each_policy():
            settlement = self._ended("82.38")
            self._row("closed with 82.38 kWh left")
            self.assertEqual(self._open_items(), ["-45.17"])
            settlement._pay(self.cash)
            self._row("45.17 paid back")
            self._run("2026-03-01")
            self._row("month of 100.00 kWh used")
            self._nothing_stays()

    def test_replacement_with_a_rest_and_hand_over(self):
        next_one = self.env["res.partner"].create({"name": "Room 101 next tenant"})
        for __ in self._each_policy():
            self._replaced("82.38", ct_ratio=3000)
            self._row("replaced with 82.38 kWh left, two steps of 30 go on")
            self.assertEqual((self._open_items(), self.lived.remainder), (["-12.27"], 12.27))
            settlement = self._ended("0.01", next_one)
            self._row("handed over with one of them left")
            self.assertEqual(settlement.amount_due, 28.72)
            self.assertEqual(settlement.next_contract_id.remainder, 0)
            settlement._pay(self.cash)
            self._row("28.72 paid back")
            self._run("2026-03-01")
            self._row("month of 130 kWh used")
            self._nothing_stays()

    def test_debts(self):
        for __ in self._each_policy():
            self._replaced("-4.00")
            self._row("replaced, 4 kWh owed")
            self.assertEqual(self.lived._arrears()[0][1], Decimal("2.19"))
            settlement = self._ended("-10.00")
            self._row("closed, 10 kWh owed")
            self.assertEqual(settlement.amount_due, -7.67)
            settlement._pay(self.cash)
            self._row("7.67 taken")
            self._run("2026-03-01")
            self._row("month of 182.38 kWh used")
            self._nothing_stays()


@tagged("post_install", "-at_install")
class TestSettlementTableGeneric(SettlementTable, SettlementCommon, LedgerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()


@tagged("post_install_l10n", "post_install", "-at_install")
class TestSettlementTableChina(SettlementTable, SettlementCommon, LedgerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
