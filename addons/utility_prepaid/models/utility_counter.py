import re
from decimal import Decimal, InvalidOperation

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..tools.decimals import dec

PAPERS = ("80mm", "a5")


class UtilityCounter(models.AbstractModel):
    """What the counter screen asks and does. Money and units travel as texts, never as floats."""

    _name = "utility.counter"
    _description = "Counter"

    def _check_cashier(self):
        if not self.env.user.has_group("utility_prepaid.group_cashier"):
            raise AccessError(self.env._("Only cashiers work at the counter."))

    def _meter(self, meter_id):
        """The meter within the user's own rights.

        :raises UserError: there is no such meter
        """
        meter = self.env["utility.meter"].browse(int(meter_id)).exists()
        if not meter:
            raise UserError(self.env._("There is no such meter."))
        meter.check_access("read")
        return meter

    def _vend(self, vend_id):
        vend = self.env["utility.vend"].browse(int(vend_id)).exists()
        if not vend:
            raise UserError(self.env._("There is no such sale."))
        vend.check_access("read")
        return vend

    def _number(self, text):
        """A number as typed, or None."""
        try:
            number = Decimal(str(text).strip())
        except InvalidOperation:
            return None
        # beyond a million millions nothing is priced, and nobody typed it on purpose
        return number if number.is_finite() and number.adjusted() < 12 else None

    def _amount(self, text):
        """Money as typed.

        :raises UserError: not a number
        """
        amount = self._number(text)
        if amount is None:
            raise UserError(self.env._("“%s” is not an amount of money.", text))
        return amount

    def _units(self, text):
        """Units as typed.

        :raises UserError: not a number
        """
        units = self._number(text)
        if units is None:
            raise UserError(self.env._("“%s” is not a number of units.", text))
        return units

    def _check_uuid(self, uuid):
        if not re.fullmatch(r"[0-9A-Za-z-]{8,64}", uuid or ""):
            raise UserError(self.env._("The sale has no id: reload the page."))

    # ---------------------------------------------------------------- looking

    @api.model
    def get_config(self):
        """Company, currency, payment methods and rights of the counter."""
        self._check_cashier()
        company = self.env.company
        currency = company.currency_id
        return {
            "company": company.name,
            "currency": {
                "symbol": currency.symbol,
                "position": currency.position,
                "digits": currency.decimal_places,
            },
            "methods": self._methods(),
            "user": self.env.user.name,
            "can_reverse": True,
            "can_refund": True,
            "worker": self._worker_status(),
        }

    @api.model
    def _methods(self):
        """The payment methods of the company, cash first.

        :return: list of {"id", "name", "type"}
        """
        journals = (
            self.env["account.journal"]
            .sudo()
            .search([("utility_counter", "=", True), ("company_id", "=", self.env.company.id)])
            .sorted(lambda journal: (journal.type != "cash", journal.sequence, journal.id))
        )
        return [
            {"id": journal.id, "name": journal.name, "type": journal.type} for journal in journals
        ]

    @api.model
    def _worker_status(self):
        """Hook: whether somebody drives the meters' lines.

        :return: {"ok": bool, "message": text for the cashier}
        """
        return {"ok": True, "message": ""}

    @api.model
    def find(self, query, limit=20):
        """Meters by vending ID, address, room, customer's name or phone.

        :return: list of dictionaries; `exact` marks the only hit by vending ID or address
        """
        self._check_cashier()
        query = (query or "").strip()
        if not query:
            return []
        meters = self.env["utility.meter"]
        exact = meters.search(
            Domain("vending_id", "=", query) | Domain("address", "=", query), limit=2
        )
        found = (
            exact
            if len(exact) == 1
            else meters.search(
                Domain.OR(
                    Domain(field, "ilike", query)
                    for field in (
                        "vending_id",
                        "address",
                        "room_id.name",
                        "room_id.code",
                        "contract_id.partner_id.name",
                        "contract_id.partner_id.phone",
                    )
                ),
                limit=limit,
                order="vending_id",
            )
        )
        return [
            {
                "id": meter.id,
                "vending_id": meter.vending_id,
                "address": meter.address,
                "room": meter.room_id.display_name or "",
                "customer": meter.contract_id.sudo().partner_id.name or "",
                "phone": meter.contract_id.sudo().partner_id.phone or "",
                "utility": meter.utility,
                "exact": len(exact) == 1,
            }
            for meter in found
        ]

    @api.model
    def card(self, meter_id):
        """Everything the cashier should see before taking money."""
        self._check_cashier()
        meter = self._meter(meter_id)
        vends = self.env["utility.vend"].search(
            [("meter_id", "=", meter.id), ("kind", "in", ("sale", "reversal"))], limit=20
        )
        contract = meter.contract_id
        vends = vends.filtered(lambda vend: vend.contract_id == contract)
        open_vend = vends.filtered(lambda vend: vend.state in ("accepted", "disputed"))[:1]
        last = vends.filtered(lambda vend: vend.kind == "sale")[:1]
        state = meter.state_ids[:1]
        price, refusal = "", ""
        try:
            if contract:
                price = f"{contract._price_now(meter.company_id._utility_today()):f}"
            meter._check_sellable()
            self.env["utility.vend"]._check_no_open_money(meter)
        except UserError as error:
            refusal = str(error)
        return {
            "id": meter.id,
            "vending_id": meter.vending_id,
            "address": meter.address,
            "type": meter.type_id.name,
            "utility": meter.utility,
            "unit": self._unit(meter),
            "uom": meter.type_id.uom_id.name or "",
            "room": meter.room_id.display_name or "",
            "customer": contract.sudo().partner_id.name or "",
            "customer_id": contract.sudo().partner_id.id,
            "phone": contract.sudo().partner_id.phone or "",
            "contract": contract.name or "",
            "contract_state": contract.state or "",
            "price": price,
            **self._state(meter, state),
            "remainder": f"{dec(contract.remainder, 2):f}",
            "last_sale": last._status() if last else False,
            "open_sale": open_vend._status() if open_vend else False,
            "sellable": not refusal,
            "refusal": refusal,
            "warning": " ".join(
                filter(
                    None,
                    (
                        meter._sell_warning(),
                        self.env["utility.incoming"]._waiting_words(meter),
                    ),
                )
            ),
        }

    def _unit(self, meter):
        """What the meter's balance counts."""
        if meter.credit == "money":
            return meter.company_id.currency_id.name
        return meter.type_id.uom_id.name or ""

    def _state(self, meter, state):
        text = self.env["utility.vend"]._units_text
        return {
            "balance": text(state.balance) if state else "",
            "balance_low": bool(
                state
                and (state.balance < 0 or state.balance <= meter.alarm_threshold)
                and meter.prepaid
            ),
            "total": text(state.total) if state else "",
            "seen_at": fields.Datetime.to_string(state.seen_at) if state else "",
            "supply": state.supply if state else "unknown",
        }

    @api.model
    def request_read(self, meter_id):
        """Ask for a live reading; a reading already asked for is shared.

        :return: command id for `read_status`
        """
        self._check_cashier()
        meter = self._meter(meter_id)
        commands = self.env["utility.command"]
        waiting = commands.search(
            [
                ("meter_id", "=", meter.id),
                ("kind", "=", "read"),
                ("priority", "<=", 2),
                ("state", "in", ("queued", "sent")),
            ],
            limit=1,
        )
        if waiting:
            return waiting.id
        return commands._enqueue(
            meter, "read", expires_at=fields.Datetime.add(fields.Datetime.now(), seconds=60)
        ).id

    @api.model
    def read_status(self, command_id):
        """How far a live reading is."""
        self._check_cashier()
        command = self.env["utility.command"].browse(int(command_id))
        command.check_access("read")
        meter = command.meter_id
        return {
            "state": command.state,
            "message": command.message or "",
            **self._state(meter, meter.state_ids[:1]),
        }

    # ---------------------------------------------------------------- selling

    @api.model
    def quote(self, meter_id, amount, units=None):
        """What some money buys now, by the same code as the sale; refusals come as words.

        :param amount: text, money offered; not looked at when units are asked for
        :param units: text, units wanted: the answer's amount is the smallest that buys them
        :return: dictionary; `step` says what more can be had at the price that the sale ends in
            (left_units, left_money, price, next_price) or is None
        """
        self._check_cashier()
        meter = self._meter(meter_id)
        vends = self.env["utility.vend"]
        contract = meter.contract_id
        try:
            meter._check_sellable()
            vends._check_no_open_money(meter)
            if units:
                quote, price = vends._quote(meter, units=self._units(units))
            else:
                quote, price = vends._quote(meter, self._amount(amount))
        except UserError as error:
            return {"ok": False, "error": str(error)}
        left = quote.step_left
        return {
            "ok": True,
            "error": "",
            "amount": f"{quote.money:f}",
            "units": vends._units_text(quote.units),
            "price": f"{price:f}",
            "unit": meter.type_id.uom_id.name or "",
            "lines": [
                {
                    "kind": line["kind"],
                    "name": line["name"],
                    "quantity": vends._units_text(line["quantity"]),
                    "price": f"{line['price']:f}",
                    "amount": f"{line['amount']:f}",
                }
                for line in vends._quote_line_values(quote, meter)
            ],
            "step": left
            and {
                "left_units": vends._units_text(left.units),
                "left_money": f"{left.money:f}",
                "price": f"{left.price:f}",
                "next_price": f"{left.next_price:f}",
            },
            "remainder_before": f"{dec(contract.remainder, 2):f}",
            "remainder_after": f"{quote.remainder_after:f}",
        }

    @api.model
    def sell(self, uuid, meter_id, amount, journal_id):
        """Take the money; the same id twice is the same sale.

        :param uuid: made when the form opened
        :param amount: text
        :param journal_id: payment method
        :return: status of the sale
        """
        self._check_cashier()
        self._check_uuid(uuid)
        meter = self._meter(meter_id)
        journal = self.env["account.journal"].sudo().browse(int(journal_id or 0)).exists()
        return self.env["utility.vend"]._sell(uuid, meter, self._amount(amount), journal)._status()

    @api.model
    def status(self, vend_ids):
        """Where sales stand.

        :param vend_ids: ids
        :return: list of statuses
        """
        self._check_cashier()
        vends = self.env["utility.vend"].browse(vend_ids).exists()
        vends.check_access("read")
        return [vend._status() for vend in vends]

    @api.model
    def reverse(self, uuid, vend_id, reason):
        """Ask the meter to give back the last sale; the same id twice is the same reversal."""
        self._check_cashier()
        self._check_uuid(uuid)
        return self._vend(vend_id)._reverse(uuid, reason)._status()

    @api.model
    def sell_elsewhere(self, uuid, vend_id, meter_id, reason):
        """Undo a sale to the wrong room and sell its money on another meter; the same id twice is
        the same act.

        :return: status of the reversal
        """
        self._check_cashier()
        self._check_uuid(uuid)
        meter = self._meter(meter_id)
        return self._vend(vend_id)._sell_elsewhere(uuid, meter, reason)._status()

    @api.model
    def refund(self, vend_id, reason):
        """Give back the money of a sale proved not charged."""
        self._check_cashier()
        vend = self._vend(vend_id)
        vend._refund(reason)
        return vend._status()

    @api.model
    def retry(self, vend_id):
        """Send a sale again that was proved not charged."""
        self._check_cashier()
        vend = self._vend(vend_id)
        vend._retry()
        return vend._status()

    @api.model
    def print_receipt(self, vend_id, paper):
        """Count one print; from the second on the paper says "copy n".

        :param paper: one of PAPERS
        :return: {"url": page to print, "copy": 0 for the original}
        """
        self._check_cashier()
        if paper not in PAPERS:
            raise UserError(self.env._("There is no paper “%s”.", paper))
        vend = self._vend(vend_id)
        return vend._count_print(paper)
