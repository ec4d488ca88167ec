from datetime import timedelta
from decimal import Decimal

import pytz

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, split_every

from ..tools.decimals import dec
from ..tools.lots import lot_of
from ..tools.roll_forward import COLUMNS, Movement, moved, roll

GROUPS = ("accountant", "manager", "supervisor")
NO_END = fields.Datetime.to_datetime("9999-01-01")
# Orders are kept to the second, readings finer: what a meter said just before it was cleared is not
# to fall behind its clearing.
SECOND = timedelta(seconds=1)
# Contracts whose sales are read at once.
AT_ONCE = 200
FIGURES = ("opening", *COLUMNS.values(), "used", "settled", "closing")


class UtilityRollForward(models.TransientModel):
    """From what customers had left when some local days began to what was left at their end."""

    _name = "utility.roll.forward"
    _description = "Roll-forward of Credit"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    date_from = fields.Date(
        "From",
        required=True,
        default=lambda self: fields.Date.start_of(self.env.company._utility_today(), "month"),
    )
    date_to = fields.Date(
        "To",
        required=True,
        default=lambda self: self.env.company._utility_today(),
        help="The last day, included.",
    )
    site_ids = fields.Many2many("utility.site", string="Sites", help="None means all.")
    contract_ids = fields.Many2many("utility.contract", string="Contracts", help="None means all.")
    line_ids = fields.One2many("utility.roll.forward.line", "roll_id", readonly=True)

    def action_compute(self):
        """Work the roll-forward of every contract out, and show it.

        :raises AccessError: no right to this report
        :raises UserError: the period has no days
        """
        self.ensure_one()
        user = self.env.user
        if not any(user.has_group(f"utility_prepaid.group_{name}") for name in GROUPS):
            raise AccessError(
                self.env._("Roll-forwards are for accountants, managers and supervisors.")
            )
        if self.date_from > self.date_to:
            raise UserError(self.env._("The period has no days."))
        self.line_ids.unlink()
        self.env["utility.roll.forward.line"].create(self._lines())
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_roll_forward_line_action"
        )
        return {**action, "domain": [("roll_id", "=", self.id)]}

    # ------------------------------------------------------------------- lines

    def _lines(self):
        """Values of the lines, one for each contract that was open for a moment of the period."""
        start, end = self._moment(self.date_from), self._moment(self.date_to + timedelta(days=1))
        contracts = self._contracts()
        stays = self._stays(contracts)
        before = self._told(stays, None, start)
        during = self._told(stays, start, end)
        lines = []
        for some in split_every(AT_ONCE, contracts.ids, contracts.browse):
            movements = self._movements(some, end)
            lines += [
                self._line(contract, movements[contract.id], start, end, before, during)
                for contract in some
            ]
        return lines

    def _contracts(self):
        domain = Domain("company_id", "=", self.company_id.id)
        domain &= Domain("date_open", "<=", self.date_to)
        domain &= Domain("date_close", "=", False) | Domain("date_close", ">=", self.date_from)
        if self.site_ids:
            domain &= Domain("room_id.site_id", "in", self.site_ids.ids)
        if self.contract_ids:
            domain &= Domain("id", "in", self.contract_ids.ids)
        return self.env["utility.contract"].search(domain, order="room_id, id")

    def _moment(self, date):
        zone = pytz.timezone(self.company_id.utility_tz or "UTC")
        return self.env["utility.reading"]._midnight(zone, date)

    def _stays(self, contracts):
        """Which meter was a customer's from when to when: the meters' own proofs, else local days.

        :return: {contract id: list of (meter, first moment, first moment after)}, oldest first
        """
        proofs = self.env["utility.command"].sudo()
        orders = proofs.search(
            [
                ("contract_id", "in", contracts.ids),
                ("kind", "in", ("open", "clear")),
                ("state", "=", "done"),
            ],
            order="done_at, id",
        ).grouped("contract_id")
        stays = {}
        for contract in contracts:
            opened, closed = self._moment(contract.date_open), NO_END
            if contract.date_close:
                closed = self._moment(contract.date_close + timedelta(days=1))
            rows, meter, since = [], None, opened
            for order in orders.get(contract, proofs):
                if order.settlement_step_id.kind == "wipe":
                    # What was on the meter before its customer.
                    continue
                proved = order.done_at + SECOND
                if order.kind == "clear":
                    rows.append((order.meter_id, since, proved))
                    meter, since = None, proved
                    continue
                if meter and meter != order.meter_id:
                    # The old meter was dead: nothing proved its end.
                    rows.append((meter, since, proved))
                meter, since = order.meter_id, proved
            if meter or not rows:
                rows.append((meter or contract.meter_id, since, closed))
            stays[contract.id] = rows
        return stays

    def _told(self, stays, start, end):
        """What the meters used and last said in a period, stay by stay.

        :return: {contract id: (Decimal used, (balance, moment) or None)}
        """
        spans = [
            (contract_id, meter, max(first, start or first), min(last, end))
            for contract_id, rows in stays.items()
            for meter, first, last in rows
        ]
        spans = [span for span in spans if span[2] < span[3]]
        asked = [(meter.id, first, last) for __, meter, first, last in spans]
        readings = self.env["utility.reading"].sudo()
        used = readings._use_of_spans(self.company_id, asked)
        said = readings._balances_of_spans(asked)
        found = {}
        for (contract_id, meter, *__), units, balance in zip(spans, used, said, strict=True):
            before, __ = found.get(contract_id, (Decimal(0), None))
            if meter.credit == "money":
                contract = self.env["utility.contract"].browse(contract_id)
                units *= self._price(contract)
            found[contract_id] = (before + units, balance)
        return found

    def _price(self, contract):
        """A meter that counts money counts its use at a price of its own; ours is the nearest."""
        try:
            return contract.sudo().tariff_id._price_at(self.date_to)
        except UserError:
            return Decimal(0)

    def _movements(self, contracts, end):
        """What the meters proved to have received and given back before a moment.

        :return: {contract id: list of `tools.roll_forward.Movement`, oldest first}
        """
        rows = self._moved(contracts, end)
        reversed_at = {row["reversed_vend_id"]: row["delivered_at"] for row in rows}
        found = {contract_id: [] for contract_id in contracts.ids}
        for row in rows:
            lot = lot_of(
                row["id"],
                row["kind"],
                Decimal(row["units"]),
                Decimal(row["credit"]),
                Decimal(row["cost"]),
                Decimal(row["before"]) if row["before"] else None,
                Decimal(row["ratio"]) if row["ratio"] else None,
            )
            back = row["kind"] == "reversal"
            units = -lot.units if back else lot.units
            if row["kind"] == "transfer":
                # No lot of its own: what is on the old meter goes, below.
                units = Decimal(row["units"])
            found[row["contract_id"]].append(
                Movement(
                    row["kind"],
                    row["delivered_at"],
                    units,
                    -Decimal(row["cost"]) if back else lot.amount,
                    None if back else lot,
                    reversed_at.get(row["id"]),
                )
            )
        for settlement in self._replacements(contracts, end):
            # What the new meter is not charged with is the customer's in money.
            found[settlement.contract_id.id].append(
                Movement(
                    "transfer",
                    settlement._step("settle").done_at,
                    -dec(settlement.units_left),
                    -dec(settlement.rest_amount, 2),
                    settlement._rest_lot() if settlement.rest_units else None,
                )
            )
        # Within a second the old meter keeps something before the new one gets the rest; all else
        # stays in the order in which it was sold.
        return {
            key: sorted(
                moves,
                key=lambda move: (
                    move.at,
                    move.kind == "transfer",
                    move.units if move.kind == "transfer" else 0,
                ),
            )
            for key, moves in found.items()
        }

    def _moved(self, contracts, end):
        """Rows of what was proved before a moment, oldest first; numbers as texts.

        Years of sales of many contracts are too many for records.
        """
        self.env["utility.vend"].flush_model()
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT v.id, v.contract_id, v.kind, v.delivered_at, v.reversed_vend_id,
                       COALESCE(v.units, 0)::text AS units, COALESCE(v.credit, 0)::text AS credit,
                       COALESCE(v.cost, 0)::text AS cost,
                       CASE WHEN v.state = 'delivered' THEN COALESCE(v.balance_before, 0) END::text
                           AS before,
                       CASE WHEN m.credit <> 'money' THEN m.ct_ratio END::text AS ratio
                  FROM utility_vend v JOIN utility_meter m ON m.id = v.meter_id
                 WHERE v.contract_id IN %s AND v.kind IN %s AND v.delivered_at < %s
                 ORDER BY v.delivered_at, v.id
                """,
                tuple(contracts.ids),
                tuple(COLUMNS),
                end,
            )
        )

    def _replacements(self, contracts, end):
        """Replacements of meters whose money was settled before a moment."""
        settlements = contracts.sudo().settlement_ids.filtered(lambda s: s.kind == "replacement")
        steps = settlements.step_ids.filtered(
            lambda step: step.kind == "settle" and step.state == "done" and step.done_at < end
        )
        return steps.settlement_id

    def _settled(self, contract):
        """Units that were on the meter when the contract ended; None while it goes on."""
        if not contract.date_close or contract.date_close > self.date_to:
            return None
        closing = contract.sudo().settlement_ids.filtered(
            lambda s: s.kind == "closing" and s.state == "done"
        )[:1]
        return dec(closing.units_left if closing else contract.units_at_close)

    def _base(self, contract):
        """What was on the meter before, could not be cleared, and is not the customer's.

        Credit that was taken over as the customer's is a movement without an order.
        """
        if not contract.opening_balance:
            return Decimal(0)
        taken_over = contract.sudo().vend_ids.filtered(
            lambda vend: vend.kind == "adjustment" and not vend.command_ids and vend.delivered_at
        )
        credit = dec(contract.opening_balance) - sum(map(dec, taken_over.mapped("credit")))
        return (
            credit
            if contract.meter_id.credit == "money"
            else credit * dec(contract.meter_id.ct_ratio)
        )

    def _line(self, contract, movements, start, end, before, during):
        nothing = (Decimal(0), None)
        used_before, opened = before.get(contract.id, nothing)
        used, said = during.get(contract.id, nothing)
        settled = self._settled(contract)
        base = self._base(contract)
        row = roll(movements, start, end, used_before, used, settled)
        values = {
            "roll_id": self.id,
            "contract_id": contract.id,
            **{name: float(row[name]) for name in FIGURES},
            **{f"{name}_amount": float(row[f"{name}_amount"]) for name in FIGURES},
            "state": "unread",
        }
        if opened:
            values |= {"meter_opening": float(opened[0]), "meter_opening_at": opened[1]}
        if settled is not None:
            # The meter was cleared, or is the next customer's: it has nothing of this one.
            values |= {"state": "agrees" if not row["closing"] else "differs"}
            values["difference"] = float(-row["closing"])
        elif said:
            balance, at = said
            difference = balance - base - (row["closing"] - moved(movements, at, end))
            values |= {
                "meter_closing": float(balance),
                "meter_closing_at": at,
                "difference": float(dec(difference)),
                "state": "differs" if dec(difference) else "agrees",
            }
        return values
