from odoo import api, models
from odoo.tools import SQL

from ..tools.reading_steps import ZONE, local_start, step, steps, uses
from ..tools.reading_store import BATCH_LOCK, RAW

# Readings that one transaction rolls up.
CHUNK = 20000


class UtilityReadingHour(models.Model):
    """The first roll-up, made of readings; a scheduled action makes all three from what arrived.

    A reading that comes late changes its own hour and that of the next one; both are made anew,
    then their days, then their months.
    """

    _name = "utility.reading.hour"
    _inherit = ["utility.reading.rollup"]
    _description = "Use by the Hour"
    _unit = "hour"

    def init(self):
        # Up to which reading all is rolled up; one row.
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS utility_reading_mark (rolled int8 NOT NULL);
            INSERT INTO utility_reading_mark
            SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM utility_reading_mark)
            """
        )

    @api.model
    def _cron_roll_up(self):
        """Roll up what arrived since the last time, a chunk in each transaction."""
        cron = self.env["ir.cron"]
        settled = self._settled()
        cron._commit_progress(remaining=settled - self._mark())
        while (mark := self._mark()) < settled:
            self._roll_up(mark, min(mark + CHUNK, settled))
            left = settled - self._mark()
            if not cron._commit_progress(min(CHUNK, settled - mark), remaining=left):
                break

    @api.model
    def _settled(self):
        """The last id before which no reading is still to be committed.

        Ids are given before their batch is committed. While no batch is under way, every id that
        was given is settled; its reading is seen from the next transaction on.
        """
        self.env.cr.execute("SELECT pg_advisory_xact_lock(%s)", (BATCH_LOCK,))
        self.env.cr.execute(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM utility_reading_raw_id_seq"
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _mark(self):
        """Up to which id readings are rolled up."""
        self.env.cr.execute("SELECT rolled FROM utility_reading_mark")
        return self.env.cr.fetchone()[0]

    @api.model
    def _roll_up(self, low, high):
        """Roll up the readings with ids above `low` up to `high`: hours, then days, then months."""
        self.env["utility.meter.type"].flush_model(["turnover"])
        self.env["res.company"].flush_model(["utility_tz"])
        hours = self._put(self._found(low, high))
        days = self.env["utility.reading.day"]._gather(hours)
        self.env["utility.reading.month"]._gather(days)
        self.env.cr.execute("UPDATE utility_reading_mark SET rolled = %s", (high,))

    @api.model
    def _found(self, low, high):
        """SQL of the hours that readings of some ids change."""
        start = local_start("hour", SQL("t.at"))
        spans = SQL(
            """
            SELECT DISTINCT t.meter_id, y.turnover, %(start)s AS start,
                   %(start)s + interval '1 hour' AS stop
              FROM (SELECT meter_id, at FROM %(raw)s WHERE id > %(low)s AND id <= %(high)s
                     UNION ALL
                    SELECT f.meter_id, n.at
                      FROM %(raw)s f
                     CROSS JOIN LATERAL (
                           SELECT n.at FROM %(raw)s n
                            WHERE n.meter_id = f.meter_id AND n.at > f.at AND n.total IS NOT NULL
                            ORDER BY n.at LIMIT 1) n
                     WHERE f.id > %(low)s AND f.id <= %(high)s) t
              JOIN utility_meter m ON m.id = t.meter_id
              JOIN utility_meter_type y ON y.id = m.type_id
              JOIN res_company c ON c.id = m.company_id
            """,
            start=start,
            raw=SQL.identifier(RAW),
            low=low,
            high=high,
        )
        return SQL(
            """
            SELECT r.meter_id, r.start,
                   (r.start AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS date,
                   c.id AS company_id,
                   (array_agg(r.site_id ORDER BY r.at DESC))[1] AS site_id,
                   %(uses)s,
                   (array_agg(r.total ORDER BY r.at, r.id)
                       FILTER (WHERE r.total IS NOT NULL))[1] AS first_total,
                   (array_agg(r.total ORDER BY r.at DESC, r.id DESC)
                       FILTER (WHERE r.total IS NOT NULL))[1] AS last_total,
                   min(r.at) AS first_at, max(r.at) AS last_at,
                   min(r.balance) AS min_balance, count(*) AS readings,
                   count(*) FILTER (WHERE r.before_total IS NOT NULL AND (r.restart
                       OR r.total < r.before_total AND %(total)s = 0)) AS restarts
              FROM (%(steps)s) r
              JOIN utility_meter m ON m.id = r.meter_id
              JOIN res_company c ON c.id = m.company_id
             GROUP BY r.meter_id, r.start, c.id
            """,
            zone=ZONE,
            uses=uses(),
            total=step("total"),
            steps=steps(spans),
        )

    @api.model
    def _roll_up_anew(self, company):
        """The company's days begin at another moment: make them anew from the readings kept.

        What lies before the readings that are kept stays as it was.
        """
        self.env.cr.execute("SELECT min(at) FROM utility_reading_raw")
        oldest = self.env.cr.fetchone()[0]
        if not oldest:
            return
        for level in ("hour", "day", "month"):
            model = self.env[f"utility.reading.{level}"]
            self.env.cr.execute(
                SQL(
                    "DELETE FROM %s WHERE company_id = %s AND first_at >= %s",
                    SQL.identifier(model._table),
                    company.id,
                    oldest,
                )
            )
            model.invalidate_model()
        self.env.cr.execute("UPDATE utility_reading_mark SET rolled = 0")
