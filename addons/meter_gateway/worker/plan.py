"""The run's part for scheduled readings: taken few per line, stored in batches, no command each."""

import time
from collections import defaultdict, deque

from ..lib.meterwire.errors import WireError
from ..lib.meterwire.jobs import SCHEDULED_READ, Done, Read
from . import evidence, reading, schedule
from .claim import Held

# What the engine has of a line, the reading that it is at included, and how few are filled up.
DEPTH, LOW = 5, 3
# Readings and lines of one transaction; an order must not wait for a long one.
BATCH = 400
# A line where nothing was due is looked at again after so many seconds.
EVERY = 1.0
# That a line works is written down so often, in seconds.
TELL_EVERY = 5.0
# Failures that say nothing about the meter itself.
LINE_CODES = ("link_down", "no_line")
# Evidence of a scheduled reading that went well: the reading itself says as much.
KEEP_ALL = "meter_gateway.keep_scheduled_frames"


class Plan:
    """Claims due readings for a run and records what came back.

    They are many and belong to nobody: stored as a batch, locking no meter.

    :param run: ``run.WorkerRun``
    """

    def __init__(self, run):
        self.run = run
        self._jobs = {}  # id of a job: Held
        self._told = {}  # line -> when it was last said to work; by the monotonic clock
        self._events = deque()  # (event, Held), not stored yet
        self._held = defaultdict(set)  # line -> meters that the engine has, or whose results wait
        self._look_at = {}  # line -> not before; by the monotonic clock
        self._keep_all = None

    @property
    def waiting(self):
        """Whether results wait to be stored."""
        return bool(self._events)

    @property
    def busy(self):
        """Whether the engine has readings, or results wait."""
        return bool(self._jobs or self._events)

    def sort(self, events):
        """Keep the events of scheduled readings; return the others."""
        others = []
        for event in events:
            held = self._jobs.get(event.id)
            if held is not None:
                self._events.append((event, held))
            else:
                others.append(event)
        return others

    def tick(self, claiming):
        """Store one batch of results, and take as many new readings, in one transaction.

        :return: whether anything happened
        """
        events = [self._events[at] for at in range(min(BATCH, len(self._events)))]
        free = {(held.line_id, held.meter_id) for __, held in events}
        held = self._held
        if free:
            held = {line: {m for m in ms if (line, m) not in free} for line, ms in held.items()}
        places = self._places(held) if claiming else {}
        if not events and not places:
            return False

        def work(book):
            self._record(events, book)
            if places:
                self._claim(places, held, book)

        book = self.run.transact(work)
        self.run.deliver(book, self._jobs)
        for __ in events:
            self._events.popleft()
        for line, meter in free:
            self._held[line].discard(meter)
        took = set()
        for __, one in book.jobs:
            self._held[one.line_id].add(one.meter_id)
            took.add(one.line_id)
        again = time.monotonic() + EVERY
        self._look_at.update((line, again) for line in places if line not in took)
        return bool(events or book.jobs)

    def _places(self, held):
        """How many readings each line may take: lines that run low first, not too many at once."""
        now = time.monotonic()
        low = [
            (len(held.get(line, ())), line)
            for line in self.run.lines
            if len(held.get(line, ())) <= LOW and self._look_at.get(line, 0.0) <= now
        ]
        if len(low) > BATCH:
            low.sort()
        return {line: DEPTH - count for count, line in low[:BATCH]}

    def _record(self, events, book):
        """Store what came back."""
        readings, done, failed, postponed, frames = [], [], [], [], []
        line_news, now = evidence.LineNews(), time.monotonic()
        book.news += len(events)
        book.ended.update(event.id for event, __ in events)
        for event, held in events:
            good = isinstance(event, Done)
            if not good or self._told.get(held.line_id, 0.0) < now - TELL_EVERY:
                line_news.take(held, event)
                self._told[held.line_id] = now if good else 0.0
            if good:
                one = reading.reading_of(held, event, "scheduled")
                readings.append(one)
                done.append((one.meter_id, one.at))
            elif event.code == "stopped":
                continue
            else:
                later = postponed if event.code in LINE_CODES else failed
                later.append((held.meter_id, evidence.utc(event.at)))
            if not good or self._keeps_all():
                frames += evidence.frames(held, event)
        cr = self.run.cr
        schedule.store(cr, readings)
        schedule.done(cr, done)
        schedule.failed(cr, failed)
        schedule.postponed(cr, postponed)
        self.run.env["meter.frame"]._record(frames)
        line_news.store(cr)

    def _claim(self, places, held, book):
        """Take what is due and finds room on its line."""
        run = self.run
        wrong = []
        for row in schedule.claim_due(run.cr, run.worker.id, run.now(), places, held):
            try:
                meter = run.meter(row)
                items = reading.items(meter.dialect, live=False)
            except WireError:
                items = ()
            if not items:
                wrong.append((row["meter_id"], run.now()))
                continue
            job = Read(run.next_id(), row["line_id"], meter, items, SCHEDULED_READ)
            one = Held(
                None,
                row["meter_id"],
                row["port_id"],
                row["line_id"],
                "plan",
                None,
                row["company_id"],
                meter,
            )
            book.jobs.append((job, one))
        schedule.failed(run.cr, wrong)

    def next_time(self):
        """When the next reading is due, maybe in the past; None when nothing is planned."""
        return schedule.next_time(self.run.cr, self.run.worker.id)

    def _keeps_all(self):
        if self._keep_all is None:
            value = self.run.env["ir.config_parameter"].sudo().get_param(KEEP_ALL, "True")
            self._keep_all = value not in ("False", "0", "")
        return self._keep_all
