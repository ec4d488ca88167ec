import logging

import pytz
from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import LockError, RedirectWarning, UserError, ValidationError

from ..tools.decimals import dec

_logger = logging.getLogger(__name__)
RETRY_HOURS = 1
# Somebody else writes on the same customer's documents, a payment at the counter for instance.
BUSY = (SerializationFailure, DeadlockDetected, LockNotAvailable, LockError)
BUSY_RETRIES = 3


class UtilityVend(models.Model):
    """The ledger's part: payment when accepted, invoice when delivered, both reconciled."""

    _inherit = "utility.vend"

    def _local_date(self, moment):
        """The company's calendar day of a UTC moment."""
        zone = pytz.timezone(self.company_id.utility_tz or "UTC")
        return pytz.utc.localize(moment).astimezone(zone).date()

    def _post_payment(self, payment_type):
        """Post the money of this sale on the customers' account.

        :param payment_type: inbound (taken) or outbound (given back)
        :return: posted `account.payment`
        :raises UserError: no journal entry came of it, with the reason
        """
        self.ensure_one()
        company = self.company_id
        journal = self.journal_id.sudo()
        lines = (
            journal.inbound_payment_method_line_ids
            if payment_type == "inbound"
            else journal.outbound_payment_method_line_ids
        )
        payment = (
            self.env["account.payment"]
            .sudo()
            .with_company(company)
            .create(
                {
                    "payment_type": payment_type,
                    "partner_type": "customer",
                    "partner_id": self.partner_id.id,
                    "amount": self.amount,
                    "currency_id": self.currency_id.id,
                    "journal_id": journal.id,
                    "payment_method_line_id": lines[:1].id,
                    "date": company._utility_today(),
                    "memo": self.name,
                    "destination_account_id": company.utility_account_id.id,
                    "utility_vend_id": self.id,
                }
            )
        )
        payment.action_post()
        if payment.move_id.state != "posted":
            raise UserError(
                self.env._(
                    "The payment method %s has no account to post to. Ask an accountant.",
                    journal.name,
                )
            )
        return payment

    def _customer_lines(self, lines):
        """The open lines on the customers' account."""
        account = self.company_id.sudo().utility_account_id
        return lines.filtered(lambda line: line.account_id == account and not line.reconciled)

    def _reconcile(self, lines):
        lines = self._customer_lines(lines)
        if len(lines) > 1:
            lines.reconcile()

    def _money_lines(self):
        """Journal items of the document by which the money of this sale came in."""
        return self.payment_id.sudo().move_id.line_ids

    def _pay_back(self, sale):
        """Pay out what the reversal of a sale freed."""
        payment = self._post_payment("outbound")
        self._reconcile(payment.move_id.line_ids | sale._money_lines())
        if self._customer_lines(payment.move_id.line_ids):
            self._reconcile(payment.move_id.line_ids | self._open_credit_lines())
        self.refund_payment_id = payment

    def _open_credit_lines(self):
        """Open credits of the contract, however old: what remains of earlier money."""
        return (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("account_id", "=", self.company_id.sudo().utility_account_id.id),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                    ("balance", "<", 0),
                    (
                        "move_id.origin_payment_id.utility_vend_id.contract_id",
                        "=",
                        self.contract_id.id,
                    ),
                ]
            )
        )

    @api.model
    def _cron_post_vends(self, limit=100):
        """Post what meters proved, one document a commit: an error holds up only its own."""
        domain = [
            ("state", "in", ("delivered", "reversed")),
            ("posted_at", "=", False),
            "|",
            ("post_after", "=", False),
            ("post_after", "<=", fields.Datetime.now()),
        ]
        cron = self.env["ir.cron"]
        vends = self.search(domain, limit=limit, order="id")
        cron._commit_progress(remaining=len(vends))
        for vend in vends:
            if not vend._post_alone(domain):
                # Still held up: not an error, and not to wait for the next sale.
                self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()
            if not cron._commit_progress(1):
                break

    def _post_alone(self, domain):
        """Post one sale in the transaction that was just begun.

        :param domain: what still makes it one to be posted
        :return: False when others held its documents all the time
        """
        for __ in range(BUSY_RETRIES):
            try:
                vend = self.try_lock_for_update().filtered_domain(domain)
                if vend:
                    with self.env.cr.savepoint():
                        vend._post()
                return True
            except BUSY:
                # Only a new transaction sees what the others wrote.
                self.env.cr.rollback()
            except (UserError, ValidationError, RedirectWarning) as error:
                self._posting_failed(str(error))
                return True
        return False

    def _post(self):
        """Post what the books must show of a delivered movement, by its kind."""
        self.ensure_one()
        if self.reversed_vend_id and not self.reversed_vend_id.posted_at:
            self.reversed_vend_id._post()
        getattr(self, f"_post_{self.kind}")()
        self._notify()

    def _posting_failed(self, words):
        """Keep the exception with an owner; the sale itself stands."""
        _logger.info("Posting of %s waits: %s", self.name, words)
        first = not self.posting_error
        self.write(
            {
                "posting_error": words,
                "post_after": fields.Datetime.add(fields.Datetime.now(), hours=RETRY_HOURS),
            }
        )
        if first:
            owner = self.env.ref("utility_prepaid.group_accountant").all_user_ids.filtered(
                lambda user: self.company_id in user.company_ids
            )[:1]
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Posting waits"),
                note=words,
                user_id=(owner or self.env.user).id,
            )

    def _posting_date(self):
        """Day of proof; today when that period is locked."""
        company = self.company_id
        date = self._local_date(self.delivered_at)
        journal = company.utility_sale_journal_id
        if company._get_violated_lock_dates(date, True, journal):
            date = company._utility_today()
        return date

    def _post_sale(self):
        company = self.company_id
        product = self.contract_id.tariff_id.product_id or company._utility_product(self.utility)
        date = self._posting_date()
        units = next(line for line in self.line_ids if line.kind == "units")
        move = (
            self.env["account.move"]
            .with_company(company)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.partner_id.id,
                    "invoice_date": date,
                    "date": date,
                    "journal_id": company.utility_sale_journal_id.id,
                    "currency_id": self.currency_id.id,
                    "ref": self.name,
                    "utility_vend_id": self.id,
                    "invoice_payment_term_id": False,
                    "invoice_line_ids": [
                        fields.Command.create(
                            {
                                "product_id": product.id,
                                "name": self.env._(
                                    "%(utility)s %(meter)s, %(units)s %(unit)s, order %(number)s",
                                    utility=units.name,
                                    meter=self.meter_id.vending_id,
                                    units=self._units_text(self.units),
                                    unit=self.meter_id.type_id.uom_id.name or "",
                                    number=self.purchase_number,
                                ),
                                "quantity": self.units,
                                "price_unit": self.price,
                            }
                        )
                    ],
                }
            )
        )
        if dec(move.amount_total, 2) != dec(self.cost, 2):
            # Rounded otherwise by a unit or a rounding method: one piece at the exact price.
            move.invoice_line_ids.write({"quantity": 1, "price_unit": self.cost})
        if dec(move.amount_total, 2) != dec(self.cost, 2):
            raise UserError(
                self.env._(
                    "The invoice would be %(total)s instead of %(cost)s. "
                    "The product's taxes must be included in the price.",
                    total=move.amount_total,
                    cost=self.cost,
                )
            )
        move.action_post()
        own = self._customer_lines(self._money_lines())
        self._reconcile(move.line_ids | own)
        if self._customer_lines(move.line_ids):
            # The part bought with what was carried over.
            self._reconcile(move.line_ids | self._open_credit_lines())
        self.write({"move_id": move.id, "posted_at": fields.Datetime.now(), "posting_error": False})

    def _post_reversal(self):
        sale = self.reversed_vend_id
        date = self._posting_date()
        credit_note = sale.move_id._reverse_moves(
            [
                {
                    "date": date,
                    "invoice_date": date,
                    "ref": self.name,
                    "utility_vend_id": self.id,
                }
            ],
            cancel=True,
        )
        self._pay_back(sale)
        self.write(
            {
                "move_id": credit_note.id,
                "posted_at": fields.Datetime.now(),
                "posting_error": False,
            }
        )
