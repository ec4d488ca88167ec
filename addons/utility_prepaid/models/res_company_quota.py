import logging
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models

_logger = logging.getLogger(__name__)
# This month and the two before it: what was missed longer ago is for a person to adjust.
MONTHS = 3
# A clock that moved further since the last run is looked at by a person before anything is given.
AHEAD = timedelta(days=62)
BACK = timedelta(hours=26)
# How far this server's clock may be from the database's.
APART = timedelta(hours=1)


class ResCompany(models.Model):
    """The clock by which free units are given, and whether it can be believed."""

    _inherit = "res.company"

    utility_quota_run = fields.Datetime(
        "Monthly quota last run", readonly=True, copy=False, help="By a clock that was believed."
    )
    utility_quota_clock = fields.Text(
        "Monthly quota waits for a person",
        readonly=True,
        copy=False,
        help="Why the clock is not believed.",
    )

    def _quota_months(self):
        """First days of the months that may be given now, oldest first; never one to come."""
        self.ensure_one()
        first = self._utility_today().replace(day=1)
        return [first - relativedelta(months=back) for back in reversed(range(MONTHS))]

    @api.model
    def _database_now(self):
        """The database's own clock: another computer's, often."""
        self.env.cr.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
        return self.env.cr.fetchone()[0]

    def _quota_clock_agrees(self):
        """Whether the clock can be believed; else nothing is given and a manager is called.

        It is not when it differs from the database's, or when it moved by months, or back, since
        the last run.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        last = self.utility_quota_run
        words = ""
        if abs(self._database_now() - now) > APART:
            words = self.env._(
                "This server's clock says %(now)s UTC, the database's says otherwise.", now=now
            )
        elif last and not last - BACK <= now <= last + AHEAD:
            words = self.env._(
                "The clock says %(now)s UTC; at the last run it said %(last)s.", now=now, last=last
            )
        if not words:
            self.write({"utility_quota_run": now, "utility_quota_clock": False})
        elif not self.utility_quota_clock:
            self._quota_clock_stops(words)
        return not words

    def _quota_clock_stops(self, words):
        """Nothing is given until a person, or a later run, finds the clock right."""
        _logger.warning("No monthly quota for %s: %s", self.name, words)
        self.utility_quota_clock = words
        self.env["utility.operation"]._log(self.env._("Monthly quota stopped"), self, note=words)
        plan = self.env["utility.quota.plan"].search([("company_id", "=", self.id)], limit=1)
        plan.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=self.env._("Is the clock right?"),
            note=words,
            user_id=self._utility_person("manager").id,
        )
