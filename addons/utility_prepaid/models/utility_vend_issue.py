from decimal import Decimal
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec, floor_to, is_multiple, round_places, text

SETTLED = ("failed", "cancelled", "expired")


class Issue(NamedTuple):
    """What holds for a kind of credit that is given without money.

    ``groups``: who may give it by hand, any of them; none for what only the product itself gives.
    ``contract``: the meter needs an active contract (True), must have none (False), or what gives
    it looks after that itself (None).
    """

    groups: tuple
    contract: bool | None


ISSUES = {
    "emergency": Issue(("group_emergency",), True),
    "temporary": Issue(("group_supervisor", "group_engineer"), False),
    "quota": Issue((), True),
    "adjustment": Issue(("group_supervisor", "group_manager"), True),
    "transfer": Issue((), None),
}


class UtilityVend(models.Model):
    """Credit that reaches a meter, or leaves it, without money at the counter."""

    _inherit = "utility.vend"

    asked = fields.Float(
        "Asked for",
        digits=(16, 4),
        readonly=True,
        help="What was asked for: money of an emergency credit, else what the meter counts.",
    )
    can_retry_issue = fields.Boolean(compute="_compute_can_settle_issue")
    can_cancel_issue = fields.Boolean(compute="_compute_can_settle_issue")
    value = fields.Monetary(
        "Worth", readonly=True, help="What it is worth at the price of the day, also when free."
    )

    @api.depends("kind", "state", "command_state")
    def _compute_can_settle_issue(self):
        for vend in self:
            vend.can_retry_issue = vend.kind in ISSUES and vend._can_retry()
            vend.can_cancel_issue = vend._can_cancel()

    # ---------------------------------------------------------------- giving

    @api.model
    def _issue(self, uuid, kind, meter, quantity, reason="", cost=0, **values):
        """Write down credit without money and what the meter must do, in one transaction.

        Whoever calls it looks after the rights.

        :param uuid: the movement's own id, made when the form opened
        :param kind: one of ISSUES
        :param meter: `utility.meter`
        :param quantity: Decimal. Emergency credit: money. Else units on paper, on a meter that
            counts money: money; below zero takes off (adjustment only)
        :param reason: why; needed for everything that a person gives
        :param cost: Decimal, the value at which an adjustment is booked, borne by the company; zero
            changes the meter only
        :param values: further fields, such as the month of a quota or the contract of a transfer
        :return: the movement, also when the same was saved before
        :raises UserError: the reason in words; nothing was saved
        """
        meter._lock_row()
        quantity = dec(quantity)
        same = self.sudo().search([("uuid", "=", uuid)])
        if same:
            if (same.kind, same.meter_id, dec(same.asked)) != (kind, meter, quantity):
                raise UserError(
                    self.env._(
                        "This was already saved as %(name)s. Start anew for another meter or "
                        "another quantity.",
                        name=same.name,
                    )
                )
            return same.with_env(self.env)
        reason = (reason or "").strip()
        if ISSUES[kind].groups and not reason:
            raise UserError(self.env._("Say why it is given without money."))
        self._check_issuable(meter, kind, quantity)
        self._check_no_open_money(meter)
        priced, lines = getattr(self, f"_price_{kind}", self._price_credit)(meter, quantity, cost)
        contract = meter.contract_id
        vend = self._create_one(
            uuid,
            meter.company_id,
            {
                "kind": kind,
                "contract_id": contract.id,
                "meter_id": meter.id,
                "partner_id": contract.partner_id.id,
                "currency_id": meter.company_id.currency_id.id,
                "site_id": meter.site_id.id,
                "room_id": meter.room_id.id,
                "reason": reason,
                "asked": quantity,
                **priced,
                **values,
            },
            lines,
        )
        vend._update_state(("draft",), "accepted", accepted_at=fields.Datetime.now())
        vend._send(vend._order_kind())
        return vend

    @api.model
    def _check_issue_right(self, kind):
        """Refuse who may not give this kind by hand.

        :raises AccessError: no right
        """
        if not self._may_issue(kind):
            raise AccessError(self.env._("You may not give credit of this kind."))

    @api.model
    def _may_issue(self, kind):
        return self._has_group(*ISSUES[kind].groups)

    def _check_settle_right(self):
        """Refuse who may neither send again nor cancel this credit that did not reach the meter.

        :raises AccessError: no right
        """
        if not self._has_group(*ISSUES[self.kind].groups, "group_supervisor", "group_manager"):
            raise AccessError(self.env._("You may not decide about credit of this kind."))

    @api.model
    def _has_group(self, *names):
        return any(self.env.user.has_group(f"utility_prepaid.{name}") for name in names)

    @api.model
    def _check_issuable(self, meter, kind, quantity):
        """Refuse what this meter cannot get now.

        :raises UserError: with words for whoever gives it
        """
        _ = self.env._
        if quantity == 0 or (quantity < 0 and kind != "adjustment"):
            raise UserError(_("The quantity must be above zero."))
        if ISSUES[kind].contract:
            meter._check_sellable()
        else:
            meter._check_chargeable()
        if ISSUES[kind].contract is False and meter.contract_id:
            raise UserError(
                _(
                    "Meter %(meter)s has contract %(contract)s: temporary supply is for meters "
                    "without one.",
                    meter=meter.vending_id,
                    contract=meter.contract_id.name,
                )
            )
        if kind == "temporary" and not meter._takes("preset"):
            raise UserError(_("Meter %(meter)s takes no temporary supply.", meter=meter.vending_id))
        if kind == "temporary":
            self._check_temporary_limit(meter, quantity)
        if quantity < 0:
            if not meter._takes("reverse"):
                raise UserError(
                    _("Nothing can be taken off meter %(meter)s.", meter=meter.vending_id)
                )
            refusal = meter._reverse_refusal(abs(self._credit_of(meter, quantity)[1]))
            if refusal:
                raise UserError(refusal)

    @api.model
    def _check_temporary_limit(self, meter, quantity):
        """Refuse temporary supply above what the company allows since the last contract.

        :raises UserError: with what was given already
        """
        limit = dec(meter.company_id.utility_temporary_limit)
        if not limit:
            return
        given = self.sudo().search(
            [
                ("meter_id", "=", meter.id),
                ("kind", "=", "temporary"),
                ("state", "in", ("accepted", "delivered", "disputed")),
            ]
        )
        since = meter.contract_ids.filtered("date_close").mapped("date_close")
        if since:
            given = given.filtered(lambda vend: vend._local_date(vend.accepted_at) >= max(since))
        before = sum((dec(vend.asked) for vend in given), Decimal(0))
        if before + quantity > limit:
            raise UserError(
                self.env._(
                    "Temporary supply of a meter goes up to %(limit)s; %(given)s was given.",
                    limit=self._units_text(limit),
                    given=self._units_text(before),
                )
            )

    # --------------------------------------------------------------- pricing

    @api.model
    def _price_emergency(self, meter, quantity, cost):
        """Emergency credit is priced as a sale is, but for fees and what was carried over.

        :return: (values of the movement, its lines)
        """
        quote, price = self._quote(meter, quantity, only_units=True)
        meter.contract_id._check_emergency(quote.cost)
        lines = [line for line in self._quote_line_values(quote, meter) if line["kind"] == "units"]
        values = {
            "units": quote.units,
            "credit": quote.credit,
            "price": price,
            "amount": quote.cost,
            "cost": quote.cost,
            "value": quote.cost,
        }
        return values, lines

    @api.model
    def _price_credit(self, meter, quantity, cost):
        """What is given as it is, free or at a value that a person decided.

        :return: (values of the movement, its lines)
        """
        units, credit = self._credit_of(meter, quantity)
        value = self._worth(meter, quantity)
        cost = dec(cost, meter.company_id.currency_id.decimal_places)
        cost = abs(cost).copy_sign(quantity) if cost else cost
        price = round_places(cost / units, 4) if units else cost
        values = {
            "units": units,
            "credit": credit,
            "price": price,
            "amount": cost,
            "cost": cost,
            "value": value,
        }
        line = {
            "kind": "units",
            "name": self._line_name("units", meter),
            "quantity": units,
            "price": price,
            "amount": cost,
        }
        return values, [line]

    @api.model
    def _credit_of(self, meter, quantity):
        """What a quantity on paper is on the meter.

        :param quantity: Decimal: units, or money on a meter that counts money
        :return: (units on paper, credit in what the meter counts)
        :raises UserError: no whole count of the meter's steps
        """
        step = dec(meter.type_id.step)
        if meter.credit == "money":
            ratio, grain = Decimal(1), step
            price = self._price_today(meter)
            units = round_places(quantity / price, 2) if price else Decimal(0)
        else:
            ratio = dec(meter.ct_ratio)
            grain, units = step * ratio, quantity
        if not is_multiple(quantity, grain):
            raise UserError(
                self.env._(
                    "Meter %(meter)s takes whole steps of %(step)s.",
                    meter=meter.vending_id,
                    step=text(grain),
                )
            )
        return units, quantity / ratio

    @api.model
    def _price_today(self, meter):
        """What the next unit costs on this meter today; zero without a contract."""
        contract = meter.contract_id
        if not contract:
            return Decimal(0)
        return contract._price_now(meter.company_id._utility_today())

    @api.model
    def _worth(self, meter, quantity):
        """What a quantity is worth at the price of the day, without a sign."""
        if meter.credit == "money":
            return abs(quantity)
        places = meter.company_id.currency_id.decimal_places
        return round_places(abs(quantity) * self._price_today(meter), places)

    @api.model
    def _quota_quantity(self, meter, units):
        """The quantity of a quota on this meter, down to a whole step of it.

        :param units: Decimal, kWh or m3 of the plan
        :return: Decimal: units, or on a meter that counts money their price today
        """
        step = dec(meter.type_id.step)
        if meter.credit == "money":
            return floor_to(units * self._price_today(meter), step)
        return floor_to(units, step * dec(meter.ct_ratio))

    # ------------------------------------------------------------ afterwards

    def _is_reversible(self):
        given = self.kind in ("emergency", "adjustment") and self.credit > 0
        return given or super()._is_reversible()

    def _reversal_refusal(self):
        if self.kind == "adjustment" and not self._may_issue(self.kind):
            return self.env._("Only supervisors and managers take back an adjustment.")
        return super()._reversal_refusal()

    def _order_kind(self):
        if self.kind == "temporary":
            return "preset"
        return "reverse" if self.credit < 0 else super()._order_kind()

    def _facts(self, words):
        if self.kind not in ISSUES:
            return super()._facts(words)
        return (
            self.env._("Not on the meter: send it again or cancel it"),
            self.env._(
                "%(name)s, %(kind)s of %(quantity)s for meter %(meter)s, is not on the meter. "
                "%(words)s",
                name=self.name,
                kind=dict(self._fields["kind"]._description_selection(self.env))[self.kind],
                quantity=self._units_text(self.asked),
                meter=self.meter_id.vending_id,
                words=words,
            ),
        )

    def _check_payable(self):
        return None if self.kind in ISSUES else super()._check_payable()

    def _pay_back(self, sale):
        return None if sale.kind in ISSUES else super()._pay_back(sale)

    def _can_retry(self):
        if self.kind in ISSUES:
            return self.state in ("accepted", "disputed") and self.command_id.state in SETTLED
        return super()._can_retry()

    def _status(self):
        return {**super()._status(), "can_cancel": self.sudo()._can_cancel()}

    def _check_sendable(self):
        if self.kind not in ISSUES:
            return super()._check_sendable()
        return self._check_issuable(self.meter_id, self.kind, dec(self.asked))

    def _can_cancel(self):
        """Whether credit without money may be given up: it certainly did not reach the meter."""
        command = self.command_id
        return (
            self.kind in ISSUES
            and self.state in ("accepted", "disputed")
            and (command.state in SETTLED or (command.state == "queued" and not command.attempts))
        )

    def _cancel_issue(self, reason):
        """Give up credit without money that is proved not to be on the meter.

        :raises UserError: it may be on the meter, or no reason is given
        """
        self.ensure_one()
        if self.kind not in ISSUES:
            raise UserError(self.env._("Only credit without money is cancelled."))
        self.meter_id._lock_row()
        self.invalidate_recordset()
        if self.state == "cancelled":
            return
        if not (reason or "").strip():
            raise UserError(self.env._("Say why it is cancelled."))
        if not self._can_cancel():
            raise UserError(
                self.env._(
                    "%(name)s cannot be cancelled: it is not certain that the meter did not get "
                    "it. %(message)s",
                    name=self.name,
                    message=self.command_id.message or "",
                )
            )
        if self.command_id.state == "queued":
            self.command_id._cancel(self.env._("Cancelled before anything was sent."))
        self._update_state(("accepted", "disputed"), "cancelled", ended_reason=reason.strip())

    def action_retry_issue(self):
        """Send it again to the meter, which certainly did not get it.

        :raises AccessError: no right
        """
        self.ensure_one()
        self.check_access("read")
        self._check_settle_right()
        self._retry()
        return True

    def action_cancel_issue(self):
        """Open the form in which a person gives it up."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Cancel"),
            "res_model": "utility.issue.cancel",
            "view_mode": "form",
            "target": "new",
            "context": {"default_vend_id": self.id},
        }
