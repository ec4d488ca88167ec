import base64
import io
from unittest.mock import patch

from openpyxl import Workbook, load_workbook

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..tools import payment_list
from .common import Killed
from .test_vend_auto import AutoCommon


@tagged("post_install", "-at_install")
class TestVendBatch(AutoCommon):
    """C12: many payments at once, each reported, none twice."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()
        cls.bank = cls.company_data["default_journal_bank"]
        cls.bank.utility_counter = True
        cls.other = cls._meter("202611000002")
        cls.other_contract = cls._contract(cls.other)

    def _batches(self, role="accountant"):
        return (
            self.env["utility.vend.batch"]
            .with_user(self.users[role])
            .with_context(allowed_company_ids=self.company.ids)
            .with_company(self.company)
        )

    def _workbook(self, rows):
        book = Workbook()
        for row in rows:
            book.active.append(row)
        content = io.BytesIO()
        book.save(content)
        return content.getvalue()

    def _batch(self, content, role="accountant"):
        if isinstance(content, list):
            content = self._workbook([["Meter", "Amount", "Reference", "Name"], *content])
        batch = self._batches(role).create(
            {
                "journal_id": self.bank.id,
                "file": base64.b64encode(content),
                "file_name": "payments.xlsx",
            }
        )
        batch.action_read()
        return batch

    def _work(self):
        self._cron("ir_cron_work_batches")

    def _states(self, batch):
        return batch.line_ids.mapped("state")

    def test_preview_says_of_each_line_what_becomes_of_it(self):
        self.tariff.amount_min = 20
        busy = self._meter("202611000003")
        self._contract(busy)
        self._sell("30.00", meter=busy)
        batch = self._batch(
            [
                [self.meter.vending_id, 100, "A1"],
                # a spreadsheet made a number of it and dropped its zeros
                [int(self.other.vending_id), 50.5, "A2"],
                ["202611000003", "40.00", "A3", "Room 101 tenant"],
                ["99999999", 10, "A4"],
                [self.contract.name, 5, "A5"],
                [self.meter.address, 100, "A1"],
                [self.meter.address, 30, "A6", "Somebody else"],
                [self.meter.address, "1e3", "A7"],
                [self.meter.address, 30, None],
            ]
        )
        self.assertEqual(
            self._states(batch),
            [
                "ready",
                "ready",
                "waits",
                "not_found",
                "refused",
                "duplicate",
                "not_found",
                "refused",
                "refused",
            ],
        )
        self.assertEqual(batch.line_ids[1].meter_id, self.other)
        self.assertEqual((batch.todo_count, batch.todo_amount), (3, 190.5))
        self.assertIn("row 2", batch.line_ids[5].reason)
        self.assertIn("Somebody else", batch.line_ids[6].reason)
        self.assertIn("amount", batch.line_ids[7].reason)
        self.assertIn("reference or a date", batch.line_ids[8].reason)
        self.assertFalse(self.env["utility.incoming"].search([]), "A preview takes nothing")
        # A person who looked it up may say which meter is meant.
        batch.line_ids[6].meter_id = self.meter
        self.assertEqual(batch.line_ids[6].state, "ready")

    def test_worked_off_and_posted(self):
        batch = self._batch([[self.meter.vending_id, 100, "A1"], [self.other.vending_id, 50, "A1"]])
        batch.action_confirm()
        batch.action_confirm()
        self._work()
        self.assertEqual((batch.state, self._states(batch)), ("done", ["taken", "taken"]))
        vends = batch.line_ids.vend_id
        self.assertEqual(vends.mapped("origin"), ["batch", "batch"])
        self.assertEqual(vends.user_id, self.users["accountant"])
        self.assertEqual(self._open_credit(), 150.0)
        for vend in vends:
            self._prove(vend.command_id)
        self._post()
        self.assertEqual(self._open_credit(), 0.0)
        self.assertEqual((batch.progress, batch.taken_amount), (100, 150))
        self.other.contract_id.sudo().state = "closed"
        self.env.invalidate_all()
        self.assertEqual(batch.line_ids.partner_id, self.customer, "whose money it was")

    def test_same_file_twice_sells_once(self):
        rows = [[self.meter.vending_id, 100, "A1"]]
        first, second = self._batch(rows), self._batch(rows)
        first.action_confirm()
        with self.assertRaisesRegex(UserError, "No line"):
            second.action_confirm()
        self.assertIn(first.name, second.line_ids.reason)
        self._work()
        third = self._batch([*rows, [self.other.vending_id, 10, "A2"]])
        self.assertEqual(self._states(third), ["duplicate", "ready"])
        third.action_confirm()
        self._work()
        self.assertEqual(len(self.contract.vend_ids), 1)

    def test_confirmed_at_the_same_moment_sells_once(self):
        """Neither batch could see the other's lines when it was confirmed."""
        rows = [[self.meter.vending_id, 100, "A1"]]
        first, second = self._batch(rows), self._batch(rows)
        first.action_confirm()
        second.sudo().write({"state": "running", "user_id": self.users["accountant"].id})
        self._work()
        self.assertEqual(self._states(first | second), ["taken", "duplicate"])
        self.assertEqual(len(self.contract.vend_ids), 1)

    def test_dates_instead_of_references(self):
        content = (
            "Meter;Amount;Date\n"
            f"{self.meter.vending_id};10.00;2026-11-01\n"
            f"{self.meter.vending_id};10.00;2026-11-01\n"
            f"{self.other.vending_id};10.00;2026-13-01\n"
        ).encode()
        batch = self._batch(content)
        self.assertEqual(self._states(batch), ["ready", "ready", "refused"])
        batch.action_confirm()
        self._work()
        again = self._batch(content)
        self.assertEqual(self._states(again), ["duplicate", "duplicate", "refused"])

    def test_killed_in_the_middle_goes_on(self):
        batch = self._batch([[self.meter.vending_id, 100, "A1"], [self.other.vending_id, 50, "A2"]])
        batch.action_confirm()
        line = type(self.env["utility.vend.batch.line"])
        take = line._take

        def killed(one):
            take(one)
            if one == batch.line_ids[1]:
                raise Killed

        with patch.object(line, "_take", killed), self._killed():
            self._work()
        self.assertEqual((batch.state, self._states(batch)), ("running", ["taken", "ready"]))
        self._work()
        self._work()
        self.assertEqual((batch.state, self._states(batch)), ("done", ["taken", "taken"]))
        self.assertEqual(
            [len(contract.vend_ids) for contract in (self.contract, self.other_contract)], [1, 1]
        )
        self.assertEqual(self._open_credit(), 150.0)

    def test_result_has_real_numbers(self):
        batch = self._batch([[self.meter.vending_id, 100.5, "A1"], ["99999999", 10, "A2"]])
        batch.action_confirm()
        self._work()
        action = batch.action_result()
        attachment = self.env["ir.attachment"].browse(
            int(action["url"].split("/")[3].split("?")[0])
        )
        rows = list(load_workbook(io.BytesIO(attachment.raw)).active.iter_rows(values_only=True))
        self.assertEqual(len(rows), 3)
        self.assertEqual((rows[1][5], rows[1][10]), (100.5, batch.line_ids[0].vend_id.name))
        self.assertEqual(rows[2][8], "Not found")

    def test_bad_files_get_clear_words(self):
        for content, words in (
            (b"Room;Sum\n1;2", "no column"),
            (b"PK\x03\x04broken", "cannot be read"),
            (b"Meter;Amount\n", "no payment"),
        ):
            with self.assertRaisesRegex(UserError, words):
                self._batch(content)
        with (
            patch.object(payment_list, "MAX_ROWS", 1),
            self.assertRaisesRegex(UserError, "more than"),
        ):
            self._batch(b"Meter;Amount\n1;1\n2;2")

    def test_rights(self):
        with self.assertRaises(AccessError):
            self._batch([[self.meter.vending_id, 100, "A1"]], "supervisor")
        batch = self._batch([[self.meter.vending_id, 100, "A1"]])
        with self.assertRaises(AccessError):
            batch.with_user(self.users["cashier"]).action_confirm()
        with self.assertRaises(AccessError):
            batch.with_user(self.users["reader"]).line_ids.write({"meter_id": self.other.id})
        with self.assertRaisesRegex(UserError, "not changed"):
            batch.line_ids.write({"amount": 1})
        batch.action_confirm()
        with self.assertRaisesRegex(UserError, "not changed"):
            batch.line_ids.write({"meter_id": self.other.id})
        with self.assertRaisesRegex(UserError, "history"):
            batch.unlink()

    # -------------------------------------------------------- bank statement

    def _bank_line(self, label, amount=100.0):
        return self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.bank.id,
                "payment_ref": label,
                "amount": amount,
                "date": "2026-11-20",
            }
        )

    def test_money_in_the_bank_is_not_paid_a_second_time(self):
        lines = self._bank_line(f"Water {self.meter.vending_id} November")
        other = self._bank_line("Rent 2026")
        self._bank_line(f"Fee {self.meter.vending_id}", -5.0)
        batch = self._batches().create({"journal_id": self.bank.id, "source": "bank"})
        batch.action_read()
        self.assertEqual(self._states(batch), ["ready", "not_found"])
        batch.action_confirm()
        self._work()
        self.assertEqual(self._states(batch), ["taken", "not_found"])
        self.assertEqual(
            self._items(lines.move_id),
            sorted(
                [
                    (self.bank.default_account_id.name, 100.0),
                    (self.customer_account.name, -100.0),
                ]
            ),
        )
        self.assertEqual((lines.is_reconciled, other.is_reconciled), (True, False))
        vend = batch.line_ids[0].vend_id
        self._prove(vend.command_id)
        self._post()
        self.assertEqual(vend.move_id.payment_state, "paid")
        self.assertEqual(self._open_credit(), 0.0)
        self.assertFalse(self.env["account.payment"].search([("journal_id", "=", self.bank.id)]))
        again = self._batches().create({"journal_id": self.bank.id, "source": "bank"})
        again.action_read()
        self.assertEqual(again.line_ids.statement_line_id, other)

    def test_bank_line_matched_meanwhile_is_left_alone(self):
        line = self._bank_line(f"Water {self.meter.vending_id}")
        batch = self._batches().create({"journal_id": self.bank.id, "source": "bank"})
        batch.action_read()
        batch.action_confirm()
        __, suspense, __ = line._seek_for_lines()
        suspense.with_context(skip_readonly_check=True).account_id = self.company_data[
            "default_account_revenue"
        ]
        self._work()
        self.assertEqual(self._states(batch), ["refused"])
        self.assertFalse(self.env["utility.incoming"].search([]))
