"""The run's part for scheduled readings: taken few per line, stored in batches, no command each."""

import time

from ..lib.meterwire.errors import WireError
from ..lib.meterwire.jobs import SCHEDULED_READ, Done, Read
from . import evidence, reading, schedule
from .claim import Held

# What the engine has of a line beyond the reading that it is at: enough until the next tick.
DEPTH = 3
# Rows of one transaction; an order must not wait for a long one.
LIMIT = 2000
# How often the plan is looked at while nothing came back, in seconds.
EVERY = 0.5
# Failures that say nothing about the meter itself.
LINE_CODES = ("link_down", "no_line")
# Evidence of a scheduled reading that went well: the reading itself says as much.
KEEP_ALL = "meter_gateway.keep_scheduled_frames"


class Plan:
    """Claims due readings for a run and records what came back.

    :param run: ``run.WorkerRun``
    """

    def __init__(self, run):
        self.run = run
        self._next_look = 0.0
        self._keep_all = None

    def claim(self, book):
        """Take what is due and finds room on its line."""
        now = time.monotonic()
        run = self.run
        if now < self._next_look and not book.planned:
            return
        self._next_look = now + EVERY
        held = [
            one.meter_id
            for job, one in run.held.items()
            if one.purpose == "plan" and job not in book.ended
        ]
        rows = schedule.claim_due(run.cr, run.worker.id, run.now(), held, LIMIT, DEPTH)
        wrong = []
        for row in rows:
            if row["line_id"] not in run.lines:
                continue  # the next beat brings the line
            try:
                meter = run.meter(row)
                items = reading.items(meter.dialect, live=False)
            except WireError:
                items = ()
            if not items:
                wrong.append((row["meter_id"], run.now()))
                continue
            job = Read(run.next_id(), row["line_id"], meter, items, SCHEDULED_READ)
            book.jobs.append(
                (
                    job,
                    Held(
                        None,
                        row["meter_id"],
                        row["port_id"],
                        row["line_id"],
                        "plan",
                        None,
                        row["company_id"],
                        meter,
                    ),
                )
            )
        schedule.failed(run.cr, wrong)

    def record(self, events, line_news, book):
        """Store what came back, as one batch.

        :param events: list of (event, Held)
        :return: rows of evidence
        """
        if not events:
            return []
        readings, done, failed, postponed, frames = [], [], [], [], []
        for event, held in events:
            line_news.take(held, event)
            at = evidence.utc(event.at)
            book.news += 1
            if not event.terminal:
                continue
            book.ended.add(event.id)
            book.planned += 1
            good = isinstance(event, Done)
            if good:
                readings.append(reading.reading_of(held, event, "scheduled"))
                done.append((held.meter_id, at))
            elif event.code == "stopped":
                continue
            else:
                (postponed if event.code in LINE_CODES else failed).append((held.meter_id, at))
            if not good or self._keeps_all():
                frames += evidence.frames(held, event)
        schedule.store(self.run.cr, readings)
        for move, rows in (
            (schedule.done, done),
            (schedule.failed, failed),
            (schedule.postponed, postponed),
        ):
            move(self.run.cr, rows)
        return frames

    def next_time(self):
        """When the next reading is due, maybe in the past; None when nothing is planned."""
        return schedule.next_time(self.run.cr, self.run.worker.id)

    def _keeps_all(self):
        if self._keep_all is None:
            value = self.run.env["ir.config_parameter"].sudo().get_param(KEEP_ALL, "True")
            self._keep_all = value not in ("False", "0", "")
        return self._keep_all
