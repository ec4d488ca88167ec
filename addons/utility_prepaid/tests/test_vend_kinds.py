from decimal import Decimal
from uuid import uuid4

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import UtilityCommon


class IssueCommon(UtilityCommon):
    """Credit without money: who gives it, and what becomes of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.utility_emergency_limit = 30

    def _give(
        self, kind, quantity, role="supervisor", meter=None, uuid=None, cost="0", why="Asked"
    ):
        status = self._counter(role).issue(
            uuid or str(uuid4()), kind, (meter or self.meter).id, quantity, why, cost
        )
        return self.env["utility.vend"].browse(status["id"])

    def _lend(self, amount="20.00", **kwargs):
        vend = self._give("emergency", amount, **kwargs)
        self._prove(vend.command_id)
        return vend

    def _refuse_charge(self, vend):
        """The meter proves that it did not get it, and never will."""
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._not_charged("Over the hoarding limit", final=True, quiet=True)
        self.assertEqual(command.state, "failed")

    def _receivable(self):
        """Open debits of the customer on the customers' account."""
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("partner_id", "=", self.customer.id),
                ("balance", ">", 0),
            ]
        )
        return round(sum(lines.mapped("amount_residual")), 2)


@tagged("post_install", "-at_install")
class TestVendKinds(IssueCommon):
    """What each kind of movement does to the meter: the table of docs/vends.md, line by line."""

    def test_emergency_credit(self):
        """Priced as a sale, charged like one, owed until a sale pays it."""
        vend = self._give("emergency", "20.00")
        command = vend.command_id
        self.assertEqual((command.kind, command.credit), ("charge", 36.47))
        self.assertEqual((vend.state, vend.kind), ("accepted", "emergency"))
        self.assertEqual((vend.amount, vend.cost, vend.value), (20.0, 20.0, 20.0))
        self.assertFalse(vend.payment_id or vend.journal_id)
        self.assertEqual(self.contract._emergency_open(), Decimal("20.00"))
        self._prove(command)
        self.assertEqual(vend.state, "delivered")
        self.assertEqual(self.contract._emergency_open(), Decimal("20.00"))

    def test_temporary_supply(self):
        """Preset on a meter without a contract, free."""
        meter = self._meter("202611000011")
        vend = self._give("temporary", "5", role="engineer", meter=meter)
        command = vend.command_id
        self.assertEqual((command.kind, command.credit), ("preset", 5.0))
        self.assertFalse(command.customer_number)
        self.assertEqual((vend.amount, vend.units, vend.cost), (0.0, 5.0, 0.0))
        self._prove(command, before="0")
        self.assertEqual((vend.state, vend.balance_after), ("delivered", 5.0))

    def test_quota(self):
        """Free units, charged like a sale; only the product itself gives them."""
        vend = self.env["utility.vend"]._issue(
            "quota-by-code", "quota", self.meter, Decimal(30), reason="Plan"
        )
        self.assertEqual((vend.command_id.kind, vend.command_id.credit), ("charge", 30.0))
        self.assertEqual((vend.amount, vend.units, vend.value), (0.0, 30.0, 16.45))
        with self.assertRaisesRegex(AccessError, "may not give"):
            self._give("quota", "30", role="supervisor", meter=self._other_meter())

    def test_adjustment_up(self):
        vend = self._give("adjustment", "10", role="manager")
        self.assertEqual((vend.command_id.kind, vend.command_id.credit), ("charge", 10.0))
        self.assertEqual((vend.amount, vend.cost, vend.units, vend.value), (0.0, 0.0, 10.0, 5.48))
        self._prove(vend.command_id)
        self.assertEqual(vend.state, "delivered")

    def test_adjustment_down_at_a_value(self):
        vend = self._give("adjustment", "-10", cost="5.48")
        self.assertEqual((vend.command_id.kind, vend.command_id.credit), ("reverse", 10.0))
        self.assertEqual((vend.units, vend.credit, vend.cost), (-10.0, -10.0, -5.48))
        self._prove(vend.command_id, before="30", after="20")
        self.assertEqual((vend.state, vend.balance_after), ("delivered", 20.0))

    def test_reversal_of_emergency_credit(self):
        vend = self._lend()
        status = self._counter().reverse("reverse-lent-1", vend.id, "Not needed")
        reversal = self.env["utility.vend"].browse(status["id"])
        self.assertEqual((reversal.command_id.kind, reversal.command_id.credit), ("reverse", 36.47))
        self.assertEqual(reversal.amount, 20.0)
        self._prove(reversal.command_id, before="46.47", after="10.00")
        self.assertEqual((vend.state, reversal.state), ("reversed", "delivered"))
        self.assertEqual(self.contract._emergency_open(), 0)

    def test_reversal_of_an_adjustment_is_the_managers(self):
        vend = self._give("adjustment", "10", cost="5.48")
        self._prove(vend.command_id)
        with self.assertRaisesRegex(UserError, "Only supervisors and managers"):
            self._counter().reverse("reverse-adj-1", vend.id, "Wrong")
        status = self._counter("supervisor").reverse("reverse-adj-1", vend.id, "Wrong")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="20", after="10")
        self.assertEqual(vend.state, "reversed")

    def test_what_takes_off_is_not_reversed(self):
        vend = self._give("adjustment", "-10")
        self._prove(vend.command_id, before="30", after="20")
        with self.assertRaisesRegex(UserError, "Only a sale"):
            self._counter("supervisor").reverse("reverse-minus", vend.id, "Wrong")

    def test_transfer(self):
        """What was left on another meter: charged, worth nothing in the books."""
        vend = self.env["utility.vend"]._issue(
            "transfer-by-code", "transfer", self.meter, Decimal("12.34"), reason="Replacement"
        )
        self.assertEqual((vend.command_id.kind, vend.command_id.credit), ("charge", 12.34))
        self.assertEqual((vend.amount, vend.cost), (0.0, 0.0))
        with self.assertRaisesRegex(AccessError, "may not give"):
            self._give("transfer", "1", meter=self._other_meter())

    # --------------------------------------------------------------- refusals

    def _other_meter(self):
        meter = self._meter("202611000012")
        self._contract(meter)
        return meter

    def _refused(self, words, *args, **kwargs):
        before = self.env["utility.vend"].search_count([])
        with self.assertRaisesRegex(UserError, words):
            self._give(*args, **kwargs)
        self.assertEqual(self.env["utility.vend"].search_count([]), before)

    def test_who_may_give_what(self):
        free = self._meter("202611000013")
        for kind, meter, roles in (
            ("emergency", self.meter, ("supervisor",)),
            ("temporary", free, ("supervisor", "engineer")),
            ("adjustment", self.meter, ("supervisor", "manager")),
        ):
            for role in ("cashier", "supervisor", "accountant", "engineer", "manager", "reader"):
                with self.subTest(kind=kind, role=role):
                    if role in roles:
                        vend = self._give(kind, "5", role=role, meter=meter)
                        self._counter(role).cancel_issue(vend.id, "Only a test")
                    else:
                        with self.assertRaises(AccessError):
                            self._give(kind, "5", role=role, meter=meter)

    def test_a_cashier_with_the_right_lends(self):
        cashier = self.users["cashier"]
        cashier.group_ids |= self.env.ref("utility_prepaid.group_emergency")
        vend = self._give("emergency", "5", role="cashier")
        self.assertEqual(vend.user_id, cashier)

    def test_emergency_limits(self):
        self._refused("up to .*30.00.*0.00", "emergency", "30.02")
        self._lend("20.00")
        self._refused("20.00.* is unpaid", "emergency", "10.02")
        self._lend("10.00")
        self.contract.emergency_limit = 50
        self.assertEqual(self._lend("20.00").state, "delivered")
        self.contract.emergency_limit = 0
        self.company.utility_emergency_limit = 0
        self._refused("not offered", "emergency", "1")

    def test_a_cashier_does_not_raise_the_limit(self):
        contract = self.contract.with_user(self.users["cashier"])
        with self.assertRaisesRegex(UserError, "Only supervisors and managers"):
            contract.emergency_limit = 500
        self.contract.with_user(self.users["supervisor"]).emergency_limit = 40
        self.assertEqual(self.contract.emergency_limit, 40)

    def test_temporary_only_without_a_contract(self):
        self._refused("has contract", "temporary", "5", role="engineer")

    def test_temporary_limit(self):
        meter = self._meter("202611000014")
        self.company.utility_temporary_limit = 8
        self._prove(self._give("temporary", "5", meter=meter).command_id, before="0")
        self._refused("up to 8.00; 5.00 was given", "temporary", "3.01", meter=meter)
        self.assertEqual(self._give("temporary", "3", meter=meter).state, "accepted")

    def test_quantities(self):
        for quantity, words in (
            ("0", "above zero"),
            ("-5", "above zero"),
            ("ten", "not an amount"),
        ):
            with self.subTest(quantity):
                self._refused(words, "temporary", quantity, meter=self._meter_free())
        self._refused("whole steps of 0.01", "adjustment", "1.005")
        self._refused("Say why", "adjustment", "1", why=" ")

    def _meter_free(self):
        return self.env["utility.meter"].search([("address", "=", "202611000015")]) or self._meter(
            "202611000015"
        )

    def test_open_order_first(self):
        self._sell("10.00")
        self._refused("still on its way", "adjustment", "5")

    def test_same_id_twice_is_one(self):
        first = self._give("adjustment", "5", uuid="give-twice-1")
        self.assertEqual(self._give("adjustment", "5", uuid="give-twice-1"), first)
        self.assertEqual(len(first.command_ids), 1)
        self._refused("already saved as", "adjustment", "6", uuid="give-twice-1")
        self._refused("already saved as", "emergency", "5", uuid="give-twice-1")

    def test_behind_current_transformers(self):
        meter = self._meter("202611000016", ct_ratio=40)
        self._contract(meter)
        vend = self._give("adjustment", "20", meter=meter)
        self.assertEqual((vend.units, vend.command_id.credit), (20.0, 0.5))
        self._prove(vend.command_id)
        self._refused("whole steps of 0.4", "adjustment", "20.2", meter=meter)

    def test_money_meter(self):
        meter = self._meter("202611000017", type_code="d_smart")
        self._contract(meter)
        vend = self._give("adjustment", "20", meter=meter)
        self.assertEqual((vend.command_id.credit, vend.value), (20.0, 20.0))
        self.assertEqual(vend.units, 36.48)

    # ------------------------------------------------------------ afterwards

    def test_not_charged_is_sent_again_or_cancelled(self):
        vend = self._give("adjustment", "5")
        self._refuse_charge(vend)
        self.assertEqual(vend.state, "accepted")
        status = vend._status()
        self.assertTrue(status["can_retry"] and status["can_cancel"])
        with self.assertRaisesRegex(AccessError, "may not decide"):
            self._counter("cashier").retry(vend.id)
        self._counter("supervisor").retry(vend.id)
        self.assertEqual(len(vend.command_ids), 2)
        self.assertFalse(vend._status()["can_retry"])
        self._refuse_charge(vend)
        with self.assertRaisesRegex(UserError, "Say why"):
            self._counter("supervisor").cancel_issue(vend.id, "")
        with self.assertRaisesRegex(AccessError, "may not decide"):
            self._counter("cashier").cancel_issue(vend.id, "No")
        self._counter("manager").cancel_issue(vend.id, "Meter is full")
        self.assertEqual(vend.state, "cancelled")
        self.assertEqual(
            (vend.reason, vend.ended_reason, vend.ended_by_id),
            ("Asked", "Meter is full", self.users["manager"]),
        )

    def test_what_may_be_on_the_meter_is_not_cancelled(self):
        vend = self._give("adjustment", "5")
        self._arm(vend.command_id)
        vend.command_id._set_unknown("No answer")
        with self.assertRaisesRegex(UserError, "not certain"):
            self._counter("supervisor").cancel_issue(vend.id, "No")
        self._prove_unknown(vend.command_id)
        self.assertEqual(vend.state, "delivered")
        with self.assertRaisesRegex(UserError, "cannot be cancelled"):
            self._counter("supervisor").cancel_issue(vend.id, "No")

    def _prove_unknown(self, command):
        command._prove(
            {
                "number": command.number,
                "epoch": command.epoch,
                "balance_before": Decimal(10),
                "balance_after": Decimal(15),
            }
        )

    def test_a_refused_one_waits_for_a_person(self):
        vend = self._give("adjustment", "5")
        self._refuse_charge(vend)
        vend.sudo().write({"decide_at": fields.Datetime.now(), "retry_count": 99})
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_decide_vends").method_direct_trigger()
        self.env.invalidate_all()
        self.assertIn("send it again or cancel it", vend.activity_ids.summary)
        self._counter("supervisor").cancel_issue(vend.id, "Meter is full")
        self.assertFalse(vend.activity_ids)

    def test_disputed_and_decided_by_someone_else(self):
        vend = self._give("adjustment", "5")
        command = vend.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._dispute("The meter shows another order")
        self.assertEqual(vend.state, "disputed")
        resolve = self.env["utility.command.resolve"]
        values = {"command_id": command.id, "decision": "not_charged", "reason": "Seen"}
        with self.assertRaisesRegex(AccessError, "other than the seller"):
            resolve.with_user(self.users["supervisor"]).create(values).action_confirm()
        resolve.with_user(self.users["engineer"]).create(values).action_confirm()
        self.assertEqual((command.state, vend.state), ("failed", "disputed"))
        self._counter("manager").retry(vend.id)
        self._prove(vend.command_id)
        self.assertEqual(vend.state, "delivered")

    def test_given_up_with_the_handheld_is_not_forgotten(self):
        """A reversal that an engineer gives up ends; an issue waits to be decided."""
        sale = self._delivered()
        status = self._counter().reverse("handheld-rev-1", sale.id, "Wrong")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._give_up(reversal.command_id)
        self.assertEqual((reversal.state, sale.state), ("cancelled", "delivered"))
        vend = self._give("adjustment", "5")
        self._give_up(vend.command_id)
        self.assertTrue(vend.decide_at)
        self.assertTrue(vend._status()["can_cancel"])

    def _give_up(self, command):
        self.env["utility.command.resolve"].with_user(self.users["engineer"]).create(
            {"command_id": command.id, "decision": "not_charged", "reason": "No access"}
        ).action_confirm()

    # --------------------------------------------------------- signed balance

    def test_what_was_owed_is_shown(self):
        vend = self._sell("100.00")
        self._prove(vend.command_id, before="-5.00")
        status = vend._status()
        self.assertEqual((status["balance_before"], status["balance_after"]), ("-5.00", "177.38"))
        html = self._receipt(vend)
        self.assertRegex(html, r"(?s)Balance before.*-5\.00")
        self.assertRegex(html, r"(?s)Less what was owed.*5\.00.*Balance after.*177\.38")

    def test_nothing_owed_nothing_said(self):
        self.assertNotIn("Less what was owed", self._receipt(self._delivered()))

    def _receipt(self, vend):
        return str(
            self.env["ir.qweb"]._render(
                "utility_prepaid.receipt_body", {"vend": vend.sudo(), "paper": "80mm"}
            )
        )
