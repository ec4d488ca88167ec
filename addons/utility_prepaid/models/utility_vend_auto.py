from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec, is_multiple
from .utility_incoming import ENDED

FREE_AGAIN = ("delivered", "reversed", "refunded", "cancelled", "written_off")


class UtilityVend(models.Model):
    """Sales whose money came by itself: from a provider, a bank statement or a list."""

    _inherit = "utility.vend"

    incoming_id = fields.Many2one("utility.incoming", "Incoming money", readonly=True, index=True)

    @api.model
    def _sell_automatic(
        self,
        uuid,
        meter,
        amount,
        journal,
        reference,
        payment=None,
        *,
        statement_line=None,
        partner=None,
        origin="automatic",
        named="",
    ):
        """Store money that came without a cashier, and sell it as soon as it can be sold.

        It is never refused: what cannot be sold now waits, visible with its reason, and is in the
        books as the customer's open credit. Rights are the caller's business.

        :param uuid: the payment's own id; the same id is the same payment
        :param meter: `utility.meter`, empty when nobody knows for which
        :param amount: Decimal, above zero
        :param journal: `account.journal` that the money came through
        :param reference: by what its sender knows the payment; the same one is the same payment
        :param payment: posted `account.payment` when the money is in the books already
        :param statement_line: `account.bank.statement.line` when it is in the bank already
        :param partner: `res.partner` when the customer is known otherwise than by the meter
        :param origin: "automatic" or "batch"
        :param named: what the sender wrote for the meter, shown when there is none
        :return: `utility.incoming`; its `vend_id` is the sale, as soon as there is one
        :raises UserError: no amount, or the same id or reference with another amount or meter
        """
        incoming = self.env["utility.incoming"].sudo()
        if amount <= 0 or not is_multiple(amount, dec(journal.company_id.currency_id.rounding)):
            raise UserError(self.env._("“%s” is not an amount of money.", amount))
        if meter:
            meter._lock_row()
        same = incoming.search(
            ["|", ("uuid", "=", uuid), "&", ("journal_id", "=", journal.id)]
            + [("reference", "=", reference)],
            limit=1,
        )
        if same:
            if dec(same.amount, 2) != amount or (meter and same.meter_id not in (meter, meter[:0])):
                raise UserError(
                    self.env._(
                        "Payment %(reference)s was already stored with another amount or meter.",
                        reference=same.reference,
                    )
                )
            return same
        contract = meter.contract_id
        one = incoming.create(
            {
                "uuid": uuid,
                "reference": reference,
                "origin": origin,
                "company_id": journal.company_id.id,
                "meter_id": meter.id,
                "contract_id": contract.id,
                "partner_id": (contract.partner_id or partner or self.env["res.partner"]).id,
                "journal_id": journal.id,
                "amount": amount,
                "user_id": self.env.uid,
                "payment_id": payment.id if payment else False,
                "statement_line_id": statement_line.id if statement_line else False,
            }
        )
        self.env["utility.operation"]._log(
            self.env._("Incoming money"),
            one,
            meter=meter or None,
            after="waiting",
            note=f"{amount} {reference} {named}".strip(),
        )
        one._work()
        return one

    # ------------------------------------------------------- money of a sale

    @api.model
    def _check_money(self, company, journal, values):
        # What came by itself is in the books: the counter's payment methods do not matter.
        if values.get("incoming_id"):
            return None
        return super()._check_money(company, journal, values)

    def _take_money(self):
        return None if self.incoming_id else super()._take_money()

    def _money_lines(self):
        if not self.incoming_id:
            return super()._money_lines()
        # An entry that hands money over has the former customer's side as well.
        lines = self.incoming_id.sudo().move_id.line_ids
        return lines.filtered(lambda line: line.balance < 0)

    # ------------------------------------------------------------ money back

    def _frees_incoming(self):
        """Whether its money, once free, waits for a person instead of being paid out at the desk.

        What came through a provider or a bank is not in any drawer.
        """
        return bool(self.incoming_id) and not self.journal_id.sudo().utility_counter

    def _check_payable(self):
        return None if self._frees_incoming() else super()._check_payable()

    def _refund_money(self, reason):
        if self._frees_incoming():
            self._update_state(("accepted", "disputed"), "cancelled", reason=reason)
            self.incoming_id._freed(
                self.env._("%(sale)s was given up: %(reason)s", sale=self.name, reason=reason)
            )
            return
        super()._refund_money(reason)

    def _pay_back(self, sale):
        if sale._frees_incoming():
            sale.incoming_id._freed(
                self.env._(
                    "%(sale)s was taken back: %(reason)s", sale=sale.name, reason=self.reason
                )
            )
            return
        super()._pay_back(sale)

    def _pay_back_now(self, sale):
        result = super()._pay_back_now(sale)
        sale.incoming_id._paid_out(self.refund_payment_id)
        return result

    # ------------------------------------------------------------------ news

    def _update_state(self, sources, target, **values):
        changed = super()._update_state(sources, target, **values)
        if changed and target == "refunded":
            self.incoming_id._paid_out(self.refund_payment_id)
        if changed and target in FREE_AGAIN:
            self.env["utility.incoming"]._wake_waiting(self.meter_id)
        return changed


class UtilityCommand(models.Model):
    _inherit = "utility.command"

    def _update_state(self, sources, target, **values):
        changed = super()._update_state(sources, target, **values)
        if changed and self.money and target in ENDED:
            self.env["utility.incoming"]._wake_waiting(self.meter_id)
        return changed
