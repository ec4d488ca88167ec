from datetime import datetime
from uuid import uuid4

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..tools.decimals import dec
from .common import UtilityCommon


class ShiftCommon(UtilityCommon):
    """A cashier, a colleague and a supervisor at one drawer with 200.00 in it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.utility_session_required = True
        cls.bank = cls.env["account.journal"].search(
            [("company_id", "=", cls.company.id), ("type", "=", "bank")], limit=1
        )
        cls.users["colleague"] = new_test_user(
            cls.env,
            login="desk_colleague",
            groups="base.group_user,utility_prepaid.group_cashier",
            company_id=cls.company.id,
            company_ids=[fields.Command.set(cls.company.ids)],
        )
        cls.petty = cls.env["utility.cash.reason"].create(
            {
                "name": "Petty cash",
                "company_id": cls.company.id,
                "direction": "out",
                "account_id": cls.company_data["default_account_expense"].id,
            }
        )

    def _open(self, counted="0", role="cashier", journal=None, uuid=None):
        status = self._counter(role).session_open(
            uuid or str(uuid4()), (journal or self.cash).id, counted
        )
        return self.env["utility.cash.session"].browse(status["id"])

    def _count(self, session, cash, slips=None, role="cashier"):
        counter = self._counter(role)
        counter.session_start_counting(session.id)
        return counter.session_count(str(uuid4()), session.id, cash, slips)

    def _close(self, session, cash, left=None, role="cashier", **kwargs):
        self._count(session, cash, role=role, **kwargs)
        return self._counter(role).session_close(session.id, left or cash, self.bank.id)

    def _names(self, *accounts):
        return [account.name for account in accounts]


class ShiftBooks:
    """What a shift posts, on each chart."""

    allow_inherited_tests_method = True

    def test_float_over_and_short(self):
        """The first float is all over; the next shift finds less than the last one left."""
        session = self._open("200.00")
        self.assertEqual(session.state, "open")
        move = session.move_ids.statement_line_id.move_id
        drawer = self.cash.default_account_id.name
        self.assertEqual(move.state, "posted")
        self.assertEqual(
            self._items(move),
            sorted([(drawer, 200.0), (self.cash.profit_account_id.name, -200.0)]),
        )
        self._close(session, "200.00", "150.00")
        after = self._open("149.50", role="colleague")
        self.assertEqual((after.left_before, after.sudo().float_difference), (150.0, -0.5))
        self.assertEqual(
            self._items(after.move_ids.statement_line_id.move_id),
            sorted([(drawer, -0.5), (self.cash.loss_account_id.name, 0.5)]),
        )

    def test_cash_out_difference_and_deposit(self):
        session = self._open("0")
        self.assertFalse(session.move_ids, "nothing differs, nothing is posted")
        self._delivered("100.00")
        self._counter().session_cash_move(
            str(uuid4()), session.id, "out", "8.50", self.petty.id, "Voucher 7"
        )
        self._close(session, "91.00", "20.00")
        drawer = self.cash.default_account_id.name
        found = {
            move.kind: self._items(move.statement_line_id.move_id) for move in session.move_ids
        }
        self.assertEqual(
            found,
            {
                "out": sorted([(drawer, -8.5), (self.petty.account_id.name, 8.5)]),
                "closing_difference": sorted(
                    [(drawer, -0.5), (self.cash.loss_account_id.name, 0.5)]
                ),
                "deposit": sorted([(drawer, -71.0), (self.company.transfer_account_id.name, 71.0)]),
            },
        )
        self.assertEqual(session.state, "closed")
        self.assertEqual(session._book_balance(), dec("20.00", 2))

    def test_deposit_arrives(self):
        session = self._open("0")
        self._delivered("100.00")
        self._counter().deposit(str(uuid4()), session.id, "60.00", self.bank.id)
        deposit = session.move_ids
        self.assertTrue(deposit.under_way)
        self.assertIn(deposit, deposit.search([("under_way", "=", True)]))
        with self.assertRaises(AccessError):
            deposit.with_user(self.users["supervisor"]).action_arrived()
        deposit.with_user(self.users["accountant"]).action_arrived()
        self.assertEqual(
            self._items(deposit.arrival_line_id.move_id),
            sorted(
                [
                    (self.bank.default_account_id.name, 60.0),
                    (self.company.transfer_account_id.name, -60.0),
                ]
            ),
        )
        deposit.invalidate_recordset()
        self.assertFalse(deposit.under_way)
        with self.assertRaisesRegex(UserError, "not under way"):
            deposit.with_user(self.users["accountant"]).action_arrived()


@tagged("post_install", "-at_install")
class TestShiftGeneric(ShiftBooks, ShiftCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()

    def test_setup_makes_missing_accounts(self):
        company = self.company
        names = (
            "default_cash_difference_income_account_id",
            "default_cash_difference_expense_account_id",
        )
        for name in names:
            company[name] = False
        self.cash.write({"profit_account_id": False, "loss_account_id": False})
        company._utility_setup()
        self.assertTrue(self.cash.profit_account_id and self.cash.loss_account_id)
        self.assertEqual(self.cash.profit_account_id.account_type, "income_other")
        self.assertTrue(company.transfer_account_id.reconcile)


@tagged("post_install_l10n", "post_install", "-at_install")
class TestShiftChina(ShiftBooks, ShiftCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()


@tagged("post_install", "-at_install")
class TestShift(ShiftCommon):
    """One shift from the float to the count, with the cashier's rights."""

    # ------------------------------------------------------------- opening

    def test_cash_needs_a_shift(self):
        with self.assertRaisesRegex(UserError, "Open your shift first"):
            self._sell()
        self.assertFalse(self.env["utility.vend"].search([("meter_id", "=", self.meter.id)]))
        self._sell(journal=self._slips())
        self.company.utility_session_required = False
        vend = self._sell(meter=self._second_meter())
        self.assertFalse(vend.session_id or vend.payment_id.utility_session_id)

    def _slips(self):
        return self.env["account.journal"].search(
            [
                ("company_id", "=", self.company.id),
                ("type", "=", "bank"),
                ("utility_counter", "=", True),
            ],
            limit=1,
        )

    def _second_meter(self, address="202611000009"):
        meter = self._meter(address)
        self._contract(meter)
        return meter

    def test_one_shift_per_cashier_and_drawer(self):
        session = self._open("0", uuid="shift-opened-1")
        self.assertEqual(self._open("0", uuid="shift-opened-1"), session)
        with self.assertRaisesRegex(UserError, "You already have shift"):
            self._open("0")
        with self.assertRaisesRegex(UserError, "is in the shift of"):
            self._open("0", role="colleague")
        # two requests at the same moment: neither sees the other, the database does
        for values in (
            {"user_id": self.users["colleague"].id},
            {"journal_id": self._slips().id},
        ):
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.env.cr.savepoint(),
            ):
                session.sudo().copy({"uuid": str(uuid4()), "name": "x", **values})

    def test_nobody_else_uses_the_drawer(self):
        self._open("0", role="colleague")
        self.company.utility_session_required = False
        with self.assertRaisesRegex(UserError, "is in the shift of"):
            self._sell()

    def test_drawer_must_be_fit(self):
        lines = self.cash.inbound_payment_method_line_ids
        lines.payment_account_id = False
        with self.assertRaisesRegex(UserError, "do not reach its cash account"):
            self._open("0")
        with self.assertRaisesRegex(UserError, "needs a cash journal"):
            self._open("0", journal=self.bank)
        lines.payment_account_id = self.cash.default_account_id
        twin = self.cash.copy({"code": "UCSH3", "default_account_id": lines.payment_account_id.id})
        with self.assertRaisesRegex(UserError, "shares its cash account"):
            self._open("0")
        twin.unlink()
        for role in ("reader", "accountant", "engineer"):
            with self.assertRaises(AccessError):
                self._open("0", role=role)
        self.assertEqual(self._open("0").state, "open")

    def test_float_above_the_limit_needs_a_supervisor(self):
        self.company.utility_difference_limit = 5
        session = self._open("200.00")
        self.assertEqual(session.state, "opening")
        self.assertFalse(session.move_ids)
        with self.assertRaisesRegex(UserError, "not open yet"):
            self._sell()
        cashier = session.with_user(self.users["cashier"])
        with self.assertRaisesRegex(AccessError, "needs a supervisor"):
            cashier.action_accept_float()
        # counted again, within the limit
        self._counter().session_float(session.id, "4.00")
        self.assertEqual((session.state, session.float_counted), ("open", 4.0))
        self._close(session, "4.00")
        session = self._open("200.00")
        session.with_user(self.users["supervisor"]).action_accept_float()
        self.assertEqual(session.state, "open")
        self.assertEqual(session.move_ids.amount, 196.0)

    def test_a_shift_that_never_began(self):
        self.company.utility_difference_limit = 5
        session = self._open("200.00")
        session.with_user(self.users["cashier"]).action_give_up()
        self.assertEqual(session.state, "closed")
        self.assertFalse(session.move_ids)
        self.assertEqual(self._open("0").state, "open")

    def test_nobody_else_works_on_a_shift(self):
        session = self._open("0")
        for role in ("reader", "accountant", "engineer", "colleague"):
            other = session.with_user(self.users[role])
            self.assertEqual(other.state, "open", "everybody of the desk may look")
            for act in (
                other.action_start_counting,
                other.action_list_uncertain,
                other.action_give_up,
                other.action_sign,
                other.action_sell_on,
                other.action_count_again,
                other.action_accept_float,
                other._start_counting,
            ):
                with self.subTest(role=role, act=act.__name__), self.assertRaises(AccessError):
                    act()
            with self.assertRaises(AccessError):
                other.write({"state": "closed"})
            with self.assertRaises(AccessError):
                other.uncertain_ids.create({"session_id": session.id})
        # a supervisor counts and closes for a cashier who is away
        supervisor = session.with_user(self.users["supervisor"])
        supervisor.action_start_counting()
        self._counter("supervisor").session_count("count-for-other", session.id, "0")
        self._counter("supervisor").session_close(session.id, "0")
        self.assertEqual(session.closed_by_id, self.users["supervisor"])

    def test_other_companies_see_nothing(self):
        session = self._open("10.00")
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            login="desk_elsewhere",
            groups="utility_prepaid.group_administrator",
            company_id=company.id,
            company_ids=[fields.Command.set(company.ids)],
        )
        for records in (session, session.move_ids, self.petty):
            with self.subTest(records._name), self.assertRaises(AccessError):
                records.with_user(stranger).read(["display_name"])
        with self.assertRaises(AccessError):
            self.env["utility.counter"].with_user(stranger).session_status(session.id)

    # ---------------------------------------------------------------- moves

    def test_cash_moves_and_their_limits(self):
        session = self._open("50.00")
        counter = self._counter()
        uuid = str(uuid4())
        counter.session_cash_move(uuid, session.id, "out", "10.00", self.petty.id)
        counter.session_cash_move(uuid, session.id, "out", "10.00", self.petty.id)
        self.assertEqual(
            session.move_ids.filtered(lambda m: m.kind == "out").mapped("amount"), [-10]
        )
        for words, arguments in (
            ("already saved", (uuid, session.id, "out", "11.00", self.petty.id)),
            ("not a reason", (str(uuid4()), session.id, "in", "1.00", self.petty.id)),
            ("Choose one of the reasons", (str(uuid4()), session.id, "out", "1.00", 0)),
            ("above zero", (str(uuid4()), session.id, "out", "0", self.petty.id)),
            ("parts of a cent", (str(uuid4()), session.id, "out", "1.001", self.petty.id)),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                counter.session_cash_move(*arguments)
        with self.assertRaisesRegex(UserError, "above zero"):
            counter.session_cash_move(str(uuid4()), session.id, "out", "-5", self.petty.id)
        self.company.utility_cash_move_limit = 20
        with self.assertRaisesRegex(UserError, "needs a supervisor"):
            counter.session_cash_move(str(uuid4()), session.id, "out", "20.01", self.petty.id)
        self._counter("supervisor").session_cash_move(
            str(uuid4()), session.id, "out", "20.01", self.petty.id
        )
        with self.assertRaisesRegex(AccessError, "Only its cashier"):
            self._counter("colleague").session_cash_move(
                str(uuid4()), session.id, "out", "1.00", self.petty.id
            )

    # ---------------------------------------------------------------- count

    def test_count_is_blind(self):
        session = self._open("50.00")
        self._delivered("100.00")
        mine, watched = self._counter(), self._counter("supervisor")
        self.assertNotIn("150.00", str(mine.session_status(session.id)))
        self.assertEqual(watched.session_status(session.id)["expected_now"], "150.00")
        with self.assertRaises(AccessError):
            session.with_user(self.users["cashier"]).read(["cash_expected_now"])
        status = self._count(session, "149.00")
        method = status["methods"][0]
        self.assertEqual((method["expected"], method["difference"]), ("150.00", "-1.00"))
        with self.assertRaisesRegex(UserError, "count was given"):
            mine.session_count(str(uuid4()), session.id, "150.00")
        cashier = session.with_user(self.users["cashier"])
        with self.assertRaisesRegex(AccessError, "needs a supervisor"):
            cashier.action_count_again()
        session.with_user(self.users["supervisor"]).action_count_again()
        self.assertFalse(session.method_ids)
        mine.session_count(str(uuid4()), session.id, "", pieces={"100": 1, "50": 1})
        self.assertEqual((session.cash_counted, session.cash_difference), (150.0, 0.0))
        self.assertEqual(session.denomination_ids.mapped("pieces"), [1, 1])

    def test_count_once(self):
        session = self._open("0")
        counter = self._counter()
        with self.assertRaisesRegex(UserError, "not being counted"):
            counter.session_count("count-early-1", session.id, "0")
        counter.session_start_counting(session.id)
        counter.session_start_counting(session.id)
        counter.session_count("count-given-1", session.id, "0")
        counter.session_count("count-given-1", session.id, "0")
        with self.assertRaisesRegex(UserError, "another amount"):
            counter.session_count("count-given-1", session.id, "5")
        with self.assertRaisesRegex(UserError, "not 5.00|make"):
            session._keep_pieces("closing", dec(5, 2), {dec(2, 2): 2})
        counter.session_close(session.id, "0")
        counter.session_close(session.id, "0")
        self.assertEqual(
            self.env["utility.operation"].search_count(
                [
                    ("model", "=", session._name),
                    ("res_id", "=", session.id),
                    ("after", "=", "closed"),
                ]
            ),
            1,
        )

    def test_no_money_while_counting(self):
        session = self._open("0")
        self._counter().session_start_counting(session.id)
        for journal in (self.cash, self._slips()):
            with self.assertRaisesRegex(UserError, "being counted"):
                self._sell(journal=journal)
        with self.assertRaisesRegex(UserError, "is not open"):
            self._counter().session_cash_move(
                str(uuid4()), session.id, "out", "1.00", self.petty.id
            )
        with self.assertRaisesRegex(AccessError, "needs a supervisor"):
            session.with_user(self.users["cashier"]).action_sell_on()
        session.with_user(self.users["supervisor"]).action_sell_on()
        self.assertEqual(self._sell().session_id, session)

    def test_slips_of_other_methods(self):
        session = self._open("0")
        bank = self._slips()
        vend = self._delivered("30.00", journal=bank)
        self.assertEqual(vend.payment_id.utility_session_id, session)
        self._count(session, "0", {bank.id: "29.00"})
        line = session.method_ids.filtered(lambda m: m.journal_id == bank)
        self.assertEqual((line.expected, line.counted, line.difference), (30.0, 29.0, -1.0))
        self._counter().session_close(session.id, "0")
        self.assertFalse(session.move_ids, "only the drawer's difference is posted")

    def test_more_paid_back_by_slips_than_taken(self):
        bank = self._slips()
        session = self._open("0")
        vend = self._delivered("30.00", journal=bank)
        self._close(session, "0", slips={bank.id: "30.00"})
        session = self._open("0")
        status = self._counter().reverse(str(uuid4()), vend.id, "typed wrong")
        self._prove(self.env["utility.vend"].browse(status["id"]).command_id, after="0")
        self._post()
        with self.assertRaisesRegex(UserError, "cannot be negative"):
            self._count(session, "-1.00", {bank.id: "-30.00"})
        self._count(session, "0", {bank.id: "-30.00"})
        line = session.method_ids.filtered(lambda m: m.journal_id == bank)
        self.assertEqual((line.paid_out, line.expected, line.difference), (30.0, -30.0, 0.0))

    def test_difference_above_the_limit_is_signed(self):
        self.company.utility_difference_limit = 5
        session = self._open("0")
        self._delivered("100.00")
        self._count(session, "90.00")
        with self.assertRaisesRegex(UserError, "supervisor must sign"):
            self._counter().session_close(session.id, "90.00")
        with self.assertRaises(AccessError):
            session.with_user(self.users["colleague"]).action_sign()
        session.with_user(self.users["supervisor"]).action_sign()
        self._counter().session_close(session.id, "90.00")
        self.assertEqual(session.signed_by_id, self.users["supervisor"])

    def test_the_daily_check_asks_for_the_reason_of_a_difference(self):
        session = self._open("200.00")
        self._delivered("100.00")
        self._post()
        self._close(session, "299.50")
        checks = self.env["utility.check"]
        check = checks._run(self.company, self.company._utility_today())
        self.assertEqual(check.finding_ids.mapped("code"), ["session"])
        difference = check.finding_ids.difference_id
        self.assertEqual((difference.amount, difference.session_id), (-0.5, session))
        self.assertEqual(difference.user_id, self.users["supervisor"])
        difference.with_user(self.users["supervisor"])._explain("A coin fell behind the desk")
        checks._run(self.company, self.company._utility_today())
        self.assertEqual(difference.state, "explained")

    def test_signed_with_a_pin_at_the_cashiers_screen(self):
        supervisor, cashier = self.users["supervisor"], self.users["cashier"]
        supervisor.with_user(supervisor).utility_pin = "246810"
        self.company.utility_difference_limit = 5
        session = self._open("0")
        self._delivered("100.00")
        self._count(session, "90.00")
        counter = self._counter()
        self.assertFalse(counter.session_sign(session.id, supervisor.id, "111111")["ok"])
        self.assertFalse(session.signed_by_id)
        self.assertEqual(supervisor.sudo().utility_pin_failures, 1)
        for nobody in (cashier, self.users["colleague"], self.users["accountant"]):
            with self.assertRaisesRegex(AccessError, "supervisor other than"):
                counter.session_sign(session.id, nobody.id, "246810")
        with self.assertRaises(AccessError):
            self._counter("colleague").session_sign(session.id, supervisor.id, "246810")
        self.assertTrue(counter.session_sign(session.id, supervisor.id, "246810")["ok"])
        self.assertEqual(session.signed_by_id, supervisor)
        counter.session_close(session.id, "90.00")
        self.assertEqual(session.state, "closed")

    def test_a_supervisor_does_not_sign_the_own_shift(self):
        self.company.utility_difference_limit = 5
        session = self._open("0", role="supervisor")
        self._delivered("100.00", role="supervisor")
        self._count(session, "90.00", role="supervisor")
        with self.assertRaisesRegex(AccessError, "Somebody other"):
            session.with_user(self.users["supervisor"]).action_sign()

    def test_close_needs_a_bank_for_the_rest(self):
        session = self._open("100.00")
        self._count(session, "100.00")
        counter = self._counter()
        with self.assertRaisesRegex(UserError, "which bank"):
            counter.session_close(session.id, "20.00")
        with self.assertRaisesRegex(UserError, "At most"):
            counter.session_close(session.id, "100.01", self.bank.id)
        self.assertEqual(session.state, "counting")

    # ------------------------------------------------------- unsettled sales

    def test_no_closing_over_an_unlisted_sale(self):
        session = self._open("0")
        delivered = self._delivered("10.00")
        waiting = self._sell("20.00", meter=self._second_meter())
        self._count(session, "30.00")
        self.assertEqual(session.uncertain_ids.vend_id, waiting)
        counter = self._counter()
        with self.assertRaisesRegex(UserError, "not confirmed on the list"):
            counter.session_close(session.id, "30.00")
        counter.session_confirm_uncertain(session.id)
        with self.assertRaisesRegex(UserError, "supervisor must sign"):
            counter.session_close(session.id, "30.00")
        session.with_user(self.users["supervisor"]).action_sign()
        counter.session_close(session.id, "30.00")
        line = session.uncertain_ids
        self.assertEqual((line.state, line.command_state), ("accepted", "queued"))
        self.assertEqual(line.confirmed_by_id, self.users["cashier"])
        self._prove(waiting.command_id)
        self.assertEqual((line.state, line.vend_state), ("accepted", "delivered"))
        self.assertEqual(delivered.session_id, session)

    def test_uncertain_after_the_shift_is_still_listed(self):
        session = self._open("0")
        vend = self._sell("20.00")
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._not_charged("Refused", final=True, quiet=True)
        self._counter().refund(vend.id, "customer left")
        self._close(session, "0")
        self.assertFalse(session.uncertain_ids)
        command._prove({"number": 2, "epoch": 0})
        self.assertEqual(session.uncertain_ids.vend_id, vend)
        self.assertTrue(session.uncertain_ids.after_close)

    # ------------------------------------------------------------ money back

    def _reversed(self, vend, role="cashier"):
        status = self._counter(role).reverse(str(uuid4()), vend.id, "typed wrong amount")
        return self.env["utility.vend"].browse(status["id"])

    def test_reversal_in_the_open_shift_is_paid_from_it(self):
        session = self._open("0")
        vend = self._delivered("100.00")
        reversal = self._reversed(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertEqual(reversal.refund_payment_id.utility_session_id, session)
        self.assertEqual(session._expected()[self.cash].expected, 0)
        self._close(session, "0")

    def test_reversal_proved_after_the_shift_waits_for_a_cashier(self):
        session = self._open("0")
        vend = self._delivered("100.00")
        self._post()
        reversal = self._reversed(vend)
        self._count(session, "100.00")
        self._counter().session_confirm_uncertain(session.id)
        session.with_user(self.users["supervisor"]).action_sign()
        self._counter().session_close(session.id, "100.00")
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertTrue(reversal.posted_at and reversal.move_id)
        self.assertFalse(reversal.refund_payment_id, "no cash out of a closed drawer")
        self.assertEqual((reversal.money_back_due, self._open_credit()), (100.0, 100.0))
        due = reversal.with_user(self.users["cashier"]).search([("money_back_due", ">", 0)])
        self.assertIn(reversal.id, due.ids, "the list at the counter, without a right to journals")
        status = self._counter().status([reversal.id])[0]
        self.assertEqual(status["money_back_due"], "100.00")
        self.assertIn("is due to the customer", status["message"])
        with self.assertRaisesRegex(UserError, "Open your shift first"):
            self._counter("colleague").pay_back(reversal.id, self.cash.id)
        later = self._open("100.00", role="colleague")
        self._counter("colleague").pay_back(reversal.id, self.cash.id)
        self._counter("colleague").pay_back(reversal.id, self.cash.id)
        payment = reversal.refund_payment_id
        self.assertEqual(payment.utility_session_id, later)
        self.assertEqual(
            self._items(payment.move_id),
            sorted(
                [(self.cash.default_account_id.name, -100.0), (self.customer_account.name, 100.0)]
            ),
        )
        self.assertEqual((reversal.money_back_due, self._open_credit()), (0.0, 0.0))
        self.assertEqual(later._expected()[self.cash].expected, 0)

    def test_money_goes_back_out_of_the_payers_own_drawer(self):
        """Sold at one drawer, given back at another: each drawer counts what it gave."""
        first = self._open("0")
        vend = self._sell("25.00")
        second_drawer = self.cash.copy({"name": "Second drawer", "code": "UCSH2"})
        self.company._utility_setup()
        second = self._open("0", role="colleague", journal=second_drawer)
        with self.assertRaisesRegex(UserError, "cash goes into that drawer"):
            self._sell(role="colleague", meter=self._second_meter())
        methods = self._counter("colleague").get_config()["methods"]
        self.assertEqual(
            [method["id"] for method in methods if method["type"] == "cash"], second_drawer.ids
        )
        self._counter("colleague").refund(vend.id, "customer left")
        payment = vend.refund_payment_id
        self.assertEqual((payment.journal_id, payment.utility_session_id), (second_drawer, second))
        self.assertEqual(
            self._items(payment.move_id),
            sorted(
                [
                    (second_drawer.default_account_id.name, -25.0),
                    (self.customer_account.name, 25.0),
                ]
            ),
        )
        self.assertEqual(first._expected()[self.cash].expected, 25)
        self.assertEqual(second._expected()[second_drawer].expected, -25)

    def test_without_shifts_money_back_is_paid_as_before(self):
        self.company.utility_session_required = False
        vend = self._delivered("100.00")
        reversal = self._reversed(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertTrue(reversal.refund_payment_id)
        self.assertFalse(reversal.refund_payment_id.utility_session_id)

    def test_only_who_may_pays_back(self):
        vend = self.env["utility.vend"]
        for role in ("reader", "accountant", "engineer"):
            with self.assertRaisesRegex(AccessError, "Only cashiers"):
                vend.with_user(self.users[role])._pay_due(self.cash)
        session = self._open("0")
        sale = self._delivered("10.00")
        with self.assertRaisesRegex(UserError, "no money to give back"):
            self._counter().pay_back(sale.id, self.cash.id)
        self.assertEqual(session._expected()[self.cash].paid_out, 0)

    def test_locked_books_refuse_what_must_be_posted(self):
        session = self._open("0")
        self._count(session, "5.00")
        self.company.hard_lock_date = fields.Date.add(self.company._utility_today(), days=1)
        with self.assertRaisesRegex(UserError, "locked"):
            self._counter().session_close(session.id, "5.00")
        self.assertEqual(session.state, "counting")

    # ------------------------------------------------------------- invariant

    @freeze_time(datetime(2026, 3, 31, 2))
    def test_money_equals_payments_equals_vends(self):
        """Per shift and method: taken less paid out = payments posted = vends, to the cent."""
        bank = self._slips()
        session = self._open("12.30")
        meters = [self._second_meter(f"20261100001{n}") for n in range(4)]
        self._delivered("33.33", meter=meters[0])
        self._sell("0.07", meter=meters[1])
        given_back = self._sell("44.44", meter=meters[2])
        self._counter().refund(given_back.id, "customer left")
        reversed_ = self._delivered("20.10", meter=meters[3], journal=bank)
        reversal = self._reversed(reversed_)
        self._prove(reversal.command_id, before="40", after="10")
        self._post()
        self._delivered("5.55", meter=meters[3], journal=bank)
        payments = self.env["account.payment"].search([("utility_session_id", "=", session.id)])
        vends = session.vend_ids
        expected = session._expected()
        for journal in (self.cash, bank):
            posted = sum(
                dec(payment.amount, 2) * (1 if payment.payment_type == "inbound" else -1)
                for payment in payments
                if payment.journal_id == journal
            )
            of_vends = sum(
                dec(vend.amount, 2) for vend in vends if vend.payment_id.journal_id == journal
            ) - sum(
                dec(vend.amount, 2)
                for vend in vends
                if vend.refund_payment_id.journal_id == journal
            )
            total = expected[journal]
            self.assertEqual(posted, of_vends)
            self.assertEqual(posted, total.taken - total.paid_out)
        self.assertEqual(expected[self.cash].expected, dec("45.70", 2))
        self.assertEqual(expected[bank].expected, dec("5.55", 2))
        self.assertEqual(session._book_balance(), dec("45.70", 2))
        totals = session._report_totals()
        self.assertEqual(sum(total["amount"] for total in totals), dec("38.95", 2))
        self.assertEqual(session._voids(), given_back | reversal)

    # -------------------------------------------------------------- the form

    def _as_cashier(self, model, **context):
        records = self.env[model].with_user(self.users["cashier"])
        return records.with_context(allowed_company_ids=self.company.ids, **context)

    def test_the_forms_of_the_cashier(self):
        """The whole shift through the forms, with a cashier's rights only."""
        form = Form(self._as_cashier("utility.cash.count"))
        self.assertEqual(form.drawer, str(self.cash.id), "the only one")
        form.by_total = True
        form.total = 10
        session = self.env["utility.cash.session"].browse(form.save().action_confirm()["res_id"])
        self._delivered("100.00")
        self._sell("20.00", meter=self._second_meter())
        shift = session.with_env(self._as_cashier("utility.cash.session").env)
        self.assertTrue(Form(shift).can_work)

        form = Form(
            self._as_cashier("utility.cash.move.create", **shift.action_move_cash()["context"])
        )
        form.amount = 4
        form.reason_id = self.petty
        form.save().action_confirm()

        action = shift.action_start_counting()
        form = Form(self._as_cashier("utility.cash.count", **action["context"]))
        for position, (value, pieces) in enumerate(((100, 1), (50, 0), (20, 1), (10, 0), (5, 1))):
            with form.pieces_ids.edit(position) as line:
                self.assertEqual(line.value, value)
                line.pieces = pieces
        self.assertEqual(form.pieces_total, 125)
        with form.slip_ids.edit(0) as line:
            self.assertEqual(line.method, self._slips().name)
        form.save().action_confirm()
        self.assertEqual((session.cash_expected, session.cash_difference), (126.0, -1.0))

        shown = Form(shift)
        self.assertEqual(len(shown.uncertain_ids), 1)
        shift.uncertain_ids.action_confirm()
        session.with_user(self.users["supervisor"]).action_sign()
        form = Form(
            self._as_cashier("utility.cash.session.close", **shift.action_close()["context"])
        )
        self.assertEqual(form.float_left, 125)
        form.float_left = 25
        self.assertEqual(form.deposit, 100)
        form.bank = str(self.bank.id)
        form.save().action_confirm()
        self.assertEqual((session.state, session.float_left), ("closed", 25.0))
        for model in ("utility.cash.session", "utility.cash.move", "utility.cash.reason"):
            views = self._as_cashier(model).get_views([(False, "list"), (False, "search")])
            shown = views["models"][model]["fields"]
            self.assertIn("currency_id" if model != "utility.cash.reason" else "name", shown)

    def test_the_form_that_pays_back(self):
        session = self._open("0")
        vend = self._delivered("100.00")
        reversal = self._reversed(vend)
        self._count(session, "100.00")
        self._counter().session_confirm_uncertain(session.id)
        session.with_user(self.users["supervisor"]).action_sign()
        self._counter().session_close(session.id, "100.00")
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self._open("100.00")
        action = reversal.with_user(self.users["cashier"]).action_pay_due()
        form = Form(self._as_cashier("utility.vend.pay.due", **action["context"]))
        self.assertEqual((form.money_back_due, form.method), (100.0, str(self.cash.id)))
        form.save().action_confirm()
        self.assertTrue(reversal.refund_payment_id)

    def test_hash_locked_drawer(self):
        """What a shift posts is never touched again, so a sealed journal is no hindrance."""
        self.cash.restrict_mode_hash_table = True
        session = self._open("10.00")
        self._delivered("100.00")
        self._close(session, "109.00", "9.00")
        moves = session.move_ids.statement_line_id.move_id | session.payment_ids.move_id
        self.assertEqual(len(moves), 4)
        self.assertTrue(all(moves.mapped("inalterable_hash")))
