from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytz

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.check import FLOWS, STOCKS, ZERO

NO_END = fields.Datetime.to_datetime("9999-01-01")
# Movements whose money, proof and documents are compared one by one. A loss is not: what was
# supplied without money and written off stands in no account of the customer's.
PAIRED = SQL(
    """(v.kind IN ('sale', 'emergency') OR v.kind = 'reversal' AND (
           SELECT u.kind FROM utility_vend u WHERE u.id = v.reversed_vend_id
       ) IN ('sale', 'emergency'))
       AND v.state <> 'draft' AND NOT (v.state = 'written_off'
           AND (v.kind = 'emergency' OR v.refund_payment_id IS NOT NULL))"""
)


class UtilityCheckPosition(models.AbstractModel):
    """Money in, credit proved and ledger of a company, all up to the end of a day.

    Two sums hold, whatever happened. For every place (site, utility, method):

    money in - money out + by another method
    = credit sold - taken back + fees + carried + other documents + differences in money;

    and for every site and utility:

    open credit on the customers' account = carried credit + differences in the ledger.

    What is known of single sales is compared sale by sale, the rest (settlements, opening entries,
    debts, who pays them, and credit that meters got without money) contract by contract, and what
    belongs to neither is not the desk's.
    """

    _name = "utility.check.position"
    _description = "Position of the Desk"

    @api.model
    def _at(self, company, date):
        """Where the company stands at the end of a local day, today's as far as it went.

        :param company: `res.company` with a customers' account
        :param date: local date
        :return: ({place: {figure: Decimal}}, list of Finding)
        """
        self.env.flush_all()
        scope = self._scope(company, date, self._day_end(company, date))
        places = defaultdict(lambda: dict.fromkeys((*FLOWS, *STOCKS), ZERO))
        self._add_items(places, scope)
        self._add_drawn(places, scope)
        self._add_vends(places, scope)
        findings = [
            *self._vend_findings(scope),
            *self._contract_findings(company, places, scope, date),
            *self._alone_findings(scope),
        ]
        findings += self._unexplained(company, date, places, findings)
        return dict(places), findings

    @api.model
    def _day_end(self, company, date):
        """First moment (naive UTC) that is no longer of a local day; none for the day under way."""
        if date >= company._utility_today():
            return NO_END
        zone = pytz.timezone(company.utility_tz or "UTC")
        return self.env["utility.reading"]._midnight(zone, date + timedelta(days=1))

    def _rows(self, query):
        """Rows as dictionaries. Numbers are asked for as texts: Odoo's cursor makes floats."""
        rows = self.env.execute_query_dict(query)
        for row in rows:
            for name in row:
                if name.startswith("sum_"):
                    row[name] = Decimal(row[name] or 0)
        return rows

    # ------------------------------------------------------------------- scope

    @api.model
    def _scope(self, company, date, end):
        """SQL of what is looked at, as the WITH of every question.

        `items` are the posted items of the customers' account with the sale or the contract that
        they belong to; a payment that an accountant registered on a document of the desk belongs to
        that document's contract. `vends` are the sales with what was paid and posted for them:
        `due` is the money that should be here by the state of the sale, `drawn` what of it is the
        contract's, `settled` what the meter's proof stands for, `billable` what the ledger should
        show of it.
        """
        return SQL(
            """
            WITH raw AS (
                SELECT l.id, l.partner_id, l.date, -l.balance AS credit,
                       n.id IS NOT NULL AND l.balance > 0 AS handed_on,
                       CASE WHEN j.type IN ('bank', 'cash', 'credit') THEN j.id
                            -- from a provider's account, which is not the customers'
                            WHEN sum(l.balance) OVER (PARTITION BY m.id) <> 0
                            THEN COALESCE(n.journal_id, u.journal_id)
                            END AS journal_id,
                       -- the bank itself paid back what a reversal freed
                       CASE WHEN u.id IS NOT NULL THEN u.id
                            WHEN n.id IS NULL AND %(is_paired)s THEN v.id END AS vend_id,
                       COALESCE(CASE WHEN n.id IS NULL THEN v.contract_id END,
                                m.utility_contract_id, p.utility_contract_id) AS contract_id
                  FROM account_move_line l
                  JOIN account_move m ON m.id = l.move_id
                  JOIN account_journal j ON j.id = l.journal_id
             LEFT JOIN account_payment p ON p.id = m.origin_payment_id
             LEFT JOIN utility_vend v ON v.id = COALESCE(m.utility_vend_id, p.utility_vend_id)
             LEFT JOIN utility_incoming n ON n.move_id = m.id
             LEFT JOIN utility_payment_return b ON b.move_id = m.id
             LEFT JOIN utility_vend u ON u.reversed_vend_id = b.vend_id AND u.state = 'delivered'
                 WHERE l.account_id = %(account)s AND l.company_id = %(company)s
                   AND l.parent_state = 'posted' AND l.date <= %(date)s
            ), items AS (
                SELECT r.id, r.partner_id, r.date, r.credit, r.journal_id, r.vend_id,
                       CASE WHEN r.handed_on THEN COALESCE(f.contract_id, r.contract_id)
                            ELSE COALESCE(r.contract_id, f.contract_id) END AS contract_id
                  FROM raw r
             LEFT JOIN LATERAL (
                    SELECT min(o.contract_id) AS contract_id
                      FROM account_partial_reconcile a
                      JOIN raw o ON o.id IN (a.debit_move_id, a.credit_move_id) AND o.id <> r.id
                     -- first of all, so that nothing is looked for behind all other items
                     WHERE (r.handed_on OR r.contract_id IS NULL AND r.journal_id IS NOT NULL)
                       AND r.id IN (a.debit_move_id, a.credit_move_id)
                    HAVING count(DISTINCT o.contract_id) = 1 AND sum(a.amount) = abs(r.credit)
                       AND count(*) = count(o.contract_id)
                    ) f ON true
            ), known AS (
                SELECT v.id, v.name, v.kind, v.state, v.policy, v.site_id, v.utility, v.journal_id,
                       v.contract_id, v.meter_id, v.partner_id, v.user_id, v.command_id,
                       v.accepted_at, v.delivered_at, v.amount, COALESCE(v.cost, 0) AS cost,
                       COALESCE(v.fee_amount, 0) AS fee, COALESCE(v.arrears_amount, 0) AS arrears,
                       COALESCE(v.remainder_after, 0) - COALESCE(v.remainder_before, 0) AS carried,
                       CASE WHEN v.kind = 'reversal' THEN -1 ELSE 1 END AS sign,
                       -- charged although its money went back: posted as such
                       COALESCE(v.delivered_at < %(end)s, false)
                       OR v.state = 'refunded' AND COALESCE(v.posted_at < %(end)s, false) AS proved,
                       COALESCE(v.accepted_at < %(end)s, false) AS accepted,
                       CASE WHEN p.id IS NOT NULL THEN p.date <= %(date)s
                            ELSE v.state IN ('refunded', 'cancelled') END AS returned,
                       v.kind = 'emergency' OR s.kind = 'emergency' AS lent,
                       v.incoming_id IS NOT NULL OR s.incoming_id IS NOT NULL
                       OR v.target_contract_id IS NOT NULL AS by_itself,
                       EXISTS (SELECT 1 FROM utility_payment_return b
                                WHERE (b.payment_id = COALESCE(s.payment_id, v.payment_id)
                                       OR b.transfer_id IS NOT NULL
                                          AND b.vend_id = COALESCE(s.id, v.id))
                                  AND b.state = 'posted' AND b.date <= %(date)s) AS bounced,
                       COALESCE(i.money, 0) AS money, COALESCE(i.posted, 0) AS posted
                  FROM utility_vend v
             LEFT JOIN utility_vend s ON s.id = v.reversed_vend_id
             LEFT JOIN account_payment p ON p.id = v.refund_payment_id
             LEFT JOIN (SELECT vend_id, sum(credit) FILTER (WHERE journal_id IS NOT NULL) AS money,
                               -sum(credit) FILTER (WHERE journal_id IS NULL) AS posted
                          FROM items WHERE vend_id IS NOT NULL GROUP BY vend_id) i
                    ON i.vend_id = v.id
                 WHERE v.company_id = %(company)s AND %(is_paired)s
            ), drawing AS (
                -- Money that came by itself is the contract's: a sale draws on it. What undoes a
                -- sale gives money back to the contract where it is not paid out for the sale: it
                -- came by itself, goes to another room, pays the debt of a returned payment, or is
                -- paid with the contract's settlement.
                SELECT k.*, CASE WHEN k.kind = 'reversal' AND k.proved AND k.money = 0
                                      AND (k.by_itself OR k.bounced OR k.returned) THEN -k.amount
                                 WHEN k.kind = 'sale' AND k.bounced AND k.returned THEN -k.money
                                 WHEN k.kind = 'sale' AND k.by_itself AND k.accepted
                                      AND (NOT k.returned OR k.money <> 0) THEN k.amount
                                 ELSE 0 END AS drawn
                  FROM known k
            ), vends AS (
                SELECT d.*,
                       -- credit without money: what it is worth is a debt of the contract
                       COALESCE(d.lent, false) OR d.proved AND d.returned AND d.kind = 'sale'
                           AS given,
                       CASE WHEN d.lent THEN 0
                            WHEN d.kind = 'sale' AND d.accepted AND NOT d.returned THEN d.amount
                            WHEN d.kind = 'reversal' AND d.money + d.drawn <> 0 THEN -d.amount
                            ELSE 0 END AS due,
                       CASE WHEN d.lent THEN 0
                            WHEN d.proved AND d.kind = 'reversal' THEN -d.amount
                            WHEN d.proved AND d.kind = 'sale' AND NOT d.returned THEN d.amount
                            ELSE 0 END AS settled,
                       CASE WHEN NOT d.proved THEN 0
                            WHEN d.lent AND d.policy = 'on_use' THEN d.sign * d.fee
                            ELSE d.sign * (d.cost + d.fee) END AS billable
                  FROM drawing d
            )
            """,
            is_paired=PAIRED,
            account=company.utility_account_id.id,
            company=company.id,
            date=date,
            end=end,
        )

    # ----------------------------------------------------------------- figures

    def _add_items(self, places, scope):
        """Money by the method it came and went by, what was posted, and what stands open."""
        query = SQL(
            """%s
            SELECT COALESCE(v.site_id, r.site_id, m.site_id) AS site_id,
                   COALESCE(v.utility, c.utility) AS utility, i.journal_id,
                   -- a sale's money stands under its own method, a contract's under none
                   CASE WHEN v.id IS NOT NULL THEN v.journal_id
                        WHEN i.contract_id IS NULL THEN i.journal_id END AS own_id,
                   sum(i.credit) FILTER (WHERE i.journal_id IS NOT NULL AND i.credit > 0)::text
                       AS sum_in,
                   (-sum(i.credit) FILTER (WHERE i.journal_id IS NOT NULL AND i.credit < 0))::text
                       AS sum_out,
                   (-sum(i.credit) FILTER (WHERE i.journal_id IS NULL AND v.id IS NOT NULL))::text
                       AS sum_posted,
                   sum(i.credit)::text AS sum_open
              FROM items i
         LEFT JOIN utility_vend v ON v.id = i.vend_id
         LEFT JOIN utility_contract c ON c.id = i.contract_id
         LEFT JOIN utility_room r ON r.id = c.room_id
         LEFT JOIN utility_meter m ON m.id = c.meter_id
             GROUP BY 1, 2, 3, 4
            """,
            scope,
        )
        for row in self._rows(query):
            site, utility = row["site_id"], row["utility"]
            net = row["sum_in"] - row["sum_out"]
            actual = places[site, utility, row["journal_id"]]
            actual["money_in"] += row["sum_in"]
            actual["money_out"] += row["sum_out"]
            actual["other_method"] -= net
            own = places[site, utility, row["own_id"]]
            own["other_method"] += net
            own["posted"] += row["sum_posted"]
            places[site, utility, None]["open_credit"] += row["sum_open"]

    def _add_drawn(self, places, scope):
        """Sales that drew on money which stood to their contract's credit."""
        query = SQL(
            """%s
            SELECT v.site_id, v.utility, v.journal_id, COALESCE(r.site_id, m.site_id) AS own_site,
                   c.utility AS own_utility, sum(v.drawn)::text AS sum_drawn
              FROM vends v
              JOIN utility_contract c ON c.id = v.contract_id
         LEFT JOIN utility_room r ON r.id = c.room_id
         LEFT JOIN utility_meter m ON m.id = c.meter_id
             WHERE v.drawn <> 0 GROUP BY 1, 2, 3, 4, 5
            """,
            scope,
        )
        for row in self._rows(query):
            place = places[row["site_id"], row["utility"], row["journal_id"]]
            place["other_method"] += row["sum_drawn"]
            contract = places[row["own_site"], row["own_utility"], None]
            contract["other_method"] -= row["sum_drawn"]

    def _add_vends(self, places, scope):
        """What meters proved, in money, by the method that the sale was paid with."""
        query = SQL(
            """%s
            SELECT site_id, utility, journal_id,
                   sum(cost) FILTER (WHERE sign > 0)::text AS sum_sold,
                   sum(cost) FILTER (WHERE sign < 0)::text AS sum_back,
                   sum(sign * fee)::text AS sum_fees,
                   sum(carried) FILTER (WHERE NOT given)::text AS sum_carried,
                   sum(sign * CASE WHEN given THEN -cost - fee ELSE arrears END)::text
                       AS sum_contract
              FROM vends WHERE proved GROUP BY 1, 2, 3
            """,
            scope,
        )
        for row in self._rows(query):
            site, utility = row["site_id"], row["utility"]
            place, books = places[site, utility, row["journal_id"]], places[site, utility, None]
            place["credit_sold"] += row["sum_sold"]
            place["credit_back"] += row["sum_back"]
            place["fees"] += row["sum_fees"]
            place["carried"] += row["sum_carried"]
            # Older debts that were paid with it, and credit without money, are the contract's.
            place["documents"] += row["sum_contract"]
            books["carried_credit"] += row["sum_carried"]
