from datetime import date

from odoo import api, models
from odoo.tools import SQL

from .utility_check_part import PART_BITS
from .utility_check_position import NO_END

# Parts that are summed in one transaction.
AT_ONCE = 16
# A check that sums a part lives for minutes, its news are kept for longer.
KEEP = "1 day"
EVER = date(9999, 12, 31)


class UtilityCheckBase(models.AbstractModel):
    """Sums of what is settled, carried forward from check to check; see `utility_check_part.py`."""

    _name = "utility.check.base"
    _description = "Carrying Checks Forward"

    # ------------------------------------------------------------------- using

    @api.model
    def _parts_sql(self, company, date, end):
        """SQL of all parts and what a check does with each.

        `carried`: nothing changed since it was summed, and all of it happened until then. `later`:
        nothing of it had happened yet. Everything else is looked at `anew`.

        :param date: last day that is looked at
        :param end: first moment (naive UTC) that is no longer looked at
        """
        return SQL(
            """
            SELECT s.sale, s.number, p.id,
                   CASE WHEN p.id IS NULL OR t.number IS NOT NULL THEN 'anew'
                        WHEN p.last_at < %(end)s AND p.last_on <= %(date)s THEN 'carried'
                        WHEN p.first_at >= %(end)s AND p.first_on > %(date)s THEN 'later'
                        ELSE 'anew' END AS how
              FROM (%(numbers)s) s
         LEFT JOIN utility_check_part p
                ON p.company_id = %(company)s AND p.account_id = %(account)s
               AND p.sale = s.sale AND p.number = s.number
         LEFT JOIN (SELECT DISTINCT sale, number FROM utility_check_touch) t
                ON t.sale = s.sale AND t.number = s.number
            """,
            numbers=self._numbers_sql(),
            company=company.id,
            account=company.utility_account_id.id,
            date=date,
            end=end,
        )

    def _numbers_sql(self):
        """Every part there can be, and whether all of its ids were given away."""
        return SQL(
            """
            SELECT l.sale, n AS number, n < l.last AS whole
              FROM (SELECT true AS sale, last_value >> %(bits)s AS last FROM utility_vend_id_seq
                     UNION ALL
                    SELECT false, last_value >> %(bits)s FROM account_move_id_seq) l,
                   LATERAL (SELECT generate_series(0, l.last::int) AS n) g
            """,
            bits=PART_BITS,
        )

    def _paid_sql(self):
        """Sums of items of the parts that are carried, as of `utility.check.position._paid_sql`."""
        return SQL(
            """
            SELECT b.part_id, b.of_sale, b.site_id, b.utility, b.own_id, b.journal_id,
                   b.contract_id, b.partner_id, b.since, b.money_in, b.money_out, b.booked
              FROM utility_check_paid b JOIN check_part p ON p.id = b.part_id
             WHERE p.how = 'carried'
            """
        )

    def _sold_sql(self):
        """Sums of sales of the parts that are carried, as of `utility.check.position._sold_sql`."""
        return SQL(
            """
            SELECT b.part_id, b.contract_id, b.site_id, b.utility, b.journal_id, b.sold, b.back,
                   b.fees, b.carried, b.arrears, b.lent, b.given, b.drawn
              FROM utility_check_sold b JOIN check_part p ON p.id = b.part_id
             WHERE p.how = 'carried'
            """
        )

    # ------------------------------------------------------------------ summing

    @api.model
    def _carry_forward(self, company):
        """Sum some parts that are whole and not summed yet, or were touched since.

        Sales that differ, and entries that may still find their contract, stand apart: each check
        looks at them again. Only one transaction at a time does this, by the unique key of parts.

        :param company: `res.company` with a customers' account
        :return: whether some parts were summed, so that there may be more
        """
        company = company.sudo()
        self.env.flush_all()
        if not self._begin_parts(company):
            return False
        position = self.env["utility.check.position"]
        parts = SQL(
            "SELECT id, sale, number, 'anew' AS how FROM utility_check_part"
            " WHERE company_id = %s AND first_at IS NULL",
            company.id,
        )
        position._gather(company, EVER, NO_END, parts)
        self._set_apart(position)
        self._keep_sums(position)
        self._keep_moments()
        return True

    def _begin_parts(self, company):
        """Forget what some parts were, with the news about them that this transaction sees.

        News that it does not see remain: they touch what is summed now.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.sale, s.number FROM (%s) s JOIN (%s) w USING (sale, number)
                 WHERE w.whole AND (s.id IS NULL OR EXISTS (
                       SELECT 1 FROM utility_check_touch t
                        WHERE t.sale = s.sale AND t.number = s.number))
                 ORDER BY s.sale DESC, s.number LIMIT %s
                """,
                self._parts_sql(company, EVER, NO_END),
                self._numbers_sql(),
                AT_ONCE,
            )
        )
        for sale, number in rows:
            # The news are not those of one company: what others summed is summed again, too.
            for table in ("utility_check_part", "utility_check_touch"):
                self.env.cr.execute(
                    SQL(
                        "DELETE FROM %s WHERE sale = %s AND number = %s",
                        SQL.identifier(table),
                        sale,
                        number,
                    )
                )
            self.env.cr.execute(
                SQL(
                    "INSERT INTO utility_check_part (company_id, account_id, sale, number)"
                    " VALUES (%s, %s, %s, %s)",
                    company.id,
                    company.utility_account_id.id,
                    sale,
                    number,
                )
            )
        return rows

    def _set_apart(self, position):
        """What is not summed: a sale with all that undid it, or an entry."""
        position._make_table(
            "check_apart",
            SQL(
                """
                SELECT DISTINCT v.part, v.root, NULL::int AS move_id FROM check_vend v
                 WHERE v.money + v.drawn <> v.due OR v.due <> v.settled OR v.billable <> v.posted
                 UNION
                SELECT i.part, i.root, CASE WHEN i.root IS NULL THEN i.move_id END
                  FROM check_item i WHERE i.loose
                """
            ),
        )
        self.env.cr.execute(
            """
            INSERT INTO utility_check_apart (part_id, vend_id, move_id)
            SELECT a.part, c.id, a.move_id
              FROM check_apart a LEFT JOIN check_chosen c ON c.root = a.root
            """
        )

    def _keep_sums(self, position):
        part = {"by": SQL("i.part"), "where": self._settled("i")}
        self.env.cr.execute(SQL("INSERT INTO utility_check_paid %s", position._paid_sql(**part)))
        part = {"by": SQL("v.part"), "where": self._settled("v")}
        self.env.cr.execute(SQL("INSERT INTO utility_check_sold %s", position._sold_sql(**part)))

    def _settled(self, table):
        """Condition on an item or a sale: it does not stand apart."""
        row = SQL.identifier(table)
        moves = SQL("OR a.move_id = %s.move_id", row) if table == "i" else SQL()
        return SQL("NOT EXISTS (SELECT 1 FROM check_apart a WHERE a.root = %s.root %s)", row, moves)

    def _keep_moments(self):
        """From when to when something happened in each part.

        Before the first of it there is nothing; what stands apart is looked at whenever the rest
        is carried, so it does not count for the last.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE utility_check_part p
                   SET first_at = COALESCE(h.first_at, 'infinity'),
                       last_at = COALESCE(h.last_at, '-infinity'),
                       first_on = COALESCE(h.first_on, 'infinity'),
                       last_on = COALESCE(h.last_on, '-infinity')
                  FROM check_part c
             LEFT JOIN (
                    SELECT e.part, min(e.at) AS first_at, min(e.day) AS first_on,
                           max(e.at) FILTER (WHERE e.settled) AS last_at,
                           max(e.day) FILTER (WHERE e.settled) AS last_on
                      FROM (
                        SELECT v.part, t.at, t.day, %s AS settled
                          FROM check_vend v, LATERAL (
                               VALUES (v.accepted_at, v.returned_on),
                                      (v.delivered_at, v.bounced_on),
                                      (CASE v.state WHEN 'refunded' THEN v.posted_at END, NULL)
                               ) t(at, day)
                         UNION ALL
                        SELECT i.part, NULL, i.date, %s FROM check_item i
                      ) e GROUP BY e.part
                    ) h ON h.part = c.id
                 WHERE c.id = p.id
                """,
                self._settled("v"),
                self._settled("i"),
            )
        )

    @api.model
    def _forget_news(self):
        """News of parts that nobody has summed, and nobody is just summing."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM utility_check_touch t
                 WHERE t.at < now() - %s::interval AND NOT EXISTS (
                       SELECT 1 FROM utility_check_part p
                        WHERE p.sale = t.sale AND p.number = t.number)
                """,
                KEEP,
            )
        )
