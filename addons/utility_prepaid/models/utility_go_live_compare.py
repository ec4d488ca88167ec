import contextlib

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec, round_places

JUDGES = ("utility_prepaid.group_supervisor", "utility_prepaid.group_engineer")
NO_CUSTOMER = "0" * 12
ASK_AGAIN_MINUTES = 10


class UtilityContract(models.Model):
    _inherit = "utility.contract"

    compare_pending = fields.Boolean(
        "Not compared with its meter",
        readonly=True,
        copy=False,
        help="Taken over from an old desk: nothing is sold before the meter was asked.",
    )

    number_not_on_meter = fields.Boolean(
        "Meter without customer number",
        readonly=True,
        copy=False,
        help="The old desk stored none in the meter: orders of this contract bear none either.",
    )

    def write(self, vals):
        if {"compare_pending", "number_not_on_meter"}.intersection(vals) and not self.env.su:
            self._refuse_gated()
        return super().write(vals)


class UtilityCommand(models.Model):
    _inherit = "utility.command"

    @api.model
    def _enqueue(self, meter, kind, **values):
        """An order bears the customer number that stands in the meter, or else it is held."""
        if kind not in ("open", "preset") and meter.contract_id.sudo().number_not_on_meter:
            values.pop("customer_number", None)
        return super()._enqueue(meter, kind, **values)


class UtilityMeter(models.Model):
    _inherit = "utility.meter"

    def _check_sellable(self):
        """A meter of an old desk is compared with that desk's list before its first sale."""
        result = super()._check_sellable()
        if self.contract_id.sudo().compare_pending:
            raise UserError(
                self.env._(
                    "Meter %(meter)s was taken over from the old desk and does not agree with its "
                    "list yet, or was not asked: nothing is sold before.",
                    meter=self.vending_id,
                )
            )
        return result


class UtilityMeterState(models.Model):
    _inherit = "utility.meter.state"

    @api.model
    def _store(self, meter_id, seen_at, **values):
        """A meter that told its purchase number can be compared with the old desk's list."""
        stored = super()._store(meter_id, seen_at, **values)
        if stored and "purchase_number" in values:
            contract = self.env["utility.meter"].sudo().browse(meter_id).contract_id
            if contract.compare_pending:
                self.env["utility.go.live.line"].sudo().search(
                    [("contract_id", "=", contract.id)]
                )._compare()
        return stored


class UtilityGoLiveLine(models.Model):
    """The comparison of the old desk's list with what the meter says."""

    _inherit = "utility.go.live.line"

    asked_at = fields.Datetime("Asked at", readonly=True)

    _asked_idx = models.Index("(asked_at) WHERE state = 'waiting'")

    # ---------------------------------------------------------------- actions

    def action_ask(self):
        """Ask these meters now."""
        self._check_judge()
        self.sudo().filtered(lambda line: line.state in ("waiting", "differs"))._ask()
        return True

    def action_decide(self):
        """Open the form in which a person decides about this row."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Decide about a row"),
            "res_model": "utility.go.live.decide",
            "view_mode": "form",
            "target": "new",
            "context": {"default_line_id": self.id},
        }

    # --------------------------------------------------------------- business

    @api.model
    def _check_judge(self):
        groups = (*JUDGES, "utility_prepaid.group_manager")
        if not any(map(self.env.user.has_group, groups)):
            raise AccessError(
                self.env._("Only supervisors, engineers and managers decide about meters.")
            )

    def _ask(self):
        """Queue a live reading for each meter; an open one is not doubled."""
        commands = self.env["utility.command"]
        for line in self:
            if not commands.sudo().search_count(
                [
                    ("meter_id", "=", line.meter_id.id),
                    ("kind", "=", "read"),
                    ("state", "in", ("queued", "sent")),
                ],
                limit=1,
            ):
                commands._enqueue(line.meter_id, "read")
        self.asked_at = fields.Datetime.now()

    @api.model
    def _cron_ask(self, limit=500):
        """Ask again the meters that were asked and have not told their purchase number.

        They were silent, or the server died when they had answered half.
        """
        before = fields.Datetime.subtract(fields.Datetime.now(), minutes=ASK_AGAIN_MINUTES)
        domain = [("state", "=", "waiting"), ("asked_at", "<=", before)]
        late = self.search(domain, limit=limit, order="asked_at, id")
        late._ask()
        self.env["ir.cron"]._commit_progress(len(late), remaining=self.search_count(domain))

    def _compare(self):
        """Compare with what the meters said last, as far as they said it after the start."""
        for line in self.filtered(lambda line: line.state in ("waiting", "differs")):
            said = line.meter_id.state_ids
            if not said.number_seen_at or said.number_seen_at < line.document_id.started_at:
                continue
            if self.env["utility.command"]._open_money(line.meter_id):
                continue
            words = line._differences(said)
            line.write(
                {
                    "seen_at": said.number_seen_at,
                    "seen_balance": said.balance,
                    "seen_number": said.purchase_number,
                    "seen_customer_number": said.customer_number,
                    "difference": "\n".join(words) or False,
                    "state": "differs" if words else "waiting",
                }
            )
            if not words:
                # refused while the meter's number is being moved: the next answer is compared
                with contextlib.suppress(UserError), self.env.cr.savepoint():
                    line._adopt("agrees")

    def _differences(self, said):
        """Words for what the list and the meter say differently.

        :param said: `utility.meter.state`
        """
        _ = self.env._
        words = []
        if said.purchase_number != self.number:
            words.append(
                _(
                    "Purchase number %(list)s in the list, %(meter)s on the meter.",
                    list=self.number,
                    meter=said.purchase_number,
                )
            )
        theirs = said.customer_number or ""
        if self.customer_number and theirs and theirs != self.customer_number:
            words.append(
                _(
                    "Customer number %(list)s in the list, %(meter)s on the meter.",
                    list=self.customer_number,
                    meter=theirs,
                )
            )
        elif not self.customer_number and self._taken_number(theirs):
            words.append(_("Customer number %s on the meter belongs to another contract.", theirs))
        expected, shown = dec(self.balance, 2), dec(said.balance, 2)
        if (self.total_text or "").strip() and self.meter_id.credit == "units":
            expected = dec(self.balance, 2) - dec(dec(said.total) - dec(self.total), 2)
            agrees = shown == expected
        else:
            agrees = 0 <= expected - shown <= dec(self.document_id.allowed_use, 2)
        if not agrees:
            words.append(
                _(
                    "Balance %(expected)s expected by the list, %(shown)s on the meter.",
                    expected=expected,
                    shown=shown,
                )
            )
        return words

    def _taken_number(self, number):
        return bool(
            number
            and number != NO_CUSTOMER
            and self.env["utility.contract"].search_count(
                [("customer_number", "=", number), ("id", "!=", self.contract_id.id)], limit=1
            )
        )

    def _accept(self, reason):
        """A person takes the meter's figures instead of the list's."""
        self.ensure_one()
        self._check_judge()
        line = self.sudo()
        line.lock_for_update()
        line.invalidate_recordset(["state"])
        if line.state != "differs":
            raise UserError(self.env._("This row has nothing to accept."))
        if self._taken_number(line.seen_customer_number):
            raise UserError(
                self.env._(
                    "Another contract has the customer number that stands in the meter: it must "
                    "be put right there first."
                )
            )
        line.reason = reason
        line._adopt("accepted")

    def _adopt(self, state):
        """The meter's figures become those of the books, and the meter may sell."""
        self.ensure_one()
        contract, meter = self.contract_id, self.meter_id
        meter._accept_number()
        theirs = self.seen_customer_number
        if theirs and theirs != NO_CUSTOMER:
            contract.customer_number = theirs
        contract.write(
            {
                "compare_pending": False,
                "number_not_on_meter": theirs == NO_CUSTOMER,
                "opening_total": meter.state_ids.total,
            }
        )
        self.write({"state": state, "vend_id": self._take_over_credit().id})
        self.env["utility.operation"]._log(
            self.env._("Meter compared with the old desk's list"),
            self,
            meter=meter,
            after=state,
            note="\n".join(filter(None, (self.reason, self.difference))),
        )

    def _take_over_credit(self):
        """What the meter holds, as a movement of credit: closings and reports count it like any."""
        vends = self.env["utility.vend"]
        contract, meter, company = self.contract_id, self.meter_id, self.company_id
        credit = dec(self.seen_balance)
        if credit <= 0:
            # the meter itself takes what is owed there out of the next credit
            return vends
        price = contract.tariff_id._price_at(self.document_id.date)
        if meter.credit == "money":
            units, value, price = dec(0), dec(credit, 2), dec(0)
        else:
            units = credit * dec(meter.ct_ratio)
            value = round_places(units * price, 2)
        policy = "sale"
        if self.document_id.unused == "policy":
            policy = company._utility_policy(meter.utility, self.document_id.date)
        now = fields.Datetime.now()
        vend = vends._create_one(
            f"go-live-{self.id}-{contract.id}",
            company,
            {
                "kind": "adjustment",
                "policy": policy,
                "contract_id": contract.id,
                "meter_id": meter.id,
                "partner_id": contract.partner_id.id,
                "currency_id": company.currency_id.id,
                "site_id": meter.site_id.id,
                "room_id": meter.room_id.id,
                "cost": value,
                "amount": value,
                "units": units,
                "credit": credit,
                "price": price,
                "reason": self.document_id.name,
                # no shift took money for it
                "session_id": False,
            },
            [
                {
                    "kind": "units",
                    "name": self.env._("Taken over from the old desk"),
                    "quantity": units,
                    "price": price,
                    "amount": value,
                }
            ],
        )
        # in the books by the opening entry, which an accountant approves
        vend._update_state(
            ("draft",),
            "delivered",
            accepted_at=now,
            delivered_at=now,
            posted_at=now,
            purchase_number=self.seen_number,
            balance_after=credit,
        )
        return vend

    # --------------------------------------------------------- opening entry

    def _opening_items(self):
        """Items of the opening entry, as `utility.ledger` takes them."""
        _ = self.env._
        company, partner = self.company_id, self.contract_id.partner_id
        customers, opening = company.utility_account_id, self.document_id.opening_account_id
        items = []
        for amount, name in (
            (dec(self.debt, 2), _("Debt of the old desk")),
            (-dec(self.carried, 2), _("Carried money of the old desk")),
        ):
            if amount:
                items += [(customers, amount, partner, name), (opening, -amount, partner, name)]
        vend = self.vend_id
        account = vend._credit_account() if vend else False
        if account:
            value = dec(vend.cost, 2)
            if vend.policy == "tax_at_sale":
                # taxed when the old desk sold it: without the tax
                taxes = vend._units_product().with_company(company).taxes_id
                value = dec(taxes.compute_all(float(value))["total_excluded"], 2)
            name = _("Credit on meters of the old desk")
            items += [
                (account, -value, vend._credit_partner(), name),
                (opening, value, partner, name),
            ]
        return items

    def _open_carried(self):
        """The next sale may use what was carried."""
        if self.carried:
            self.contract_id.meter_id._lock_row()
            contract = self.contract_id
            contract.remainder = dec(contract.remainder, 2) + dec(self.carried, 2)

    # ----------------------------------------------------- taking rows apart

    def _set_aside(self, reason):
        """A meter that cannot be compared now goes into a go-live of its own."""
        self.ensure_one()
        self.env["utility.go.live"]._check_maker()
        line = self.sudo()
        line.lock_for_update()
        if line.state not in ("waiting", "differs") or line.document_id.state != "started":
            raise UserError(self.env._("Only a row that is not settled is set aside."))
        before = line.document_id
        line.write({"document_id": before._follow_up().id, "reason": reason})
        before._log(False, line.document_id.name, f"{line.address} {reason}")

    def _withdraw(self, reason):
        """The row should not have been taken over: its contract, which did nothing, is undone."""
        self.ensure_one()
        self.env["utility.go.live"]._check_maker()
        line = self.sudo()
        contract = line.contract_id
        if line.state not in ("waiting", "differs"):
            raise UserError(self.env._("Only a row that is not settled is withdrawn."))
        contract.meter_id._lock_row()
        if contract.vend_ids or self.env["utility.command"].sudo().search_count(
            [("contract_id", "=", contract.id)], limit=1
        ):
            raise UserError(self.env._("Something was done under this contract: close it instead."))
        document = line.document_id
        document._log(contract.name, False, f"{line.address} {reason}")
        contract.write({"state": "draft", "compare_pending": False})
        line.contract_id = False
        contract.unlink()
        line.unlink()
