from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec

RESULTS = frozenset(("state", "stopped", "move_id", "bank_done", "unspent"))
FIXED = frozenset(("payment_id", "transfer_id", "kind", "date", "reason"))
RELEASERS = ("utility_prepaid.group_accountant", "utility_prepaid.group_supervisor")


class UtilityPaymentReturn(models.Model):
    """Money that the bank or the acquirer took back: a chargeback, a transfer that bounced.

    The meter keeps the credit, so the customer owes it: the invoices that the payment had settled
    are open again, the next sale recovers them as arrears, and until they are paid nothing is sold
    under the contract unless a person says so.

    draft -> posted
    """

    _name = "utility.payment.return"
    _description = "Returned Payment"
    _inherit = ["mail.thread"]
    _order = "date desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        readonly=True, required=True, copy=False, default=lambda self: self.env._("New")
    )
    kind = fields.Selection(
        [("chargeback", "Chargeback"), ("bounced", "Bounced bank transfer")],
        required=True,
        default="chargeback",
    )
    payment_id = fields.Many2one(
        "account.payment",
        check_company=True,
        index=True,
        ondelete="restrict",
        domain="[('payment_type', '=', 'inbound'), ('partner_type', '=', 'customer')]",
    )
    transfer_id = fields.Many2one(
        "account.bank.statement.line",
        "Bank transfer",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        domain="[('utility_incoming_ids', '!=', False)]",
        help="The line of a bank statement that the money was taken from, without a payment.",
    )
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, precompute=True, index=True
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_amount", compute_sudo=True)
    contract_id = fields.Many2one(
        "utility.contract", compute="_compute_contract_id", store=True, index=True
    )
    partner_id = fields.Many2one(related="contract_id.partner_id", string="Customer")
    vend_id = fields.Many2one(
        "utility.vend", "Sale", compute="_compute_contract_id", store=True, index="btree_not_null"
    )
    amount = fields.Monetary(compute="_compute_amount", compute_sudo=True)
    date = fields.Date(required=True, default=lambda self: self.env.company._utility_today())
    reason = fields.Char(required=True)
    state = fields.Selection(
        [("draft", "Draft"), ("posted", "Posted")],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        index=True,
        tracking=True,
    )
    stopped = fields.Boolean(
        "Sales stopped",
        readonly=True,
        copy=False,
        help="Nothing is sold under the contract until what is open again is paid.",
    )
    unspent = fields.Monetary(
        readonly=True, copy=False, help="What of it had been carried to the next sale."
    )
    owed = fields.Monetary("Owed under the contract", compute="_compute_owed")
    move_id = fields.Many2one(
        "account.move", "Journal entry", readonly=True, copy=False, index="btree_not_null"
    )
    statement_line_id = fields.Many2one(
        "account.bank.statement.line",
        "Bank transaction",
        copy=False,
        check_company=True,
        domain="[('is_reconciled', '=', False), ('amount', '<', 0)]",
        help="The bank's line that took the money back. An acquirer that takes it from its next "
        "settlement names it in that list instead.",
    )
    bank_done = fields.Boolean("Seen at the bank", readonly=True, copy=False)

    _one_source = models.Constraint(
        "CHECK(num_nonnulls(payment_id, transfer_id) = 1)",
        "Choose the payment, or the bank transfer, that was returned.",
    )
    _payment_once = models.UniqueIndex(
        "(payment_id) WHERE state = 'posted'", "This payment was returned already."
    )
    _transfer_once = models.UniqueIndex(
        "(transfer_id) WHERE state = 'posted'", "This payment was returned already."
    )

    @api.depends("payment_id", "transfer_id")
    def _compute_company_id(self):
        for record in self:
            record.company_id = (record.payment_id or record.transfer_id).company_id

    @api.depends("payment_id", "transfer_id")
    def _compute_amount(self):
        for record in self:
            source = record.payment_id or record.transfer_id
            record.currency_id = source.currency_id
            record.amount = source.amount

    @api.depends("payment_id", "transfer_id")
    def _compute_contract_id(self):
        for record in self:
            payment, incoming = record.payment_id.sudo(), record._incoming()
            record.contract_id = incoming.contract_id or payment.utility_contract_id
            record.vend_id = incoming.vend_id or payment.utility_vend_id

    @api.depends("state", "move_id.line_ids.amount_residual")
    def _compute_owed(self):
        for record in self:
            record.owed = sum(
                (amount for __, amount in record.contract_id._arrears())
                if record.contract_id and record.state == "posted"
                else ()
            )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if RESULTS.intersection(vals) and not self.env.su:
                raise UserError(self.env._("A returned payment starts as a draft."))
            vals["name"] = self.env["ir.sequence"].sudo().next_by_code("utility.payment.return")
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            posted = self.filtered(lambda record: record.state != "draft")
            if RESULTS.intersection(vals) or (posted and FIXED.intersection(vals)):
                raise UserError(self.env._("A posted return is not changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        if self.filtered(lambda record: record.state != "draft"):
            raise UserError(self.env._("A posted return is not deleted."))

    # ---------------------------------------------------------------- actions

    def action_post(self):
        """Book that the money is gone, open what it had settled, and stop sales.

        :raises UserError: returned before, or the sale itself is not settled yet
        """
        self.env["utility.acquirer"]._check_accountant()
        for record in self:
            record._post()
        return True

    def action_pay(self):
        """Reconcile with the bank's line that took the money."""
        self.env["utility.acquirer"]._check_accountant()
        for record in self:
            if record.state != "posted" or not record.statement_line_id:
                raise UserError(self.env._("Post the return and choose the bank transaction."))
            record.statement_line_id.sudo()._utility_settle(record.sudo()._bank_item())
            record.sudo().bank_done = True
        return True

    def action_release(self):
        """Let sales go on: the next ones recover the debt as arrears.

        :raises AccessError: neither accountant nor supervisor
        :raises UserError: nothing is stopped
        """
        if not any(map(self.env.user.has_group, RELEASERS)):
            raise AccessError(self.env._("Only supervisors and accountants let sales go on."))
        for record in self:
            record.check_access("read")
            if not record.stopped:
                raise UserError(self.env._("%s does not stop sales.", record.name))
            record.sudo().stopped = False
            record._log(self.env._("Sales go on after a returned payment"))
        return True

    # --------------------------------------------------------------- business

    def _post(self):
        self.ensure_one()
        record = self.sudo()
        if record.contract_id:
            record.contract_id.meter_id._lock_row()
        record.lock_for_update()
        record.invalidate_recordset(["state"])
        # what the money bought may have changed since the draft
        record._compute_contract_id()
        contract, vend = record.contract_id, record.vend_id
        contract.invalidate_recordset(["remainder"])
        if record.state != "draft":
            raise UserError(self.env._("%s was posted already.", self.name))
        if record.payment_id.payment_type not in ("inbound", False) or not contract:
            raise UserError(self.env._("Choose a payment that the desk took."))
        if record.payment_id and record.payment_id.state not in ("in_process", "paid"):
            raise UserError(self.env._("This payment is not posted."))
        same = [(name, "=", record[name].id) for name in ("payment_id", "transfer_id")]
        if record.search_count([*same, ("state", "=", "posted")]):
            raise UserError(self.env._("This payment was returned already."))
        account, amount = record.company_id.utility_account_id, dec(record.amount, 2)
        taken, held = record._taken(), record._held_account()
        if not held or -dec(sum(taken.mapped("balance")), 2) != amount:
            raise UserError(self.env._("This payment does not stand on the customers' account."))
        unspent = dec(0, 2)
        if vend.kind == "sale" and vend.state in ("accepted", "disputed"):
            vend._money_is_gone(record.reason)
        elif vend.kind == "sale" and vend.state == "delivered":
            if not vend.posted_at:
                vend._post()
            # What of it was carried over is the customer's credit no longer.
            unspent = min(-dec(taken.amount_residual, 2), dec(contract.remainder, 2))
            contract.remainder = dec(contract.remainder, 2) - unspent
        for incoming in record._incoming():
            if incoming.state in ("waiting", "held") or vend.state == "refunded":
                incoming._move_to("given_back", reason=record.reason)
        taken.remove_move_reconcile()
        labels = dict(self._fields["kind"]._description_selection(self.env))
        payment, transfer = record.payment_id, record.transfer_id
        source = payment.memo or payment.name or transfer.payment_ref
        words = f"{labels[record.kind]} {source}"
        payer = payment.partner_id or transfer.partner_id
        move = self.env["utility.ledger"]._entry(
            record.company_id,
            record.date,
            source,
            [
                (account, amount, taken.partner_id[:1], words),
                (held, -amount, payer, words),
            ],
            # not the sale's own: what undoes the sale must not undo this
            contract=contract,
        )
        self.env["utility.ledger"]._reconcile(move.line_ids | taken)
        record.write(
            {
                "state": "posted",
                "move_id": move.id,
                "unspent": unspent,
                "stopped": bool(contract._arrears()),
            }
        )
        self._log(self.env._("Payment returned"))

    def _taken(self):
        """The credit on the customers' account that the money was, or became."""
        moves = self._incoming().move_id or self.payment_id.move_id
        account = self.company_id.utility_account_id
        return moves.line_ids.filtered(lambda line: line.account_id == account and line.balance < 0)

    def _held_account(self):
        """Where the money is missed until the bank's line shows that it is gone."""
        if self.payment_id:
            return self.payment_id.outstanding_account_id
        methods = self.transfer_id.journal_id.outbound_payment_method_line_ids
        return methods.payment_account_id[:1] or self.company_id.transfer_account_id

    def _incoming(self):
        """The money that came by itself with this payment, if it did."""
        source = (
            ("payment_id", "=", self.payment_id.id)
            if self.payment_id
            else ("statement_line_id", "=", self.transfer_id.id)
        )
        if not source[2]:
            return self.env["utility.incoming"]
        return self.env["utility.incoming"].sudo().search([source])

    def _bank_item(self):
        """The item that the bank's line settles."""
        account = self.company_id.utility_account_id
        return self.move_id.line_ids.filtered(lambda line: line.account_id != account)

    def _log(self, action):
        self.env["utility.operation"]._log(
            action,
            self,
            meter=self.contract_id.meter_id,
            vend=self.vend_id,
            after=f"{dec(self.amount, 2)}",
            note=self.reason,
        )
