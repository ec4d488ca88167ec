import logging
import re
from datetime import date

from psycopg2.errors import LockNotAvailable

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools import reading_store
from ..tools.reading_store import RAW, next_month

_logger = logging.getLogger(__name__)

# Partitions that stand ready before their month comes.
MONTHS_AHEAD = 3
KEEP_PARAMETER = "utility_prepaid.reading_months"
PARTITION = re.compile(rf"{RAW}_(\d{{4}})_(\d{{2}})")


class UtilityReading(models.Model):
    """What a meter said at a time; kept for years, written once, never edited.

    The rows lie in ``utility_reading_raw``, a table with one partition for each month (UTC), so
    that the newest readings and old months never stand in each other's way and a month can be
    dropped as a whole. Odoo does not take a partitioned table for a model's own, so the model reads
    a plain view of it, which PostgreSQL sees through: indexes and partitions work as without it.
    No foreign key leads to the archive: each reading would lock its meter's row.
    """

    _name = "utility.reading"
    _description = "Meter Reading"
    _order = "at desc, id desc"
    _rec_name = "at"
    _auto = False

    at = fields.Datetime("Read at", readonly=True)
    meter_id = fields.Many2one("utility.meter", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    site_id = fields.Many2one("utility.site", readonly=True)
    building_id = fields.Many2one(related="meter_id.building_id")
    room_id = fields.Many2one(related="meter_id.room_id")
    type_id = fields.Many2one(related="meter_id.type_id")
    utility = fields.Selection(related="meter_id.utility")
    prepaid = fields.Boolean(related="meter_id.prepaid")
    uom_id = fields.Many2one(related="meter_id.uom_id")
    total = fields.Float(
        "Totaliser", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="max"
    )
    balance = fields.Float(
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        aggregator="min",
        help="Signed: below zero is owed.",
    )
    t1 = fields.Float(
        "Sharp", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="max"
    )
    t2 = fields.Float("Peak", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="max")
    t3 = fields.Float("Flat", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="max")
    t4 = fields.Float(
        "Valley", digits=(16, 4), min_display_digits=2, readonly=True, aggregator="max"
    )
    ct_ratio = fields.Float(
        "CT ratio",
        digits=(16, 4),
        min_display_digits=1,
        readonly=True,
        aggregator=None,
        help="Units on paper per unit that the meter counts, when it was read.",
    )
    supply = fields.Selection([("on", "On"), ("off", "Off")], readonly=True)
    control = fields.Selection([("local", "Local"), ("remote", "Remote")], readonly=True)
    battery_low = fields.Boolean("Battery low", readonly=True)
    flags = fields.Integer("Status word", readonly=True, aggregator=None)
    restart = fields.Boolean(
        "Counts anew",
        readonly=True,
        help="The first reading after the meter behind this record was changed: the use since the "
        "reading before it is not known.",
    )
    source = fields.Selection(
        [
            ("scheduled", "Scheduled"),
            ("live", "Live"),
            ("manual", "By hand"),
            ("proof", "With an order"),
        ],
        readonly=True,
    )

    def init(self):
        """The partitioned table, the view that is this model's table, and the next months."""
        self.env.cr.execute(
            SQL(
                """
                CREATE TABLE IF NOT EXISTS %(raw)s (
                    id bigserial,
                    at timestamp NOT NULL,
                    meter_id int4 NOT NULL,
                    company_id int4 NOT NULL,
                    site_id int4,
                    total numeric, balance numeric,
                    t1 numeric, t2 numeric, t3 numeric, t4 numeric,
                    ct_ratio numeric,
                    flags int4,
                    supply varchar, control varchar,
                    source varchar NOT NULL,
                    battery_low bool, restart bool,
                    PRIMARY KEY (id, at)
                ) PARTITION BY RANGE (at);
                CREATE INDEX IF NOT EXISTS utility_reading_raw_meter_at ON %(raw)s (meter_id, at);
                CREATE INDEX IF NOT EXISTS utility_reading_raw_at ON %(raw)s (at);
                CREATE OR REPLACE VIEW %(view)s AS
                    SELECT id, at, meter_id, company_id, site_id, total, balance, t1, t2, t3, t4,
                           COALESCE(ct_ratio, 1) AS ct_ratio, flags, supply, control, source,
                           battery_low, restart
                      FROM %(raw)s
                """,
                raw=SQL.identifier(RAW),
                view=SQL.identifier(self._table),
            )
        )
        self._make_months()

    @api.depends("meter_id", "at")
    def _compute_display_name(self):
        for reading in self:
            at = fields.Datetime.context_timestamp(reading, reading.at)
            reading.display_name = f"{reading.meter_id.vending_id or ''} {at:%Y-%m-%d %H:%M}"

    def create(self, vals_list):  # pylint: disable=method-required-super
        self._refuse()

    def write(self, vals):  # pylint: disable=method-required-super
        self._refuse()

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        self._refuse()

    def _refuse(self):
        raise UserError(self.env._("Readings come from the meters; nobody edits or deletes them."))

    # ----------------------------------------------------------------- storing

    @api.model
    def _store(self, readings):
        """Keep readings and mirror the newest on the meters' state rows.

        :param readings: sequence of ``tools.reading_store.Reading``
        """
        self.env["utility.meter"].flush_model(["company_id", "site_id", "ct_ratio"])
        state = self.env["utility.meter.state"]
        state.flush_model()
        reading_store.store(self.env.cr, readings)
        self.invalidate_model()
        state._forget()

    # ------------------------------------------------------------------ months

    @api.model
    def _cron_months(self):
        """Make the months that come, and drop those that are older than the company keeps."""
        self._make_months()
        self._drop_months()

    @api.model
    def _make_months(self):
        first = fields.Date.today().replace(day=1)
        reading_store.ensure_months(
            self.env.cr, [next_month(first, count) for count in range(MONTHS_AHEAD + 1)]
        )

    @api.model
    def _months(self):
        """First days of the months that have a partition, oldest first."""
        self.env.cr.execute(
            SQL(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
                RAW,
            )
        )
        found = (PARTITION.fullmatch(name) for (name,) in self.env.cr.fetchall())
        return sorted(date(int(match[1]), int(match[2]), 1) for match in found if match)

    @api.model
    def _drop_months(self):
        """Drop whole months of readings, and their hours; days and months of use stay for ever.

        What was not rolled up yet is never dropped. Who reads an old month is not waited for.
        """
        keep = int(self.env["ir.config_parameter"].sudo().get_param(KEEP_PARAMETER) or 0)
        if keep <= 0:
            return
        oldest = next_month(fields.Date.today().replace(day=1), -keep)
        mark = self.env["utility.reading.hour"]._mark()
        for month in self._months():
            if month >= oldest or not self._drop_month(month, mark):
                break
        self.invalidate_model()

    @api.model
    def _drop_month(self, month, mark):
        """Drop a month of readings; False when it must wait."""
        name = SQL.identifier(reading_store.month_name(month))
        self.env.cr.execute(SQL("SELECT 1 FROM %s WHERE id > %s LIMIT 1", name, mark))
        if self.env.cr.fetchone():
            _logger.info("Readings of %s are not rolled up yet: kept", month)
            return False
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute("SET LOCAL lock_timeout = '2s'")
                self.env.cr.execute(SQL("DROP TABLE %s", name), log_exceptions=False)
                self.env.cr.execute("SET LOCAL lock_timeout = 0")
        except LockNotAvailable:
            _logger.info("Somebody reads the readings of %s: kept until tomorrow", month)
            return False
        # Its last night belongs to a day that goes on in the next month: those hours stay on.
        self.env.cr.execute(SQL("DELETE FROM utility_reading_hour WHERE start < %s", month))
        return True
