from uuid import uuid4

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec


class UtilityCashMove(models.Model):
    """Cash that went into or out of a drawer and is no payment of a customer; each is posted.

    The document is Odoo's own: a transaction of the cash journal with its counterpart account.
    """

    _name = "utility.cash.move"
    _description = "Cash In or Out"
    _order = "id desc"
    _rec_name = "reason"

    uuid = fields.Char("Movement id", required=True, readonly=True, copy=False)
    session_id = fields.Many2one(
        "utility.cash.session", "Shift", required=True, readonly=True, index=True
    )
    company_id = fields.Many2one(related="session_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="session_id.currency_id")
    kind = fields.Selection(
        [
            ("in", "Cash in"),
            ("out", "Cash out"),
            ("deposit", "Deposit to the bank"),
            ("opening_difference", "Difference of the float"),
            ("closing_difference", "Difference of the count"),
        ],
        required=True,
        readonly=True,
    )
    amount = fields.Monetary(readonly=True, help="Put in above zero, taken out below zero.")
    reason_id = fields.Many2one(
        "utility.cash.reason", "Listed reason", readonly=True, ondelete="restrict"
    )
    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", "By", required=True, readonly=True)
    at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    bank_journal_id = fields.Many2one("account.journal", "To bank", readonly=True)
    bank = fields.Char(related="bank_journal_id.name", string="Bank")
    statement_line_id = fields.Many2one(
        "account.bank.statement.line", "Transaction", required=True, readonly=True
    )
    arrival_line_id = fields.Many2one(
        "account.bank.statement.line", "Arrived at the bank", readonly=True
    )
    under_way = fields.Boolean(
        "Under way", compute="_compute_under_way", search="_search_under_way"
    )

    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "This was already saved.")

    @api.depends("kind", "statement_line_id.move_id.line_ids.reconciled")
    def _compute_under_way(self):
        for move in self:
            move.under_way = move.kind == "deposit" and bool(move.sudo()._transit_line())

    def _search_under_way(self, operator, value):
        if operator not in ("in", "not in"):
            return NotImplemented
        deposits = self.search([("kind", "=", "deposit"), ("arrival_line_id", "=", False)])
        wanted = (operator == "in") == (True in value)
        return [("id", "in" if wanted else "not in", deposits.filtered("under_way").ids)]

    def _transit_line(self):
        """The deposit's item on the transfer account while the bank has not shown it."""
        account = self.company_id.transfer_account_id
        return self.statement_line_id.move_id.line_ids.filtered(
            lambda line: line.account_id == account and not line.reconciled
        )

    # ------------------------------------------------------------------- cash

    @api.model
    def _cash(self, uuid, session, kind, amount, reason, note=""):
        """Put cash in or take it out for a reason that the company lists.

        :param uuid: made when the form opened; the same id twice is the same movement
        :param kind: "in" or "out"
        :param amount: Decimal above zero
        :param reason: `utility.cash.reason`
        :param note: words of the person, such as the number of a voucher
        :raises UserError: in words why not
        """
        session._check_hands()
        session._lock()
        signed = amount if kind == "in" else -amount
        same = self._same(uuid, session, kind, amount, signed)
        if same:
            return same
        reason = reason.sudo()
        if not reason or not reason.active or reason.company_id != session.company_id:
            raise UserError(self.env._("Choose one of the reasons that the company lists."))
        if reason.direction not in ("both", kind):
            raise UserError(self.env._("“%s” is not a reason for this direction.", reason.name))
        limit = dec(session.company_id.utility_cash_move_limit, 2)
        if (
            limit
            and amount > limit
            and not self.env.user.has_group("utility_prepaid.group_supervisor")
        ):
            raise UserError(
                self.env._(
                    "Cash in and out above %s needs a supervisor.",
                    session.currency_id.format(float(limit)),
                )
            )
        words = ": ".join(filter(None, (reason.name, (note or "").strip())))
        return self._post(
            uuid, session, kind, signed, reason.account_id, words, reason_id=reason.id
        )

    @api.model
    def _deposit(self, uuid, session, amount, bank):
        """Take cash out on its way to a bank: it stands on the transfer account until it arrives.

        :param amount: Decimal above zero
        :param bank: `account.journal` of type bank in the drawer's currency
        """
        session._check_hands()
        session._lock()
        same = self._same(uuid, session, "deposit", amount, -amount)
        if same:
            return same
        company = session.company_id.sudo()
        bank = bank.sudo() if bank else bank
        if not bank or bank.type != "bank" or bank.company_id != company:
            raise UserError(self.env._("Say which bank the money goes to."))
        if (bank.currency_id or company.currency_id) != session.currency_id:
            raise UserError(self.env._("The bank account is kept in another currency."))
        if not company.transfer_account_id:
            raise UserError(
                self.env._("The company has no account for transfers. Ask an accountant.")
            )
        words = self.env._(
            "Deposit of shift %(shift)s to %(bank)s", shift=session.name, bank=bank.name
        )
        return self._post(
            uuid,
            session,
            "deposit",
            -amount,
            company.transfer_account_id,
            words,
            bank_journal_id=bank.id,
        )

    @api.model
    def _post_difference(self, session, kind, amount):
        """Post what a count found to be over (above zero) or short, if anything.

        :param amount: Decimal
        :raises UserError: the drawer has no account for it
        """
        if not amount:
            return self
        journal = session.sudo().journal_id
        account = journal.profit_account_id if amount > 0 else journal.loss_account_id
        if not account:
            raise UserError(
                self.env._(
                    "Drawer %s has no account for cash differences. Ask an accountant.",
                    journal.name,
                )
            )
        session.company_id._utility_check_locks(journal)
        labels = dict(self._fields["kind"]._description_selection(self.env))
        words = self.env._(
            "%(difference)s, shift %(shift)s", difference=labels[kind], shift=session.name
        )
        return self._post(str(uuid4()), session, kind, amount, account, words)

    def _same(self, uuid, session, kind, amount, signed):
        """The movement saved before under this id.

        :raises UserError: it was another one; or the shift or the amount does not allow a new one
        """
        same = self.sudo().search([("uuid", "=", uuid)])
        if same:
            if (same.session_id, same.kind, dec(same.amount, 2)) != (session, kind, signed):
                raise UserError(
                    self.env._(
                        "This was already saved with %s.", same.currency_id.format(same.amount)
                    )
                )
            return same.with_env(self.env)
        if session.state != "open" and not (kind == "deposit" and session.state == "counting"):
            raise UserError(self.env._("Shift %s is not open.", session.name))
        if amount <= 0 or amount != dec(amount, session.currency_id.decimal_places):
            raise UserError(self.env._("Type an amount above zero, with no parts of a cent."))
        session.company_id._utility_check_locks(session.sudo().journal_id)
        return same

    @api.model
    def _post(self, uuid, session, kind, amount, account, words, **values):
        """Post one transaction of the drawer.

        :param amount: Decimal, in the drawer's currency; into the drawer above zero
        :param account: counterpart
        """
        company = session.company_id
        line = (
            self.env["account.bank.statement.line"]
            .sudo()
            .with_company(company)
            .with_context(no_retrieve_partner=True)
            .create(
                {
                    "journal_id": session.sudo().journal_id.id,
                    "date": company._utility_today(),
                    "amount": float(amount),
                    "payment_ref": words,
                    "counterpart_account_id": account.id,
                }
            )
        )
        move = self.sudo().create(
            {
                "uuid": uuid,
                "session_id": session.id,
                "kind": kind,
                "amount": amount,
                "reason": words,
                "user_id": self.env.uid,
                "statement_line_id": line.id,
                **values,
            }
        )
        self.env["utility.operation"]._log(
            self.env._("Cash moved"), session, after=f"{kind} {amount:f}", note=words
        )
        return move.with_env(self.env)

    # ----------------------------------------------------------------- actions

    def action_arrived(self):
        """The bank shows a deposit: post it there and clear the transfer account.

        Only where the bank's transactions are not imported: an imported one is matched with the
        transfer account by Odoo's own reconciliation.
        """
        if not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Only accountants say that a deposit has arrived."))
        self.check_access("read")
        for move in self:
            move.session_id._lock()
            transit = move.sudo()._transit_line()
            if move.kind != "deposit" or move.arrival_line_id or not transit:
                raise UserError(self.env._("This deposit is not under way."))
            company = move.company_id
            line = (
                self.env["account.bank.statement.line"]
                .sudo()
                .with_company(company)
                .with_context(no_retrieve_partner=True)
                .create(
                    {
                        "journal_id": move.sudo().bank_journal_id.id,
                        "date": company._utility_today(),
                        "amount": -move.amount,
                        "payment_ref": move.reason,
                        "counterpart_account_id": transit.account_id.id,
                    }
                )
            )
            counterpart = line.move_id.line_ids.filtered(
                lambda item, account=transit.account_id: item.account_id == account
            )
            (transit | counterpart).reconcile()
            move.sudo().arrival_line_id = line
            self.env["utility.operation"]._log(
                self.env._("Deposit arrived"), move.session_id, after=f"{dec(-move.amount, 2):f}"
            )
        return True

    def action_open_entry(self):
        """The journal entry of this movement."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.sudo().statement_line_id.move_id.id,
            "view_mode": "form",
        }
