from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, new_test_user, tagged

from ..models.utility_limit import ApprovalNeeded
from .test_settlement_steps import SettlementCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 02:00:00")
class TestSettlementLimit(SettlementCommon):
    """What one operator pays back on a day, and the paper of it. 45.17 of 100.00 are left."""

    def setUp(self):
        super().setUp()
        self.settlement = self._settled(self.spare)

    def _settled(self, meter, left="82.38"):
        contract = self._opened(meter)
        self._prove(self._sell("100.00", meter=meter).command_id, before="0")
        self._post()
        settlement = self._as("cashier", contract)._close()
        self._says(settlement, "read", total="200.00", balance=left)
        self._says(settlement, "clear", balance_before=Decimal(left), balance_after=0)
        self._cron()
        return self._as("cashier", settlement)

    def _limit(self, **values):
        return self.env["utility.limit"].create(
            {"act": "refund", "company_id": self.company.id, **values}
        )

    def _ask(self, settlement, role="cashier"):
        status = self._counter(role).ask_approval(
            "payout", {"settlement_id": settlement.id, "reason": "Moved out"}
        )
        return self.env["utility.approval"].browse(status["id"])

    # ------------------------------------------------------------------ limits

    def test_pay_outs_count_as_money_back(self):
        self._limit(amount_max=90)
        self.settlement._pay(self.cash)
        second = self._settled(self._meter("202611000078"))
        with self.assertRaisesRegex(ApprovalNeeded, "90.00.* a day are yours, .*45.17"):
            second._pay(self.cash)
        self.assertEqual((second.payout, second.sudo().payment_id.ids), ("open", []))
        # somebody else's day is his own
        self._as("supervisor", second)._pay(self.cash)
        self.assertEqual(second.paid_by_id, self.users["supervisor"])

    def test_a_refund_counts_with_them(self):
        self._limit(count_max=1)
        self.settlement._pay(self.cash)
        limits = self._as("cashier", self.env["utility.limit"])
        self.assertEqual(limits._used_today(self.company, "refund"), (1, Decimal("45.17")))
        self.assertEqual(limits._used_today(self.company, "reversal"), (0, 0))
        self.assertIn("are used up", limits._excess(self.company, "refund", Decimal(1)))
        with freeze_time("2026-03-10 16:00:00"):
            self.assertEqual(limits._used_today(self.company, "refund"), (0, 0), "a new day there")

    def test_what_the_customer_pays_in_needs_nobody(self):
        self._limit(amount_max=1)
        settlement = self._settled(self._meter("202611000078"), left="-10.00")
        settlement._pay(self.cash)
        self.assertEqual(settlement.amount_paid, -5.48)
        limits = self._as("cashier", self.env["utility.limit"])
        self.assertEqual(limits._used_today(self.company, "refund"), (0, 0))

    # ------------------------------------------------------- the second person

    def test_approved_then_paid(self):
        self._limit(amount_max=10)
        form = self._as("cashier", self.env["utility.settlement.payment"]).create(
            {"settlement_id": self.settlement.id, "journal": str(self.cash.id)}
        )
        self.assertEqual(form.action_confirm()["res_id"], form.id)
        self.assertIn("second person", form.approval_words)
        with self.assertRaisesRegex(UserError, "Say why"):
            form.action_ask()
        form.reason = "Moved out"
        approval = self.env["utility.approval"].browse(form.action_ask()["res_id"])
        self.assertEqual(
            (approval.act, approval.amount, approval.settlement_id),
            ("refund", 45.17, self.settlement),
        )
        with self.assertRaises(AccessError):
            approval.with_user(self.users["cashier"]).action_approve()
        with self.assertRaises(ApprovalNeeded):
            self.settlement._pay(self.cash)
        approval.with_user(self.users["supervisor"]).action_approve()
        action = approval.with_user(self.users["cashier"]).action_carry_out()
        self.assertEqual(action["res_model"], "utility.settlement.payment")
        self.settlement._pay(self.cash)
        self.assertEqual((approval.state, self.settlement.payout), ("used", "paid"))
        self.assertEqual(self._open_credit(), 0)
        self.env.flush_all()
        void = self.env["utility.void"].with_user(self.users["manager"]).search([])
        self.assertEqual(
            (void.act, void.settlement_id, void.amount, void.reason, void.user_id),
            ("settlement", self.settlement, 45.17, "Moved out", self.users["cashier"]),
        )
        self.assertEqual(void.approver_id, self.users["supervisor"])

    def test_only_for_this_and_only_once(self):
        self._limit(amount_max=10)
        self._ask(self.settlement).with_user(self.users["manager"]).action_approve()
        second = self._settled(self._meter("202611000078"))
        with self.assertRaises(ApprovalNeeded):
            second._pay(self.cash)
        self.settlement._pay(self.cash)
        with self.assertRaisesRegex(UserError, "nothing to pay"):
            self._ask(self.settlement)

    def test_the_limit_of_cashiers_too(self):
        self.company.utility_settlement_limit = 45
        self.users["supervisor"].with_user(self.users["supervisor"]).utility_pin = "246810"
        with self.assertRaisesRegex(ApprovalNeeded, "more than .*45.* needs a supervisor"):
            self.settlement._pay(self.cash)
        answer = self._counter().approve_with_pin(
            "payout",
            {"settlement_id": self.settlement.id, "reason": "Moved out"},
            self.users["supervisor"].id,
            "246810",
        )
        self.assertEqual(answer, {"ok": True, "error": ""})
        status = self._counter().pay_settlement(self.settlement.id, self.cash.id)
        self.assertEqual((status["payout"], status["due"]), ("paid", "45.17"))

    def test_who_may_not_ask(self):
        with self.assertRaises(AccessError):
            self._ask(self.settlement, "accountant")

    # ------------------------------------------------------------------- paper

    def _paper(self, paper="a4"):
        report = self._as("cashier", self.env["ir.actions.report"])
        html, __ = report._render_qweb_html(
            f"utility_prepaid.report_settlement_{paper}", self.settlement.ids
        )
        return html.decode()

    def test_copies_are_counted_and_marked(self):
        html = self._paper()
        self.assertIn("paper_a4", html)
        self.assertNotIn("o_utility_copy", html)
        html = self._paper("80mm")
        self.assertIn("paper_80mm", html)
        self.assertRegex(html, r"Copy\s*1")
        self.assertRegex(self._paper(), r"Copy\s*2")
        self.assertEqual(self.settlement.print_count, 3)
        lines = self.env["utility.operation"].search(
            [("model", "=", "utility.settlement"), ("action", "=", "Settlement printed")],
            order="id",
        )
        self.assertEqual(lines.mapped("note"), ["Original", "Copy 1", "Copy 2"])
        self.assertEqual(lines.mapped("user_id"), self.users["cashier"])

    def test_a_paper_that_may_not_be_seen_is_not_counted(self):
        values = self.env["report.utility_prepaid.report_settlement_a4"]
        stranger = new_test_user(self.env, login="no_role", groups="base.group_user")
        with self.assertRaises(AccessError):
            values.with_user(stranger)._get_report_values(self.settlement.ids)
        self.assertEqual(self.settlement.print_count, 0)
