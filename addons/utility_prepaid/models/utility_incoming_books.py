from odoo import models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityIncoming(models.Model):
    """Where the money stands: always on the customers' account, under the right customer."""

    _inherit = "utility.incoming"

    def _place_money(self):
        """Put the money on the customers' account to this customer's credit; repeats are harmless.

        :raises UserError: it cannot be posted, in words
        """
        self.ensure_one()
        one = self.sudo()
        if not one.move_id:
            if one.statement_line_id:
                one.move_id = one._place_statement_line()
            elif one.payment_id:
                one.move_id = one._place_payment()
            else:
                ledger = self.env["utility.ledger"].with_context(utility_money_by_itself=True)
                one.payment_id = ledger._pay(
                    one.contract_id,
                    dec(one.amount, 2),
                    one.journal_id,
                    "inbound",
                    one.reference,
                    partner_id=one.partner_id.id,
                )
                one.move_id = one.payment_id.move_id
        if one.move_id.utility_contract_id != one.contract_id:
            one.move_id = one._hand_to_customer()

    def _place_statement_line(self):
        """The bank already has it: its counterpart leaves the suspense account, as Odoo's own bank
        matching does it."""
        line = self.statement_line_id
        __, suspense, others = line._seek_for_lines()
        if others or not suspense:
            raise UserError(
                self.env._("Bank line %s was matched with something else.", line.display_name)
            )
        line.move_id.write({"utility_contract_id": self.contract_id.id})
        suspense.with_context(skip_readonly_check=True).write(
            {
                "account_id": self.company_id.utility_account_id.id,
                "partner_id": self.partner_id.id,
            }
        )
        return line.move_id

    def _place_payment(self):
        """A payment provider's payment stands on the customer's ordinary account: carry it over."""
        move = self.payment_id.move_id
        credit = move.line_ids.filtered(
            lambda line: (
                line.account_id.account_type == "asset_receivable"
                and line.parent_state == "posted"
                and not line.reconciled
            )
        )
        if credit.account_id == self.company_id.utility_account_id:
            move.write({"utility_contract_id": self.contract_id.id})
            return move
        return self._carry_over(credit, self.partner_id or self.payment_id.partner_id)

    def _hand_to_customer(self):
        """A person said whose money it is: the posted document stays, an entry hands it over."""
        credit = self.env["utility.ledger"]._open(self.move_id.line_ids)
        if not self.move_id.utility_contract_id and credit.partner_id == self.partner_id:
            self.move_id.write({"utility_contract_id": self.contract_id.id})
            return self.move_id
        return self._carry_over(credit, self.partner_id)

    def _carry_over(self, credit, partner):
        """An entry from an open credit, wherever it stands, to this customer's credit.

        :param credit: open `account.move.line` records of one account and customer
        :return: the posted entry
        :raises UserError: the credit is not there, or no longer there as a whole
        """
        ledger = self.env["utility.ledger"]
        amount = dec(self.amount, 2)
        if dec(sum(credit.mapped("amount_residual")), 2) != -amount:
            raise UserError(
                self.env._(
                    "Payment %s does not stand in the books as an open credit of this amount.",
                    self.reference,
                )
            )
        move = ledger._entry(
            self.company_id,
            self.company_id._utility_today(),
            self.reference,
            [
                (credit.account_id, amount, credit.partner_id, self.reference),
                (self.company_id.utility_account_id, -amount, partner, self.reference),
            ],
            contract=self.contract_id,
        )
        debit = move.line_ids.filtered(lambda line: line.balance > 0)
        (debit | credit).reconcile()
        return move

    def _stands_open(self):
        """Whether the customer's credit is still there, in this document or in another one."""
        one = self.sudo()
        credit = self.env["utility.ledger"]._open(one.move_id.line_ids)
        credit = credit.filtered(lambda line: line.balance < 0)
        if one.contract_id:
            credit |= one.contract_id._open_credit_lines()
        return -dec(sum(credit.mapped("amount_residual")), 2) >= dec(one.amount, 2)

    def _pay_out(self, journal):
        """Pay the open credit of this money out.

        :return: posted outbound `account.payment`
        """
        one = self.sudo()
        ledger = self.env["utility.ledger"]
        payment = ledger._pay(
            one.contract_id,
            dec(one.amount, 2),
            journal,
            "outbound",
            one.reference,
            partner_id=one.partner_id.id,
        )
        ledger._reconcile(payment.move_id.line_ids | one.move_id.line_ids)
        if ledger._open(payment.move_id.line_ids) and one.contract_id:
            # A sale in between spent a part of it and was undone with another part.
            ledger._reconcile(payment.move_id.line_ids | one.contract_id._open_credit_lines())
        return payment
