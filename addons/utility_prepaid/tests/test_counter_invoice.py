from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import UtilityCommon
from .common_browser import BrowserCase


@tagged("post_install", "-at_install")
class TestCounterInvoice(UtilityCommon, BrowserCase):
    """C16: any open invoice of the resident is paid at the same counter."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("generic_coa")
    def setUpClass(cls):
        super().setUpClass()
        cls.fee = cls._invoice("Property fee", 300.0)
        cls.rent = cls._invoice("Rent", 50.0)

    @classmethod
    def _invoice(cls, what, amount, partner=None):
        invoice = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or cls.customer).id,
                "invoice_date": "2026-11-01",
                "invoice_line_ids": [
                    (0, 0, {"name": what, "price_unit": amount, "tax_ids": [(5, 0, 0)]})
                ],
            }
        )
        invoice.action_post()
        return invoice

    def _pay(self, uuid, payments, role="cashier", journal=None):
        return self._counter(role).pay_invoices(
            uuid,
            [{"id": invoice.id, "amount": amount} for invoice, amount in payments],
            (journal or self.cash).id,
        )

    def test_listed_by_meter_and_by_customer(self):
        counter = self._counter()
        listed = counter.open_invoices(meter_id=self.meter.id)
        self.assertEqual([one["id"] for one in listed], [self.fee.id, self.rent.id])
        self.assertEqual((listed[0]["residual"], listed[0]["what"]), ("300.00", "Property fee"))
        self.assertEqual(counter.open_invoices(partner_id=self.customer.id), listed)
        self.assertEqual(
            counter.find_payers("101 tenant"),
            [{"id": self.customer.id, "name": "Room 101 tenant", "due": "350.00"}],
        )

    def test_paid_whole_and_in_part_once(self):
        for __ in range(2):
            paid = self._pay("invoices-0001", [(self.fee, "120.50"), (self.rent, "50.00")])
            self.assertEqual(paid["total"], "170.50")
        self.assertEqual(self.rent.payment_state, "paid")
        self.assertEqual((self.fee.payment_state, self.fee.amount_residual), ("partial", 179.5))
        payments = self.env["account.payment"].search([("utility_uuid", "=", "invoices-0001")])
        self.assertEqual(sorted(payments.mapped("amount")), [50.0, 120.5])
        receivable = self.fee.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).account_id
        self.assertEqual(
            self._items(payments[0].move_id),
            sorted(
                [
                    (self.cash.default_account_id.name, payments[0].amount),
                    (receivable.name, -payments[0].amount),
                ]
            ),
        )
        with self.assertRaisesRegex(UserError, "already saved"):
            self._pay("invoices-0001", [(self.fee, "120.50")])
        self._pay("invoices-0002", [(self.fee, "179.50")])
        self.assertEqual(self.fee.payment_state, "paid")
        self.assertEqual(self._counter().open_invoices(meter_id=self.meter.id), [])

    def test_nothing_is_taken_when_one_cannot_be_paid(self):
        with self.assertRaisesRegex(UserError, "only"):
            self._pay("invoices-0001", [(self.rent, "50.00"), (self.fee, "300.01")])
        self.assertEqual(self.rent.payment_state, "not_paid")
        self._pay("invoices-0002", [(self.rent, "50.00")])
        with self.assertRaisesRegex(UserError, "not an open invoice"):
            self._pay("invoices-0003", [(self.rent, "50.00")])
        for amount in ("0", "-5", "1.005"):
            with self.assertRaises(UserError):
                self._pay("invoices-0004", [(self.fee, amount)])

    def test_rights_and_companies(self):
        for role in ("reader", "engineer"):
            with self.assertRaises(AccessError):
                self._pay("invoices-0001", [(self.fee, "1.00")], role)
            with self.assertRaises(AccessError):
                self._counter(role).open_invoices(meter_id=self.meter.id)
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2026-11-01",
                "invoice_line_ids": [(0, 0, {"name": "Paint", "price_unit": 10})],
            }
        )
        bill.action_post()
        with self.assertRaisesRegex(UserError, "not an open invoice"):
            self._pay("invoices-0001", [(bill, "1.00")])

    def test_belongs_to_the_shift_of_the_cashier(self):
        self.company.utility_session_required = True
        with self.assertRaisesRegex(UserError, "shift"):
            self._pay("invoices-0001", [(self.fee, "10.00")])
        shift = self._counter().session_open("shift-00001", self.cash.id, "0")
        self._pay("invoices-0001", [(self.fee, "10.00")])
        payment = self.env["account.payment"].search([("utility_uuid", "=", "invoices-0001")])
        self.assertEqual(payment.utility_session_id.id, shift["id"])

    def test_desk_invoices_stand_on_the_customers_account(self):
        product = self.company.utility_electricity_product_id
        invoice = self.env["utility.ledger"]._invoice(
            self.contract,
            [
                {
                    "product": product,
                    "name": "Debt",
                    "quantity": 1,
                    "price": 10,
                    "amount": self.env["utility.counter"]._amount("10.00"),
                }
            ],
            self.company._utility_today(),
            "Debt",
        )
        self._pay("invoices-0001", [(invoice, "10.00")])
        payment = self.env["account.payment"].search([("utility_uuid", "=", "invoices-0001")])
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(payment.utility_contract_id, self.contract)
        self.assertEqual(self._open_credit(), 0.0)

    def test_form_and_receipt(self):
        cashier = self.users["cashier"]
        form = (
            self.env["utility.counter.invoice"]
            .with_user(cashier)
            .with_context(allowed_company_ids=self.company.ids)
            .create({"partner_id": self.customer.id, "method": str(self.cash.id)})
        )
        self.assertEqual(form.total, 350.0)
        form.line_ids[1].amount = 0
        action = form.action_pay()
        self.assertEqual((self.fee.payment_state, self.rent.payment_state), ("paid", "not_paid"))
        cashier.password = "desk_cashier_pass"
        self.authenticate("desk_cashier", "desk_cashier_pass")
        page = self.url_open(action["url"])
        self.assertEqual(page.status_code, 200)
        self.assertIn(self.fee.name, page.text)
        self.assertIn("300.00", page.text)
