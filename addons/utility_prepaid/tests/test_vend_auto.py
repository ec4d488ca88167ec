from decimal import Decimal
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import Killed, UtilityCommon

START = "2026-12-01 01:00:00"


class AutoCommon(UtilityCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {"utility_retry_count": 2, "utility_retry_minutes": 5, "utility_retry_hours": 4}
        )
        # What providers and banks pay into is no drawer of the counter.
        cls.provider = cls.env["account.journal"].create(
            {"name": "Provider", "code": "PROV", "type": "bank", "company_id": cls.company.id}
        )
        cls.outstanding = (
            cls.provider.inbound_payment_method_line_ids.payment_account_id
            or cls.env["account.payment"]
            .with_company(cls.company)
            ._get_outstanding_account("inbound")
        )

    def _money_came(self, reference, amount="100.00", meter=None, journal=None, **values):
        return (
            self.env["utility.vend"]
            .sudo()
            ._sell_automatic(
                f"uuid-of-{reference}",
                self.meter if meter is None else meter,
                Decimal(amount),
                journal or self.provider,
                reference,
                **values,
            )
        )

    def _cron(self, name="ir_cron_sell_incoming"):
        with self.enter_registry_test_mode():
            self.env.ref(f"utility_prepaid.{name}").method_direct_trigger()
        self.env.invalidate_all()

    def _settle(self, incoming, role="supervisor", **values):
        form = self.env["utility.incoming.settle"].with_user(self.users[role])
        form = form.with_context(allowed_company_ids=self.company.ids)
        form.create({"incoming_id": incoming.id, "reason": "Asked", **values}).action_confirm()
        self.env.invalidate_all()

    def _nobodys_credit(self):
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("partner_id", "=", False),
            ]
        )
        return -round(sum(lines.mapped("amount_residual")), 2)

    def _customers_lines(self, moves):
        return moves.line_ids.filtered(lambda line: line.account_id == self.customer_account)


@tagged("post_install", "-at_install")
class TestVendAuto(AutoCommon):
    """C13: money that comes by itself is never lost, never refused and never sold twice."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()

    def test_sold_at_once_delivered_and_posted(self):
        one = self._money_came("P-1")
        vend = one.vend_id
        self.assertEqual((one.state, vend.state), ("sold", "accepted"))
        self.assertEqual((vend.origin, vend.command_id.state), ("automatic", "queued"))
        self.assertEqual(
            self._items(one.move_id),
            sorted([(self.outstanding.name, 100.0), (self.customer_account.name, -100.0)]),
        )
        self.assertEqual(self._open_credit(), 100.0)
        self._prove(vend.command_id)
        self._post()
        self.assertEqual(vend.move_id.payment_state, "paid")
        self.assertEqual(self._open_credit(), 0.0)
        self.assertEqual(one.payment_id.utility_vend_id, vend, "What the acquirer asks for")
        self.assertFalse(vend.payment_id, "The money is the incoming one's; there is no second")

    def test_same_reference_is_the_same_sale(self):
        one = self._money_came("P-1")
        again = self.env["utility.vend"]._sell_automatic(
            "another-uuid", self.meter, Decimal("100.00"), self.provider, "P-1"
        )
        self.assertEqual(again, one)
        self.assertEqual(self._money_came("P-1"), one)
        with self.assertRaisesRegex(UserError, "already stored"):
            self._money_came("P-1", "90.00")
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.provider.id)]), 1
        )

    def test_waits_in_order_of_arrival(self):
        first = self._sell("50.00")
        waiting = [self._money_came(f"P-{number}", f"{number}0.00") for number in (1, 2)]
        self.assertEqual([one.state for one in waiting], ["waiting", "waiting"])
        self.assertIn("still on its way", waiting[0].reason)
        self.assertIn("waits for this meter", self._counter().card(self.meter.id)["warning"])
        self.assertEqual(self._open_credit(), 80.0, "Visible in the books from the first moment")
        self._cron()
        self.assertEqual(waiting[0].state, "waiting", "The meter is busy")
        self._prove(first.command_id)
        self._cron()
        self.assertEqual([one.state for one in waiting], ["sold", "waiting"])
        third = self._money_came("P-3", "30.00")
        self.assertEqual(third.state, "waiting")
        self._prove(waiting[0].vend_id.command_id)
        self._cron()
        self._prove(waiting[1].vend_id.command_id)
        self._cron()
        self._prove(third.vend_id.command_id)
        sold = [one.vend_id for one in (*waiting, third)]
        self.assertEqual([vend.purchase_number for vend in sold], [3, 4, 5])
        self._post()
        self.assertEqual(self._open_credit(), 0.0)

    def test_end_of_the_former_wakes_what_waits(self):
        first = self._sell("50.00")
        self._money_came("P-1")
        cron = self.env.ref("utility_prepaid.ir_cron_sell_incoming")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        self._prove(first.command_id)
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]) - triggers)

    def test_arrives_while_a_sale_is_not_settled(self):
        first = self._sell("50.00")
        command = first.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._not_charged("The line was down", final=True, quiet=True)
        one = self._money_came("P-1")
        self.assertEqual(one.state, "waiting")
        self.assertIn("was paid and is not on the meter", one.reason)
        self._counter().refund(first.id, "gone")
        self._cron()
        self.assertEqual(one.state, "sold")

    def test_refused_is_tried_again_then_a_persons(self):
        self.tariff.amount_min = 20
        with freeze_time(START) as clock:
            one = self._money_came("P-1", "5.00")
            self.assertEqual((one.state, one.attempts), ("waiting", 1))
            self.assertTrue(one.reason)
            self.assertEqual(self._open_credit(), 5.0)
            self._cron()
            self.assertEqual(one.attempts, 1, "Not before the pause is over")
            for pause in (5, 10):
                clock.tick(60 * pause)
                self._cron()
            self.assertEqual(one.state, "held")
            self.assertEqual(one.activity_ids.user_id, self.users["supervisor"])
            # Other money for the same meter does not wait for a person.
            self.assertEqual(self._money_came("P-2").state, "sold")
            with self.assertRaises(AccessError):
                self._settle(one, "cashier", decision="give_back", method=str(self.cash.id))
            self._settle(one, decision="give_back", method=str(self.cash.id))
        self.assertEqual((one.state, one.activity_ids.ids), ("given_back", []))
        self.assertEqual(
            self._items(one.refund_payment_id.move_id),
            sorted([(self.cash.default_account_id.name, -5.0), (self.customer_account.name, 5.0)]),
        )
        self.assertTrue(all(self._customers_lines(one.move_id).mapped("reconciled")))
        self.assertEqual(self._open_credit(), 100.0)

    def test_paused_contract_keeps_the_money_until_it_is_resumed(self):
        self.contract.with_user(self.users["cashier"])._pause("Empty")
        with freeze_time(START) as clock:
            one = self._money_came("P-1")
            self.assertEqual(one.state, "waiting")
            self.assertIn("is paused", one.reason)
            for pause in (5, 10):
                clock.tick(60 * pause)
                self._cron()
            self.assertEqual(one.state, "held")
            self.contract.with_user(self.users["cashier"])._resume()
            self._cron()
        self.assertEqual((one.state, one.sudo().activity_ids.ids), ("sold", []))

    def test_meter_unknown_is_stored_and_assigned_by_a_person(self):
        one = self._money_came("P-1", meter=self.env["utility.meter"], named="Room 9999")
        self.assertEqual((one.state, one.partner_id.ids), ("held", []))
        self.assertEqual(self._nobodys_credit(), 100.0)
        self._settle(one, decision="sell", meter_id=self.meter.id)
        self.assertEqual((one.state, one.partner_id), ("sold", self.customer))
        self.assertEqual(self._nobodys_credit(), 0.0)
        self.assertEqual(self._open_credit(), 100.0)
        self.assertEqual(
            self._items(one.move_id),
            [(self.customer_account.name, -100.0), (self.customer_account.name, 100.0)],
        )
        self._prove(one.vend_id.command_id)
        self._post()
        self.assertEqual(one.vend_id.move_id.payment_state, "paid")
        self.assertEqual(self._open_credit(), 0.0)

    def test_contract_that_ended_meanwhile_is_a_persons(self):
        busy = self._sell("50.00")
        one = self._money_came("P-1")
        self._counter().refund(busy.id, "gives up")
        self.contract.sudo().write({"state": "closed"})
        self._cron()
        self.assertEqual(one.state, "held")
        self.assertIn(f"{self.contract.name}, for which the money came, is closed", one.reason)

    def test_money_of_the_former_customer_is_not_sold_to_the_next(self):
        busy = self._sell("50.00")
        one = self._money_came("P-1")
        self._counter().refund(busy.id, "gives up")
        # The contract ends while the money waits, and another customer moves in.
        self.contract.sudo().write({"state": "closed"})
        self.env.flush_all()
        newcomer = self.env["res.partner"].create({"name": "Next tenant"})
        self.env["utility.contract"].sudo().create(
            {
                "meter_id": self.meter.id,
                "partner_id": newcomer.id,
                "tariff_id": self.tariff.id,
                "state": "active",
            }
        )
        self._cron()
        self.assertEqual(one.state, "held")
        self.assertIn(self.contract.name, one.reason)
        self.assertEqual((self._open_credit(), self._open_credit(newcomer)), (100.0, 0.0))

    def test_paid_out_with_the_contract_is_not_paid_out_again(self):
        busy = self._sell("50.00")
        one = self._money_came("P-1")
        self._counter().refund(busy.id, "gives up")
        ledger = self.env["utility.ledger"]
        payment = ledger._pay(self.contract, Decimal(100), self.cash, "outbound", "Closing")
        ledger._reconcile(payment.move_id.line_ids | self.contract._open_credit_lines())
        self.contract.sudo().write({"state": "closed"})
        self._cron()
        self.assertEqual((one.state, one.refund_payment_id.ids), ("given_back", []))
        self.assertEqual(self._open_credit(), 0.0)

    def test_payment_that_is_in_the_books_already(self):
        """As a payment provider posts it: on the customer's ordinary account."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 100.0,
                "journal_id": self.provider.id,
                "memo": "TX-7",
            }
        )
        payment.action_post()
        one = self._money_came("TX-7", payment=payment)
        ordinary = payment.destination_account_id
        self.assertNotEqual(ordinary, self.customer_account)
        self.assertEqual(
            self._items(one.move_id),
            sorted([(ordinary.name, 100.0), (self.customer_account.name, -100.0)]),
        )
        taken = payment.move_id.line_ids.filtered(lambda line: line.account_id == ordinary)
        self.assertTrue(taken.reconciled)
        self._prove(one.vend_id.command_id)
        self._post()
        self.assertEqual(one.vend_id.move_id.payment_state, "paid")
        self.assertEqual(self._open_credit(), 0.0)
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.provider.id)]), 1
        )

    def test_books_that_refuse_do_not_lose_the_money(self):
        def refuse(*args, **kwargs):
            words = "No account to post to."
            raise UserError(words)

        with freeze_time(START) as clock:
            with patch.object(type(self.env["utility.ledger"]), "_pay", refuse):
                one = self._money_came("P-1")
            self.assertEqual((one.state, one.reason), ("waiting", "No account to post to."))
            self.assertFalse(one.move_id)
            clock.tick(300)
            self._cron()
        self.assertEqual(one.state, "sold")
        self.assertEqual(self._open_credit(), 100.0)

    def test_proved_not_charged_becomes_waiting_money_again(self):
        one = self._money_came("P-1")
        first = one.vend_id
        command = first.command_id
        self._arm(command)
        command._set_unknown("No answer")
        command._not_charged("The meter is full", final=True, quiet=True)
        self._counter().refund(first.id, "The meter is full")
        self.assertEqual((first.state, one.state), ("cancelled", "held"))
        self.assertEqual(self._open_credit(), 100.0, "No drawer paid anything out")
        self._settle(one, decision="sell", meter_id=self.meter.id)
        self.assertEqual(one.state, "sold")
        self.assertNotEqual(one.vend_id, first)
        self._prove(one.vend_id.command_id)
        self._post()
        self.assertEqual(self._open_credit(), 0.0)

    def test_reversal_frees_the_money_for_a_person(self):
        one = self._money_came("P-1")
        vend = one.vend_id
        self._prove(vend.command_id)
        self._post()
        status = self._counter().reverse("reversal-of-provider", vend.id, "Paid twice")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertEqual((vend.state, one.state), ("reversed", "held"))
        self.assertFalse(reversal.refund_payment_id)
        self.assertEqual(self._open_credit(), 100.0)
        self._settle(one, "accountant", decision="give_back", method=str(self.cash.id))
        self.assertEqual(self._open_credit(), 0.0)

    def test_no_shift_is_asked_for_and_none_is_given_the_money(self):
        self.company.utility_session_required = True
        shift = self._counter("supervisor").session_open("shift-00001", self.cash.id, "0")
        self.tariff.amount_min = 20
        one = self._money_came("P-1", "5.00")
        self.tariff.amount_min = 0
        self._settle(one, decision="sell", meter_id=self.meter.id)
        self.assertEqual(one.state, "sold")
        self.assertFalse(one.vend_id.session_id)
        self.assertFalse(one.payment_id.utility_session_id)
        other = self._money_came("P-2", meter=self.env["utility.meter"])
        self._settle(other, decision="give_back", method=str(self.cash.id))
        self.assertEqual(other.refund_payment_id.utility_session_id.id, shift["id"])

    def test_killed_between_two_payments(self):
        meters = [self._meter(f"20261100001{number}") for number in range(2)]
        for meter in meters:
            self._contract(meter)
        held = [self._sell("10.00", meter=meter) for meter in meters]
        waiting = [
            self._money_came(f"P-{meter.vending_id}", "20.00", meter=meter) for meter in meters
        ]
        for vend in held:
            self._prove(vend.command_id)
        model = type(self.env["utility.incoming"])
        work = model._work

        def killed(one):
            if one == waiting[1]:
                with one.env.cr.savepoint():
                    work(one)
                    raise Killed
            return work(one)

        with (
            patch.object(model, "_work", killed),
            self._killed(),
        ):
            self._cron()
        self.assertEqual([one.state for one in waiting], ["sold", "waiting"])
        self._cron()
        self.assertEqual([one.state for one in waiting], ["sold", "sold"])
        self.assertEqual([len(meter.contract_id.vend_ids) for meter in meters], [2, 2])

    def test_one_that_nobody_foresaw_holds_up_only_itself(self):
        meters = [self._meter(f"20261100001{number}") for number in range(2)]
        for meter in meters:
            self._contract(meter)
        held = [self._sell("10.00", meter=meter) for meter in meters]
        waiting = [
            self._money_came(f"P-{meter.vending_id}", "20.00", meter=meter) for meter in meters
        ]
        for vend in held:
            self._prove(vend.command_id)
        model = type(self.env["utility.incoming"])
        work = model._work

        def broken(one):
            if one == waiting[0]:
                raise ValueError("nobody thought of this")
            return work(one)

        with (
            patch.object(model, "_work", broken),
            mute_logger("odoo.addons.utility_prepaid.models.ir_cron"),
        ):
            self._cron()
        self.assertEqual([one.state for one in waiting], ["waiting", "sold"])
        self.assertEqual(waiting[0].reason, "nobody thought of this")
