from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.decimals import dec


class UtilityVend(models.Model):
    """One movement of credit: a sale at the counter, or what undoes it."""

    _name = "utility.vend"
    _description = "Sale"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _check_company_auto = True

    uuid = fields.Char(
        "Sale id", required=True, readonly=True, copy=False, help="Made when the form opens."
    )
    name = fields.Char("Number", readonly=True, copy=False, index="trigram")
    kind = fields.Selection(
        [
            ("sale", "Sale"),
            ("emergency", "Emergency credit"),
            ("quota", "Monthly quota"),
            ("temporary", "Temporary supply"),
            ("reversal", "Reversal"),
            ("transfer", "Transfer"),
            ("adjustment", "Adjustment"),
        ],
        required=True,
        readonly=True,
        default="sale",
    )
    # draft -> accepted -> delivered -> reversed
    # accepted -> refunded | cancelled      only if proved not charged
    # accepted -> disputed -> delivered | refunded | written_off      by a person
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("accepted", "Accepted"),
            ("delivered", "Delivered"),
            ("reversed", "Reversed"),
            ("refunded", "Refunded"),
            ("cancelled", "Cancelled"),
            ("disputed", "Disputed"),
            ("written_off", "Written off"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
    )
    contract_id = fields.Many2one("utility.contract", readonly=True, index=True)
    meter_id = fields.Many2one("utility.meter", required=True, readonly=True, index=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    site_id = fields.Many2one("utility.site", readonly=True, index=True)
    room_id = fields.Many2one("utility.room", readonly=True)
    user_id = fields.Many2one("res.users", "Cashier", readonly=True, index=True)
    journal_id = fields.Many2one("account.journal", "Payment method", readonly=True)
    utility = fields.Selection(related="meter_id.utility", store=True)
    is_test = fields.Boolean(related="contract_id.is_test", store=True)
    amount = fields.Monetary(readonly=True)
    cost = fields.Monetary("Price of the units", readonly=True)
    units = fields.Float(digits=(16, 4), readonly=True)
    credit = fields.Float("Credit sent", digits=(16, 4), readonly=True)
    price = fields.Float(digits=(16, 4), readonly=True)
    remainder_before = fields.Monetary("Carried over from the last sale", readonly=True)
    remainder_after = fields.Monetary("Carried over to the next sale", readonly=True)
    line_ids = fields.One2many("utility.vend.line", "vend_id", readonly=True)
    command_ids = fields.One2many("utility.command", "vend_id", readonly=True)
    command_id = fields.Many2one("utility.command", "Meter command", readonly=True)
    command_state = fields.Selection(related="command_id.state", string="At the meter")
    payment_id = fields.Many2one("account.payment", readonly=True)
    move_id = fields.Many2one("account.move", "Invoice", readonly=True)
    refund_payment_id = fields.Many2one("account.payment", "Money back", readonly=True)
    reversed_vend_id = fields.Many2one("utility.vend", "Reverses", readonly=True, index=True)
    reversal_ids = fields.One2many("utility.vend", "reversed_vend_id", readonly=True)
    reason = fields.Char(readonly=True)
    accepted_at = fields.Datetime(readonly=True, index=True)
    delivered_at = fields.Datetime(readonly=True)
    posted_at = fields.Datetime(readonly=True)
    purchase_number = fields.Integer(readonly=True)
    balance_before = fields.Float(digits=(16, 4), readonly=True)
    balance_after = fields.Float(digits=(16, 4), readonly=True)
    print_count = fields.Integer(readonly=True)
    posting_error = fields.Text(readonly=True)
    post_after = fields.Datetime(readonly=True)

    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "This sale was already saved.")
    _reversal_once = models.UniqueIndex(
        "(reversed_vend_id) WHERE state IN ('accepted', 'delivered', 'disputed')",
        "This sale is already being reversed.",
    )
    _unposted_idx = models.Index(
        "(id) WHERE posted_at IS NULL AND state IN ('delivered', 'reversed')"
    )

    # ---------------------------------------------------------------- gates

    def _update_state(self, sources, target, **values):
        """The one gate between states, with its line of history.

        :return: True when the state changed, False for a repeat of the same news
        :raises UserError: the sale stands in a state from which this may not happen
        """
        self.ensure_one()
        before = self.state
        if before == target:
            return False
        if before not in sources:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(name)s is %(state)s and cannot become %(target)s.",
                    name=self.name or self.uuid,
                    state=labels[before],
                    target=labels[target],
                )
            )
        self.sudo().write({"state": target, **values})
        self.env["utility.operation"]._log(
            self.env._("Sale state"),
            self,
            meter=self.meter_id,
            vend=self,
            before=before,
            after=target,
            note=f"{self.kind} {dec(self.amount, 2)} {values.get('reason') or ''}".strip(),
        )
        self._notify()
        return True

    def _command_done(self, command):
        """The meter's own record shows the order."""
        for vend in self:
            values = {
                "delivered_at": fields.Datetime.now(),
                "purchase_number": command.number,
                "balance_before": command.balance_before,
                "balance_after": command.balance_after,
            }
            if not vend._update_state(("accepted", "disputed"), "delivered", **values):
                continue
            if vend.kind == "reversal":
                sale = vend.reversed_vend_id
                sale._update_state(("delivered",), "reversed")
                contract = sale.contract_id
                contract.remainder = (
                    dec(contract.remainder, 2)
                    + dec(sale.remainder_before, 2)
                    - dec(sale.remainder_after, 2)
                )
            self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()

    def _command_failed(self, command):
        """Proved not charged. A sale keeps its money until it is sent again or given back."""
        for vend in self.filtered(lambda v: v.kind == "reversal"):
            vend._update_state(("accepted", "disputed"), "cancelled")

    def _command_disputed(self, command):
        for vend in self:
            vend._update_state(("accepted",), "disputed")

    # ----------------------------------------------------------------- sale

    @api.model
    def _lock_meter(self, meter):
        """Serialise the money of one meter: the sale and the worker's recorder take this row first."""
        self.env.cr.execute(
            SQL("SELECT id FROM utility_meter WHERE id = %s FOR NO KEY UPDATE", meter.id)
        )
        meter.invalidate_recordset(["purchase_number", "epoch", "number_known"])

    @api.model
    def _quote(self, meter, amount):
        """Price an amount of money for a meter, by the same code as the sale.

        :param amount: Decimal, money offered
        :return: (`tools.tariff.Quote`, price as Decimal)
        :raises UserError: the reason, in words, why it cannot be sold
        """
        contract = meter.contract_id
        today = meter.company_id._utility_today()
        return contract.tariff_id._quote(meter, amount, today, contract.remainder)

    @api.model
    def _sell(self, uuid, meter, amount, journal):
        """Take the money and write down what the meter must do, in one transaction.

        :param uuid: the sale's own id, made when the form opened
        :param meter: `utility.meter`
        :param amount: Decimal, money taken
        :param journal: `account.journal` of the payment method
        :return: the sale, also when the same sale was saved before
        :raises UserError: the reason in words; nothing was saved
        """
        self._lock_meter(meter)
        same = self.sudo().search([("uuid", "=", uuid)])
        if same:
            if (same.meter_id, dec(same.amount, 2), same.journal_id) != (meter, amount, journal):
                raise UserError(
                    self.env._(
                        "This sale was already saved as %(name)s with %(amount)s. "
                        "Start a new sale for another amount, meter or payment method.",
                        name=same.name,
                        amount=same._money_text(same.amount),
                    )
                )
            return same
        meter._check_sellable()
        self._check_no_open_money(meter)
        quote, price = self._quote(meter, amount)
        company = meter.company_id
        company._utility_check_open(journal)
        contract = meter.contract_id
        vend = self.sudo().with_context(tracking_disable=True).create(
            {
                "uuid": uuid,
                "name": self.env["ir.sequence"]
                .sudo()
                .with_company(company)
                .next_by_code("utility.vend"),
                "kind": "sale",
                "contract_id": contract.id,
                "meter_id": meter.id,
                "partner_id": contract.partner_id.id,
                "company_id": company.id,
                "currency_id": contract.tariff_id.currency_id.id,
                "site_id": meter.site_id.id,
                "room_id": meter.room_id.id,
                "user_id": self.env.uid,
                "journal_id": journal.id,
                "amount": amount,
                "cost": quote.cost,
                "units": quote.units,
                "credit": quote.credit,
                "price": price,
                "remainder_before": dec(contract.remainder, 2),
                "remainder_after": quote.remainder_after,
                "line_ids": [
                    fields.Command.create(
                        {
                            "sequence": sequence,
                            "kind": line.kind,
                            "name": self._line_name(line.kind, meter),
                            "quantity": line.quantity,
                            "price": line.price,
                            "amount": line.amount,
                        }
                    )
                    for sequence, line in enumerate(quote.lines)
                ],
            }
        )
        vend = vend.with_env(self.env)
        contract.sudo().remainder = quote.remainder_after
        vend.sudo().payment_id = vend._post_payment("inbound")
        vend._update_state(("draft",), "accepted", accepted_at=fields.Datetime.now())
        vend._send("charge")
        return vend

    @api.model
    def _check_no_open_money(self, meter):
        command = (
            self.env["utility.command"]
            .sudo()
            .search(
                [
                    ("meter_id", "=", meter.id),
                    ("money", "=", True),
                    ("state", "in", ("queued", "sent", "unknown", "disputed")),
                ],
                limit=1,
            )
        )
        if command:
            raise UserError(
                self.env._(
                    "Another order (%(order)s) is still on its way to this meter. "
                    "No money can be taken before it is settled.",
                    order=command.vend_id.name or command.kind,
                )
            )

    @api.model
    def _line_name(self, kind, meter):
        if kind == "units":
            return self.env._("Water") if meter.utility == "water" else self.env._("Electricity")
        labels = dict(
            self.env["utility.vend.line"]._fields["kind"]._description_selection(self.env)
        )
        return labels[kind]

    def _send(self, kind):
        """Queue the meter's order of this sale."""
        self.ensure_one()
        self.sudo().command_id = self.env["utility.command"]._enqueue(
            self.meter_id,
            kind,
            vend_id=self.id,
            credit=self.credit,
            customer_number=self.contract_id.customer_number,
        )
        self._notify()

    # ------------------------------------------------- reversal, refund, retry

    def _reverse(self, uuid, reason):
        """Ask the meter to give back the last sale; the money follows once that is proved.

        :return: the reversal (`utility.vend` of kind reversal)
        :raises UserError: in words why it cannot be reversed
        """
        self.ensure_one()
        self._lock_meter(self.meter_id)
        same = self.sudo().search([("uuid", "=", uuid)])
        if same:
            if same.reversed_vend_id != self:
                raise UserError(self.env._("This reversal was already saved for another sale."))
            return same.with_env(self.env)
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the sale is reversed."))
        refusal = self._reversal_refusal()
        if refusal:
            raise UserError(refusal)
        self.company_id._utility_check_open(self.journal_id)
        reversal = self.sudo().with_context(tracking_disable=True).create(
            {
                "uuid": uuid,
                "name": self.env["ir.sequence"]
                .sudo()
                .with_company(self.company_id)
                .next_by_code("utility.vend"),
                "kind": "reversal",
                "reversed_vend_id": self.id,
                "reason": reason.strip(),
                "user_id": self.env.uid,
                **{
                    field: self[field].id
                    for field in (
                        "contract_id",
                        "meter_id",
                        "partner_id",
                        "company_id",
                        "currency_id",
                        "site_id",
                        "room_id",
                        "journal_id",
                    )
                },
                **{
                    field: self[field] for field in ("amount", "cost", "units", "credit", "price")
                },
                # What the sale carried over is taken back, what it used is given back.
                "remainder_before": self.remainder_after,
                "remainder_after": self.remainder_before,
                "line_ids": [
                    fields.Command.create(
                        {
                            field: line[field]
                            for field in (
                                "sequence",
                                "kind",
                                "name",
                                "quantity",
                                "price",
                                "amount",
                            )
                        }
                    )
                    for line in self.line_ids
                ],
            }
        ).with_env(self.env)
        reversal._update_state(("draft",), "accepted", accepted_at=fields.Datetime.now())
        reversal._send("reverse")
        return reversal

    def _reversal_refusal(self):
        """Words why this sale cannot be reversed by this user now, or an empty text."""
        self.ensure_one()
        if self.kind != "sale" or self.state != "delivered":
            return self.env._("Only a sale that the meter has received can be reversed.")
        if self.sudo().reversal_ids.filtered(lambda r: r.state in ("accepted", "disputed")):
            return self.env._("This sale is already being reversed.")
        last = self.sudo().search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("kind", "!=", "reversal"),
                ("state", "in", ("accepted", "delivered", "reversed", "disputed")),
            ],
            order="id desc",
            limit=1,
        )
        if last != self:
            return self.env._(
                "Only the last sale can be reversed; %s came after it.", last.name
            )
        if self.purchase_number != self.meter_id.purchase_number:
            return self.env._("The meter has received something else since this sale.")
        if self.meter_id.contract_id != self.contract_id:
            return self.env._("The contract of this sale is closed.")
        limit = dec(self.company_id.utility_reversal_limit, 2)
        if (
            limit
            and dec(self.amount, 2) > limit
            and not self.env.user.has_group("utility_prepaid.group_supervisor")
        ):
            return self.env._(
                "Reversals above %s need a supervisor.", self._money_text(float(limit))
            )
        return ""

    def _refund(self, reason):
        """Give the money back for a sale that is proved not charged."""
        self.ensure_one()
        self._lock_meter(self.meter_id)
        self.invalidate_recordset()
        if self.state == "refunded":
            return
        if self.kind != "sale" or self.state not in ("accepted", "disputed"):
            raise UserError(self.env._("There is no money to give back for %s.", self.name))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the money is given back."))
        command = self.command_id
        if command.state == "queued":
            command._cancel(self.env._("Money given back before anything was sent."))
        elif command.state not in ("failed", "cancelled", "expired"):
            raise UserError(
                self.env._(
                    "It is not certain yet that the meter was not charged. %s",
                    command.message or "",
                )
            )
        self.company_id._utility_check_open(self.journal_id)
        contract = self.contract_id.sudo()
        contract.remainder = (
            dec(contract.remainder, 2)
            + dec(self.remainder_before, 2)
            - dec(self.remainder_after, 2)
        )
        payment = self._post_payment("outbound")
        self.sudo().refund_payment_id = payment
        self._reconcile(payment.move_id.line_ids | self.payment_id.sudo().move_id.line_ids)
        self._update_state(("accepted", "disputed"), "refunded", reason=reason.strip())

    def _retry(self):
        """A new order for the same sale after the former was proved not charged."""
        self.ensure_one()
        self._lock_meter(self.meter_id)
        self.invalidate_recordset()
        if not self._can_retry():
            raise UserError(self.env._("%s cannot be sent again.", self.name))
        self.meter_id._check_sellable()
        self._check_no_open_money(self.meter_id)
        self._send("charge" if self.kind == "sale" else "reverse")

    def _can_retry(self):
        return (
            self.kind == "sale"
            and self.state == "accepted"
            and self.command_id.state in ("failed", "expired", "cancelled")
        )

    def _can_refund(self):
        return (
            self.kind == "sale"
            and self.state in ("accepted", "disputed")
            and (
                self.command_id.state in ("failed", "expired", "cancelled")
                or (self.command_id.state == "queued" and not self.command_id.attempts)
            )
        )

    # --------------------------------------------------------------- the desk

    def _money_text(self, amount):
        return self.currency_id.format(amount)

    def _units_text(self, value):
        """Units as people read them: at least two decimals, no empty ones behind."""
        text = f"{dec(value):f}".rstrip("0")
        whole, __, decimals = text.partition(".")
        return f"{whole}.{decimals.ljust(2, '0')}"

    def _status(self):
        """What the counter shows of one sale; money and units as texts.

        :return: dictionary described in `utility.counter`
        """
        self.ensure_one()
        vend = self.sudo()
        command = vend.command_id
        meter = vend.meter_id
        reversal = vend.reversal_ids.filtered(lambda r: r.state != "cancelled")[:1]
        proved = vend.state in ("delivered", "reversed")
        return {
            "id": vend.id,
            "uuid": vend.uuid,
            "name": vend.name,
            "kind": vend.kind,
            "state": vend.state,
            "meter_id": meter.id,
            "vending_id": meter.vending_id,
            "room": vend.room_id.display_name or "",
            "customer": vend.partner_id.name or "",
            "amount": f"{dec(vend.amount, 2):f}",
            "units": self._units_text(vend.units),
            "unit": meter.type_id.uom_id.name or "",
            "method": vend.journal_id.name or "",
            "steps": {
                "saved": vend.state != "draft",
                "sent": bool(command.attempts),
                "answered": bool(command.answered_at) or proved,
                "proved": proved,
                "posted": bool(vend.posted_at),
            },
            "message": self._status_words(),
            "purchase_number": vend.purchase_number,
            "balance_before": self._units_text(vend.balance_before) if proved else "",
            "balance_after": self._units_text(vend.balance_after) if proved else "",
            "accepted_at": fields.Datetime.to_string(vend.accepted_at),
            "can_reverse": vend.kind == "sale"
            and not reversal
            and not self._reversal_refusal(),
            "can_refund": self._can_refund(),
            "can_retry": self._can_retry(),
            "reversal": {
                "id": reversal.id,
                "name": reversal.name,
                "state": reversal.state,
                "message": reversal._status_words(),
            }
            if reversal
            else False,
            "print_count": vend.print_count,
        }

    def _status_words(self):
        """One sentence about where the sale stands."""
        vend = self.sudo()
        command = vend.command_id
        if vend.state == "refunded":
            return self.env._("Money given back.")
        if vend.state == "reversed":
            return self.env._("Reversed.")
        if vend.state == "delivered":
            if vend.kind == "reversal":
                return self.env._("Taken back from the meter: give the money back.")
            return self.env._("The meter has received it.")
        if vend.state == "cancelled":
            return command.message or self.env._("Cancelled.")
        if command.hold_reason:
            return command.hold_reason
        if command.state == "queued" and not command.attempts:
            return vend.meter_id._sell_warning() or self.env._("Waiting for the meter's line.")
        if command.state == "failed":
            return self.env._("Not charged: %s", command.message or "")
        if command.state in ("unknown", "queued"):
            return command.message or self.env._("No answer yet: the meter is being asked.")
        if command.state == "disputed":
            return self.env._("A person must decide: %s", command.message or "")
        return command.message or self.env._("On its way to the meter.")

    def _notify(self):
        """Send each sale's status to its cashier's screen, at commit."""
        for vend in self.filtered(lambda v: v.user_id and v.state != "draft"):
            user = vend.user_id
            status = vend.with_user(user).with_context(lang=user.lang)._status()
            user._bus_send("utility_prepaid/vend", status)
            if vend.reversed_vend_id:
                vend.reversed_vend_id._notify()

    def _count_print(self, paper):
        """Count and log one print of the receipt.

        :return: {"url", "copy"}; copy 0 is the original
        """
        self.ensure_one()
        if self.state == "draft":
            raise UserError(self.env._("There is nothing to print yet."))
        vend = self.sudo().try_lock_for_update()
        if not vend:
            raise UserError(self.env._("The sale is being changed: try again."))
        vend.print_count += 1
        copy = vend.print_count - 1
        self.env["utility.operation"]._log(
            self.env._("Receipt printed"),
            self,
            meter=self.meter_id,
            vend=self,
            after=paper,
            note=self.env._("Copy %s", copy) if copy else self.env._("Original"),
        )
        return {"url": f"/utility/receipt/{self.id}?paper={paper}", "copy": copy}

    # ---------------------------------------------------------------- actions

    def action_open_documents(self):
        """Journal entries and payments of this sale."""
        self.ensure_one()
        moves = self.move_id | self.payment_id.move_id | self.refund_payment_id.move_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Journal entries"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }
