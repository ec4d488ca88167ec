from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.reading_steps import USED, ZONE, local_start

# Columns that a period has beside its key.
MEASURES = (
    "date", "company_id", "site_id", *USED.values(), "first_total", "last_total", "first_at",
    "last_at", "min_balance", "readings", "restarts",
)  # fmt: skip


class UtilityReadingRollup(models.AbstractModel):
    """What a meter used in an hour, a day or a month: beside the readings, never instead of them.

    The use between two readings counts where the later of them falls, so the sum over any span is
    what the totaliser moved. Hours, days and months are those of the company's time zone.
    """

    _name = "utility.reading.rollup"
    _description = "Use of a Meter"
    _order = "start desc, id desc"
    _rec_name = "date"
    _log_access = False
    # What this period is made of, and its name for PostgreSQL.
    _finer = None
    _unit = None

    start = fields.Datetime(required=True, readonly=True, help="First moment of the period.")
    date = fields.Date(required=True, readonly=True, help="Local date on which the period begins.")
    meter_id = fields.Many2one("utility.meter", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    site_id = fields.Many2one("utility.site", readonly=True, ondelete="set null")
    building_id = fields.Many2one(related="meter_id.building_id")
    floor_id = fields.Many2one(related="meter_id.floor_id")
    room_id = fields.Many2one(related="meter_id.room_id")
    partner_id = fields.Many2one(related="meter_id.partner_id", string="Present customer")
    type_id = fields.Many2one(related="meter_id.type_id")
    utility = fields.Selection(related="meter_id.utility")
    uom_id = fields.Many2one(related="meter_id.uom_id")
    used = fields.Float(
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        help="Units on paper: what the totaliser moved, times the CT ratio.",
    )
    used_t1 = fields.Float("Sharp", digits=(16, 4), min_display_digits=2, readonly=True)
    used_t2 = fields.Float("Peak", digits=(16, 4), min_display_digits=2, readonly=True)
    used_t3 = fields.Float("Flat", digits=(16, 4), min_display_digits=2, readonly=True)
    used_t4 = fields.Float("Valley", digits=(16, 4), min_display_digits=2, readonly=True)
    first_total = fields.Float(
        "Totaliser at first", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="min"
    )
    last_total = fields.Float(
        "Totaliser at last", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="max"
    )
    first_at = fields.Datetime("First reading", readonly=True)
    last_at = fields.Datetime("Last reading", readonly=True)
    min_balance = fields.Float(
        "Lowest balance", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="min"
    )
    readings = fields.Integer(readonly=True)
    restarts = fields.Integer(
        "Counted anew",
        readonly=True,
        help="How often the meter was cleared, or changed for another: the use of just then is not "
        "known and counts as nothing.",
    )

    _meter_start_uniq = models.Constraint(
        "UNIQUE(meter_id, start)", "A meter has one row for a period."
    )
    _date_idx = models.Index("(date, site_id)")

    @api.model
    def _gather(self, touched):
        """Make the periods anew in which some finer ones lie.

        :param touched: list of (meter id, start of the finer period)
        :return: list of (meter id, start) of the periods that were made
        """
        if not touched:
            return []
        meters, starts = zip(*touched, strict=True)
        spans = SQL(
            """
            SELECT DISTINCT t.meter_id, %(start)s AS start,
                   date_trunc(%(unit)s, t.at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s) AS local,
                   %(zone)s AS zone
              FROM unnest(%(meters)s, %(starts)s) AS t(meter_id, at)
              JOIN utility_meter m ON m.id = t.meter_id
              JOIN res_company c ON c.id = m.company_id
            """,
            start=local_start(self._unit, SQL("t.at")),
            unit=self._unit,
            zone=ZONE,
            meters=list(meters),
            starts=list(starts),
        )
        found = SQL(
            """
            SELECT s.meter_id, s.start, s.local::date AS date,
                   (array_agg(i.company_id ORDER BY i.start DESC))[1] AS company_id,
                   (array_agg(i.site_id ORDER BY i.start DESC))[1] AS site_id,
                   %(uses)s,
                   (array_agg(i.first_total ORDER BY i.start)
                       FILTER (WHERE i.first_total IS NOT NULL))[1] AS first_total,
                   (array_agg(i.last_total ORDER BY i.start DESC)
                       FILTER (WHERE i.last_total IS NOT NULL))[1] AS last_total,
                   min(i.first_at) AS first_at, max(i.last_at) AS last_at,
                   min(i.min_balance) AS min_balance, sum(i.readings) AS readings,
                   sum(i.restarts) AS restarts
              FROM (%(spans)s) s
             CROSS JOIN LATERAL (
                   SELECT * FROM %(finer)s i
                    WHERE i.meter_id = s.meter_id AND i.start >= s.start
                      AND i.start < (s.local + %(length)s::interval) AT TIME ZONE s.zone
                                    AT TIME ZONE 'UTC'
                   OFFSET 0) i
             GROUP BY s.meter_id, s.start, s.local
            """,
            uses=SQL(", ").join(
                SQL("sum(i.%(used)s) AS %(used)s", used=SQL.identifier(used))
                for used in USED.values()
            ),
            spans=spans,
            finer=SQL.identifier(self.env[self._finer]._table),
            length=f"1 {self._unit}",
        )
        return self._put(found)

    @api.model
    def _put(self, found):
        """Write periods over those that are there.

        :param found: SQL of rows with meter_id, start and the MEASURES
        :return: list of (meter id, start)
        """
        columns = [SQL.identifier(name) for name in MEASURES]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %(table)s AS old (meter_id, start, %(columns)s)
                SELECT meter_id, start, %(columns)s FROM (%(found)s) q
                    ON CONFLICT (meter_id, start) DO UPDATE SET %(updates)s
                RETURNING meter_id, start
                """,
                table=SQL.identifier(self._table),
                columns=SQL(", ").join(columns),
                found=found,
                updates=SQL(", ").join(SQL("%(c)s = EXCLUDED.%(c)s", c=name) for name in columns),
            )
        )
        self.invalidate_model()
        return self.env.cr.fetchall()
