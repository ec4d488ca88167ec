from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.check import ZERO, Finding
from ..tools.decimals import dec, round_places
from .utility_check import CATCH_UP
from .utility_command import OPEN_STATES


class UtilityCheck(models.Model):
    """What stands beside the sums: what meters themselves count, and what contracts carry."""

    _inherit = "utility.check"

    @api.model
    def _controls(self, company):
        return [
            *super()._controls(company),
            *self._meter_controls(company),
            *self._remainder_controls(company),
            *self._session_controls(company),
        ]

    # ------------------------------------------------------------------ meters

    @api.model
    def _meter_controls(self, company):
        """Meters whose number or total bought is not that of the books.

        A meter with an order on its way is left out: what it counts is just being found out.
        """
        self.env.flush_all()
        query = SQL(
            """
            SELECT m.id, m.site_id, m.utility, m.credit, m.ct_ratio, m.contract_id, m.partner_id,
                   s.cumulative::text AS cumulative, s.cumulative_seen_at IS NOT NULL
                   AND COALESCE(s.epoch, 0) = COALESCE(m.epoch, 0) AS counted,
                   CASE WHEN COALESCE(m.bought_base_epoch, 0) = COALESCE(m.epoch, 0)
                        THEN m.bought_base END::text AS base,
                   -- a number that nobody ever set is NULL, and is zero
                   COALESCE(s.epoch, 0) AS said_epoch,
                   COALESCE(s.purchase_number, 0) AS said_number,
                   COALESCE(m.epoch, 0) AS epoch,
                   COALESCE(m.purchase_number, 0) AS purchase_number, s.number_seen_at
              FROM utility_meter m JOIN utility_meter_state s ON s.meter_id = m.id
             WHERE m.company_id = %s AND m.prepaid AND m.number_known
               AND s.number_seen_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM utility_command c
                                WHERE c.meter_id = m.id AND c.money AND c.state IN %s
                                  AND (c.state <> 'queued' OR c.hold_reason IS NULL))
               -- a handheld charged it since it was last asked over its line
               AND ((COALESCE(s.epoch, 0), COALESCE(s.purchase_number, 0))
                    >= (COALESCE(m.epoch, 0), COALESCE(m.purchase_number, 0))
                    OR NOT EXISTS (SELECT 1 FROM utility_command c
                                    WHERE c.meter_id = m.id AND c.money AND c.state = 'done'
                                      AND c.done_at > s.number_seen_at))
            """,
            company.id,
            OPEN_STATES,
        )
        rows = self.env.execute_query_dict(query)
        meters = self.env["utility.meter"].sudo().browse(row["id"] for row in rows)
        bought = meters._bought()
        for row, meter in zip(rows, meters, strict=True):
            units = ZERO
            if row["counted"]:
                base = Decimal(row["base"] or 0)
                units = dec(Decimal(row["cumulative"] or 0) - base - bought[meter.id])
            said = (row["said_epoch"], row["said_number"])
            books = (row["epoch"], row["purchase_number"])
            if units or said != books:
                yield self._meter_finding(row, meter, units, (said > books) - (said < books))

    def _meter_finding(self, row, meter, units, number):
        """:param number: 1 when the meter's purchase number is ahead of the books, -1 behind"""
        values = {
            "meter_id": meter.id,
            "contract_id": row["contract_id"],
            "partner_id": row["partner_id"],
            "units": float(units),
        }
        code = "meter_ahead" if (units or number) > 0 else "meter_behind"
        worth = self._worth(meter, units)
        order = self._given_up(meter, row["said_epoch"], row["said_number"]) if number > 0 else None
        if order and units in (ZERO, dec(order.credit)):
            code = "charged_not_paid"
            # Once billed it is the customer's debt; the number is still to be accepted.
            worth = ZERO if order.vend_id.posted_at else dec(order.vend_id.amount, 2)
            values |= {"vend_id": order.vend_id.id, "units": order.credit}
        place = (row["site_id"], row["utility"], None)
        return Finding(
            code, f"meter:{meter.id}", -worth, ZERO, ZERO, place, row["number_seen_at"], values
        )

    def _given_up(self, meter, epoch, number):
        """The order that was given up as not carried out, and which the meter shows."""
        return (
            self.env["utility.command"]
            .sudo()
            .search(
                [
                    ("meter_id", "=", meter.id),
                    ("money", "=", True),
                    ("numbered", "=", True),
                    ("epoch", "=", epoch),
                    ("number", "=", number),
                    ("vend_id", "!=", False),
                    ("state", "in", ("failed", "cancelled", "expired")),
                ],
                limit=1,
            )
        )

    def _worth(self, meter, units):
        """Money for units at the price of today, as far as there is one."""
        if meter.credit == "money":
            return round_places(units, 2)
        try:
            today = meter.company_id._utility_today()
            price = meter.contract_id.tariff_id._price_at(today) if meter.contract_id else ZERO
        except UserError:
            price = ZERO
        return round_places(units * dec(meter.ct_ratio) * price, 2)

    # ------------------------------------------------------------------ shifts

    @api.model
    def _session_controls(self, company):
        """Shifts whose money was counted otherwise than expected; for some weeks, explained or not.

        The books have the difference already: what is missing is a reason.
        """
        shifts = (
            self.env["utility.cash.session"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("counted_at", ">=", fields.Datetime.now() - timedelta(days=CATCH_UP)),
                ]
            )
        )
        for shift in shifts:
            differences = [dec(line.difference, 2) for line in shift.method_ids]
            if any(differences):
                yield Finding(
                    "session",
                    f"session:{shift.id}",
                    sum(differences, ZERO),
                    ZERO,
                    ZERO,
                    (None, None, shift.journal_id.id),
                    shift.counted_at,
                    {"session_id": shift.id},
                )

    # --------------------------------------------------------------- contracts

    @api.model
    def _remainder_controls(self, company):
        """Contracts whose carried credit is not what their sales left."""
        query = SQL(
            """
            SELECT c.id, c.meter_id, c.partner_id, c.utility, COALESCE(r.site_id, m.site_id)
                   AS site_id, c.remainder::text AS remainder,
                   CASE WHEN c.state <> 'closed'
                        THEN COALESCE(v.carried, 0) - COALESCE(b.unspent, 0) END::text AS carried
              FROM utility_contract c
              JOIN utility_meter m ON m.id = c.meter_id
         LEFT JOIN utility_room r ON r.id = c.room_id
         LEFT JOIN (SELECT contract_id, sum(remainder_after - remainder_before) AS carried
                      FROM utility_vend
                     WHERE company_id = %(company)s
                       AND (kind = 'reversal' AND state = 'delivered' OR kind = 'sale' AND state IN
                            ('accepted', 'disputed', 'delivered', 'reversed', 'written_off'))
                     GROUP BY contract_id) v ON v.contract_id = c.id
         LEFT JOIN (SELECT contract_id, sum(unspent) AS unspent
                      FROM (SELECT contract_id, unspent FROM utility_payment_return
                             WHERE state = 'posted'
                             UNION ALL
                            SELECT contract_id, -carried FROM utility_go_live_line
                             WHERE move_id IS NOT NULL
                             UNION ALL
                            SELECT contract_id, -rest_amount FROM utility_settlement
                             WHERE payout = 'kept') beside_sales
                     GROUP BY contract_id) b ON b.contract_id = c.id
             WHERE c.company_id = %(company)s
            """,
            company=company.id,
        )
        for row in self.env.execute_query_dict(query):
            amount = dec(row["remainder"], 2) - dec(row["carried"], 2)
            if amount:
                yield Finding(
                    "remainder",
                    f"remainder:{row['id']}",
                    amount,
                    ZERO,
                    ZERO,
                    (row["site_id"], row["utility"], None),
                    None,
                    {name: row[name] for name in ("meter_id", "partner_id")}
                    | {"contract_id": row["id"]},
                )
