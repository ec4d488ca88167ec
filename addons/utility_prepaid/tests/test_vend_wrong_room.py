from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import Killed
from .test_vend_auto import AutoCommon


@tagged("post_install", "-at_install")
class TestVendWrongRoom(AutoCommon):
    """C15: one act undoes meter A, charges meter B and corrects the books; no cash moves."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()
        cls.neighbour = cls.env["res.partner"].create({"name": "Room 102 tenant"})
        cls.dear = cls.tariff.copy(
            {"name": "Shops", "price_ids": [(0, 0, {"date_from": "2020-01-01", "price": 1.0})]}
        )
        cls.other = cls._meter("202611000002")
        cls.other_contract = cls._contract(cls.other, tariff=cls.dear, partner=cls.neighbour)

    def _put_right(self, vend, uuid="wrong-room-0001", role="cashier"):
        status = self._counter(role).sell_elsewhere(uuid, vend.id, self.other.id, "Room 102")
        return self.env["utility.vend"].browse(status["id"])

    def _incoming(self, reversal):
        return self.env["utility.incoming"].search([("reversal_id", "=", reversal.id)])

    def test_whole(self):
        vend = self._delivered("100.00")
        self._post()
        reversal = self._put_right(vend)
        self.assertEqual(self._put_right(vend), reversal, "The same id is the same act")
        self.assertEqual(reversal.command_id.kind, "reverse")
        self.assertFalse(self.other.contract_id.vend_ids, "Nothing before the first is proved")
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        one = self._incoming(reversal)
        self.assertEqual((vend.state, one.state), ("reversed", "waiting"))
        self.assertEqual((self._open_credit(), self._open_credit(self.neighbour)), (0.0, 100.0))
        self._cron()
        sale = one.vend_id
        self.assertEqual((sale.meter_id, sale.partner_id), (self.other, self.neighbour))
        self.assertEqual((sale.price, sale.units), (1.0, 100.0), "At the other meter's price")
        self._prove(sale.command_id)
        self._post()
        self.assertEqual(
            self._items(one.move_id),
            [(self.customer_account.name, -100.0), (self.customer_account.name, 100.0)],
        )
        self.assertEqual(
            sorted(one.move_id.line_ids.mapped("partner_id.name")),
            ["Room 101 tenant", "Room 102 tenant"],
        )
        self.assertEqual(reversal.move_id.move_type, "out_refund")
        self.assertEqual(sale.move_id.payment_state, "paid")
        payments = self.env["account.payment"].search([("company_id", "=", self.company.id)])
        self.assertEqual(payments, vend.payment_id, "No cash moved")
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ]
        )
        self.assertFalse(lines)
        self.assertIn(sale.name, reversal._status_words())

    def test_before_the_first_sale_was_posted(self):
        vend = self._delivered("100.00")
        reversal = self._put_right(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self._cron()
        self.assertEqual(self._incoming(reversal).state, "sold")
        self.assertEqual((self._open_credit(), self._open_credit(self.neighbour)), (0.0, 100.0))

    def test_reversal_of_the_second_sale_pays_out_of_the_drawer(self):
        """B was right at first sight and is taken back as well: only then cash goes out."""
        reversal = self._put_right(self._delivered("100.00"))
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self._cron()
        one = self._incoming(reversal)
        sale = one.vend_id
        self._prove(sale.command_id)
        self._post()
        status = self._counter().reverse("reversal-of-other", sale.id, "Leaves")
        back = self.env["utility.vend"].browse(status["id"])
        self._prove(back.command_id, before="110.00", after="10.00")
        self._post()
        self.assertEqual(one.state, "given_back")
        self.assertEqual(back.refund_payment_id.amount, 100.0)
        self.assertEqual((self._open_credit(), self._open_credit(self.neighbour)), (0.0, 0.0))
        first_side = one.move_id.line_ids.filtered(lambda line: line.balance > 0)
        self.assertTrue(first_side.reconciled, "The first customer's side stays settled")

    def test_meter_no_longer_holds_the_amount(self):
        vend = self._delivered("100.00")
        reversal = self._put_right(vend)
        command = reversal.command_id
        self._arm(command)
        command._set_unknown("Refused")
        command._not_charged("The meter no longer holds the amount", final=True, quiet=True)
        self._post()
        self.assertEqual((vend.state, reversal.state), ("delivered", "cancelled"))
        self.assertFalse(self._incoming(reversal))
        self.assertIn("no longer holds", reversal._status_words())
        self.assertFalse(self.other.contract_id.vend_ids)

    def test_other_meter_refuses_after_the_first_was_undone(self):
        vend = self._delivered("100.00")
        reversal = self._put_right(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.dear.amount_min = 200
        self._cron()
        one = self._incoming(reversal)
        self.assertEqual(one.state, "held")
        self.assertEqual(one.sudo().activity_ids.user_id, self.users["supervisor"])
        self.assertEqual(self._open_credit(self.neighbour), 100.0, "The money waits, visible")
        self.dear.amount_min = 0
        self._settle(one, decision="sell", meter_id=self.other.id)
        self.assertEqual(one.vend_id.meter_id, self.other)

    def test_refused_before_anything_begins(self):
        vend = self._delivered("100.00")
        self._sell("10.00", meter=self.other)
        with self.assertRaisesRegex(UserError, "still on its way"):
            self._put_right(vend)
        self.assertFalse(vend.reversal_ids)
        with self.assertRaisesRegex(UserError, "very meter"):
            self._counter().sell_elsewhere("wrong-room-0002", vend.id, self.meter.id, "?")
        with self.assertRaises(AccessError):
            self._counter("reader").sell_elsewhere(
                "wrong-room-0003", vend.id, self.other.id, "Room 102"
            )

    def test_limit_of_reversals_holds(self):
        self.company.utility_reversal_limit = 50
        vend = self._delivered("100.00")
        with self.assertRaisesRegex(UserError, "supervisor"):
            self._put_right(vend)
        self.assertTrue(self._put_right(vend, role="supervisor"))

    def test_same_id_for_another_meter_is_refused(self):
        vend = self._delivered("100.00")
        self._put_right(vend)
        third = self._meter("202611000003")
        self._contract(third)
        with self.assertRaisesRegex(UserError, "another sale"):
            self._counter().sell_elsewhere("wrong-room-0001", vend.id, third.id, "Room 102")

    def test_shift_ends_while_the_meter_is_asked(self):
        """No drawer pays and none receives: neither the shift nor a later one is concerned."""
        self.company.utility_session_required = True
        shift = self._counter().session_open("shift-00001", self.cash.id, "0")
        session = self.env["utility.cash.session"].browse(shift["id"])
        vend = self._delivered("100.00")
        self.assertEqual(vend.session_id, session)
        self._post()
        reversal = self._put_right(vend)
        session.sudo().state = "closed"
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self._cron()
        one = self._incoming(reversal)
        self.assertEqual(one.state, "sold")
        self.assertFalse(one.vend_id.session_id)
        self.assertFalse(reversal.money_back_due, "Its money went on to the other meter")
        self.assertEqual(session.payment_ids, vend.payment_id)

    def test_killed_while_the_books_are_corrected(self):
        vend = self._delivered("100.00")
        self._post()
        reversal = self._put_right(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        incoming = type(self.env["utility.incoming"])
        create = incoming.create

        def killed(records, vals_list):
            create(records, vals_list)
            raise Killed

        with (
            patch.object(incoming, "create", killed),
            self._killed(),
        ):
            self._post()
        self.assertEqual((reversal.posted_at, self._incoming(reversal).ids), (False, []))
        self._post()
        with (
            patch.object(incoming, "_move_to", side_effect=Killed),
            self._killed(),
        ):
            self._cron()
        self._cron()
        self._cron()
        self.assertEqual(len(self.other.contract_id.vend_ids), 1)
        self.assertEqual((self._open_credit(), self._open_credit(self.neighbour)), (0.0, 100.0))

    def test_form_of_the_sale(self):
        vend = self._delivered("100.00")
        form = self.env["utility.vend.wrong.room"].with_user(self.users["cashier"])
        form = form.with_context(allowed_company_ids=self.company.ids)
        form.create(
            {"vend_id": vend.id, "meter_id": self.other.id, "reason": "Room 102"}
        ).action_confirm()
        self.assertEqual(vend.reversal_ids.target_meter_id, self.other)
