from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec
from .utility_cash_session_close import UNSETTLED


class UtilityVend(models.Model):
    """A sale belongs to the shift it was made in; its money to the shift that took or gave it."""

    _inherit = "utility.vend"

    session_id = fields.Many2one(
        "utility.cash.session",
        "Shift",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    money_back_due = fields.Monetary(
        "Money back due",
        compute="_compute_money_back_due",
        search="_search_money_back_due",
        help="Freed by a reversal after its shift had ended: a cashier pays it in an open shift.",
    )

    @api.depends("kind", "state", "posted_at", "refund_payment_id", "amount")
    def _compute_money_back_due(self):
        freed = self.filtered_domain(self._due_domain())
        for vend in self:
            vend.money_back_due = vend._still_open() if vend in freed else 0

    def _search_money_back_due(self, operator, value):
        if (operator, value) != (">", 0):
            return NotImplemented
        # the payment methods that it depends on are not everybody's to read
        return [("id", "in", self.sudo()._search(self._due_domain()))]

    def _still_open(self):
        """How much of its money is still the customer's open credit."""
        items = self.contract_id._open_credit_lines()
        credit = -sum((dec(item.amount_residual, 2) for item in items), dec(0, 2))
        return min(dec(self.amount, 2), credit)

    @api.model
    def _due_domain(self):
        return [
            ("kind", "=", "reversal"),
            ("state", "=", "delivered"),
            ("posted_at", "!=", False),
            ("refund_payment_id", "=", False),
            ("target_meter_id", "=", False),
            # A closing pays all that its contract left open, in one sum.
            (
                "contract_id.settlement_ids",
                "not any",
                [("kind", "=", "closing"), ("payout", "=", "open")],
            ),
            "|",
            ("reversed_vend_id.payment_id", "!=", False),
            ("reversed_vend_id.incoming_id.journal_id.utility_counter", "=", True),
        ]

    # ------------------------------------------------------------ in and out

    @api.model
    def _check_money(self, company, journal, values):
        """Also the shift that takes it, which is noted among the fields of the sale."""
        result = super()._check_money(company, journal, values)
        if values.get("origin", "counter") == "counter":
            session = self.env["utility.cash.session"]._of_payment(company, journal, "inbound")
            values["session_id"] = session.id
        return result

    @api.model
    def _create_one(self, uuid, company, values, lines):
        if values.get("origin", "counter") == "counter" and "session_id" not in values:
            session = self.env["utility.cash.session"]._current(company)
            values = {**values, "session_id": session.id}
        return super()._create_one(uuid, company, values, lines)

    def _update_state(self, sources, target, **values):
        changed = super()._update_state(sources, target, **values)
        session = self.sudo().session_id
        if changed and target in UNSETTLED and session.state == "closed":
            self.env["utility.cash.uncertain"]._list_sale(session, self, after_close=True)
        return changed

    def _status(self):
        return {**super()._status(), "money_back_due": f"{dec(self.money_back_due, 2):f}"}

    def _status_words(self):
        if self.money_back_due:
            return self.env._(
                "Taken back from the meter after the shift: %s is due to the customer.",
                self._money_text(self.money_back_due),
            )
        return super()._status_words()

    # -------------------------------------------------------------- money back

    def _pay_back(self, sale):
        """From the shift in which the reversal was asked; once it has ended, the money waits."""
        payer = self._payer()
        if payer:
            self.with_user(payer).sudo()._pay_back_now(sale)

    def _pay_back_now(self, sale):
        return super()._pay_back(sale)  # pylint: disable=super-method-mismatch

    def _payer(self):
        """In whose name a scheduled action pays money back; nobody means that it waits."""
        session = self.sudo().session_id
        if session.state == "open":
            return session.user_id
        cash = self.journal_id.sudo().type == "cash"
        if session or (
            cash
            and (
                self.company_id.utility_session_required
                or self.env["utility.cash.session"]._of_drawer(self.journal_id)
            )
        ):
            return self.env["res.users"]
        return self.env.user

    def _pay_due(self, journal):
        """A cashier hands over the money that a reversal freed.

        :param journal: payment method; cash always comes out of the cashier's own drawer
        :raises UserError: nothing is due, or in words why this user may not pay now
        """
        if not self.env.user.has_group("utility_prepaid.group_cashier"):
            raise AccessError(self.env._("Only cashiers pay money back."))
        self.ensure_one()
        self.check_access("read")
        self.meter_id._lock_row()
        self.invalidate_recordset()
        if self.refund_payment_id:
            return
        if not self.money_back_due:
            raise UserError(self.env._("There is no money to give back for %s.", self.name))
        if dec(self.money_back_due, 2) != dec(self.amount, 2):
            raise UserError(
                self.env._("Part of what %s freed was settled meanwhile in the books.", self.name)
            )
        journal = journal.sudo()
        own = self.env["utility.cash.session"]._current(self.company_id)
        if journal.type == "cash" and own:
            journal = own.journal_id
        self.company_id._utility_check_open(journal)
        vend = self.sudo()
        vend.journal_id = journal
        vend._pay_back_now(vend.reversed_vend_id)
        self.env["utility.operation"]._log(
            self.env._("Money back paid"),
            self,
            meter=self.meter_id,
            vend=self,
            after=self._money_text(self.amount),
            note=journal.name,
        )
        self._notify()

    def action_pay_due(self):
        """Open the form in which the cashier pays the money back."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pay money back"),
            "res_model": "utility.vend.pay.due",
            "view_mode": "form",
            "target": "new",
            "context": {"default_vend_id": self.id},
        }
