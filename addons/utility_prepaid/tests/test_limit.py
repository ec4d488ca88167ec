from uuid import uuid4

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.utility_limit import ApprovalNeeded
from .test_vend_kinds import IssueCommon


class LimitCommon(IssueCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.frozen = freeze_time("2026-03-02 01:00:00")
        cls.frozen.start()
        cls.addClassCleanup(cls.frozen.stop)
        cls.limits = cls.env["utility.limit"]

    @classmethod
    def _limit(cls, act, **values):
        return cls.limits.create({"act": act, "company_id": cls.company.id, **values})

    def _other(self, number=1):
        meter = self._meter(f"2026110001{number:02}")
        self._contract(meter)
        return meter

    def _reverse(self, vend, role="cashier", uuid=None):
        status = self._counter(role).reverse(uuid or str(uuid4()), vend.id, "Typed wrong")
        return self.env["utility.vend"].browse(status["id"])

    def _unpaid(self, vend):
        """A sale that is proved not charged: its money may go back."""
        self._refuse_charge(vend)
        return vend


@tagged("post_install", "-at_install")
class TestLimit(LimitCommon):
    """How much one operator may do alone on a day."""

    def test_no_limit_no_question(self):
        self.assertEqual(self._reverse(self._delivered()).state, "accepted")

    def test_count_of_reversals(self):
        self._limit("reversal", count_max=1)
        first, second = self._delivered(), self._delivered(meter=self._other())
        self._reverse(first)
        with self.assertRaisesRegex(ApprovalNeeded, "1 a day are yours"):
            self._reverse(second)
        self.assertEqual(second.state, "delivered")
        self.assertFalse(second.reversal_ids)
        # somebody else's day is his own
        self.assertEqual(self._reverse(second, role="supervisor").state, "accepted")

    def test_repeating_an_act_is_no_second_act(self):
        self._limit("reversal", count_max=1)
        vend = self._delivered()
        first = self._reverse(vend, uuid="reverse-again-1")
        self.assertEqual(self._reverse(vend, uuid="reverse-again-1"), first)

    def test_amount_of_money_back(self):
        self._limit("refund", amount_max=150)
        meters = (self.meter, self._other(1), self._other(2))
        sales = [
            self._unpaid(self._sell(amount, meter=meter))
            for amount, meter in zip(("100.00", "50.00", "0.50"), meters, strict=True)
        ]
        for sale in sales[:2]:
            self._counter().refund(sale.id, "Not charged")
        with self.assertRaisesRegex(ApprovalNeeded, "150.00.* a day are yours, .*150.00"):
            self._counter().refund(sales[2].id, "Not charged")
        self.assertEqual(sales[2].state, "accepted")
        self.assertEqual(sales[0].ended_by_id, self.users["cashier"])

    def test_a_new_day_begins_where_the_desk_stands(self):
        """01:00 in Greenwich is 09:00 in Shanghai; its next day begins at 16:00."""
        self._limit("free", count_max=1)
        self._give("adjustment", "1")
        other = self._other()
        with freeze_time("2026-03-02 15:59:00"), self.assertRaises(ApprovalNeeded):
            self._give("adjustment", "1", meter=other)
        with freeze_time("2026-03-02 16:01:00"):
            self.assertEqual(self._give("adjustment", "1", meter=other).state, "accepted")

    def test_free_issue_by_worth(self):
        self._limit("free", amount_max=10)
        self._prove(self._give("adjustment", "10").command_id)
        with self.assertRaisesRegex(ApprovalNeeded, "5.48"):
            self._give("adjustment", "10")
        # what was given up gives its part of the day back
        small = self._give("adjustment", "8")
        self._counter("supervisor").cancel_issue(small.id, "Not needed")
        self.assertEqual(self._give("adjustment", "8").state, "accepted")

    def test_taking_off_counts_too(self):
        self._limit("free", amount_max=10)
        with self.assertRaises(ApprovalNeeded):
            self._give("adjustment", "-20")

    def test_emergency_credit_has_its_own(self):
        self._limit("free", count_max=1)
        self._limit("emergency", amount_max=10)
        with self.assertRaises(ApprovalNeeded):
            self._give("emergency", "10.01")
        self._prove(self._give("emergency", "10.00").command_id)
        self.assertEqual(self._give("adjustment", "1").state, "accepted")

    def test_whose_limit_holds(self):
        """His own before his roles', the most generous of these, before the company's."""
        company = self.limits.with_user(self.users["supervisor"])
        self._limit("free", count_max=1, amount_max=1)
        self.assertEqual(company._of_user(self.company, "free"), (1, 1))
        group = self.env.ref("utility_prepaid.group_cashier")
        self._limit("free", count_max=2, amount_max=2, group_id=group.id)
        self.assertEqual(company._of_user(self.company, "free"), (2, 2))
        group = self.env.ref("utility_prepaid.group_supervisor")
        self._limit("free", count_max=3, group_id=group.id)
        self.assertEqual(company._of_user(self.company, "free"), (3, 0), "No limit of amount")
        self._limit("free", count_max=1, amount_max=5, user_id=self.users["supervisor"].id)
        self.assertEqual(company._of_user(self.company, "free"), (1, 5))

    def test_limits_are_the_managers(self):
        limit = self._limit("free", count_max=1)
        limit.with_user(self.users["manager"]).count_max = 2
        with self.assertRaises(AccessError):
            limit.with_user(self.users["supervisor"]).count_max = 0


@tagged("post_install", "-at_install")
class TestApproval(LimitCommon):
    """The second person: a session of his own or a PIN, never the same user."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._limit("reversal", amount_max=50)
        cls._limit("free", count_max=1)
        cls.users["supervisor"].with_user(cls.users["supervisor"]).utility_pin = "246810"

    def setUp(self):
        super().setUp()
        self.vend = self._delivered()
        self.values = {"vend_id": self.vend.id, "reason": "Typed wrong"}

    def _ask(self, role="cashier", act="reversal", values=None):
        status = self._counter(role).ask_approval(act, values or self.values)
        return self.env["utility.approval"].browse(status["id"])

    def _pin(self, pin="246810", role="cashier", approver="supervisor", act="reversal"):
        return self._counter(role).approve_with_pin(act, self.values, self.users[approver].id, pin)

    def test_in_a_session_of_his_own(self):
        approval = self._ask()
        self.assertEqual((approval.state, approval.amount), ("asked", 100.0))
        waiting = approval.activity_ids.mapped("user_id")
        self.assertIn(self.users["supervisor"], waiting)
        self.assertIn(self.users["manager"], waiting)
        self.assertNotIn(self.users["cashier"], waiting)
        with self.assertRaises(ApprovalNeeded):
            self._reverse(self.vend)
        approval.with_user(self.users["supervisor"]).action_approve()
        own = approval.with_user(self.users["cashier"])
        own.invalidate_recordset()
        self.assertEqual(own.activity_ids.user_id, self.users["cashier"])
        self.assertEqual(self._counter().approval_status(approval.id)["state"], "approved")
        reversal = self._reverse(self.vend)
        self.assertEqual((approval.state, approval.result_id), ("used", reversal))
        self.assertFalse(approval.activity_ids)

    def test_carried_out_from_the_approval(self):
        approval = self._ask()
        approval.with_user(self.users["manager"]).action_approve()
        with self.assertRaisesRegex(UserError, "Nothing is approved"):
            approval.with_user(self.users["supervisor"]).action_carry_out()
        action = approval.with_user(self.users["cashier"]).action_carry_out()
        reversal = self.env["utility.vend"].browse(action["res_id"])
        self.assertEqual((reversal.kind, reversal.user_id), ("reversal", self.users["cashier"]))
        self.assertEqual(approval.state, "used")

    def test_never_the_same_user(self):
        self._delivered_over_the_limit("supervisor")
        approval = self._ask("supervisor")
        with self.assertRaisesRegex(AccessError, "other than the asker"):
            approval.with_user(self.users["supervisor"]).action_approve()
        with self.assertRaisesRegex(AccessError, "other than the asker"):
            self._pin(role="supervisor")
        self.assertEqual(approval.state, "asked")

    def _delivered_over_the_limit(self, role):
        with self.assertRaises(ApprovalNeeded):
            self._reverse(self.vend, role=role)

    def test_who_may_not_approve(self):
        approval = self._ask()
        for role in ("cashier", "accountant", "engineer", "reader"):
            with self.subTest(role), self.assertRaises(AccessError):
                approval.with_user(self.users[role]).action_approve()
        self.assertEqual(approval.state, "asked")

    def test_refused(self):
        approval = self._ask()
        approval.with_user(self.users["supervisor"]).action_refuse()
        self.assertEqual(approval.state, "refused")
        with self.assertRaises(ApprovalNeeded):
            self._reverse(self.vend)
        with self.assertRaisesRegex(UserError, "in state"):
            approval.with_user(self.users["manager"]).action_approve()

    def test_only_for_what_was_asked(self):
        approval = self._ask()
        approval.with_user(self.users["supervisor"]).action_approve()
        other = self._delivered(meter=self._other())
        with self.assertRaises(ApprovalNeeded):
            self._reverse(other)
        with self.assertRaises(ApprovalNeeded):
            self._reverse(self.vend, role="supervisor")

    def test_only_for_some_hours(self):
        approval = self._ask()
        with freeze_time("2026-03-02 14:00:00"), self.assertRaisesRegex(UserError, "too long ago"):
            approval.with_user(self.users["supervisor"]).action_approve()
        approval.with_user(self.users["supervisor"]).action_approve()
        with freeze_time("2026-03-02 14:00:00"), self.assertRaises(ApprovalNeeded):
            self._reverse(self.vend)

    def test_asked_twice_is_asked_once(self):
        self.assertEqual(self._ask(), self._ask())

    def test_nothing_to_ask_for(self):
        self._reverse(self._delivered("10.00", meter=self._other()))
        self.vend.sudo().state = "reversed"
        with self.assertRaisesRegex(UserError, "Only a sale"):
            self._ask()

    def test_issue_of_exactly_this(self):
        self._give("adjustment", "1", meter=self._other(1))
        values = {
            "uuid": "issue-approved-1",
            "kind": "adjustment",
            "meter_id": self.meter.id,
            "quantity": "5",
            "reason": "Asked",
        }
        approval = self._ask("supervisor", "issue", values)
        approval.with_user(self.users["manager"]).action_approve()
        with self.assertRaises(ApprovalNeeded):
            self._give("adjustment", "6", uuid="issue-approved-1")
        vend = self._give("adjustment", "5", uuid="issue-approved-1")
        self.assertEqual(approval.result_id, vend)
        self._prove(vend.command_id)
        with self.assertRaises(ApprovalNeeded):
            self._give("adjustment", "5")

    def test_issue_carried_out_from_the_approval(self):
        self._give("adjustment", "1", meter=self._other(1))
        form = self.env["utility.issue"].with_user(self.users["supervisor"])
        issue = form.create(
            {
                "kind": "adjustment",
                "meter_id": self.meter.id,
                "quantity": 5,
                "valued": True,
                "cost": 2.74,
                "reason": "Meter test",
            }
        )
        again = issue.action_confirm()
        self.assertEqual(again["res_model"], "utility.issue")
        self.assertIn("second person", issue.approval_words)
        approval = self.env["utility.approval"].browse(issue.action_ask()["res_id"])
        approval.with_user(self.users["manager"]).action_approve()
        action = approval.with_user(self.users["supervisor"]).action_carry_out()
        vend = self.env["utility.vend"].browse(action["res_id"])
        self.assertEqual((vend.units, vend.cost, vend.reason), (5.0, 2.74, "Meter test"))

    def test_the_single_limit_of_cashiers(self):
        self.limits.search([]).unlink()
        self.company.utility_reversal_limit = 50
        with self.assertRaisesRegex(ApprovalNeeded, "need a supervisor"):
            self._reverse(self.vend)
        self.assertTrue(self._pin()["ok"])
        self.assertEqual(self._reverse(self.vend).state, "accepted")

    # -------------------------------------------------------------------- PIN

    def test_by_pin(self):
        self.assertEqual(
            self._counter().approvers(),
            [{"id": self.users["supervisor"].id, "name": self.users["supervisor"].name}],
        )
        self.assertEqual(self._pin(), {"ok": True, "error": ""})
        reversal = self._reverse(self.vend)
        approval = self.env["utility.approval"].search([("result_id", "=", reversal.id)])
        self.assertEqual((approval.approver_id, approval.by_pin), (self.users["supervisor"], True))

    def test_the_pin_is_nowhere_in_clear(self):
        user = self.users["supervisor"]
        self.assertEqual(user.utility_pin, "")
        self.assertNotIn("246810", user.sudo().utility_pin_hash)
        with self.assertRaises(AccessError):
            user.with_user(self.users["cashier"]).read(["utility_pin_hash"])
        self.assertNotIn("utility_pin_hash", user.fields_get())

    def test_wrong_pins_are_counted_and_lock(self):
        for __ in range(5):
            self.assertEqual(self._pin("111111"), {"ok": False, "error": "The PIN is wrong."})
        self.assertIn("locked", self._pin()["error"])
        wrong = self.env["utility.operation"].search([("action", "=", "Wrong PIN")])
        self.assertEqual(len(wrong), 5)
        self.assertEqual(wrong.mapped("user_id"), self.users["cashier"])
        with self.assertRaises(ApprovalNeeded):
            self._reverse(self.vend)
        with freeze_time("2026-03-02 01:16:00"):
            self.assertTrue(self._pin()["ok"])

    def test_a_right_pin_forgets_the_wrong_ones(self):
        for __ in range(4):
            self._pin("111111")
        self.assertTrue(self._pin()["ok"])
        self.assertEqual(self.users["supervisor"].sudo().utility_pin_failures, 0)

    def test_pins(self):
        supervisor = self.users["supervisor"]
        for pin in ("12345", "1234567890123", "12a456"):
            with self.subTest(pin), self.assertRaisesRegex(UserError, "six to twelve digits"):
                supervisor.with_user(supervisor).utility_pin = pin
        cashier = self.users["cashier"]
        with self.assertRaisesRegex(UserError, "Only supervisors and managers"):
            cashier.with_user(cashier).utility_pin = "135791"
        with self.assertRaises(AccessError):
            supervisor.with_user(cashier).utility_pin = "135791"

    # -------------------------------------------------------------- void list

    def test_void_list(self):
        self._pin()
        reversal = self._reverse(self.vend)
        other = self._other(1)
        refunded = self._unpaid(self._sell("20.00", meter=other))
        self._counter("supervisor").refund(refunded.id, "Meter is full")
        given = self._give("adjustment", "10", meter=other)
        self._counter("manager").cancel_issue(given.id, "Second thoughts")
        self.env.flush_all()
        voids = self.env["utility.void"].with_user(self.users["manager"]).search([])
        self.assertEqual(
            sorted(
                (void.act, void.user_id.login, void.vend_id, void.amount, void.reason)
                for void in voids
            ),
            sorted(
                [
                    ("reversal", "desk_cashier", reversal, 100.0, "Typed wrong"),
                    ("refunded", "desk_supervisor", refunded, 20.0, "Meter is full"),
                    ("adjustment", "desk_supervisor", given, 5.48, "Asked"),
                    ("cancelled", "desk_manager", given, 5.48, "Second thoughts"),
                ],
                key=lambda row: row[:2],
            ),
        )
        first = voids.filtered(lambda void: void.act == "reversal")
        self.assertEqual(first.approver_id, self.users["supervisor"])
        refund = voids.filtered(lambda void: void.act == "refunded")
        self.assertEqual(refund.seller_id, self.users["cashier"])
        groups = voids._read_group([], ["user_id", "at:day"], ["amount:sum", "__count"])
        self.assertEqual(sum(count for *__, count in groups), 4)
        with self.assertRaises(AccessError):
            self.env["utility.void"].with_user(self.users["cashier"]).search([])

    # ------------------------------------------------------ confirmed by hand

    def test_a_sale_is_confirmed_by_someone_other_than_its_seller(self):
        """Also when somebody else sent it again."""
        sale = self._unpaid(self._sell("20.00", meter=self._other(1), role="supervisor"))
        self._counter("cashier").retry(sale.id)
        command = sale.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._dispute("The meter shows another order")
        resolve = self.env["utility.command.resolve"]
        values = {"command_id": command.id, "decision": "not_charged", "reason": "Seen"}
        with self.assertRaisesRegex(AccessError, "other than the seller"):
            resolve.with_user(self.users["supervisor"]).create(values).action_confirm()
        self.assertEqual(command.state, "disputed")
        resolve.with_user(self.users["engineer"]).create(values).action_confirm()
        self.assertEqual(command.state, "failed")
