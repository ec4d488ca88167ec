from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec

# What a reversal has in common with its sale.
OF_THE_SALE = (
    "contract_id",
    "meter_id",
    "partner_id",
    "currency_id",
    "site_id",
    "room_id",
    "journal_id",
)
SAME_IN_REVERSAL = (
    "policy",
    "amount",
    "cost",
    "fee_amount",
    "arrears_amount",
    "units",
    "credit",
    "price",
    "value",
)


class UtilityVend(models.Model):
    """What the desk does with a sale: sell, reverse, give money back, send again."""

    _inherit = "utility.vend"

    # ----------------------------------------------------------------- sale

    @api.model
    def _sell(self, uuid, meter, amount, journal, **values):
        """Take the money and write down what the meter must do, in one transaction.

        :param uuid: the sale's own id, made when the form opened
        :param meter: `utility.meter`
        :param amount: Decimal, money taken
        :param journal: `account.journal` of the payment method
        :param values: further fields of the sale, such as its origin
        :return: the sale, also when the same sale was saved before
        :raises UserError: the reason in words; nothing was saved
        """
        meter._lock_row()
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
        self._check_money(company, journal, values)
        contract = meter.contract_id
        vend = self._create_one(
            uuid,
            company,
            {
                "kind": "sale",
                "contract_id": contract.id,
                "meter_id": meter.id,
                "partner_id": contract.partner_id.id,
                "currency_id": contract.tariff_id.currency_id.id,
                "site_id": meter.site_id.id,
                "room_id": meter.room_id.id,
                "journal_id": journal.id,
                "amount": amount,
                "cost": quote.cost,
                "fee_amount": quote.fees,
                "arrears_amount": quote.arrears,
                "units": quote.units,
                "credit": quote.credit,
                "price": price,
                "remainder_before": dec(contract.remainder, 2),
                "remainder_after": quote.remainder_after,
                **values,
            },
            self._quote_line_values(quote, meter),
        )
        contract.sudo().remainder = quote.remainder_after
        vend._take_money()
        vend._update_state(("draft",), "accepted", accepted_at=fields.Datetime.now())
        vend._send("charge")
        return vend

    @api.model
    def _check_money(self, company, journal, values):
        """Refuse money that the books could not take.

        :param values: further fields of the sale to be made
        :raises UserError: the reason in words
        """
        company._utility_check_open(journal)

    def _take_money(self):
        """Post the money that the cashier takes."""
        self.sudo().payment_id = self._post_payment("inbound")

    @api.model
    def _create_one(self, uuid, company, values, lines):
        """A draft of this cashier with its number and its lines.

        :param values: further fields, meter_id among them; a policy in them is kept
        :param lines: list of dictionaries in their order
        """
        number = self.env["ir.sequence"].sudo().with_company(company).next_by_code("utility.vend")
        vend = self.sudo().with_context(tracking_disable=True)
        meter = self.env["utility.meter"].sudo().browse(values["meter_id"])
        return vend.create(
            {
                "uuid": uuid,
                "name": number,
                "company_id": company.id,
                "user_id": self.env.uid,
                "policy": company._utility_policy(meter.utility, company._utility_today()),
                "line_ids": [
                    fields.Command.create({"sequence": sequence, **line})
                    for sequence, line in enumerate(lines)
                ],
                **values,
            }
        ).with_env(self.env)

    @api.model
    def _check_no_open_money(self, meter, but=None):
        """Refuse money while an order is on its way, or while a paid sale is not settled.

        :param but: the sale that is being sent again
        :raises UserError: with the order or the sale to be settled first
        """
        command = self.env["utility.command"]._open_money(meter)
        if command:
            raise UserError(
                self.env._(
                    "Another order (%(order)s) is still on its way to this meter. "
                    "No money can be taken before it is settled.",
                    order=command.vend_id.name or command.display_name,
                )
            )
        # What it carried over must not be spent: its money may still go back.
        paid = self.sudo().search(
            [
                ("meter_id", "=", meter.id),
                ("kind", "=", "sale"),
                ("state", "in", ("accepted", "disputed")),
                ("id", "!=", but.id if but else 0),
            ],
            limit=1,
        )
        if paid:
            raise UserError(
                self.env._(
                    "%(sale)s was paid and is not on the meter. Send it again or give the money "
                    "back first.",
                    sale=paid.name,
                )
            )

    def _send(self, kind):
        """Queue the meter's order of this sale."""
        self.ensure_one()
        self.sudo().command_id = self.env["utility.command"]._enqueue(
            self.meter_id,
            kind,
            vend_id=self.id,
            credit=abs(self.credit),
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
        self.meter_id._lock_row()
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
        approval = self._check_voiding_alone("reversal")
        self._check_payable()
        reversal = self._create_one(
            uuid,
            self.company_id,
            {
                "kind": "reversal",
                "reversed_vend_id": self.id,
                "reason": reason.strip(),
                # What the sale carried over is taken back, what it used is given back.
                "remainder_before": self.remainder_after,
                "remainder_after": self.remainder_before,
                **{field: self[field].id for field in OF_THE_SALE},
                **{field: self[field] for field in SAME_IN_REVERSAL},
            },
            self.line_ids.copy_data(),
        )
        reversal._update_state(("draft",), "accepted", accepted_at=fields.Datetime.now())
        reversal._send("reverse")
        approval._use(reversal)
        return reversal

    def _is_reversible(self):
        """Whether a movement of this kind can be taken back at all."""
        return self.kind == "sale"

    def _reversal_refusal(self):
        """Words why this sale cannot be reversed by this user now, or an empty text."""
        self.ensure_one()
        if not self._is_reversible() or self.state != "delivered":
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
            return self.env._("Only the last sale can be reversed; %s came after it.", last.name)
        if self.purchase_number != self.meter_id.purchase_number:
            return self.env._("The meter has received something else since this sale.")
        if self.meter_id.contract_id != self.contract_id:
            return self.env._("The contract of this sale is closed.")
        return ""

    def _refund(self, reason):
        """Give the money back for a sale that is proved not charged."""
        self.ensure_one()
        self.meter_id._lock_row()
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
        approval = self._check_voiding_alone("refund")
        self._check_payable()
        contract = self.contract_id.sudo()
        contract.remainder = (
            dec(contract.remainder, 2)
            + dec(self.remainder_before, 2)
            - dec(self.remainder_after, 2)
        )
        self._refund_money(reason.strip())
        approval._use(self)

    def _check_payable(self):
        """Refuse to begin what would end in money that cannot be paid out.

        :raises UserError: the reason in words
        """
        self.company_id._utility_check_open(self.journal_id)

    def _refund_money(self, reason):
        """Pay out the money of a sale that is proved not charged."""
        payment = self._post_payment("outbound")
        self.sudo().refund_payment_id = payment
        self._reconcile(payment.move_id.line_ids | self._money_lines())
        self._update_state(("accepted", "disputed"), "refunded", reason=reason)

    def _retry(self):
        """A new order for the same sale after the former was proved not charged."""
        self.ensure_one()
        self.meter_id._lock_row()
        self.invalidate_recordset()
        if not self._can_retry():
            raise UserError(self.env._("%s cannot be sent again.", self.name))
        self._check_sendable()
        self._check_no_open_money(self.meter_id, but=self)
        self._send(self._order_kind())

    def _check_sendable(self):
        """Refuse what the meter cannot get now.

        :raises UserError: with words for whoever sends it
        """
        self.meter_id._check_sellable()

    def _order_kind(self):
        """The money command that carries this movement to the meter."""
        return "reverse" if self.kind == "reversal" else "charge"

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
