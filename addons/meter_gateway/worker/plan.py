"""The run's part for scheduled readings: taken few per line, stored in batches, no command each."""

import logging
import threading
import time
from collections import defaultdict, deque

from ..lib.meterwire.errors import WireError
from ..lib.meterwire.jobs import SCHEDULED_READ, Done, Read
from . import evidence, reading, schedule
from .claim import Held
from .meters import Meters

_logger = logging.getLogger(__name__)

# What the engine has of a line, the reading that it is at included, and how few are filled up.
DEPTH, LOW = 12, 3
# Readings of one transaction, and lines that are filled up in it.
BATCH, LINES = 1000, 200
# So long readings are gathered: a few large transactions cost much less than many small ones. A
# line has work for longer.
PACE = 0.1
# A line where nothing was due is looked at again, and a dialect is, after so many seconds.
EVERY = 1.0
# That a line works is written down so often, in seconds.
TELL_EVERY = 5.0
# So long the thread may take to store what it has.
END_SECONDS = 20
# Failures that say nothing about the meter itself.
LINE_CODES = ("link_down", "no_line")
# Evidence of a scheduled reading that went well: the reading itself says as much.
KEEP_ALL = "meter_gateway.keep_scheduled_frames"


class Plan:
    """Claims due readings and records what came back.

    They are many and belong to nobody: stored as a batch, locking no meter, on a connection and in
    a thread of their own, so that no order waits for them; the engine keeps their events apart, so
    that the run is not even woken. A database that has one connection only (a test's) is used in
    the run's own ticks instead.

    :param run: ``run.WorkerRun``
    """

    def __init__(self, run):
        self.run = run
        self._claiming = True
        self._thread = None
        self._error = None
        self._end = threading.Event()
        #: how many have ended
        self.stored = 0
        self._use(run.db)
        self._jobs = {}  # id of a job: Held
        self._told = {}  # line -> when it was last said to work; by the monotonic clock
        self._events = deque()  # (event, Held), not stored yet
        self._held = defaultdict(set)  # line -> meters that the engine has, or whose results wait
        self._look_at = {}  # line -> not before; by the monotonic clock
        self._keep_all = None
        self._forget_at = 0.0
        self._months = set()  # those whose partition is there

    # ------------------------------------------------------------ the run's thread

    def start(self):
        """Begin, in a thread where that can be; the run knows its lines by now."""
        if self.run.db.second:
            self._thread = threading.Thread(target=self._main, name="reading plan", daemon=True)
            self._thread.dbname = self.run.cr.dbname
            self._thread.start()

    def go_on(self, claiming):
        """Called with every tick of the run.

        :param claiming: whether new readings are taken
        :raises Exception: what ended the thread
        """
        self._claiming = claiming
        if self._thread is None:
            while self.tick() and self._events:
                pass
        elif self._error:
            raise self._error

    def finish(self):
        """Store what the engine has told; nothing new is taken.

        :raises Exception: what ended the thread
        """
        self.close()
        if self._error:
            raise self._error
        if self._thread is None:
            self.go_on(False)

    def close(self):
        """End the thread, if there is one: what it has is stored, nothing new is taken."""
        self._claiming = False
        self._end.set()
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def next_time(self):
        """When the next reading is due, maybe in the past; None when nothing is planned."""
        return schedule.next_time(self.run.cr, self.run.worker.id)

    @property
    def waiting(self):
        """Whether results wait for the run's next tick."""
        return self._thread is None and bool(self._events)

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

    # ------------------------------------------------------------ the plan's thread

    def _use(self, db):
        self.db, self.cr, self.env = db, db.cr, db.env
        self.meters = Meters(db.env)

    def _main(self):
        try:
            with self.run.db.apart() as db:
                self._use(db)
                while True:
                    ending = self._end.is_set()
                    self.sort(self.run.engine.drain_aside())
                    more = self.tick()
                    if not more:
                        if ending:
                            return
                        self._end.wait(PACE)
        except Exception as error:  # noqa: BLE001 - the run ends with it
            _logger.info("The reading plan ended: %s", error)
            self._error = error

    def tick(self):
        """Store one batch of results and take new readings, in one transaction.

        :return: whether there is more to do already
        """
        events = [self._events[at] for at in range(min(BATCH, len(self._events)))]
        free = defaultdict(set)
        for __, one in events:
            free[one.line_id].add(one.meter_id)
        held = {**self._held, **{line: self._held[line] - ended for line, ended in free.items()}}
        places = self._places(held) if self._claiming else {}
        if not events and not places:
            return False

        months = set()

        def work(book):
            months.update(self._record(events, book))
            if places:
                self._claim(places, held, book)

        if time.monotonic() >= self._forget_at:
            self.meters.forget()
            self._forget_at = time.monotonic() + EVERY
        book = self.db.transact(work)
        for job_id in book.ended:
            self._jobs.pop(job_id, None)
        self._jobs.update((job.id, one) for job, one in book.jobs)
        self.run.engine.submit([job for job, __ in book.jobs], aside=self._thread is not None)
        self._months |= months
        for __ in events:
            self._events.popleft()
        self.stored += len(events)
        for line, ended in free.items():
            self._held[line] -= ended
        took = set()
        for __, one in book.jobs:
            self._held[one.line_id].add(one.meter_id)
            took.add(one.line_id)
        again = time.monotonic() + EVERY
        self._look_at.update((line, again) for line in places if line not in took)
        return bool(self._events) or len(places) == LINES

    def _places(self, held):
        """How many readings each line may take: lines that run low first, not too many at once."""
        now = time.monotonic()
        low = [
            (len(held.get(line, ())), line)
            for line in self.run.lines
            if len(held.get(line, ())) <= LOW and self._look_at.get(line, 0.0) <= now
        ]
        if len(low) > LINES:
            low.sort()
        return {line: DEPTH - count for count, line in low[:LINES]}

    def _record(self, events, book):
        """Store what came back.

        :return: first days of the months that have their partition, once this is committed
        """
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
        cr = self.cr
        schedule.store(cr, readings, months=self._months)
        schedule.done(cr, done)
        schedule.failed(cr, failed)
        schedule.postponed(cr, postponed)
        self.env["meter.frame"]._record(frames)
        line_news.store(cr)
        return {one.at.date().replace(day=1) for one in readings}

    def _claim(self, places, held, book):
        """Take what is due and finds room on its line."""
        run = self.run
        wrong = []
        for row in schedule.claim_due(self.cr, run.worker.id, run.now(), places, held):
            try:
                meter = self.meters.of(row, run.envelopes)
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
        schedule.failed(self.cr, wrong)

    def _keeps_all(self):
        if self._keep_all is None:
            value = self.env["ir.config_parameter"].sudo().get_param(KEEP_ALL, "True")
            self._keep_all = value not in ("False", "0", "")
        return self._keep_all
