from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import pytz

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.reading_steps import step, steps


class UtilityReading(models.Model):
    """What meters used between any two moments."""

    _inherit = "utility.reading"

    @api.model
    def _use(self, meters, start, end):
        """What meters used in a span of time, in units on paper.

        Whole months and days of the company come from the roll-ups, the edges and whatever is not
        rolled up yet from the readings themselves: the answer never waits for the roll-up.

        :param meters: `utility.meter` records that the caller may read
        :param datetime start: naive UTC
        :param datetime end: naive UTC, not included
        :return: {meter id: Decimal}, with zero for meters without readings
        """
        meters.check_access("read")
        used = dict.fromkeys(meters.ids, Decimal(0))
        for company, ours in meters.sudo().grouped("company_id").items():
            for kind, first, last in self._use_pieces(company, start, end):
                query = self._use_sql(ours, kind, first, last)
                # As texts: Odoo's cursor makes floats of numbers.
                for meter_id, amount in self.env.execute_query(query):
                    used[meter_id] += Decimal(amount or 0)
        return used

    @api.model
    def _use_pieces(self, company, start, end, fresh=None):
        """Cut a span into what is read where.

        :param fresh: what `_fresh_from` says, when the caller knows it already
        :return: list of ("raw" | "day" | "month", first moment, last moment, not included)
        """
        zone = pytz.timezone(company.utility_tz or "UTC")
        rolled = min(end, fields.Datetime.now(), fresh or self._fresh_from())
        day_from, day_to = self._day(zone, start, up=True), self._day(zone, rolled)
        if day_from >= day_to:
            return [("raw", start, end)]
        month_from = self._day(zone, day_from, up=True, month=True)
        month_to = self._day(zone, day_to, month=True)
        if month_from < month_to:
            cuts = (start, day_from, month_from, month_to, day_to, end)
            kinds = ("raw", "day", "month", "day", "raw")
        else:
            cuts = (start, day_from, day_to, end)
            kinds = ("raw", "day", "raw")
        return [
            (kind, first, last)
            for kind, (first, last) in zip(kinds, pairwise(cuts), strict=True)
            if first < last
        ]

    @api.model
    def _fresh_from(self):
        """The earliest time of the readings that are not rolled up yet (naive UTC)."""
        self.env.cr.execute(
            # OFFSET 0: by the few new ids, not by looking for one along all times.
            "SELECT min(at) FROM (SELECT at FROM utility_reading_raw"
            " WHERE id > (SELECT rolled FROM utility_reading_mark) OFFSET 0) fresh"
        )
        return self.env.cr.fetchone()[0] or fields.Datetime.to_datetime("9999-01-01")

    @api.model
    def _day(self, zone, at, up=False, month=False):
        """The first moment of the local day or month that a moment lies in.

        :param at: naive UTC
        :param up: that of the next one, unless the moment is the first of its own
        :return: naive UTC
        """
        day = pytz.utc.localize(at).astimezone(zone).date()
        if month:
            day = day.replace(day=1)
        first = self._midnight(zone, day)
        if up and first < at:
            later = day + timedelta(days=32 if month else 1)
            first = self._midnight(zone, later.replace(day=1) if month else later)
        return first

    @api.model
    def _midnight(self, zone, day):
        local = zone.localize(datetime.combine(day, time()))
        return local.astimezone(pytz.utc).replace(tzinfo=None)

    @api.model
    def _use_sql(self, meters, kind, first, last):
        if kind != "raw":
            table = SQL.identifier(self.env[f"utility.reading.{kind}"]._table)
            return SQL(
                "SELECT meter_id, sum(used)::text FROM %s"
                " WHERE meter_id = ANY(%s) AND start >= %s AND start < %s GROUP BY meter_id",
                table,
                meters.ids,
                first,
                last,
            )
        spans = SQL(
            """
            SELECT m.id AS meter_id, %s AS start, %s AS stop, y.turnover
              FROM utility_meter m JOIN utility_meter_type y ON y.id = m.type_id
             WHERE m.id = ANY(%s)
            """,
            first,
            last,
            meters.ids,
        )
        return SQL(
            "SELECT r.meter_id, sum(%s)::text FROM (%s) r GROUP BY r.meter_id",
            step("total"),
            steps(spans),
        )
