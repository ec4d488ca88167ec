import logging

import pytz

from odoo import api, fields, models

from ..tools.decimals import dec
from ..tools.posting import BATCH, BUSY, REFUSED

_logger = logging.getLogger(__name__)
RETRY_HOURS = 1
BUSY_RETRIES = 3


class UtilityVend(models.Model):
    """When movements of credit are posted, and what happens to those that cannot be.

    What is posted is in `utility_vend_posting_sale.py` and `utility_vend_posting_kinds.py`.
    """

    _inherit = "utility.vend"

    def _local_date(self, moment):
        """The company's calendar day of a UTC moment."""
        zone = pytz.timezone(self.company_id.utility_tz or "UTC")
        return pytz.utc.localize(moment).astimezone(zone).date()

    def _posting_date(self):
        """Local day of proof, or today without one. Where that is locked, documents take today."""
        if not self.delivered_at:
            return self.company_id._utility_today()
        return self._local_date(self.delivered_at)

    # ------------------------------------------------------ scheduled posting

    @api.model
    def _cron_post_vends(self, limit=1000):
        """Post what meters proved, many sales in a transaction.

        Where one of them cannot be posted, each of its batch is posted by itself: an error holds up
        only its own.
        """
        domain = [
            ("state", "in", ("delivered", "reversed", "written_off")),
            ("posted_at", "=", False),
            "|",
            ("post_after", "=", False),
            ("post_after", "<=", fields.Datetime.now()),
        ]
        cron = self.env["ir.cron"]
        vends = self.search(domain, limit=limit, order="id")
        cron._commit_progress(remaining=len(vends))
        for batch in vends._posting_batches():
            if len(batch) == 1 or not batch._post_together(domain):
                for vend in batch:
                    if not vend._post_alone(domain):
                        # Still held up: not an error, and not to wait for the next sale.
                        self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()
                    if not cron._commit_progress(1):
                        return
            elif not cron._commit_progress(len(batch)):
                return

    def _posting_batches(self):
        """Sales of one company together, everything else by itself, in the order of the ids."""
        batches = []
        open_batch = {}
        for vend in self:
            together = open_batch.get(vend.company_id)
            if vend.kind != "sale" or vend.state == "written_off":
                # What it undoes or pays must be posted before it, and what follows after it.
                open_batch.clear()
                batches.append(vend)
            elif together is None or len(batches[together]) >= BATCH:
                open_batch[vend.company_id] = len(batches)
                batches.append(vend)
            else:
                batches[together] |= vend
        return batches

    def _post_together(self, domain):
        """Post sales of one company in the transaction that was just begun.

        :param domain: what still makes a sale one to be posted
        :return: False when they must be posted one by one; then nothing was posted
        """
        try:
            vends = self.try_lock_for_update().filtered_domain(domain)
            with self.env.cr.savepoint():
                vends._post_sales()
                vends._notify()
            if vends != self:
                # Those that others hold at the moment are not to wait for the next sale.
                self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()
            return True
        except BUSY:
            self.env.cr.rollback()
        except Exception as error:  # noqa: BLE001
            # Whatever it is: each by itself, and the one that has it will say so.
            _logger.info("Posting of %s sales together: %s", len(self), error)
        return False

    def _post_alone(self, domain):
        """Post one movement in the transaction that was just begun.

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
            except REFUSED as error:
                self._posting_failed(str(error))
                return True
            except Exception as error:
                # Unforeseen, but no reason for all others to wait.
                _logger.exception("Posting of %s", self.name)
                self._posting_failed(repr(error))
                return True
        return False

    def _post(self):
        """Post what the books must show of a delivered movement, by its kind."""
        self.ensure_one()
        if self.reversed_vend_id and not self.reversed_vend_id.posted_at:
            self.reversed_vend_id._post()
        if self.state == "written_off":
            self._post_written_off()
        else:
            getattr(self, f"_post_{self.kind}")()
        self._notify()

    def _posted(self, moves=None):
        """Write down that the books show this movement.

        :param moves: `account.move` records; the invoice among them is the one that is shown
        """
        self.ensure_one()
        values = {"posted_at": fields.Datetime.now(), "posting_error": False}
        if moves:
            values["move_id"] = (moves.filtered(lambda m: m.is_invoice()) or moves)[0].id
        self.sudo().write(values)
        if moves and self.kind != "reversal":
            self._defer(moves)

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
            self._ask_accountant(self.env._("Posting waits"), words)

    def _ask_accountant(self, summary, words):
        """Give an accountant of the company something to decide or to mend."""
        owner = self.env.ref("utility_prepaid.group_accountant").all_user_ids.filtered(
            lambda user: self.company_id in user.company_ids
        )[:1]
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            note=words,
            user_id=(owner or self.env.user).id,
        )

    # ------------------------------------------------------------------ money

    def _post_payment(self, payment_type):
        """Post the money of this sale on the customers' account.

        :param payment_type: inbound (taken) or outbound (given back)
        :return: posted `account.payment`
        :raises UserError: no journal entry came of it, with the reason
        """
        self.ensure_one()
        return self.env["utility.ledger"]._pay(
            self.contract_id,
            dec(self.amount, 2),
            self.journal_id,
            payment_type,
            self.name,
            vend=self,
        )

    def _money_lines(self):
        """Journal items of the document by which the money of this sale came in."""
        return self.payment_id.sudo().move_id.line_ids

    def _pay_back(self, sale):
        """Pay out what the reversal of a sale freed."""
        ledger = self.env["utility.ledger"]
        payment = self._post_payment("outbound")
        lines = payment.move_id.line_ids
        ledger._reconcile(lines | sale._money_lines())
        if ledger._open(lines):
            ledger._reconcile(lines | self.contract_id._open_credit_lines())
        self.refund_payment_id = payment

    def _reconcile(self, lines):
        """Reconcile what of some journal items is open on the customers' account."""
        self.env["utility.ledger"]._reconcile(lines)
