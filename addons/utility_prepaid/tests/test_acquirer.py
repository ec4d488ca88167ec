import base64
import doctest
import io
from decimal import Decimal
from uuid import uuid4

from openpyxl import Workbook
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..tools import settlement_match, spreadsheet
from .common import UtilityCommon


@freeze_time("2026-05-10 04:00:00")
class AcquirerCommon(UtilityCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls.env["account.journal"].search(
            [("company_id", "=", cls.company.id), ("type", "=", "bank")], limit=1
        )
        cls.acquirer = (
            cls.env["utility.acquirer"]
            .with_user(cls.users["accountant"])
            .create({"name": "WeChat", "bank_journal_id": cls.bank.id})
        )
        cls.clearing = cls.acquirer.clearing_account_id
        cls.second = cls._meter("202611000002")
        cls.other = cls.env["res.partner"].create({"name": "Room 102 tenant"})
        cls._contract(cls.second, partner=cls.other)

    def _paid(self, amount="100.00", meter=None):
        vend = self._sell(amount, meter=meter, journal=self.acquirer.journal_id)
        self._prove(vend.command_id)
        return vend

    def _settlement(self, rows, net=None, **values):
        """A settlement whose spreadsheet was read: rows of (reference, amount, fee, date)."""
        text = "\n".join(["Reference,Amount,Fee,Date", *(",".join(row) for row in rows)])
        settlement = (
            self.env["utility.acquirer.settlement"]
            .with_user(self.users["accountant"])
            .create(
                {
                    "acquirer_id": self.acquirer.id,
                    "date": "2026-05-10",
                    "file": base64.b64encode(text.encode()),
                    "net": net or 0,
                    **values,
                }
            )
        )
        settlement.action_read_file()
        return settlement

    def _bank_line(self, amount, label="Acquirer"):
        return self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.bank.id,
                "date": "2026-05-10",
                "payment_ref": label,
                "amount": amount,
            }
        )

    def _results(self, settlement):
        return sorted((line.result, line.reference) for line in settlement.line_ids)

    def _open(self, account):
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", account.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ]
        )
        return sorted(round(line.amount_residual, 2) for line in lines)


class AcquirerCases:
    """The journal items of acquirers on every chart below."""

    allow_inherited_tests_method = True

    def test_set_up_in_one_act(self):
        acquirer = self.acquirer
        journal = acquirer.journal_id
        self.assertTrue(journal.utility_counter)
        banks = dict(self.company._utility_banks())
        self.assertNotIn(str(journal.id), banks, "nobody brings cash to an acquirer")
        self.assertIn(str(self.bank.id), banks)
        self.assertEqual(journal.inbound_payment_method_line_ids.payment_account_id, self.clearing)
        self.assertEqual(journal.outbound_payment_method_line_ids.payment_account_id, self.clearing)
        self.assertTrue(self.clearing.reconcile)
        self.assertEqual(self.clearing.account_type, "asset_current")
        self.assertEqual(acquirer.fee_account_id.account_type, "expense")
        other = acquirer.create({"name": "Card POS", "bank_journal_id": self.bank.id})
        self.assertNotEqual(other.clearing_account_id, self.clearing)
        self.assertEqual(other.fee_account_id, acquirer.fee_account_id)

    def test_settlement_matches_books_the_fee_and_meets_the_bank(self):
        first, second = self._paid(), self._paid("50.00", self.second)
        self.assertEqual(
            self._items(first.payment_id.move_id),
            sorted([(self.clearing.name, 100.0), (self.customer_account.name, -100.0)]),
        )
        self.assertEqual(first.payment_id.state, "in_process")
        settlement = self._settlement(
            [
                (first.name, "100.00", "0.60", "2026-05-10 12:00:00"),
                ("4200001", "50.00", "0.30", "2026-05-10 12:01:00"),
            ]
        )
        self.assertEqual(settlement.line_ids.mapped("matched_by"), ["reference", "day"])
        self.assertEqual((settlement.gross, settlement.fee, settlement.net), (150.0, 0.9, 149.1))
        settlement.action_post()
        move = settlement.move_id
        self.assertEqual(
            self._items(move),
            sorted(
                [
                    (self.clearing.name, -100.0),
                    (self.clearing.name, -50.0),
                    (self.clearing.name, 149.1),
                    (self.acquirer.fee_account_id.name, 0.9),
                ]
            ),
        )
        self.assertEqual((first | second).payment_id.mapped("state"), ["paid", "paid"])
        self.assertEqual(self._open(self.clearing), [149.1], "What the bank is to show")
        bank_line = self._bank_line(149.1)
        settlement.statement_line_id = bank_line
        settlement.action_pay()
        self.assertEqual(settlement.state, "paid")
        self.assertEqual(
            self._items(bank_line.move_id),
            sorted([(self.bank.default_account_id.name, 149.1), (self.clearing.name, -149.1)]),
        )
        self.assertTrue(bank_line.is_reconciled)
        self.assertEqual(self._open(self.clearing), [])
        with self.assertRaisesRegex(UserError, "posted already"):
            settlement.action_post()

    def test_input_tax_that_is_part_of_the_fee(self):
        self.acquirer.with_user(self.users["accountant"]).fee_tax_id = tax = self._fee_tax(6)
        sale = self._paid()
        settlement = self._settlement([(sale.name, "100.00", "1.00", "2026-05-10")])
        settlement.action_post()
        move, fees = settlement.move_id, self.acquirer.fee_account_id
        part = tax.invoice_repartition_line_ids.filtered(lambda line: line.account_id)
        # 1.00 / 1.06 = 0.943
        self.assertEqual(
            self._items(move),
            sorted(
                [
                    (self.clearing.name, -100.0),
                    (self.clearing.name, 99.0),
                    (fees.name, 0.94),
                    (part.account_id.name, 0.06),
                ]
            ),
        )
        base = move.line_ids.filtered(lambda line: line.account_id == fees)
        own = move.line_ids.filtered("tax_repartition_line_id")
        base_part = tax.invoice_repartition_line_ids - part
        self.assertEqual((base.tax_ids, base.tax_tag_ids), (tax, base_part.tag_ids))
        self.assertEqual((own.tax_line_id, own.tax_tag_ids), (tax, part.tag_ids))
        self.assertEqual(own.tax_base_amount, 0.94, "The tax report finds tax and base")
        bank_line = self._bank_line(99.0)
        settlement.statement_line_id = bank_line
        settlement.action_pay()
        self.assertEqual(self._open(self.clearing), [])

    def test_differences_by_class(self):
        right, less = self._paid(), self._paid("50.00", self.second)
        left_out = self._paid("30.00")
        self._settlement([(right.name, "100.00", "", "2026-05-10")], 100).action_post()
        settlement = self._settlement(
            [
                (less.name, "49.00", "", "2026-05-10"),
                (right.name, "100.00", "", "2026-05-10"),
                ("4200002", "12.00", "", "2026-05-10"),
            ]
        )
        self.assertEqual(
            self._results(settlement),
            [
                ("again", right.name),
                ("amount", less.name),
                ("missing", left_out.name),
                ("unknown", "4200002"),
            ],
        )
        self.assertEqual(settlement.difference_count, 4)
        settlement.action_post()
        # 161.00 to come; 1.00 of the second sale and the third sale open; two rows without item
        self.assertEqual(self._open(self.clearing), [-100.0, -12.0, 1.0, 30.0, 100.0, 161.0])
        wizard = self.env["utility.acquirer.resolve"].with_user(self.users["accountant"])
        rows = {line.result: line for line in settlement.line_ids}
        wizard.create(
            {"line_id": rows["amount"].id, "reason": "Rounded by the acquirer"}
        ).action_confirm()
        self.assertEqual(self._open(self.clearing), [-100.0, -12.0, 30.0, 100.0, 161.0])
        late = self._settlement([(left_out.name, "30.00", "0.20", "2026-05-10")])
        late.action_post()
        self.assertTrue(rows["missing"].resolved, "It came with a later settlement")
        unknown = self._sell("12.00", meter=self.second, journal=self.acquirer.journal_id)
        item = unknown.payment_id.move_id.line_ids.filtered(
            lambda line: line.account_id == self.clearing
        )
        wizard.create(
            {
                "line_id": rows["unknown"].id,
                "decision": "match",
                "item_id": item.id,
                "reason": "Sale entered later",
            }
        ).action_confirm()
        self.assertEqual(unknown.payment_id.state, "paid")
        self.assertEqual(settlement.difference_count, 1)
        with self.assertRaisesRegex(UserError, "nothing to resolve"):
            wizard.create({"line_id": rows["unknown"].id, "reason": "again"}).action_confirm()

    def test_chargeback_opens_the_invoice_and_stops_sales(self):
        vend = self._paid()
        self._post()
        self.assertEqual(vend.move_id.payment_state, "paid")
        back = self._return(vend)
        self.assertEqual(
            self._items(back.move_id),
            sorted([(self.customer_account.name, 100.0), (self.clearing.name, -100.0)]),
        )
        self.assertEqual(vend.move_id.payment_state, "not_paid")
        self.assertEqual(self._open_credit(), -100.0, "The customer owes the invoice again")
        self.assertEqual(self._open(self.customer_account), [100.0])
        self.assertEqual(back.owed, 100.0)
        with self.assertRaisesRegex(UserError, back.name):
            self._sell("20.00")
        with self.assertRaises(UserError):
            self._return(vend)
        with self.assertRaises(AccessError):
            back.with_user(self.users["cashier"]).action_release()
        back.with_user(self.users["supervisor"]).action_release()
        self.meter._check_sellable()
        # the acquirer takes it from its next list, under the number of the sale
        settlement = self._settlement(
            [
                (vend.name, "100.00", "0.60", "2026-05-10"),
                (vend.name, "-100.00", "", "2026-05-10"),
            ],
            -0.6,
        )
        self.assertEqual(settlement.line_ids.mapped("result"), ["matched", "matched"])
        settlement.action_post()
        self.assertEqual(self._open(self.clearing), [-0.6])

    def test_bounced_transfer_meets_the_bank(self):
        bank = self.bank
        bank.utility_counter = True
        vend = self._sell("80.00", journal=bank)
        self._prove(vend.command_id)
        back = self._return(vend, kind="bounced")
        self.assertEqual(vend.move_id.payment_state, "not_paid", "It was invoiced first")
        account = vend.payment_id.outstanding_account_id
        self.assertEqual(
            self._items(back.move_id),
            sorted([(self.customer_account.name, 80.0), (account.name, -80.0)]),
        )
        bank_line = self._bank_line(-80.0, "Transfer returned")
        back.statement_line_id = bank_line
        back.action_pay()
        self.assertTrue(back.bank_done)
        self.assertEqual(
            self._items(bank_line.move_id),
            sorted([(bank.default_account_id.name, -80.0), (account.name, 80.0)]),
        )

    def test_transfer_out_of_a_bank_statement_that_is_returned(self):
        line, one = self._transfer(80.0)
        vend = one.vend_id
        self._prove(vend.command_id)
        self._post()
        self.assertEqual(vend.move_id.payment_state, "paid")
        returns = self.env["utility.payment.return"].with_user(self.users["accountant"])
        values = {"kind": "bounced", "date": "2026-05-10", "reason": "Account closed"}
        back = returns.create({"transfer_id": line.id, **values})
        self.assertEqual(
            (back.amount, back.company_id, back.contract_id, back.vend_id, back.partner_id),
            (80.0, self.company, self.contract, vend, self.customer),
        )
        back.action_post()
        account = self.bank.outbound_payment_method_line_ids.payment_account_id
        self.assertEqual(
            self._items(back.move_id),
            sorted([(self.customer_account.name, 80.0), (account.name, -80.0)]),
        )
        self.assertEqual(
            self._items(line.move_id),
            sorted(
                [(self.bank.default_account_id.name, 80.0), (self.customer_account.name, -80.0)]
            ),
            "What the bank showed stays as it was",
        )
        self.assertEqual((vend.move_id.payment_state, back.owed), ("not_paid", 80.0))
        self.assertEqual(self._open(self.customer_account), [80.0])
        with self.assertRaisesRegex(UserError, back.name):
            self._sell("20.00")
        with self.assertRaisesRegex(UserError, "returned already"):
            returns.create({"transfer_id": line.id, **values}).action_post()
        self.assertEqual(self._open(account), [-80.0])
        bank_line = self._bank_line(-80.0, "Transfer returned")
        back.statement_line_id = bank_line
        back.action_pay()
        self.assertEqual(
            self._items(bank_line.move_id),
            sorted([(self.bank.default_account_id.name, -80.0), (account.name, 80.0)]),
        )
        self.assertEqual((self._open(account), back.bank_done), ([], True))

    def _transfer(self, amount):
        """Money that a customer sent to the bank, sold from the statement.

        :return: the statement line, and the `utility.incoming` of it
        """
        line = self._bank_line(amount, f"Electricity {self.meter.vending_id}")
        vends = self.env["utility.vend"].sudo()
        one = vends._sell_automatic(
            str(uuid4()), self.meter, Decimal(str(amount)), self.bank, line.payment_ref,
            statement_line=line,
        )  # fmt: skip
        return line, one

    def _fee_tax(self, percent, **values):
        tax = self.company_data["default_tax_purchase"]
        return tax.copy({"name": f"Fee {percent}%", "amount": percent, **values})

    def _return(self, vend, kind="chargeback"):
        back = (
            self.env["utility.payment.return"]
            .with_user(self.users["accountant"])
            .create(
                {
                    "payment_id": vend.payment_id.id,
                    "kind": kind,
                    "date": "2026-05-10",
                    "reason": "Disputed by the card holder",
                }
            )
        )
        back.action_post()
        return back


@tagged("post_install", "-at_install")
class TestAcquirerGeneric(AcquirerCases, AcquirerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()

    def test_doctests(self):
        for module in (spreadsheet, settlement_match):
            result = doctest.testmod(module)
            self.assertTrue(result.attempted)
            self.assertFalse(result.failed)

    def test_only_accountants(self):
        for role in ("supervisor", "engineer", "reader"):
            with self.assertRaises(AccessError):
                self.env["utility.acquirer"].with_user(self.users[role]).create({"name": "X"})
        draft = self._settlement([("x", "5.00", "", "2026-05-10")])
        for role in ("supervisor", "reader"):
            with self.assertRaises(AccessError):
                draft.with_user(self.users[role]).action_post()
        with self.assertRaisesRegex(UserError, "not changed"):
            draft.state = "paid"
        draft.action_post()
        for name in ("fee", "net"):
            with self.assertRaisesRegex(UserError, "not changed"):
                draft[name] = 1
        with self.assertRaisesRegex(UserError, "not changed"):
            draft.line_ids[:1].amount = 6

    def test_what_of_a_fees_tax_may_not_be_deducted_stays_a_cost(self):
        tax = self._fee_tax(6)
        part = tax.invoice_repartition_line_ids.filtered(lambda line: line.account_id)
        account = part.account_id
        part.factor_percent = 50
        part.copy({"account_id": False})
        refunded = tax.refund_repartition_line_ids.filtered(lambda line: line.account_id)
        refunded.factor_percent = 50
        refunded.copy({"account_id": False})
        self.acquirer.fee_tax_id = tax
        sale = self._paid()
        settlement = self._settlement([(sale.name, "100.00", "2.12", "2026-05-10")])
        settlement.action_post()
        fees = self.acquirer.fee_account_id.name
        self.assertEqual(
            self._items(settlement.move_id),
            sorted(
                [
                    (self.clearing.name, -100.0),
                    (self.clearing.name, 97.88),
                    (fees, 2.0),
                    (fees, 0.06),
                    (account.name, 0.06),
                ]
            ),
        )

    def test_the_tax_of_a_fee_is_one_of_purchases_in_per_cent(self):
        wrong = (
            self.company_data["default_tax_sale"],
            self._fee_tax(6, amount_type="fixed"),
            self._fee_tax(
                7,
                tax_exigibility="on_payment",
                cash_basis_transition_account_id=self.company.transfer_account_id.id,
            ),
        )
        for tax in wrong:
            with self.assertRaises(ValidationError):
                self.acquirer.fee_tax_id = tax
        with self.assertRaises(AccessError):
            self.acquirer.with_user(self.users["cashier"]).fee_tax_id = self._fee_tax(8)
        with self.assertRaises(AccessError):
            self.acquirer.with_user(self.users["manager"]).fee_tax_id = self._fee_tax(9)

    def test_wrong_rows_are_named_and_nothing_is_taken(self):
        with self.assertRaises(UserError) as caught:
            self._settlement(
                [
                    ("a", "100.00", "", "2026-05-10"),
                    ("b", "1e3", "", "2026-05-10"),
                    ("c", "1.001", "", ""),
                    ("d", "5.00", "x", ""),
                    ("e", "5.00", "", "May"),
                ]
            )
        words = str(caught.exception).split("\n")
        self.assertEqual(
            [line.split(":")[0] for line in words], ["Row 3", "Row 4", "Row 5", "Row 6"]
        )
        self.assertFalse(
            self.env["utility.acquirer.settlement.line"].search(
                [("acquirer_id", "=", self.acquirer.id)]
            )
        )

    def test_workbook_with_a_preamble_and_own_headings(self):
        self.acquirer.write({"reference_heading": "Merchant no", "amount_heading": "Received"})
        book = Workbook()
        for row in (["Bill of May"], [], ["Merchant no", "Time", "Received"], ["`A1", None, 12.5]):
            book.active.append(row)
        content = io.BytesIO()
        book.save(content)
        rows = self.acquirer._read_file(content.getvalue())
        self.assertEqual([number for number, __ in rows], [4])
        self.assertEqual(spreadsheet.text(rows[0][1]["reference"]), "A1")
        with self.assertRaisesRegex(UserError, "missing: reference"):
            self.acquirer._read_file(b"Order,Received\nA1,5")

    def test_net_must_be_what_the_acquirer_says(self):
        settlement = self._settlement([("x", "5.00", "0.10", "2026-05-10")], 4.8)
        with self.assertRaisesRegex(UserError, r"4\.90"):
            settlement.action_post()
        self.assertEqual(settlement.state, "draft")
        self.assertFalse(settlement.move_id)

    def test_one_bank_line_pays_two_settlements(self):
        both = self._settlement([("x", "5.00", "", "2026-05-10")]) | self._settlement(
            [("y", "7.00", "", "2026-05-10")]
        )
        both.action_post()
        bank_line = self._bank_line(12.5)
        both.statement_line_id = bank_line
        with self.assertRaisesRegex(UserError, "12.50"):
            both[0].action_pay()
        both.statement_line_id = self._bank_line(12)
        both[0].action_pay()
        self.assertEqual(both.mapped("state"), ["paid", "paid"])

    def test_return_before_anything_was_sent_ends_the_sale(self):
        vend = self._sell("100.00", journal=self.acquirer.journal_id)
        back = self._return(vend)
        self.assertEqual((vend.state, vend.command_id.state), ("refunded", "cancelled"))
        self.assertEqual(self._open(self.customer_account), [])
        self.assertFalse(back.stopped)
        self._sell("20.00")

    def test_return_waits_for_the_meter(self):
        vend = self._sell("100.00", journal=self.acquirer.journal_id)
        self._arm(vend.command_id)
        with self.assertRaisesRegex(UserError, "not known yet"):
            self._return(vend)

    def test_reversal_after_a_chargeback_pays_nothing_out(self):
        vend = self._paid()
        self._post()
        self._return(vend)
        status = self._counter("supervisor").reverse("reversal-acq1", vend.id, "charged back")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertTrue(reversal.posted_at)
        self.assertFalse(reversal.refund_payment_id)
        self.assertEqual(self._open(self.customer_account), [])
        self._sell("20.00")
        self.assertEqual(reversal.money_back_due, 0, "The new sale's money is not the old one's")

    def test_the_daily_check_follows_a_returned_payment(self):
        """The customer owes it: named, until it is paid or the credit is taken back."""

        def found():
            check = self.env["utility.check"]._run(self.company, self.company._utility_today())
            rows = check.finding_ids.filtered(lambda row: not row.gone)
            self.assertEqual(check.state, "named" if rows else "agreed")
            return {row.code: row.amount for row in rows}

        meter = self._meter("202611000003", ct_ratio=40)
        self._contract(meter)
        carried = self._paid("100.00", meter)
        self._post()
        self.assertEqual(found(), {})
        self._return(carried)
        self.assertEqual(found(), {"debt": -99.8})
        status = self._counter("supervisor").reverse("reversal-acq2", carried.id, "charged back")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="14.55", after="10.00")
        self._post()
        self.assertNotIn("not_paid_out", found())
        gone = self._sell("100.00", journal=self.acquirer.journal_id)
        gone.command_id._cancel("The meter's box is being changed")
        self._return(gone)
        self.assertEqual(gone.state, "refunded")
        self.assertNotIn("payment_differs", found())

    def test_return_takes_back_what_was_carried(self):
        meter = self._meter("202611000003", ct_ratio=40)
        contract = self._contract(meter)
        vend = self._paid("100.00", meter)
        self._post()
        self.assertEqual(contract.remainder, 0.2)
        back = self._return(vend)
        self.assertEqual(contract.remainder, 0)
        self.assertEqual((back.owed, back.unspent), (99.8, 0.2))
        self._agrees({"debt"})
        status = self._counter("supervisor").reverse("reversal-acq2", vend.id, "charged back")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="14.55", after="10.00")
        self._post()
        self.assertEqual((contract.remainder, back.owed), (0, 0))
        self.assertEqual(self._open(self.customer_account), [])
        self._agrees(set())

    def _agrees(self, codes):
        """The daily check finds these classes and no other."""
        check = self.env["utility.check"]._run(self.company, self.company._utility_today())
        found = check.finding_ids.filtered(lambda finding: not finding.gone)
        self.assertEqual(set(found.mapped("code")), codes)

    def test_money_that_came_by_itself_and_is_returned_before_it_was_sold(self):
        self._sell("10.00")
        one = (
            self.env["utility.vend"]
            .sudo()
            ._sell_automatic(
                str(uuid4()), self.meter, Decimal("20.00"), self.acquirer.journal_id, "4200009"
            )
        )
        self.assertEqual(one.state, "waiting")
        back = (
            self.env["utility.payment.return"]
            .with_user(self.users["accountant"])
            .create({"payment_id": one.payment_id.id, "date": "2026-05-10", "reason": "Disputed"})
        )
        back.action_post()
        self.assertEqual(one.state, "given_back")
        self.assertEqual(self._open(self.customer_account), [-10.0])

    def test_transfer_that_is_returned_before_it_was_sold(self):
        self._sell("10.00")
        self.bank.outbound_payment_method_line_ids.payment_account_id = False
        line, one = self._transfer(20.0)
        self.assertEqual(one.state, "waiting")
        back = (
            self.env["utility.payment.return"]
            .with_user(self.users["accountant"])
            .create({"transfer_id": line.id, "date": "2026-05-10", "reason": "Sent twice"})
        )
        back.action_post()
        self.assertEqual((one.state, back.stopped), ("given_back", False))
        self.assertEqual(
            self._items(back.move_id),
            sorted(
                [
                    (self.customer_account.name, 20.0),
                    (self.company.transfer_account_id.name, -20.0),
                ]
            ),
        )
        self.assertEqual(self._open(self.customer_account), [-10.0])

    def test_the_daily_check_follows_a_returned_transfer(self):
        line, one = self._transfer(80.0)
        vend = one.vend_id
        self._prove(vend.command_id)
        self._post()
        self._agrees(set())
        returns = self.env["utility.payment.return"].with_user(self.users["accountant"])
        returns.create({"transfer_id": line.id, "reason": "Account closed"}).action_post()
        self._agrees({"debt"})
        status = self._counter("supervisor").reverse("reversal-acq3", vend.id, "bounced")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="155.90", after="10.00")
        self._post()
        self.assertEqual(self._open(self.customer_account), [])
        self._agrees(set())

    def test_a_return_is_of_one_payment_or_one_transfer(self):
        vend = self._paid()
        line, __ = self._transfer(20.0)
        other = self._bank_line(30.0, "Rent")
        returns = self.env["utility.payment.return"].with_user(self.users["accountant"])
        for values in ({}, {"transfer_id": line.id, "payment_id": vend.payment_id.id}):
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.env.cr.savepoint(),
            ):
                returns.create({"reason": "Which one?", **values})
        with self.assertRaisesRegex(UserError, "that the desk took"):
            returns.create({"transfer_id": other.id, "reason": "Not ours"}).action_post()
        back = returns.create({"transfer_id": line.id, "reason": "Bounced"})
        for role in ("cashier", "supervisor", "manager"):
            with self.assertRaises(AccessError):
                back.with_user(self.users[role]).action_post()
        form = Form(returns)
        form.transfer_id = line
        self.assertEqual((form.amount, form.partner_id), (20.0, self.customer))
        with self.assertRaisesRegex(AssertionError, "payment_id"):
            form.payment_id = vend.payment_id

    def test_payment_of_a_provider_that_is_returned(self):
        """It stood on the customer's ordinary account first, as Odoo's own providers post it."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 40,
                "date": "2026-05-10",
                "journal_id": self.acquirer.journal_id.id,
                "memo": "4200010",
            }
        )
        payment.action_post()
        one = (
            self.env["utility.vend"]
            .sudo()
            ._sell_automatic(
                str(uuid4()),
                self.meter,
                Decimal("40.00"),
                self.acquirer.journal_id,
                "4200010",
                payment,
            )
        )
        vend = one.vend_id
        self._prove(vend.command_id)
        self._post()
        back = (
            self.env["utility.payment.return"]
            .with_user(self.users["accountant"])
            .create({"payment_id": payment.id, "date": "2026-05-10", "reason": "Disputed"})
        )
        back.action_post()
        self.assertEqual((back.contract_id, back.vend_id), (self.contract, vend))
        self.assertEqual(
            self._items(back.move_id),
            sorted([(self.customer_account.name, 40.0), (self.clearing.name, -40.0)]),
        )
        self.assertEqual(vend.move_id.payment_state, "not_paid")
        self.assertEqual((back.owed, self._open(self.customer_account)), (40.0, [40.0]))


@tagged("post_install_l10n", "post_install", "-at_install")
class TestAcquirerChina(AcquirerCases, AcquirerCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
