from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.decimals import dec

ENDED = ("done", "failed", "cancelled", "expired")


class UtilityIncoming(models.Model):
    """Money that came without a cashier: stored at once, sold as soon as it can be sold.

    It is in the books from the first moment, as an open credit of the customer. What cannot be sold
    now waits in order of arrival; what will not be sold by waiting is a person's.
    """

    _name = "utility.incoming"
    _description = "Incoming Money"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _rec_name = "reference"
    _check_company_auto = True

    uuid = fields.Char("Payment id", required=True, readonly=True, copy=False)
    reference = fields.Char(
        required=True,
        readonly=True,
        index="trigram",
        help="By what its sender knows this payment. The same reference is the same payment.",
    )
    origin = fields.Selection(
        [("counter", "Counter"), ("batch", "Batch"), ("automatic", "Automatic")],
        required=True,
        readonly=True,
        default="automatic",
    )
    # waiting -> sold | held          held -> waiting | given_back
    # sold -> held | given_back      when the sale is proved not charged, or taken back
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("held", "Waits for a person"),
            ("sold", "Sold"),
            ("given_back", "Given back"),
        ],
        required=True,
        readonly=True,
        default="waiting",
        index=True,
    )
    reason = fields.Text("Why it waits", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    meter_id = fields.Many2one("utility.meter", readonly=True, index=True, ondelete="restrict")
    contract_id = fields.Many2one("utility.contract", readonly=True, index=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, index=True)
    journal_id = fields.Many2one(
        "account.journal", "Payment method", required=True, readonly=True, check_company=True
    )
    amount = fields.Monetary(readonly=True)
    user_id = fields.Many2one("res.users", "Entered by", readonly=True)
    received_at = fields.Datetime("Received at", readonly=True, default=fields.Datetime.now)
    payment_id = fields.Many2one("account.payment", readonly=True)
    statement_line_id = fields.Many2one(
        "account.bank.statement.line", "Statement line", readonly=True, index="btree_not_null"
    )
    move_id = fields.Many2one(
        "account.move",
        "Journal entry",
        readonly=True,
        index="btree_not_null",
        help="Where the money stands to the customer's credit.",
    )
    vend_id = fields.Many2one("utility.vend", "Sale", readonly=True, index="btree_not_null")
    vend_ids = fields.One2many("utility.vend", "incoming_id", "All its sales")
    refund_payment_id = fields.Many2one("account.payment", "Money back", readonly=True)
    attempts = fields.Integer(readonly=True)
    next_try_at = fields.Datetime("Next try at", readonly=True)

    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "This payment was already stored.")
    _reference_uniq = models.Constraint(
        "UNIQUE(journal_id, reference)", "This payment was already stored."
    )
    _waiting_idx = models.Index("(meter_id, id) WHERE state = 'waiting'")

    # ----------------------------------------------------------------- gates

    def _move_to(self, target, **values):
        """The one gate between states, with its line of history."""
        self.ensure_one()
        before = self.state
        self.sudo().write({"state": target, **values})
        if before != target:
            self.env["utility.operation"]._log(
                self.env._("Incoming money"),
                self,
                meter=self.meter_id,
                vend=self.vend_id,
                before=before,
                after=target,
                note=f"{dec(self.amount, 2)} {self.reference} {values.get('reason') or ''}".strip(),
            )
            if before == "held":
                self.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    def _lock(self):
        """The meter's row first, as everywhere, then this one."""
        self.ensure_one()
        if self.meter_id:
            self.meter_id._lock_row()
        self.lock_for_update()
        self.invalidate_recordset()

    # --------------------------------------------------------------- selling

    @api.model
    def _cron_sell(self, limit=1000):
        """Sell what waits, oldest first, a payment a commit."""
        self.env["ir.cron"]._utility_work_off(
            self._due()[:limit],
            lambda one: one._work(),
            lambda one, error: one._refused(str(error)),
        )

    @api.model
    def _due(self):
        """The oldest payment of each meter that may be charged now."""
        waiting = self.search(
            Domain("state", "=", "waiting")
            & (
                Domain("next_try_at", "=", False)
                | Domain("next_try_at", "<=", fields.Datetime.now())
            ),
            order="id",
        )
        seen = set(self._busy(waiting.meter_id).ids)
        due = []
        for one in waiting:
            if one.meter_id.id not in seen:
                # Money that is nobody's yet waits for no other.
                seen.update(one.meter_id.ids)
                due.append(one.id)
        return self.browse(due)

    @api.model
    def _busy(self, meters):
        """Which of these meters have an order under way, or a paid sale that is not settled."""
        commands = (
            self.env["utility.command"]
            .sudo()
            .search(
                [
                    ("meter_id", "in", meters.ids),
                    ("money", "=", True),
                    ("state", "not in", ENDED),
                ]
            )
        )
        unsettled = (
            self.env["utility.vend"]
            .sudo()
            .search(
                [
                    ("meter_id", "in", meters.ids),
                    ("kind", "=", "sale"),
                    ("state", "in", ("accepted", "disputed")),
                ]
            )
        )
        return (commands.meter_id | unsettled.meter_id).with_env(meters.env)

    def _work(self):
        """Sell this money if it can be sold now; else it waits, or a person is told.

        :return: the sale, maybe empty
        """
        self._lock()
        if self.state != "waiting":
            return self.vend_id
        try:
            # Before anything else: the money is in the books wherever it goes.
            with self.env.cr.savepoint():
                self._place_money()
        except UserError as error:
            return self._refused(str(error))
        if not self._stands_open():
            return self._settled_otherwise()
        meter = self.meter_id
        contract = meter.contract_id
        if not meter or not self.contract_id:
            return self._hold(self.env._("It is not known for which contract this money is."))
        if contract != self.contract_id:
            return self._hold(
                self.env._(
                    "Contract %s, for which the money came, is closed.", self.contract_id.name
                )
                if not contract
                else self.env._(
                    "The money came for contract %(then)s; the meter is now under contract "
                    "%(now)s.",
                    then=self.contract_id.name,
                    now=contract.name,
                )
            )
        vends = self.env["utility.vend"].sudo()
        try:
            vends._check_no_open_money(meter)
            self._check_order()
        except UserError as error:
            self.sudo().reason = str(error)
            return self.vend_id
        try:
            with self.env.cr.savepoint():
                vend = vends._sell(
                    self._sale_uuid(),
                    meter,
                    dec(self.amount, 2),
                    self.journal_id,
                    origin=self.origin,
                    incoming_id=self.id,
                    user_id=self.user_id.id,
                    # Its money is in no drawer, whoever does this in whatever shift.
                    session_id=False,
                )
        except UserError as error:
            return self._refused(str(error))
        self._mark(vend)
        self._move_to("sold", reason=False, next_try_at=False)
        return vend

    def _settled_otherwise(self):
        """The end of a contract pays out all that stands to the customer's credit."""
        self._move_to(
            "given_back",
            reason=self.env._("It was settled in the books, as when a contract ends."),
            next_try_at=False,
        )
        return self.vend_id

    def _mark(self, vend):
        """Write down which sale this money bought, also where acquirers and the bank ask for it."""
        one = self.sudo()
        one.vend_id = vend
        if one.payment_id.move_id == one.move_id:
            one.payment_id.utility_vend_id = vend
            one.move_id.utility_vend_id = vend

    def _check_order(self):
        """Money for a meter is sold in the order in which it came.

        :raises UserError: earlier money waits for the same meter
        """
        former = self.sudo().search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("state", "=", "waiting"),
                ("id", "<", self.id),
                "|",
                ("next_try_at", "=", False),
                ("next_try_at", "<=", fields.Datetime.now()),
            ],
            limit=1,
        )
        if former:
            raise UserError(self.env._("Payment %s came before it.", former.reference))

    def _sale_uuid(self):
        """A sale that was undone leaves its id behind."""
        sold = len(self.sudo().vend_ids)
        return f"{self.uuid}-{sold}" if sold else self.uuid

    def _refused(self, words):
        """It cannot be sold now: try again with growing pauses, then a person decides."""
        company = self.company_id
        if self.attempts >= company.utility_retry_count:
            return self._hold(words)
        pause = company.utility_retry_minutes * 2**self.attempts
        at = fields.Datetime.add(fields.Datetime.now(), minutes=pause)
        self.sudo().write({"reason": words, "attempts": self.attempts + 1, "next_try_at": at})
        self.env.ref("utility_prepaid.ir_cron_sell_incoming").sudo()._trigger(at=at)
        return self.vend_id

    def _hold(self, words):
        """Only a person can tell what becomes of this money."""
        self._move_to("held", reason=words, next_try_at=False)
        self.sudo().activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Money that cannot be sold"),
            note=words,
            user_id=self.company_id._utility_person("supervisor").id,
        )
        return self.vend_id

    def _freed(self, words):
        """Its sale was undone and the money is the customer's again: a person decides."""
        self.ensure_one()
        self._mark(self.env["utility.vend"])
        self.sudo().attempts = 0
        self._hold(words)

    def _paid_out(self, payment):
        """Its sale was undone and the money went back.

        :param payment: outbound `account.payment`; empty when the bank took it by itself
        """
        for one in self.filtered(lambda one: one.state == "sold"):
            one._move_to("given_back", refund_payment_id=payment.id)

    @api.model
    def _wake_waiting(self, meter):
        """A meter became free: money may wait for it."""
        if meter and self.sudo().search_count(
            [("meter_id", "=", meter.id), ("state", "=", "waiting")], limit=1
        ):
            self.env.ref("utility_prepaid.ir_cron_sell_incoming").sudo()._trigger()

    @api.model
    def _waiting_words(self, meter):
        """What a cashier tells a customer whose money is here and not on the meter yet."""
        waiting = self.sudo().search(
            [("meter_id", "=", meter.id), ("state", "in", ("waiting", "held"))]
        )
        if not waiting:
            return ""
        return self.env._(
            "%(amount)s that came by itself waits for this meter. %(words)s",
            amount=waiting.currency_id.format(sum(waiting.mapped("amount"))),
            words=waiting[-1:].reason or "",
        )
