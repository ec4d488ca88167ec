from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# Golden ratio of 2^32: meters whose ids follow each other get places far apart.
SPREAD = 2654435769


class MeterReadingSchedule(models.Model):
    """When a meter is read next by itself: one row per meter, apart from the archive.

    The plan follows the archive by itself. The worker claims what is due and moves ``next_at`` on,
    by SQL (``worker/schedule.py``); each meter has a place of its own within the interval, so that
    a line is asked evenly and not all at the full hour. After an outage every meter is due once:
    its next time is always ahead, whatever was missed.
    """

    _name = "meter.reading.schedule"
    _description = "Reading Plan"
    _order = "next_at, id"
    _rec_name = "meter_id"
    _log_access = False

    # The constraint below is its index.
    meter_id = fields.Many2one("utility.meter", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="meter_id.company_id", store=True)
    site_id = fields.Many2one(related="meter_id.site_id")
    type_id = fields.Many2one(related="meter_id.type_id")
    concentrator_id = fields.Many2one(related="meter_id.concentrator_id")
    line_id = fields.Many2one(related="meter_id.port_id.line_id", store=True, string="Line")
    minutes = fields.Integer(
        "Interval (min)",
        compute="_compute_plan",
        store=True,
        aggregator=None,
        help="Minutes between two readings; zero when the meter is not read by itself.",
    )
    min_minutes = fields.Integer(
        "Shortest interval (min)", compute="_compute_plan", store=True, aggregator=None
    )
    phase = fields.Integer(
        "Place in the interval (s)",
        compute="_compute_plan",
        store=True,
        aggregator=None,
        help="Seconds after the beginning of each interval; the intervals count from 1970 on.",
    )
    next_at = fields.Datetime("Next reading", compute="_compute_plan", store=True)
    failures = fields.Integer(
        "Failures in a row",
        readonly=True,
        default=0,
        aggregator="max",
        help="A meter that does not answer is asked less and less often, at least once a day.",
    )
    last_ok_at = fields.Datetime("Last read", readonly=True)
    last_failed_at = fields.Datetime("Last failure", readonly=True)

    _meter_uniq = models.Constraint("UNIQUE(meter_id)", "A meter has one reading plan.")
    # Without the next time, which every reading changes: the indexes then stay as they are.
    _line_idx = models.Index("(line_id)")

    def init(self):
        # Every reading changes its meter's row: with room on its page no index is touched.
        self.env.cr.execute("ALTER TABLE meter_reading_schedule SET (fillfactor = 50)")

    @api.depends(
        "meter_id.active", "meter_id.auto_read", "meter_id.read_interval",
        "meter_id.type_id.read_interval", "meter_id.type_id.min_interval",
    )  # fmt: skip
    def _compute_plan(self):
        now = fields.Datetime.now()
        before = self._stored_plans()
        for plan in self:
            meter = plan.meter_id
            minutes = meter._reading_minutes()
            minutes_before, next_at, last_ok_at = before.get(plan.id, (0, None, None))
            plan.minutes = minutes
            plan.min_minutes = meter.type_id.min_interval if minutes else 0
            plan.phase = (meter.id * SPREAD % 2**32 * minutes * 60) >> 32
            if minutes and minutes == minutes_before and next_at:
                # What did not change is not put off.
                plan.next_at = next_at
            elif minutes:
                earliest = last_ok_at and last_ok_at + timedelta(minutes=plan.min_minutes)
                plan.next_at = plan._slot(max(now, earliest or now))
            else:
                plan.next_at = False

    def _stored_plans(self):
        """{id: (minutes, next time, last reading)} as the worker left them."""
        ids = [plan.id for plan in self if isinstance(plan.id, int)]
        if not ids:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT id, minutes, next_at, last_ok_at FROM meter_reading_schedule"
                " WHERE id = ANY(%s)",
                ids,
            )
        )
        return {row[0]: row[1:] for row in rows}

    def _slot(self, at):
        """The first time after a moment that is this meter's.

        :param at: naive UTC
        """
        length = self.minutes * 60
        passed = int((at - fields.Datetime.to_datetime("1970-01-01")).total_seconds())
        return at.replace(microsecond=0) + timedelta(
            seconds=length - (passed - self.phase) % length
        )

    @api.model
    def _plan_all(self):
        """Give a plan to every meter that has none; run at each set-up."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id FROM utility_meter m
                 WHERE NOT EXISTS (
                       SELECT 1 FROM meter_reading_schedule s WHERE s.meter_id = m.id)
                 ORDER BY m.id
                """
            )
        )
        self.create([{"meter_id": meter_id} for (meter_id,) in rows])
