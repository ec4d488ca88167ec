from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.decimals import dec


class UtilityCounter(models.AbstractModel):
    """Other invoices of a resident (property fee, rent) paid at the same counter.

    Each invoice gets a payment of its own: a part of an invoice is then paid exactly as asked.
    """

    _inherit = "utility.counter"

    @api.model
    def _method_selection(self):
        """The counter's payment methods, for forms of users who may not read journals."""
        return [(str(method["id"]), method["name"]) for method in self._methods()]

    @api.model
    def find_payers(self, query, limit=20):
        """Customers by name, phone, e-mail or reference who owe something.

        :return: list of {"id", "name", "due"}
        """
        self._check_cashier()
        query = (query or "").strip()
        if not query:
            return []
        partners = self.env["res.partner"].search(
            Domain.OR(Domain(field, "ilike", query) for field in ("name", "phone", "email", "ref")),
            limit=200,
        )
        owing = {}
        for invoice in self._invoices_of(partners):
            owing.setdefault(invoice.commercial_partner_id, []).append(invoice)
        return [
            {
                "id": partner.id,
                "name": partner.name,
                "due": f"{sum(dec(invoice.amount_residual, 2) for invoice in invoices):f}",
            }
            for partner, invoices in list(owing.items())[:limit]
        ]

    @api.model
    def open_invoices(self, meter_id=None, partner_id=None):
        """Open invoices of a meter's customer, or of a customer, oldest first.

        :return: list of {"id", "name", "date", "due_date", "what", "total", "residual"}; money as
            texts
        """
        self._check_cashier()
        if meter_id:
            partner = self._meter(meter_id).contract_id.sudo().partner_id
        else:
            partner = self._partner(partner_id)
        return [
            {
                "id": invoice.id,
                "name": invoice.name,
                "customer": invoice.partner_id.name,
                "date": str(invoice.invoice_date),
                "due_date": str(invoice.invoice_date_due or invoice.invoice_date),
                "what": ", ".join(invoice.invoice_line_ids.filtered("name").mapped("name"))[:200],
                "total": f"{dec(invoice.amount_total, 2):f}",
                "residual": f"{dec(invoice.amount_residual, 2):f}",
            }
            for invoice in self._invoices_of(partner)
        ]

    @api.model
    def pay_invoices(self, uuid, payments, journal_id):
        """Take money for invoices; the same id twice is the same payment.

        :param uuid: made when the form opened
        :param payments: list of {"id": of the invoice, "amount": text}
        :param journal_id: payment method
        :return: {"payments": [{"invoice", "name", "amount", "residual"}], "total", "url": receipt}
        :raises UserError: in words why the money cannot be taken; then none was
        """
        self._check_cashier()
        self._check_uuid(uuid)
        asked = {int(one["id"]): dec(self._amount(one["amount"]), None) for one in payments}
        if not asked or len(asked) != len(payments):
            raise UserError(self.env._("Choose what is paid."))
        journal = self.env["account.journal"].sudo().browse(int(journal_id or 0)).exists()
        done = self._payments_of(uuid)
        if done:
            self._check_same_payment(done, asked, journal)
        else:
            done = self._pay_open_invoices(uuid, asked, journal)
        return {
            "payments": [
                {
                    "invoice": payment.utility_invoice_id.name,
                    "name": payment.name,
                    "amount": f"{dec(payment.amount, 2):f}",
                    "residual": f"{dec(payment.utility_invoice_id.amount_residual, 2):f}",
                }
                for payment in done
            ],
            "total": f"{sum(dec(payment.amount, 2) for payment in done):f}",
            "url": f"/utility/invoice-receipt/{uuid}",
        }

    # ---------------------------------------------------------------- inside

    @api.model
    def _partner(self, partner_id):
        partner = self.env["res.partner"].browse(int(partner_id or 0)).exists()
        if not partner:
            raise UserError(self.env._("There is no such customer."))
        partner.check_access("read")
        return partner

    @api.model
    def _invoices_of(self, partners):
        """What these customers owe to this company, in its own currency."""
        company = self.env.company
        return (
            self.env["account.move"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("commercial_partner_id", "in", partners.commercial_partner_id.ids),
                    ("move_type", "in", ("out_invoice", "out_receipt")),
                    ("state", "=", "posted"),
                    ("payment_state", "in", ("not_paid", "partial")),
                    ("currency_id", "=", company.currency_id.id),
                    ("amount_residual", ">", 0),
                ],
                order="invoice_date_due, id",
            )
        )

    @api.model
    def _payments_of(self, uuid):
        return (
            self.env["account.payment"]
            .sudo()
            .search(
                [("utility_uuid", "=", uuid), ("company_id", "=", self.env.company.id)], order="id"
            )
        )

    @api.model
    def _check_same_payment(self, done, asked, journal):
        told = {payment.utility_invoice_id.id: dec(payment.amount, 2) for payment in done}
        if told != asked or done.journal_id != journal:
            raise UserError(
                self.env._(
                    "This payment was already saved. Start a new one for another amount, invoice "
                    "or payment method."
                )
            )

    @api.model
    def _pay_open_invoices(self, uuid, asked, journal):
        company = self.env.company
        company._utility_check_open(journal)
        invoices = self.env["account.move"].sudo().browse(asked).exists()
        # Two cashiers at the same invoice: the second sees what the first left open.
        invoices.lock_for_update()
        invoices.invalidate_recordset()
        for invoice in invoices:
            self._check_payable(invoice, asked[invoice.id])
        if len(invoices) != len(asked):
            raise UserError(self.env._("There is no such invoice."))
        payments = self.env["account.payment"].sudo()
        for invoice in invoices:
            payments |= self._pay_invoice(uuid, invoice, asked[invoice.id], journal)
        return payments

    @api.model
    def _check_payable(self, invoice, amount):
        name = invoice.name
        if invoice not in self._invoices_of(invoice.partner_id):
            raise UserError(self.env._("%s is not an open invoice any more.", name))
        if amount <= 0:
            raise UserError(self.env._("“%s” is not an amount of money.", amount))
        if amount != dec(amount, 2) or amount > dec(invoice.amount_residual, 2):
            raise UserError(
                self.env._(
                    "Of %(invoice)s only %(residual)s is open.",
                    invoice=name,
                    residual=invoice.currency_id.format(invoice.amount_residual),
                )
            )

    @api.model
    def _pay_invoice(self, uuid, invoice, amount, journal):
        """One posted payment, reconciled on the account on which the invoice is owed."""
        owed = invoice.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" and not line.reconciled
        )
        account = owed.account_id[:1]
        owed = owed.filtered(lambda line: line.account_id == account)
        payment = self.env["utility.ledger"]._pay(
            invoice.utility_contract_id,
            amount,
            journal,
            "inbound",
            invoice.name,
            partner_id=owed.partner_id[:1].id,
            destination_account_id=account.id,
            utility_uuid=uuid,
            utility_invoice_id=invoice.id,
        )
        paid = payment.move_id.line_ids.filtered(lambda line: line.account_id == account)
        (paid | owed).reconcile()
        self.env["utility.operation"]._log(
            self.env._("Invoice paid at the counter"),
            payment,
            before=invoice.name,
            after=f"{amount}",
            note=journal.name,
        )
        return payment
