from odoo import api, models
from odoo.tools import SQL

from .utility_check_part import PART_BITS

# Movements whose money, proof and documents are compared one by one. A loss is not: what was
# supplied without money and written off stands in no account of the customer's.
PAIRED = SQL(
    """(v.kind IN ('sale', 'emergency') OR v.kind = 'reversal' AND (
           SELECT u.kind FROM utility_vend u WHERE u.id = v.reversed_vend_id
       ) IN ('sale', 'emergency'))
       AND v.state <> 'draft' AND NOT (v.state = 'written_off'
           AND (v.kind = 'emergency' OR v.refund_payment_id IS NOT NULL))"""
)
# Tables of one question, in the order in which they follow from each other.
TABLES = (
    "check_part", "check_chosen", "check_move", "check_raw", "check_item", "check_vend",
    "check_paid", "check_sold", "check_apart",
)  # fmt: skip


class UtilityCheckPosition(models.AbstractModel):
    """What is looked at for a position: step by step, each a temporary table of the transaction.

    Only what is not carried forward is looked at (`utility_check_base.py`), so that a day costs
    the same after years.
    """

    _inherit = "utility.check.position"

    @api.model
    def _gather(self, company, date, end, parts):
        """Make the tables `check_vend` and `check_item`: sales and journal items, one by one.

        :param company: `res.company` with a customers' account
        :param date: last day of what is looked at
        :param end: first moment (naive UTC) that is no longer looked at
        :param SQL parts: id, sale, number and how of what is to be looked at; see
            `utility.check.base._parts_sql`
        """
        self.env.flush_all()
        tables = SQL(", ").join(map(SQL.identifier, TABLES))
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", tables))
        self._make_table("check_part", parts)
        self._make_table("check_chosen", self._chosen_sql(company))
        self._make_table("check_move", self._moves_sql())
        self._make_table("check_raw", self._raw_sql(company, date, SQL("check_move"), more=False))
        self.env.cr.execute(
            SQL("INSERT INTO check_raw %s", self._raw_sql(company, date, self._others_sql(), True))
        )
        self.env.cr.execute("CREATE INDEX ON check_raw (id)")
        self._make_table("check_item", self._items_sql())
        self._make_table("check_vend", self._vends_sql(company, date, end))

    def _make_table(self, name, query):
        """A table of this transaction, with what the planner has to know of it."""
        table = SQL.identifier(name)
        self.env.cr.execute(SQL("CREATE TEMPORARY TABLE %s ON COMMIT DROP AS %s", table, query))
        self.env.cr.execute(SQL("ANALYZE %s", table))

    # ------------------------------------------------------------ what is chosen

    def _chosen_sql(self, company):
        """Sales of the parts that are looked at anew, and those that stand apart in the others.

        What undoes a sale goes with the sale, so that all that is compared is in one part.
        """
        return SQL(
            """
            SELECT v.id, COALESCE(v.reversed_vend_id, v.id) AS root, p.id AS part
              FROM check_part p
              JOIN utility_vend v ON COALESCE(v.reversed_vend_id, v.id) >> %(bits)s = p.number
             WHERE p.sale AND p.how = 'anew' AND v.company_id = %(company)s
             UNION ALL
            SELECT v.id, COALESCE(v.reversed_vend_id, v.id), p.id
              FROM check_part p
              JOIN utility_check_apart a ON a.part_id = p.id
              JOIN utility_vend v ON v.id = a.vend_id
             WHERE p.how = 'carried' 
            """,
            bits=PART_BITS,
            company=company.id,
        )

    def _moves_sql(self):
        """Journal entries of the chosen sales, and those of no sale, by parts of their own.

        OFFSET 0 has what is chosen looked up, where the planner would rather read all entries.
        """
        return SQL(
            """
            SELECT DISTINCT ON (id) id, root, part FROM (
                SELECT m.id, c.root, c.part
                  FROM check_chosen c JOIN account_move m ON m.utility_vend_id = c.id
                 UNION ALL
                SELECT m.id, c.root, c.part
                  FROM check_chosen c, LATERAL (
                       SELECT m.id FROM account_payment p
                         JOIN account_move m ON m.origin_payment_id = p.id
                        WHERE p.utility_vend_id = c.id AND m.utility_vend_id IS NULL OFFSET 0
                       ) m
                 UNION ALL
                SELECT b.move_id, c.root, c.part
                  FROM check_chosen c JOIN utility_payment_return b ON b.vend_id = c.id
                 WHERE b.move_id IS NOT NULL
                 UNION ALL
                SELECT m.id, NULL, s.id
                  FROM check_part s, LATERAL (
                       SELECT m.id FROM account_move m
                    LEFT JOIN account_payment p ON p.id = m.origin_payment_id
                    LEFT JOIN utility_payment_return b ON b.move_id = m.id
                        WHERE m.id >= s.number << %(bits)s AND m.id < (s.number + 1) << %(bits)s
                          AND COALESCE(m.utility_vend_id, p.utility_vend_id, b.vend_id) IS NULL
                       OFFSET 0) m
                 WHERE NOT s.sale AND s.how = 'anew'
                 UNION ALL
                SELECT a.move_id, NULL, s.id
                  FROM check_part s JOIN utility_check_apart a ON a.part_id = s.id
                 WHERE s.how = 'carried' AND a.move_id IS NOT NULL
            ) every
             ORDER BY id, root
            """,
            bits=PART_BITS,
        )

    def _others_sql(self):
        """Entries that are asked only whose they are: a payment of nobody settles them."""
        return SQL(
            """(SELECT DISTINCT l.move_id AS id, NULL::int AS root, NULL::int AS part
                  FROM check_raw r
                  JOIN account_partial_reconcile a ON r.id IN (a.debit_move_id, a.credit_move_id)
                  JOIN account_move_line l ON l.id IN (a.debit_move_id, a.credit_move_id)
                 WHERE r.loose AND l.move_id NOT IN (SELECT id FROM check_move))"""
        )

    # ----------------------------------------------------------- journal items

    def _raw_sql(self, company, date, moves, more):
        """Posted items of the customers' account by what their own entries say.

        :param SQL moves: table of entries: id, root (first of the sales that it is of), part
        :param bool more: these are asked for others' sake, and are no items themselves
        """
        return SQL(
            """
            SELECT r.*, r.handed_on OR r.contract_id IS NULL AND r.journal_id IS NOT NULL AS loose
              FROM (
                SELECT l.id, c.id AS move_id, c.root, c.part, %(more)s AS more, l.partner_id,
                       l.date, -l.balance AS credit,
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
                  FROM %(moves)s c
                  JOIN account_move m ON m.id = c.id
                  JOIN account_move_line l ON l.move_id = m.id
                  JOIN account_journal j ON j.id = l.journal_id
             LEFT JOIN account_payment p ON p.id = m.origin_payment_id
             LEFT JOIN utility_vend v ON v.id = COALESCE(m.utility_vend_id, p.utility_vend_id)
             LEFT JOIN utility_incoming n ON n.move_id = m.id
             LEFT JOIN utility_payment_return b ON b.move_id = m.id
             LEFT JOIN utility_vend u ON u.reversed_vend_id = b.vend_id AND u.state = 'delivered'
                 WHERE l.account_id = %(account)s AND l.company_id = %(company)s
                   AND l.parent_state = 'posted' AND l.date <= %(date)s
            ) r
            """,
            is_paired=PAIRED,
            moves=moves,
            more=more,
            account=company.utility_account_id.id,
            company=company.id,
            date=date,
        )

    def _items_sql(self):
        """The items with the sale or the contract that they belong to.

        A payment that an accountant registered on a document of the desk belongs to that document's
        contract, when it settles nothing else.
        """
        return SQL(
            """
            SELECT r.root, r.part, r.move_id, r.loose, r.partner_id, r.date, r.credit,
                   r.journal_id, r.vend_id,
                   CASE WHEN r.handed_on THEN COALESCE(f.contract_id, r.contract_id)
                        ELSE COALESCE(r.contract_id, f.contract_id) END AS contract_id
              FROM check_raw r
         LEFT JOIN LATERAL (
                SELECT min(o.contract_id) AS contract_id
                  FROM account_partial_reconcile a
                  JOIN check_raw o ON o.id = a.debit_move_id + a.credit_move_id - r.id
                 WHERE r.loose AND r.id IN (a.debit_move_id, a.credit_move_id)
                HAVING count(DISTINCT o.contract_id) = 1 AND sum(a.amount) = abs(r.credit)
                   AND count(*) = count(o.contract_id)
                ) f ON r.loose
             WHERE NOT r.more
            """
        )

    # ------------------------------------------------------------------- sales

    def _vends_sql(self, company, date, end):
        """The sales with what was paid and posted for them.

        `due` is the money that should be here by the state of the sale, `drawn` what of it is the
        contract's, `settled` what the meter's proof stands for, `billable` what the ledger should
        show of it.
        """
        return SQL(
            """
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
              FROM (%s) d
            """,
            self._drawing_sql(company, date, end),
        )

    def _drawing_sql(self, company, date, end):
        """Sales with what they draw on money that is the contract's, because it came by itself.

        What undoes a sale gives money back to the contract where it is not paid out for the sale:
        it came by itself, goes to another room, pays the debt of a returned payment, or is paid
        with the contract's settlement.
        """
        return SQL(
            """
            SELECT k.*, CASE WHEN k.kind = 'reversal' AND k.proved AND k.money = 0
                                  AND (k.by_itself OR k.bounced OR k.returned) THEN -k.amount
                             WHEN k.kind = 'sale' AND k.bounced AND k.returned THEN -k.money
                             WHEN k.kind = 'sale' AND k.by_itself AND k.accepted
                                  AND (NOT k.returned OR k.money <> 0) THEN k.amount
                             ELSE 0 END AS drawn
              FROM (%s) k
            """,
            self._known_sql(company, date, end),
        )

    def _known_sql(self, company, date, end):
        """Sales with what is known of each: amounts, proof, money back, and its own items."""
        return SQL(
            """
            SELECT h.root, h.part, v.id, v.name, v.kind, v.state, v.policy, v.site_id, v.utility,
                   v.journal_id, v.contract_id, v.meter_id, v.partner_id, v.user_id, v.command_id,
                   v.accepted_at, v.delivered_at, v.posted_at, v.amount,
                   COALESCE(v.cost, 0) AS cost,
                   COALESCE(v.fee_amount, 0) AS fee, COALESCE(v.arrears_amount, 0) AS arrears,
                   COALESCE(v.remainder_after, 0) - COALESCE(v.remainder_before, 0) AS carried,
                   CASE WHEN v.kind = 'reversal' THEN -1 ELSE 1 END AS sign,
                   -- charged although its money went back: posted as such
                   COALESCE(v.delivered_at < %(end)s, false)
                   OR v.state = 'refunded' AND COALESCE(v.posted_at < %(end)s, false) AS proved,
                   COALESCE(v.accepted_at < %(end)s, false) AS accepted,
                   p.date AS returned_on, b.date AS bounced_on,
                   CASE WHEN p.id IS NOT NULL THEN p.date <= %(date)s
                        ELSE v.state IN ('refunded', 'cancelled') END AS returned,
                   v.kind = 'emergency' OR s.kind = 'emergency' AS lent,
                   v.incoming_id IS NOT NULL OR s.incoming_id IS NOT NULL
                   OR v.target_contract_id IS NOT NULL AS by_itself,
                   COALESCE(b.date <= %(date)s, false) AS bounced,
                   COALESCE(i.money, 0) AS money, COALESCE(i.posted, 0) AS posted
              FROM check_chosen h
              JOIN utility_vend v ON v.id = h.id
         LEFT JOIN utility_vend s ON s.id = v.reversed_vend_id
         LEFT JOIN account_payment p ON p.id = v.refund_payment_id
         LEFT JOIN LATERAL (
                SELECT min(b.date) AS date FROM utility_payment_return b
                 WHERE (b.payment_id = COALESCE(s.payment_id, v.payment_id)
                        OR b.transfer_id IS NOT NULL AND b.vend_id = COALESCE(s.id, v.id))
                   AND b.state = 'posted'
                ) b ON true
         LEFT JOIN (SELECT vend_id, sum(credit) FILTER (WHERE journal_id IS NOT NULL) AS money,
                           -sum(credit) FILTER (WHERE journal_id IS NULL) AS posted
                      FROM check_item WHERE vend_id IS NOT NULL GROUP BY vend_id) i
                ON i.vend_id = v.id
             WHERE v.company_id = %(company)s AND %(is_paired)s
            """,
            is_paired=PAIRED,
            company=company.id,
            date=date,
            end=end,
        )

    # -------------------------------------------------------------------- sums

    def _paid_sql(self, by=None, where=None):
        """Sums of items: of sales by the sale's place, of others by contract, else by partner.

        :param SQL by: a column of `check_item` to tell them apart by
        :param SQL where: condition on `check_item` i
        """
        return SQL(
            """
            SELECT %s AS part, v.id IS NOT NULL AS of_sale, v.site_id, v.utility,
                   v.journal_id AS own_id, i.journal_id,
                   CASE WHEN v.id IS NULL THEN i.contract_id END AS contract_id,
                   CASE WHEN v.id IS NULL AND i.contract_id IS NULL THEN i.partner_id END
                       AS partner_id,
                   min(i.date) AS since,
                   COALESCE(sum(i.credit) FILTER (WHERE i.journal_id IS NOT NULL
                                                    AND i.credit > 0), 0) AS money_in,
                   COALESCE(-sum(i.credit) FILTER (WHERE i.journal_id IS NOT NULL
                                                     AND i.credit < 0), 0) AS money_out,
                   COALESCE(-sum(i.credit) FILTER (WHERE i.journal_id IS NULL), 0) AS booked
              FROM check_item i LEFT JOIN utility_vend v ON v.id = i.vend_id
             WHERE %s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
            """,
            by or SQL("NULL::int"),
            where or SQL("true"),
        )

    def _sold_sql(self, by=None, where=None):
        """Sums of sales by their contract and place.

        :param SQL by: a column of `check_vend` to tell them apart by
        :param SQL where: condition on `check_vend` v
        """
        return SQL(
            """
            SELECT %s AS part, v.contract_id, v.site_id, v.utility, v.journal_id,
                   COALESCE(sum(v.cost) FILTER (WHERE v.proved AND v.sign > 0), 0) AS sold,
                   COALESCE(sum(v.cost) FILTER (WHERE v.proved AND v.sign < 0), 0) AS back,
                   COALESCE(sum(v.sign * v.fee) FILTER (WHERE v.proved), 0) AS fees,
                   COALESCE(sum(v.carried) FILTER (WHERE v.proved AND NOT v.given), 0) AS carried,
                   -- older debts that were paid with it
                   COALESCE(sum(v.sign * v.arrears) FILTER (WHERE v.proved AND NOT v.given), 0)
                       AS arrears,
                   -- credit without money, by its price
                   COALESCE(sum(v.sign * (v.cost + v.fee)) FILTER (WHERE v.proved AND v.given), 0)
                       AS lent,
                   -- and what of it is owed now: some is billed when it is used
                   COALESCE(sum(v.billable) FILTER (WHERE v.given), 0) AS given,
                   sum(v.drawn) AS drawn
              FROM check_vend v
             WHERE (v.proved OR v.drawn <> 0) AND %s GROUP BY 1, 2, 3, 4, 5
            """,
            by or SQL("NULL::int"),
            where or SQL("true"),
        )
