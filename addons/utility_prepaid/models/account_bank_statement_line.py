from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class AccountBankStatementLine(models.Model):
    _inherit = "account.bank.statement.line"

    utility_incoming_ids = fields.One2many(
        "utility.incoming", "statement_line_id", "Money of the utility desk"
    )

    def _utility_settle(self, lines):
        """Reconcile this line of a bank statement with open items that it pays.

        The suspense item becomes the counterpart of the items, as Odoo's own reconciliation does
        where its screen is installed; undoing it in Odoo gives the suspense item back.

        :param lines: open `account.move.line` on one account
        :raises UserError: settled before, or the sums differ
        """
        self.ensure_one()
        self.lock_for_update()
        self.invalidate_recordset(["is_reconciled"])
        account = lines.account_id.ensure_one()
        if self.is_reconciled:
            raise UserError(
                self.env._("%s is reconciled already.", self.payment_ref or self.display_name)
            )
        owed = sum(dec(line.amount_residual, 2) for line in lines)
        if dec(self.amount, 2) != owed:
            raise UserError(
                self.env._(
                    "The bank shows %(bank)s, the books expect %(books)s.",
                    bank=self.currency_id.format(self.amount),
                    books=self.currency_id.format(float(owed)),
                )
            )
        items = self._prepare_move_line_default_vals(account.id)
        items[1]["partner_id"] = lines.partner_id.id if len(lines.partner_id) == 1 else False
        self.with_context(force_delete=True, skip_readonly_check=True).write(
            {
                "checked": True,
                "line_ids": [
                    fields.Command.clear(),
                    *(fields.Command.create(values) for values in items),
                ],
            }
        )
        counterpart = self.move_id.line_ids.filtered(lambda line: line.account_id == account)
        (counterpart | lines).reconcile()
