from odoo import fields, models
from odoo.tools import config

# Beyond these, PostgreSQL on the same core is what a worker waits for (docs/performance.md).
MOST_LINES = 800
# What one pass of the scheduled actions may need: a minute's sleep, a run, its end, and a margin.
PASS_SECONDS = 150
# The connection that holds the scheduled action, the run's own, that of the scheduled readings, and
# one to spare.
CONNECTIONS = 4
SPARE_CONNECTIONS = 8


class MeterWorker(models.Model):
    """Whether this server is set up for the workers it has."""

    _inherit = "meter.worker"

    size_message = fields.Text(
        "Advice", readonly=True, copy=False, help="What the last run found about the server."
    )

    def _size_words(self):
        """What is set too tightly for these lines, one sentence each.

        Looked at by each run, since the settings are those of the server that it runs on.
        """
        self.ensure_one()
        workers = self.search_count([("cron_id", "!=", False)])
        threads = config["max_cron_threads"]
        words = []
        # A test, or a run by hand, has no threads of its own.
        if 0 < threads <= workers:
            words.append(
                self.env._(
                    "This server has %(threads)s threads for scheduled actions and there are "
                    "%(workers)s workers: set max_cron_threads to %(needed)s or more, or no other "
                    "scheduled action runs in time.",
                    threads=threads,
                    workers=workers,
                    needed=workers + 1,
                )
            )
        limit = config["limit_time_real_cron"]
        if limit is None or limit < 0:
            limit = config["limit_time_real"]
        if 0 < limit < PASS_SECONDS:
            words.append(
                self.env._(
                    "Scheduled actions are stopped after %(limit)s seconds: set "
                    "limit_time_real_cron to 300, or a run may be killed half way.",
                    limit=int(limit),
                )
            )
        connections = CONNECTIONS * max(threads, 1) + SPARE_CONNECTIONS
        if config["db_maxconn"] < connections:
            words.append(
                self.env._(
                    "Odoo may open %(most)s connections to PostgreSQL (db_maxconn), and %(needed)s "
                    "are needed.",
                    most=config["db_maxconn"],
                    needed=connections,
                )
            )
        if self.line_count > MOST_LINES:
            words.append(
                self.env._(
                    "This worker drives %(lines)s lines; with more than %(most)s orders wait for "
                    "their turn. Add a worker.",
                    lines=self.line_count,
                    most=MOST_LINES,
                )
            )
        return words
