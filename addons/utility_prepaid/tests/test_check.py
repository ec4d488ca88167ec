import doctest
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch
from uuid import uuid4

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, freeze_time, tagged
from odoo.tools import SQL

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..models.utility_check_part import PART_BITS
from ..tools import check as check_tool
from ..tools.decimals import dec
from .common import UtilityCommon

# 10:00 in Shanghai
MORNING = "2026-11-10 02:00:00"
DAY = date(2026, 11, 10)
NEXT = "2026-11-11 02:00:00"


class CheckCommon(UtilityCommon):
    """A desk whose clock stands still at a morning of November."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        frozen = freeze_time(MORNING)
        cls.clock = frozen.start()
        cls.addClassCleanup(frozen.stop)
        super().setUpClass()
        cls.checks = cls.env["utility.check"]
        cls.differences = cls.env["utility.check.difference"]

    def setUp(self):
        super().setUp()
        self.clock.move_to(MORNING)

    def _check(self, day=None):
        """Check a day, and hold the frozen sums against the books themselves.

        What was carried forward after the check before must tell the same as all of it anew; what
        is there now is carried forward for the next one.
        """
        self.env.flush_all()
        day = day or self.company._utility_today()
        self._assert_carried(day)
        check = self.checks._run(self.company, day)
        self.env.invalidate_all()
        self._assert_identities(check)
        self._carry()
        return check

    def _carry(self):
        """Carry all that is there forward, as if many sales had been made since."""
        for table in ("utility_vend", "account_move"):
            self.env.cr.execute(
                f"SELECT setval('{table}_id_seq', ((last_value >> %s) + 1) << %s)"
                f" FROM {table}_id_seq",
                (PART_BITS, PART_BITS),
            )
        base = self.env["utility.check.base"]
        while base._carry_forward(self.company):
            pass

    def _at(self, day, anew=False):
        """Figures and findings of the end of a day."""
        base = self.env["utility.check.base"]
        parts = SQL("SELECT *, NULL::int AS id, 'anew' AS how FROM (%s) n", base._numbers_sql())
        with patch.object(type(base), "_parts_sql", return_value=parts) if anew else nullcontext():
            places, found = self.env["utility.check.position"]._at(self.company, day)
        return {key: figures for key, figures in places.items() if any(figures.values())}, found

    def _assert_carried(self, day):
        """:return: what both tell"""
        carried, anew = self._at(day), self._at(day, anew=True)
        self.assertEqual(carried, anew)
        return carried

    def _assert_identities(self, check):
        def total(records, *names):
            return sum((dec(record[name], 2) for record in records for name in names), Decimal(0))

        found = check.finding_ids.filtered(lambda finding: not finding.gone)
        self.assertEqual(dec(check.gap_after, 2), total(found, "money"))
        self.assertEqual(dec(check.ledger_gap, 2), total(found, "ledger"))
        for line in [check, *check.line_ids]:
            money = dec(line.money_in, 2) - dec(line.money_out, 2) + dec(line.other_method, 2)
            proved = dec(line.credit_sold, 2) - dec(line.credit_back, 2) + dec(line.fees, 2)
            named = dec(line.gap_after, 2) - dec(line.gap_before, 2)
            rest = dec(line.carried, 2) + dec(line.documents, 2)
            self.assertEqual(money, proved + rest + named, line)
        items = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("date", "<=", check.date),
            ]
        )
        self.assertEqual(dec(check.open_credit, 2), -total(items, "balance"))
        carried = dec(check.carried_credit, 2)
        self.assertEqual(dec(check.open_credit, 2), carried + dec(check.ledger_gap, 2))
        desk = items.filtered(lambda line: line.journal_id.type in ("bank", "cash"))
        today = desk.filtered(lambda line: line.date == check.date)
        self.assertEqual(dec(check.money_in, 2) - dec(check.money_out, 2), -total(today, "balance"))
        for name in check_tool.FLOWS:
            self.assertEqual(dec(check[name], 2), total(check.line_ids, name), name)

    def _found(self, check):
        """{class: amount} of what a check found."""
        found = check.finding_ids.filtered(lambda finding: not finding.gone)
        self.assertEqual(len(found), len(set(found.mapped("code"))))
        return {finding.code: round(finding.amount, 2) for finding in found}

    def _difference(self, code):
        difference = self.differences.search(
            [("code", "=", code), ("company_id", "=", self.company.id)]
        )
        self.assertEqual(len(difference), 1)
        return difference

    def _reverse(self, vend):
        status = self._counter().reverse(str(uuid4()), vend.id, "typed wrong")
        return self.env["utility.vend"].browse(status["id"])

    def _entry(self, balance, partner=None):
        """An accountant's own entry on the customers' account."""
        other = self.company_data["default_account_revenue"]
        move = self.env["account.move"].create(
            {
                "date": self.company._utility_today(),
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    fields.Command.create(
                        {
                            "account_id": account.id,
                            "balance": amount,
                            "partner_id": (partner or self.customer).id,
                        }
                    )
                    for account, amount in ((self.customer_account, balance), (other, -balance))
                ],
            }
        )
        move.action_post()
        return move

    def _says(self, meter, **values):
        """What a meter tells over its line."""
        self.env["utility.meter.state"]._store(meter.id, fields.Datetime.now(), **values)


@tagged("post_install", "-at_install")
class TestCheck(CheckCommon):
    """Each class of difference: produced by a real act, found, named, and gone when resolved."""

    def test_doctests(self):
        self.assertFalse(doctest.testmod(check_tool).failed)

    def test_a_day_on_which_all_agrees(self):
        self._delivered("100.00")
        self._post()
        check = self._check()
        self.assertEqual(check.state, "agreed")
        self.assertFalse(check.finding_ids)
        self.assertRecordValues(
            check,
            [
                {
                    "money_in": 100, "money_out": 0, "credit_sold": 100, "credit_back": 0,
                    "posted": 100, "gap_after": 0, "open_credit": 0, "ledger_gap": 0, "runs": 1,
                }
            ],
        )  # fmt: skip
        line = check.line_ids
        self.assertEqual(
            (line.site_id, line.utility, line.journal_id), (self.site, "electricity", self.cash)
        )

    def test_paid_and_not_proved_until_the_meter_proves_it(self):
        vend = self._sell("100.00")
        check = self._check()
        self.assertEqual(self._found(check), {"not_proved": 100})
        self.assertEqual((check.gap_after, check.open_credit), (100, 100))
        difference = self._difference("not_proved")
        self.assertEqual((difference.vend_id, difference.state), (vend, "open"))
        self.assertEqual(difference.user_id, self.users["supervisor"])
        self.assertEqual(difference.since, fields.Datetime.to_datetime(MORNING))
        self._prove(vend.command_id)
        self._post()
        again = self._check()
        self.assertEqual(again, check)
        self.assertEqual((again.runs, again.state), (2, "agreed"))
        self.assertTrue(again.finding_ids.gone, "What was found once stays with its day")
        self.assertEqual(difference.state, "resolved")
        self.assertTrue(difference.ended_at)
        self.assertIn("0.00", again.message_ids[0].body)

    def test_proved_not_charged_until_the_money_is_given_back(self):
        vend = self._sell("100.00")
        self._arm(vend.command_id)
        vend.command_id._set_unknown("No answer")
        vend.command_id._not_charged("Over the hoarding limit", final=True, quiet=True)
        self.assertEqual(self._found(self._check()), {"not_charged": 100})
        difference = self._difference("not_charged")
        self.assertTrue(difference.can_refund)
        with self.assertRaises(AccessError):
            self._reason(difference, "accountant", "refund")
        self._reason(difference, "supervisor", "refund")
        self.assertEqual(vend.state, "refunded")
        self.assertEqual(difference.state, "resolved")
        check = self._check()
        self.assertEqual(check.state, "agreed")
        self.assertEqual((check.money_in, check.money_out), (100, 100))

    def test_proved_not_charged_until_it_is_sent_again(self):
        vend = self._sell("100.00")
        vend.command_id._cancel("The meter's box is being changed")
        vend._command_failed(vend.command_id)
        self.assertEqual(self._found(self._check()), {"not_charged": 100})
        difference = self._difference("not_charged")
        with self.assertRaises(AccessError):
            difference.with_user(self.users["accountant"]).action_retry()
        difference.with_user(self.users["supervisor"]).action_retry()
        self.assertEqual(self._found(self._check()), {"not_proved": 100})
        self.assertEqual(difference.code, "not_proved", "The same difference, by another name")

    def test_disputed_until_a_person_decides(self):
        vend = self._sell("100.00")
        self._arm(vend.command_id)
        vend.command_id._set_unknown("No answer")
        vend.command_id._dispute("Another order's number")
        self.assertEqual(self._found(self._check()), {"disputed": 100})
        difference = self._difference("disputed").with_user(self.users["supervisor"])
        action = difference.action_settle()
        self.env[action["res_model"]].with_user(self.users["supervisor"]).with_context(
            **action["context"]
        ).create(
            {
                "decision": "charged", "number": vend.command_id.number, "reason": "seen there",
                "balance_before": 1, "balance_after": 183.38,
            }
        ).action_confirm()  # fmt: skip
        self._post()
        self.assertEqual(self._check().state, "agreed")

    def test_charged_and_not_posted_until_it_is_posted(self):
        vend = self._delivered("100.00")
        product = self.company.utility_electricity_product_id
        product.taxes_id.price_include_override = "tax_excluded"
        self._post()
        check = self._check()
        self.assertEqual(self._found(check), {"not_posted": 100})
        self.assertEqual((check.gap_after, check.ledger_gap, check.posted), (0, 100, 0))
        difference = self._difference("not_posted")
        self.assertEqual(difference.user_id, self.users["accountant"])
        self.assertTrue(difference.can_post)
        product.taxes_id.price_include_override = "tax_included"
        with self.assertRaises(AccessError):
            difference.with_user(self.users["supervisor"]).action_post_again()
        difference.with_user(self.users["accountant"]).action_post_again()
        self._post()
        self.assertTrue(vend.posted_at)
        check = self._check()
        self.assertEqual((check.state, check.posted), ("agreed", 100))

    def test_reversed_until_the_money_is_paid_out(self):
        vend = self._delivered("100.00")
        self._post()
        reversal = self._reverse(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        check = self._check()
        self.assertEqual(self._found(check), {"not_paid_out": 100, "not_posted": -100})
        self.assertEqual((check.credit_sold, check.credit_back), (100, 100))
        self._post()
        check = self._check()
        self.assertEqual((check.state, check.money_out, check.posted), ("agreed", 100, 0))

    def test_a_payment_that_was_cancelled(self):
        vend = self._delivered("100.00")
        self._post()
        vend.payment_id.move_id.line_ids.remove_move_reconcile()
        vend.payment_id.action_cancel()
        check = self._check()
        self.assertEqual(self._found(check), {"payment_differs": -100})
        self.assertEqual((check.money_in, check.credit_sold), (0, 100))
        vend.payment_id.action_draft()
        vend.payment_id.action_post()
        self.assertEqual(self._check().state, "agreed")

    def test_an_invoice_that_is_posted_without_proof(self):
        """What no gate allows, and a slip in the database would make."""
        vend = self._delivered("100.00")
        self._post()
        at, vend.sudo().delivered_at = vend.delivered_at, False
        self.assertEqual(self._found(self._check()), {"not_proved": 100, "no_proof": -100})
        vend.sudo().delivered_at = at
        self.assertEqual(self._check().state, "agreed")

    def test_an_invoice_with_another_amount(self):
        vend = self._delivered("100.00")
        self._post()
        entry = self._entry(-30)
        entry.sudo().utility_vend_id = vend
        self.assertEqual(self._found(self._check()), {"wrong_amount": 30})
        entry.sudo()._reverse_moves([{"utility_vend_id": vend.id}], cancel=True)
        self.assertEqual(self._check().state, "agreed")

    def test_an_entry_that_is_not_the_desks_until_it_is_reversed(self):
        entry = self._entry(-25)
        check = self._check()
        self.assertEqual(self._found(check), {"entry_alone": 25})
        self.assertEqual((check.gap_after, check.ledger_gap), (0, 25))
        difference = self._difference("entry_alone")
        self.assertEqual((difference.partner_id, difference.vend_id.id), (self.customer, False))
        items = self.env["account.move.line"].search(difference.action_open_items()["domain"])
        self.assertEqual(items.move_id, entry)
        entry._reverse_moves(cancel=True)
        self.assertEqual(self._check().state, "agreed")
        self.assertEqual(difference.state, "resolved")

    def test_a_credit_note_made_by_hand_of_a_sales_invoice(self):
        vend = self._delivered("100.00")
        self._post()
        vend.move_id._reverse_moves(cancel=True)
        self.assertEqual(self._found(self._check()), {"entry_alone": 100})

    def _payment(self, amount, **values):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": amount,
                "journal_id": self.cash.id,
                "date": self.company._utility_today(),
                **values,
            }
        )
        payment.action_post()
        return payment

    def test_a_payment_without_a_sale_until_it_is_cancelled(self):
        payment = self._payment(40, destination_account_id=self.customer_account.id)
        check = self._check()
        self.assertEqual(self._found(check), {"payment_alone": 40})
        self.assertEqual((check.money_in, check.gap_after), (40, 40))
        self.assertEqual(self._difference("payment_alone").journal_id, self.cash)
        payment.action_cancel()
        self.assertEqual(self._check().state, "agreed")

    def _debt(self, amount):
        """A document of the contract beside its sales, as a settlement or an opening leaves it."""
        move = self._entry(amount)
        move.sudo().utility_contract_id = self.contract
        return move

    def test_a_debt_of_the_contract_until_it_is_paid(self):
        self._debt(20)
        check = self._check()
        self.assertEqual(self._found(check), {"debt": -20})
        self.assertEqual((check.documents, check.gap_after), (20, -20))
        difference = self._difference("debt")
        self.assertEqual((difference.contract_id, difference.state), (self.contract, "explained"))
        payment = self._payment(20, destination_account_id=self.customer_account.id)
        self.assertEqual(self._found(self._check()), {"debt": -20, "payment_alone": 20})
        lines = self.env["account.move.line"].search(
            [("account_id", "=", self.customer_account.id), ("reconciled", "=", False)]
        )
        self.assertIn(payment.move_id, lines.move_id)
        lines.reconcile()
        self.assertEqual(self._check().state, "agreed", "What pays the contract is the contract's")

    def test_a_credit_of_the_contract_until_it_is_paid_out(self):
        self._debt(-15)
        self.assertEqual(self._found(self._check()), {"credit": 15})
        self._payment(
            15, payment_type="outbound", destination_account_id=self.customer_account.id
        ).move_id.sudo().utility_contract_id = self.contract
        self.assertEqual(self._check().state, "agreed")

    def test_arrears_paid_with_a_sale(self):
        self._debt(20)
        vend = self._delivered("100.00")
        vend.sudo().write({"cost": 80, "arrears_amount": 20})
        check = self._check()
        self.assertEqual(self._found(check), {"not_posted": 80})
        self.assertEqual((check.credit_sold, check.documents), (80, 20))

    def test_money_that_comes_back_by_another_method(self):
        bank = self.env["account.journal"].search(
            [("company_id", "=", self.company.id), ("type", "=", "bank"),
             ("utility_counter", "=", True)], limit=1,
        )  # fmt: skip
        vend = self._delivered("100.00")
        self._post()
        reversal = self._reverse(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        reversal.sudo().journal_id = bank
        self._post()
        check = self._check()
        self.assertEqual(check.state, "agreed")
        by_method = {line.journal_id: line for line in check.line_ids}
        self.assertEqual(by_method[self.cash].money_in, 100)
        self.assertEqual(by_method[bank].money_out, 100)

    def test_carried_credit_is_no_difference_and_a_wrong_one_is(self):
        meter = self._meter("202611000002", ct_ratio=40)
        contract = self._contract(meter)
        self._delivered("100.00", meter=meter)
        self._post()
        check = self._check()
        self.assertEqual(check.state, "agreed")
        self.assertEqual((check.carried, check.carried_credit, check.open_credit), (0.2,) * 3)
        contract.sudo().remainder = 5
        check = self._check()
        self.assertEqual(self._found(check), {"remainder": 4.8})
        self.assertEqual((check.gap_after, check.ledger_gap), (0, 0))
        contract.sudo().remainder = 0.2
        self.assertEqual(self._check().state, "agreed")

    def test_every_policy_agrees_once_posted(self):
        for policy in ("tax_at_sale", "on_use", "agency"):
            with self.subTest(policy):
                vend = self._sell("54.83")
                vend.sudo().policy = policy
                self._prove(vend.command_id)
                self._post()
                self.assertEqual(vend.move_id.state, "posted")
                self.assertEqual(self._check().state, "agreed")

    def test_charged_although_the_money_went_back(self):
        """A person finds the credit on the meter: posted, the customer owes it until it is paid."""
        vend = self._sell("100.00")
        vend.command_id._cancel("The meter's box is being changed")
        self._counter().refund(vend.id, "in a hurry")
        vend.sudo()._post_charged_not_paid()
        check = self._check()
        self.assertEqual(self._found(check), {"debt": -100})
        self.assertEqual((check.credit_sold, check.posted, check.documents), (100, 100, 0))
        payment = self._payment(100, destination_account_id=self.customer_account.id)
        (payment.move_id | vend.move_id).line_ids.filtered(
            lambda line: line.account_id == self.customer_account
        ).reconcile()
        self.assertEqual(self._check().state, "agreed")

    def test_a_sale_that_was_written_off_stays_the_desks_money(self):
        vend = self._sell("100.00")
        self._arm(vend.command_id)
        vend.command_id._set_unknown("No answer")
        vend.command_id._dispute("Nobody can tell")
        self.assertEqual(self._found(self._check()), {"disputed": 100})
        manager = self.users["manager"]
        vend.with_user(manager)._write_off("The customer moved away")
        self.assertEqual(self._found(self._check()), {"not_posted": 100})
        self._post()
        self.assertEqual(self._check().state, "agreed")

    # ------------------------------------------------------------------ meters

    def test_a_meter_ahead_until_an_engineer_accepts_it(self):
        self._delivered("100.00")
        self._post()
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="182.38")
        self.assertEqual(self._check().state, "agreed")
        # A card at the meter: fifty units that the desk did not sell.
        self._says(self.meter, purchase_number=3, epoch=0, cumulative="232.38")
        self.assertEqual(self._found(self._check()), {"meter_ahead": -27.42})
        difference = self._difference("meter_ahead")
        self.assertEqual((difference.units, difference.meter_id), (50, self.meter))
        self.assertEqual(difference.user_id, self.users["engineer"])
        with self.assertRaises(UserError):
            difference.with_user(self.users["accountant"]).action_accept_number()
        self.clock.tick(timedelta(minutes=1))
        self._says(self.meter, purchase_number=3, epoch=0, cumulative="232.38")
        difference.with_user(self.users["engineer"]).action_accept_number()
        self.assertEqual(self.meter.bought_base, 50)
        self.assertEqual(self._check().state, "agreed")
        # And the next sale is compared from there.
        self._delivered("54.83")
        self._post()
        self._says(self.meter, purchase_number=4, epoch=0, cumulative="332.38")
        self.assertEqual(self._check().state, "agreed")

    def test_a_meter_behind(self):
        self._delivered("100.00")
        self._post()
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="82.38")
        self.assertEqual(self._found(self._check()), {"meter_behind": 54.83})
        difference = self._difference("meter_behind")
        with self.assertRaises(AccessError):
            difference.with_user(self.users["accountant"]).action_read()
        difference.with_user(self.users["engineer"]).action_read()
        command = self.env["utility.command"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", "read")]
        )
        self.assertEqual(command.state, "queued")
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="182.38")
        self.assertEqual(self._check().state, "agreed")

    def test_a_meter_that_never_tells_what_it_bought_is_not_judged(self):
        self._delivered("100.00")
        self._post()
        self._says(self.meter, purchase_number=2, epoch=0)
        self.assertEqual(self._check().state, "agreed")

    def test_a_number_that_nobody_ever_set_is_zero(self):
        meter = self._meter("202611000009")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE utility_meter SET epoch = NULL, purchase_number = NULL, number_known = true"
            " WHERE id = %s",
            (meter.id,),
        )
        self._says(meter, purchase_number=0, epoch=0, cumulative="0")
        self.assertEqual(self._check().state, "agreed")
        self._says(meter, purchase_number=1, epoch=0, cumulative="9")
        self.assertEqual(list(self._found(self._check())), ["meter_ahead"])

    def test_charged_and_not_paid(self):
        vend = self._sell("100.00")
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._not_charged("Refused", final=True, quiet=True)
        self._counter().refund(vend.id, "meter is full")
        self._says(self.meter, purchase_number=1, epoch=0, cumulative="0")
        self.assertEqual(self._check().state, "agreed")
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="182.38")
        self.assertEqual(self._found(self._check()), {"charged_not_paid": -100})
        difference = self._difference("charged_not_paid")
        self.assertEqual((difference.vend_id, difference.units), (vend, 182.38))
        with self.assertRaises(AccessError):
            difference.with_user(self.users["supervisor"]).action_bill()
        accountant = difference.with_user(self.users["accountant"])
        accountant.action_bill()
        self.assertEqual(
            self._items(vend.move_id),
            [
                ("Prepaid utility customers", 100.0),
                ("Product Sales", -86.96),
                ("Tax Received", -13.04),
            ],
        )
        self.assertEqual(self.contract._arrears()[0][1], Decimal(100))
        with self.assertRaisesRegex(UserError, "billed already"):
            accountant.action_bill()
        self.assertEqual(self._found(self._check()), {"charged_not_paid": 0, "debt": -100})
        self.clock.tick(timedelta(minutes=1))
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="182.38")
        difference.with_user(self.users["engineer"]).action_accept_number()
        self.assertEqual(self._found(self._check()), {"debt": -100})

    def test_an_order_on_its_way_is_not_judged(self):
        vend = self._sell("100.00")
        self._arm(vend.command_id)
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="182.38")
        self.assertEqual(self._found(self._check()), {"not_proved": 100})

    # ------------------------------------------------------------- unexplained

    def test_what_has_no_name_is_unexplained(self):
        self._sell("100.00")
        position = type(self.env["utility.check.position"])
        with patch.object(position, "_vend_findings", return_value=[]):
            check = self._check()
        self.assertEqual(check.state, "unexplained")
        self.assertEqual(
            sorted((f.code, f.money, f.ledger) for f in check.finding_ids),
            [("unexplained", 0, 100), ("unexplained", 100, 0)],
        )
        check = self._check()
        self.assertEqual(self._found(check), {"not_proved": 100})

    # ------------------------------------------------------------------- rights

    def _reason(self, difference, role, deed, reason="told the customer"):
        self.env["utility.check.reason"].with_user(self.users[role]).with_context(
            allowed_company_ids=self.company.ids
        ).create(
            {"difference_ids": difference.ids, "deed": deed, "reason": reason}
        ).action_confirm()

    def test_explaining_keeps_it_on_the_list(self):
        self._sell("100.00")
        self._check()
        difference = self._difference("not_proved")
        for role in ("cashier", "engineer", "reader"):
            with self.subTest(role), self.assertRaises(AccessError):
                difference.with_user(self.users[role]).action_explain()
        with self.assertRaises(UserError):
            self._reason(difference, "accountant", "explain", reason=" ")
        self._reason(difference, "accountant", "explain", reason="The line is being mended")
        self.assertEqual((difference.state, difference.note[:8]), ("explained", "The line"))
        self.assertTrue(
            self.env["utility.operation"].search(
                [("model", "=", difference._name), ("res_id", "=", difference.id)]
            )
        )
        self._check()
        self.assertEqual(difference.state, "explained")

    def test_only_the_owner_of_a_difference_is_chosen(self):
        self._sell("100.00")
        self._check()
        difference = self._difference("not_proved").with_user(self.users["supervisor"])
        difference.user_id = self.users["engineer"]
        with self.assertRaises(UserError):
            difference.write({"state": "resolved"})
        with self.assertRaises(AccessError):
            difference.with_user(self.users["engineer"]).write({"user_id": False})

    def test_who_runs_a_check(self):
        checks = self.checks.with_context(allowed_company_ids=self.company.ids)
        for role in ("cashier", "engineer", "reader"):
            with self.subTest(role), self.assertRaises(AccessError):
                checks.with_user(self.users[role]).action_check_today()
        for role in ("supervisor", "accountant"):
            action = checks.with_user(self.users[role]).action_check_today()
            check = checks.with_user(self.users[role]).browse(action["res_id"])
            self.assertEqual(check.date, DAY)
            check.action_run()
        self.assertEqual(check.runs, 4)

    def test_the_forms_open_for_everybody_who_works_with_them(self):
        self._sell("100.00")
        check = self._check()
        difference = self._difference("not_proved")
        for role in ("accountant", "supervisor"):
            user = self.users[role]
            with self.subTest(role):
                form = Form(check.with_user(user))
                self.assertEqual(form.state, "named")
                form = Form(difference.with_user(user))
                form.user_id = user
                form.save()
                self.assertEqual(difference.user_id, user)
                difference.with_user(user).read()
                check.line_ids.with_user(user).read()
                check.finding_ids.with_user(user).action_open()

    def test_engineers_see_the_meters_differences_only(self):
        self._sell("100.00")
        self._check()
        self._says(self.meter, purchase_number=1, epoch=0, cumulative="7")
        engineer = self.differences.with_user(self.users["engineer"])
        self.assertFalse(engineer.search([]))
        self._prove(self.env["utility.vend"].search([], limit=1).command_id)
        self._says(self.meter, purchase_number=2, epoch=0, cumulative="200")
        self._check()
        self.assertEqual(engineer.search([]).code, "meter_ahead")
        self.assertEqual(Form(engineer.search([])).code, "meter_ahead")


@tagged("post_install", "-at_install")
class TestCheckDays(CheckCommon):
    """Days of the check: their ends, their flows, the scheduled action, checking again."""

    def _cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_check").method_direct_trigger()
        self.env.invalidate_all()

    def _days(self):
        return self.checks.search([("company_id", "=", self.company.id)]).mapped("date")

    def test_paid_on_one_day_proved_on_the_next(self):
        vend = self._sell("100.00")
        self.clock.move_to(NEXT)
        self._prove(vend.command_id)
        self._post()
        first = self._check(DAY)
        self.assertEqual(self._found(first), {"not_proved": 100})
        self.assertEqual((first.money_in, first.credit_sold, first.gap_after), (100, 0, 100))
        difference = self._difference("not_proved")
        self.assertEqual(difference.state, "resolved", "Meanwhile the meter has proved it")
        second = self._check()
        self.assertEqual(second.state, "agreed")
        self.assertRecordValues(
            second,
            [{"money_in": 0, "credit_sold": 100, "posted": 100, "gap_before": 100, "gap_after": 0}],
        )

    def test_the_scheduled_action_checks_each_day_once_after_its_end(self):
        self._sell("100.00")
        self._cron()
        self.assertEqual(self._days(), [date(2026, 11, 9)])
        self.checks._run(self.company, DAY)
        # 23:00 in Shanghai, and an hour later
        self.clock.move_to("2026-11-10 15:00:00")
        self._cron()
        self.assertEqual(self.checks.search([("date", "=", DAY)]).runs, 1)
        self.clock.move_to("2026-11-10 16:01:00")
        self._cron()
        self._cron()
        self.assertEqual(self.checks.search([("date", "=", DAY)]).runs, 2)
        # The server was off for days: they are caught up.
        self.clock.move_to("2026-11-14 02:00:00")
        self._cron()
        self.assertEqual(self._days(), [date(2026, 11, day) for day in range(13, 8, -1)])
        findings = self._difference("not_proved").finding_ids
        self.assertEqual(
            sorted(findings.mapped("date")), [date(2026, 11, day) for day in range(10, 14)]
        )

    def test_an_owner_is_reminded_after_some_days(self):
        vend = self._sell("100.00")
        self._check()
        difference = self._difference("not_proved")
        self.clock.move_to(NEXT)
        self._cron()
        self.assertFalse(difference.activity_ids)
        self.clock.move_to("2026-11-12 03:00:00")
        self._cron()
        self._cron()
        self.assertEqual(difference.activity_ids.user_id, self.users["supervisor"])
        self.assertEqual((len(difference.activity_ids), difference.age), (1, 2))
        self._prove(vend.command_id)
        self._post()
        self._check()
        self.assertFalse(difference.activity_ids)

    def test_a_late_document_is_found_when_its_day_is_checked_again(self):
        self.clock.move_to(NEXT)
        check = self._check(DAY)
        self.assertEqual(check.state, "agreed")
        entry = self._entry(-25)
        entry.button_draft()
        entry.date = DAY
        entry.action_post()
        check.with_user(self.users["accountant"]).action_run()
        self._assert_identities(check)
        self.assertEqual(self._found(check), {"entry_alone": 25})
        self.assertEqual(check.state, "named")

    def test_a_day_that_has_not_begun(self):
        with self.assertRaises(UserError):
            self.checks._run(self.company, DAY + timedelta(days=1))

    def test_days_are_days_of_the_desk(self):
        self.clock.move_to(datetime(2026, 11, 10, 15, 59))
        self._delivered("54.83")
        self.clock.move_to(datetime(2026, 11, 10, 16, 1))
        self._delivered("109.66")
        self._post()
        self.assertEqual(self._check(DAY).credit_sold, 54.83)
        self.assertEqual(self._check().credit_sold, 109.66)

    def test_another_companys_money_is_another_check(self):
        self._sell("100.00")
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self._use_chart(other)
        check = self.checks._run(other, DAY)
        self.assertFalse(check.finding_ids)
        self.assertEqual(check.money_in, 0)

    def _use_chart(self, company):
        self.env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
        company.with_company(company)._utility_setup()
