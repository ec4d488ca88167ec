from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..tools.reading_steps import step, steps


class UtilityReading(models.Model):
    """What meters used when each is asked for a time of its own, and what they said at its end."""

    _inherit = "utility.reading"

    @api.model
    def _use_of_spans(self, company, spans):
        """What meters used, each in its own span of time, in units on paper.

        :param company: `res.company` of all the meters
        :param spans: list of (meter id, start, end), naive UTC, the end not included; spans of one
            meter do not overlap
        :return: list of Decimal in the same order, zero where there are no readings
        """
        fresh = self._fresh_from()
        used = [Decimal(0)] * len(spans)
        pieces = {}
        for place, (meter_id, start, end) in enumerate(spans):
            if start < end:
                for kind, first, last in self._use_pieces(company, start, end, fresh):
                    pieces.setdefault(kind, []).append((place, meter_id, first, last))
        for kind, rows in pieces.items():
            query = self._raw_sql(rows) if kind == "raw" else self._rolled_sql(kind, rows)
            for place, amount in self.env.execute_query(query):
                used[place] += Decimal(amount or 0)
        return used

    def _asked(self, rows):
        """SQL of the pieces that are asked for: (place, meter_id, first, last)."""
        places, meters, firsts, lasts = zip(*rows, strict=True)
        return SQL(
            "unnest(%s::int[], %s::int[], %s::timestamp[], %s::timestamp[])"
            " AS p(place, meter_id, first, last)",
            list(places),
            list(meters),
            list(firsts),
            list(lasts),
        )

    def _rolled_sql(self, kind, rows):
        return SQL(
            """
            SELECT p.place, sum(d.used)::text
              FROM %s JOIN %s d
                ON d.meter_id = p.meter_id AND d.start >= p.first AND d.start < p.last
             GROUP BY p.place
            """,
            self._asked(rows),
            SQL.identifier(self.env[f"utility.reading.{kind}"]._table),
        )

    def _raw_sql(self, rows):
        spans = SQL(
            """
            SELECT p.meter_id, p.first AS start, p.last AS stop, y.turnover
              FROM %s JOIN utility_meter m ON m.id = p.meter_id
                      JOIN utility_meter_type y ON y.id = m.type_id
            """,
            self._asked(rows),
        )
        return SQL(
            """
            SELECT p.place, u.used FROM %s
              JOIN (SELECT r.meter_id, r.start, sum(%s)::text AS used
                      FROM (%s) r GROUP BY r.meter_id, r.start) u
                ON u.meter_id = p.meter_id AND u.start = p.first
            """,
            self._asked(rows),
            step("total"),
            steps(spans),
        )

    @api.model
    def _balances_of_spans(self, spans):
        """The last balance that meters told in their spans, best one told with its totaliser.

        :param spans: as of `_use_of_spans`
        :return: list of (Decimal in units on paper, or as counted by money meters; moment), or None
            where the meter told none
        """
        if not spans:
            return []
        rows = [(place, *span) for place, span in enumerate(spans)]
        # Two look-ups by (meter, time): the second only where the first finds nothing.
        last = """
            SELECT balance, ct_ratio, at FROM utility_reading_raw r
             WHERE r.meter_id = p.meter_id AND r.at >= p.first AND r.at < p.last
               AND r.balance IS NOT NULL %s
             ORDER BY r.at DESC LIMIT 1
        """
        query = SQL(
            """
            SELECT p.place, (b.balance * CASE WHEN m.credit = 'money' THEN 1
                                              ELSE COALESCE(b.ct_ratio, 1) END)::text, b.at
              FROM %s JOIN utility_meter m ON m.id = p.meter_id
              LEFT JOIN LATERAL (%s) f ON true
              LEFT JOIN LATERAL (%s) a ON f.at IS NULL
             CROSS JOIN LATERAL (SELECT COALESCE(f.balance, a.balance) AS balance,
                                        COALESCE(f.ct_ratio, a.ct_ratio) AS ct_ratio,
                                        COALESCE(f.at, a.at) AS at) b
             WHERE b.at IS NOT NULL
            """,
            self._asked(rows),
            SQL(last, SQL("AND r.total IS NOT NULL")),
            SQL(last, SQL()),
        )
        found = [None] * len(spans)
        for place, balance, at in self.env.execute_query(query):
            found[place] = (Decimal(balance), at)
        return found
