from decimal import Decimal

from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common_ledger import LedgerCommon
from .test_ledger_table import POLICIES
from .test_settlement_steps import SettlementCommon

# What settlements write in the books under every policy; amounts are debit less credit, tax is 13 %
# and in the price. 182.38 kWh were bought for 100.00 at 0.5483, of which 11.50 are tax.
TABLE = {
    "replaced with 82.38 kWh left, three steps of 25 go on": {
        "sale": ["credit note: revenue 3.58, tax 0.47, customers -4.05"],
        "tax_at_sale": ["credit note: liability 3.58, tax 0.47, customers -4.05"],
        "on_use": ["entry: advance 4.05, customers -4.05"],
        "agency": ["entry: utility 4.05, customers -4.05"],
    },
    "handed over with one of them left": {
        "sale": ["credit note: revenue 12.12, tax 1.58, customers -13.70"],
        "tax_at_sale": ["credit note: liability 12.12, tax 1.58, customers -13.70"],
        "on_use": ["entry: advance 13.70, customers -13.70"],
        "agency": ["entry: utility 13.70, customers -13.70"],
    },
    "17.75 paid back": {
        "all": ["payment: customers 17.75, cash -17.75"],
    },
    # of 88.50 that were deferred 3.58 and 12.12 went back
    "month of 150 kWh used": {
        "sale": [],
        "tax_at_sale": ["entry: liability 72.80, revenue -72.80"],
        "on_use": [
            "invoice: customers 82.25, tax -9.46, revenue -72.79",
            "entry: advance 82.25, customers -82.25",
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

    def test_money_back(self):
        next_one = self.env["res.partner"].create({"name": "Room 101 next tenant"})
        for __ in self._each_policy():
            self._replaced("82.38", ct_ratio=2500)
            self._row("replaced with 82.38 kWh left, three steps of 25 go on")
            self.assertEqual((self._open_items(), self.lived.remainder), (["-4.05"], 4.05))
            settlement = self._ended("0.01", next_one)
            self._row("handed over with one of them left")
            self.assertEqual((settlement.amount_due, self.lived.remainder), (17.75, 0))
            settlement._pay(self.cash)
            self._row("17.75 paid back")
            self._run("2026-03-01")
            self._row("month of 150 kWh used")
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

    def test_the_cent_of_a_month_without_use(self):
        """What was used is booked; what goes back afterwards rounds by itself."""
        with freeze_time("2026-03-10 02:00:00"):
            self.policy = self._policy("tax_at_sale")
            self.lived = self._opened(self.spare)
            self._prove(self._sell("100.00", meter=self.spare).command_id, before="0")
            self._post()
        self._read("2026-03-31 15:00:00", meter=self.spare, balance=Decimal("82.38"))
        self._new(self.lived)
        self._run("2026-03-01")
        self.assertEqual(self._new(), ["entry: liability 48.52, revenue -48.52"])
        with freeze_time("2026-04-01 02:00:00"):
            self._ended("82.38")._pay(self.cash)
        self.assertEqual(
            self._new(),
            [
                "credit note: liability 39.97, tax 5.20, customers -45.17",
                "payment: customers 45.17, cash -45.17",
            ],
        )
        self._run("2026-04-01")
        self.assertEqual(self._new(), ["entry: liability 0.01, revenue -0.01"])
        self._nothing_stays()


@tagged("post_install_l10n", "post_install", "-at_install")
class TestSettlementTableChina(SettlementTable, SettlementCommon, LedgerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
