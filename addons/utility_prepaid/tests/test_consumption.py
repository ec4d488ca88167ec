from decimal import Decimal

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .common_ledger import LedgerCommon


@tagged("post_install", "-at_install")
class TestConsumption(LedgerCommon):
    """The monthly run: what it reckons, who may post it, and how it is set right."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tariff.price_ids.price = 0.5

    def _bought(self, at, amount="100.00", before="0"):
        with freeze_time(at):
            vend = self._sell(amount)
            self._prove(vend.command_id, before=before)
            self._post()
        self._new()
        return vend

    def _lines(self, run):
        return [
            (line.vend_id, line.units, line.amount, line.revenue, line.estimated)
            for line in run.line_ids
        ]

    def test_first_in_first_out_at_the_price_paid(self):
        self._policy("tax_at_sale")
        first = self._bought("2026-08-03 04:00:00", "100.00")
        self.tariff.price_ids.price = 1
        second = self._bought("2026-08-10 04:00:00", "50.00", before="150")
        self._read("2026-08-31 15:00:00", balance=20)
        run = self._run("2026-08-15")
        self.assertEqual(run.month, fields.Date.to_date("2026-08-01"))
        self.assertEqual(
            self._lines(run),
            [(first, 200, 100.0, 88.5, False), (second, 30, 30.0, 26.55, False)],
        )
        self.assertEqual(self._new(), ["entry: liability 115.05, revenue -115.05"])
        self.assertEqual(str(run.move_ids.date), "2026-08-31")
        self.assertEqual(run.line_ids.move_id, run.move_ids)

    def test_free_units_are_used_first_and_worth_nothing(self):
        self._policy("tax_at_sale")
        sale = self._bought("2026-08-03 04:00:00")
        with freeze_time("2026-08-10 04:00:00"):
            quota = self._movement("quota", 30, before=100)
            self._post()
        # 100 were used before the free units came, then those 30, then 20 of the sale again
        self._read("2026-08-31 15:00:00", balance=80)
        run = self._run("2026-08-01")
        self.assertEqual(
            self._lines(run), [(sale, 120, 60.0, 53.1, False), (quota, 30, 0, 0, False)]
        )

    def test_an_estimate_is_marked_and_set_right(self):
        self._policy("on_use")
        self._bought("2026-07-02 04:00:00", "100.00")
        self._bought("2026-07-12 04:00:00", "100.00", before="160")
        # 4 a day in July, then silence from the 12th on: 19.5 days at 4 a day
        run = self._run("2026-07-01")
        self.assertEqual(set(run.line_ids.mapped("estimated")), {True})
        self.assertEqual(run.estimated_count, 1)
        self.assertEqual(sum(run.line_ids.mapped("units")), 118)
        self.assertEqual(
            self._new(),
            [
                "invoice: customers 59.00, tax -6.79, revenue -52.21",
                "entry: advance 59.00, customers -59.00",
            ],
        )
        # in truth nothing was used any more: what was booked too much goes back
        self._read("2026-08-31 15:00:00", balance=360)
        run = self._run("2026-08-01")
        self.assertEqual(sum(run.line_ids.mapped("units")), -78)
        self.assertEqual(
            self._new(),
            [
                "credit note: revenue 34.51, tax 4.49, customers -39.00",
                "entry: customers 39.00, advance -39.00",
            ],
        )
        self.assertEqual(self._open_items(), [])
        advances = self.contract._advance_items(self.company.utility_advance_account_id)
        self.assertEqual(round(sum(advances.mapped("amount_residual")), 2), -180.0)

    def test_the_nearest_reading_counts(self):
        self._policy("tax_at_sale")
        self._bought("2026-08-03 04:00:00")
        self._read("2026-08-30 20:00:00", balance=110)
        self._read("2026-08-31 17:00:00", balance=100)
        run = self._run("2026-08-01", post=False)
        self.assertEqual(run.line_ids.units, 100)
        self.assertEqual(str(run.line_ids.left_at), "2026-08-31 17:00:00")
        # not when an order came between the end of the month and that reading
        self._bought("2026-08-31 16:30:00", before="105")
        run = self._run("2026-08-01", post=False)
        self.assertEqual(run.line_ids.units, 90)

    def test_use_beyond_the_credit_comes_back_with_the_next_credit(self):
        self._policy("on_use")
        self._bought("2026-08-03 04:00:00", "10.00")
        self._read("2026-08-31 15:00:00", balance=-20)
        self._run("2026-08-01")
        self.assertEqual(self._new()[2:], ["invoice: customers 10.00, tax -1.15, revenue -8.85"])
        self.assertEqual(self._open_items(), ["10.00"])
        self._bought("2026-09-05 04:00:00", "100.00", before="-20")
        self._read("2026-09-30 15:00:00", balance=150)
        self._run("2026-09-01")
        self.assertEqual(
            self._new(),
            [
                "invoice: customers 25.00, tax -2.88, revenue -22.12",
                "entry: advance 25.00, customers -25.00",
                "credit note: revenue 8.85, tax 1.15, customers -10.00",
            ],
        )
        self.assertEqual(self._open_items(), [])

    def test_overdraft_billed_by_a_run_is_not_billed_at_closing_again(self):
        self._policy("on_use")
        self._bought("2026-08-03 04:00:00", "10.00")
        self._read("2026-08-31 15:00:00", balance=-20)
        self._run("2026-08-01")
        self._new()
        ledger, day = self.env["utility.ledger"], fields.Date.to_date("2026-09-10")
        ledger._bill_debt(self.contract, Decimal(30), day, "CLOSE")
        self.assertEqual(self._new(), ["invoice: customers 5.00, tax -0.58, revenue -4.42"])
        self.contract.sudo().write({"state": "closed", "date_close": day})
        self.assertEqual(len(self.contract._arrears()), 2, "All of it is owed in money")
        run = self._run("2026-09-01")
        self.assertEqual((self._lines(run), self._new()), ([], []))

    def test_overdraft_that_was_taken_back_is_credited_at_closing(self):
        self._policy("on_use")
        self._bought("2026-08-03 04:00:00", "10.00")
        self._read("2026-08-31 15:00:00", balance=-20)
        self._run("2026-08-01")
        self._bought("2026-09-05 04:00:00", "100.00", before="-20")
        ledger, day = self.env["utility.ledger"], fields.Date.to_date("2026-09-10")
        ledger._give_back_left(self.contract, Decimal(100), day, "CLOSE")
        self.assertEqual(
            self._new(),
            [
                "credit note: revenue 8.85, tax 1.15, customers -10.00",
                "entry: advance 50.00, customers -50.00",
            ],
        )
        self.assertEqual(self._open_items(), ["-50.00"])
        self.contract.sudo().write({"state": "closed", "date_close": day})
        self._run("2026-09-01")
        self.assertEqual(
            self._new(),
            [
                "invoice: customers 50.00, tax -5.75, revenue -44.25",
                "entry: advance 50.00, customers -50.00",
            ],
        )
        self.assertEqual(self._open_items(), ["-50.00"])

    def test_debt_of_a_replaced_meter_is_owed_in_money(self):
        """The contract goes on, on another meter that takes nothing back."""
        self._policy("on_use")
        self._bought("2026-08-03 04:00:00", "10.00")
        self._read("2026-08-31 15:00:00", balance=-20)
        self._run("2026-08-01")
        self._new()
        day = fields.Date.to_date("2026-09-10")
        self.env["utility.ledger"]._bill_debt(self.contract, Decimal(30), day, "MOVE")
        self.assertEqual(
            [amount for __, amount in self.contract._arrears()], [Decimal(10), Decimal(5)]
        )
        self._new()
        self._read("2026-09-30 15:00:00", balance=0)
        run = self._run("2026-09-01")
        self.assertEqual((self._lines(run), self._new()), ([], []))

    def test_a_closed_contract_is_booked_to_its_end_once(self):
        for policy, booked in (
            ("tax_at_sale", ["entry: liability 44.25, revenue -44.25"]),
            (
                "on_use",
                [
                    "invoice: customers 50.00, tax -5.75, revenue -44.25",
                    "entry: advance 50.00, customers -50.00",
                ],
            ),
        ):
            with self.env.cr.savepoint() as point:
                self._policy(policy)
                self._bought("2026-08-03 04:00:00")
                day = fields.Date.to_date("2026-08-20")
                self.env["utility.ledger"]._give_back_left(
                    self.contract, Decimal(100), day, "CLOSE"
                )
                self.contract.sudo().write({"state": "closed", "date_close": day})
                self._new()
                self._run("2026-08-01")
                self.assertEqual(self._new(), booked)
                account = self.roles
                for name in ("liability", "advance"):
                    (own,) = [a for a, role in account.items() if role == name]
                    lines = self.env["account.move.line"].search([("account_id", "=", own.id)])
                    self.assertEqual(round(sum(lines.mapped("balance")), 2), 0, name)
                run = self._run("2026-09-01")
                self.assertEqual((self._lines(run), self._new()), ([], []))
                point.rollback()
            self.env.invalidate_all()

    def test_a_reversed_sale_is_taken_back(self):
        self._policy("tax_at_sale")
        vend = self._bought("2026-08-03 04:00:00")
        self._read("2026-08-31 15:00:00", balance=150)
        self._run("2026-08-01")
        self._new()
        with freeze_time("2026-09-02 04:00:00"):
            status = self._counter().reverse("reversal-use", vend.id, "wrong meter")
            reversal = self.env["utility.vend"].browse(status["id"])
            self._prove(reversal.command_id, before="200", after="0")
            self._post()
        self._new()
        self._run("2026-09-01")
        self.assertEqual(self._new(), ["entry: revenue 22.13, liability -22.13"])

    def test_a_change_of_policy_leaves_old_sales_as_they_are(self):
        first = self._bought("2026-08-03 04:00:00")
        with freeze_time("2026-08-05 04:00:00"):
            with self.assertRaisesRegex(UserError, "begins on a later day"):
                self._policy("tax_at_sale", "2026-08-03")
            self._policy("tax_at_sale", "2026-08-10")
        second = self._bought("2026-08-12 04:00:00", before="200")
        with freeze_time("2026-08-13 04:00:00"):
            policy = self._policy("on_use", "2026-08-20")
        third = self._bought("2026-08-21 04:00:00", before="400")
        self.assertEqual(
            [vend.policy for vend in (first, second, third)], ["sale", "tax_at_sale", "on_use"]
        )
        with self.assertRaisesRegex(UserError, "one that has begun stays"):
            policy.unlink()
        self._read("2026-08-31 15:00:00", balance=100)
        self._run("2026-08-01")
        self.assertEqual(
            self._new(),
            [
                "entry: liability 88.50, revenue -88.50",
                "invoice: customers 50.00, tax -5.75, revenue -44.25",
                "entry: advance 50.00, customers -50.00",
            ],
        )
        # what is left goes back by its own policy, too
        self.env["utility.ledger"]._give_back_left(
            self.contract, Decimal(100), fields.Date.to_date("2026-09-03"), "CLOSE"
        )
        self.assertEqual(self._new(), ["entry: advance 50.00, customers -50.00"])

    def test_posted_once_and_corrected_by_another_document(self):
        self._policy("tax_at_sale")
        self._bought("2026-08-03 04:00:00")
        self._read("2026-08-31 15:00:00", balance=100)
        run = self._run("2026-08-01")
        self._new()
        run.action_post()
        self.assertEqual(self._new(), [], "The second click posts nothing")
        with self.assertRaisesRegex(UserError, "make a correction"):
            self._run("2026-08-01")
        with self.assertRaisesRegex(UserError, "stays"):
            run.unlink()
        with self.assertRaisesRegex(UserError, "fixed"):
            run.month = "2026-07-01"
        with self.assertRaisesRegex(UserError, "later month"):
            self._run("2026-07-01")
        # a reading of that evening comes late
        self._read("2026-08-31 15:50:00", balance=90)
        with freeze_time("2026-09-04"):
            correction = run.browse(run.action_correct()["res_id"])
            self.assertEqual(correction.corrects_id, run)
            self._release(correction)
        self.assertEqual(self._new(), ["entry: liability 4.43, revenue -4.43"])

    def test_the_preview_is_what_is_posted(self):
        self._policy("tax_at_sale")
        self._bought("2026-08-03 04:00:00")
        self._read("2026-08-31 15:00:00", balance=100)
        run = self._run("2026-08-01", post=False)
        self._read("2026-08-31 15:50:00", balance=90)
        with freeze_time("2026-09-02"):
            self.assertEqual(run.action_post()["tag"], "display_notification")
            self.assertEqual((run.state, run.line_ids.units), ("draft", 110))
            self._release(run)
        self.assertEqual(self._new(), ["entry: liability 48.68, revenue -48.68"])

    def test_not_before_the_month_is_over(self):
        with freeze_time("2026-08-31 15:00:00"), self.assertRaisesRegex(UserError, "not over"):
            self.env["utility.consumption"].with_user(self.users["accountant"]).create(
                {"company_id": self.company.id, "month": "2026-08-01"}
            ).action_preview()

    def test_only_accountants(self):
        run = self._run("2026-08-01", post=False)
        for role in ("cashier", "supervisor", "engineer"):
            own = run.with_user(self.users[role])
            for act in (own.action_preview, own.action_post):
                with self.assertRaises(AccessError):
                    act()
            with self.assertRaises(AccessError):
                self.env["utility.policy"].with_user(self.users[role]).create(
                    {"company_id": self.company.id, "date_from": "2030-01-01"}
                )

    def test_a_lock_moves_the_documents_to_today(self):
        self._policy("tax_at_sale")
        self._bought("2026-08-03 04:00:00")
        self._read("2026-08-31 15:00:00", balance=100)
        self.company.fiscalyear_lock_date = "2026-08-31"
        run = self._run("2026-08-01")
        self.assertEqual(str(run.move_ids.date), "2026-09-02")

    def test_what_holds_a_run_up_has_an_owner(self):
        self._policy("tax_at_sale")
        self._bought("2026-08-03 04:00:00")
        self._read("2026-08-31 15:00:00", balance=100)
        journal = self.company.utility_entry_journal_id
        run = self._run("2026-08-01", post=False)
        self.company.utility_entry_journal_id = False
        with freeze_time("2026-09-02"):
            self._release(run, "posting")
            self.assertIn("is missing", run.posting_error)
            self.assertEqual(run.sudo().activity_ids.user_id, self.users["accountant"])
            self.company.utility_entry_journal_id = journal
            self._release(run)
        self.assertEqual(self._new(), ["entry: liability 44.25, revenue -44.25"])
        self.assertFalse(run.sudo().activity_ids)

    def test_a_money_meter_is_booked_in_money(self):
        self._policy("on_use")
        meter = self._meter("202611000003", "d_smart")
        contract = self._contract(meter)
        with freeze_time("2026-08-03 04:00:00"):
            vend = self._sell("50.00", meter=meter)
            self._prove(vend.command_id, before="0")
            self._post()
        self._new(contract)
        self._read("2026-08-31 15:00:00", meter=meter, balance=20)
        self._run("2026-08-01")
        self.assertEqual(
            self._new(contract),
            [
                "invoice: customers 30.00, tax -3.45, revenue -26.55",
                "entry: advance 30.00, customers -30.00",
            ],
        )

    def test_the_preview_of_last_month_stands_ready(self):
        self._policy("tax_at_sale")
        self._bought("2026-08-03 04:00:00")
        self._read("2026-08-31 15:00:00", balance=100)
        cron = self.env.ref("utility_prepaid.ir_cron_prepare_consumption")
        runs = self.env["utility.consumption"]
        for at, count in (
            ("2026-09-01 16:00:00", 0),
            ("2026-09-02 05:00:00", 1),
            ("2026-09-03 05:00:00", 1),
        ):
            with freeze_time(at), self.enter_registry_test_mode():
                cron.method_direct_trigger()
            self.assertEqual(runs.search_count([]), count, at)
        run = runs.search([])
        self.assertEqual((run.state, run.line_ids.units), ("draft", 100))
        self.assertEqual(run.activity_ids.user_id, self.users["accountant"])
        with freeze_time("2026-09-03 06:00:00"):
            self._release(run.with_user(self.users["accountant"]))
        self.assertFalse(run.activity_ids, "What was to be done is done")
