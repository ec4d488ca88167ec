"""One run of a worker: the database in this thread, the lines in the engine's.

A tick is one short transaction: lock the meters that have news (first, in id order, skipping those
that a sale has at the moment), record what came back, claim what is new, commit. Bytes leave and
results are forgotten only after the commit. Whatever is not foreseen ends the run: what was under
way is then `sent` or `unknown`, and the next run begins by asking.
"""

import itertools
import logging
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from ..lib.meterwire import jobs as wire
from ..lib.meterwire.engine import Engine
from ..lib.meterwire.envelope import parse_envelope
from ..lib.meterwire.errors import WireError
from . import claim, collecting, evidence, money, operations, plan, reading
from .meters import Meters

_logger = logging.getLogger(__name__)

BEAT_SECONDS = 10
WAIT_SECONDS = 1.0
# Results of a meter that a sale has locked are tried again soon.
DEFERRED_SECONDS = 0.05
# After its time is up a run waits so long for orders that are on their way.
FINISH_SECONDS = 8
STOP_SECONDS = 2
# A meter that does not answer is asked again later, so that it does not keep its line.
ASK_ATTEMPTS = 2
# Work that is due within this time keeps the run going.
SOON = timedelta(seconds=60)
HUB = "hub://"
# The lines of a worker and the ports on them: told to the engine when a row differs.
_LINES = """
    SELECT p.id, l.id, l.endpoint, k.reply_seconds, k.drain_seconds, p.number, p.baudrate, p.parity,
           k.selector, k.terminal_address, k.port_selection
      FROM meter_port p
      JOIN meter_port l ON l.id = p.line_id
      JOIN meter_concentrator k ON k.id = p.concentrator_id
     WHERE k.worker_id = %s AND l.endpoint IS NOT NULL
     ORDER BY p.id
"""
# A command whose result cannot be recorded is left alone for so long, doubling.
TROUBLE_SECONDS = 30


def utcnow():
    """Naive UTC with microseconds, as columns keep it."""
    return datetime.now(UTC).replace(tzinfo=None)


class WorkerRun:
    """Claims, sends and proves for one worker; the caller holds the worker's lock.

    :param worker: `meter.worker` record
    :param database: ``database.RunDatabase`` of the worker's environment
    :param now: gives naive UTC
    """

    def __init__(self, worker, database, now=utcnow):
        self.worker = worker
        self.env = worker.env
        self.cr = worker.env.cr
        self.db = database
        self.now = now
        self.keyring, trouble = worker._keyring()
        if trouble:
            _logger.info("Worker %s has no recharge keys: %s", worker.id, trouble)
        self.engine = Engine(self.keyring)
        self.generation = 0
        self.held = {}
        self.pending = []  # events of meters that somebody had locked
        self._events = []  # those that came while we slept
        self.lines = {}
        self.plan = plan.Plan(self)
        self.meters = Meters(self.env)
        self._line_rows = None
        self._langs = {}  # (user, company) -> language; until the next beat
        self._stored = 0
        self.envelopes = {}
        self._ids = itertools.count(1)
        self._next_beat = 0.0
        self._recording = None
        self._next_due = None

    # ------------------------------------------------------------ life

    def run(self, seconds, idle):
        """Work until the time is up or nothing is left to do.

        :param seconds: no new command is taken after this time
        :param idle: end after so long without work
        """
        try:
            with collecting.rarely(), self.db.planned_ahead():
                self.start()
                self._loop(seconds, idle)
                self._finish()
        except money.StaleRun as error:
            self.db.rollback()
            _logger.info("%s", error)
        except Exception:
            self._after_trouble()
            raise
        finally:
            self.engine.close()
            self.plan.close()

    def start(self):
        """A generation of our own, then the lines; the first tick finds what others left."""
        threading.current_thread().dbname = self.cr.dbname
        self.generation = self.worker._take_generation()
        self.engine.start()
        self._configure()
        self.db.commit()
        self.db.listen()
        self.plan.start()

    def _loop(self, seconds, idle):
        started = active = time.monotonic()
        while True:
            news = self.tick(claiming=time.monotonic() - started < seconds)
            now = time.monotonic()
            if news or self.held or self.plan.busy or self._soon():
                active = now
            if now - started >= seconds + (FINISH_SECONDS if self.held or self.pending else 0):
                return
            if now - active >= idle:
                return
            self._sleep(self._patience())

    def _sleep(self, seconds):
        """Until a sale, or an answer that people wait for."""
        until = time.monotonic() + seconds
        while not (self._events or self.plan.waiting):
            left = until - time.monotonic()
            if left <= 0 or self.db.wait(self.engine.wake_fd, left):
                return
            self._events = self.plan.sort(self.engine.drain())

    def _patience(self):
        if self.pending:
            return DEFERRED_SECONDS
        if self._next_due is None:
            return WAIT_SECONDS
        # A command that is due already waits for the engine, or for a lock.
        seconds = (self._next_due - self.now()).total_seconds()
        return min(seconds, WAIT_SECONDS) if seconds > 0 else WAIT_SECONDS

    def _soon(self):
        return self._next_due is not None and self._next_due <= self.now() + SOON

    def _finish(self):
        """Give the lines back, record the last words, and come again when work is left."""
        self.engine.stop(STOP_SECONDS)
        self.tick(claiming=False)
        self.plan.finish()
        due = (claim.next_time(self.cr, self.worker.id, self.now()), self.plan.next_time())
        self._next_due = min(filter(None, due), default=None)
        if self._soon():
            self.worker.cron_id._trigger()
        self.db.commit()

    def _after_trouble(self):
        """Let the next run start soon, with what caused the trouble at the end of its queue."""
        try:
            self.db.rollback()
            if self._recording:
                _logger.info("Command %s could not be recorded", self._recording)
                self.cr.execute(
                    """
                    UPDATE utility_command
                       SET not_before = %s + interval '1 second' * %s
                                        * power(2, LEAST(COALESCE(asks, 0), 6)),
                           asks = COALESCE(asks, 0) + 1
                     WHERE id = %s
                    """,
                    (self.now(), TROUBLE_SECONDS, self._recording),
                )
                # The others are asked at once; without a culprit the next minute is soon enough.
                self.worker.cron_id._trigger()
            self.db.commit()
        except Exception:  # noqa: BLE001 - the first error is the one to be seen
            _logger.info("Worker %s: the connection is of no more use", self.worker.id)

    # ------------------------------------------------------------ tick

    def tick(self, claiming=True):
        """One transaction, then what it leaves to be done. Scheduled readings have their own.

        :param claiming: whether new commands and readings are taken
        :return: whether anything happened
        """
        self.meters.forget()
        events = self.pending + self._events + self.plan.sort(self.engine.drain())
        self._events = []

        before = self.generation, self.lines, self._line_rows
        stored, self._stored = self.plan.stored - self._stored, self.plan.stored

        def work(book):
            # Once more from the beginning, when it met another transaction.
            self.generation, self.lines, self._line_rows = before
            book.news += stored
            self._record(events, book)
            self._recording = None
            if claiming:
                self._claim(book)
            self._beat()

        book = self.db.transact(work)
        self._deliver(book)
        self.pending = book.deferred
        self.plan.go_on(claiming)
        return bool(events or book.news or book.jobs)

    def _deliver(self, book):
        """Give the engine what a committed transaction leaves to be done."""
        for job_id in book.ended:
            self.held.pop(job_id, None)
        if book.jobs:
            self.held.update((job.id, one) for job, one in book.jobs)
            self.engine.submit([job for job, __ in book.jobs])
        for job_id, order in book.answers:
            self.engine.answer(job_id, order)

    def _in_hand(self, book):
        return [held.command_id for job, held in self.held.items() if job not in book.ended]

    def _record(self, events, book):
        chores = claim.chores(self.cr, self.worker.id, self.now(), self._in_hand(book))
        known = [(event, self.held[event.id]) for event in events if event.id in self.held]
        mine = self._lock_meters(
            {held.meter_id for __, held in known} | {meter_id for __, meter_id, __ in chores}
        )
        over = {event.id for event, __ in known if event.terminal}
        line_news, frames = evidence.LineNews(), []
        for event, held in known:
            if held.meter_id not in mine:
                book.deferred.append(event)
                continue
            self._recording = held.command_id
            line_news.take(held, event)
            frames += evidence.frames(held, event)
            # A question whose line was given back meanwhile needs no answer any more.
            if not (isinstance(event, wire.Asked) and event.id in over):
                self._record_event(event, held, book)
            if event.terminal:
                book.ended.add(event.id)
            book.news += 1
        for command_id, meter_id, state in chores:
            if meter_id in mine:
                self._recording = command_id
                command = self._in_words_of(self.env["utility.command"].browse(command_id))
                if state == "sent":
                    money.orphan(self, command)
                else:
                    command._expire()
                book.news += 1
        self.env.flush_all()
        self.env["meter.frame"]._record(frames)
        line_news.store(self.cr)

    def _record_event(self, event, held, book):
        if held.purpose == "status":
            if isinstance(event, wire.Settled) and event.status is not None:
                money.store(self, held, event)
            return
        if held.purpose in ("read", "command"):
            part = reading if held.purpose == "read" else operations
            if not isinstance(event, wire.Done):
                part.failed(self, held, event)
                return
            part.done(self, held, event)
            if held.purpose == "read":
                self._ask_number(held, book)
            return
        record = {
            wire.Asked: money.asked,
            wire.Answered: money.answered,
            wire.Settled: money.settled,
        }.get(type(event), money.lost)
        record(self, book, held, event)

    def _ask_number(self, held, book):
        """After a live reading of a prepaid meter: what it keeps of its purchases, too."""
        command = self.env["utility.command"].browse(held.command_id)
        if (
            command.priority <= wire.LIVE_READ
            and held.meter.dialect.shape
            and not command.meter_id._key_refusal(self.keyring)
        ):
            job = wire.Ask(next(self._ids), held.line_id, held.meter, command.priority)
            book.jobs.append((job, held._replace(purpose="status")))

    def _lock_meters(self, meter_ids):
        """Lock the meters first, in id order; those that somebody has come with the next tick."""
        if not meter_ids:
            return set()
        self.cr.execute(
            "SELECT id FROM utility_meter WHERE id = ANY(%s)"
            " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
            (sorted(meter_ids),),
        )
        return {row[0] for row in self.cr.fetchall()}

    def _claim(self, book):
        now = self.now()
        rows = claim.due(self.cr, self.worker.id, now, self._in_hand(book))
        if time.monotonic() >= self._next_beat or any(
            row["line_id"] not in self.lines for row in rows
        ):
            self._configure()
        depth = self.depth(book)
        refused, taken = [], []
        for row in rows:
            held = claim.held_of(row)
            if depth[held.queue] >= claim.LINE_DEPTH:
                continue
            try:
                meter = self.meters.of(row, self.envelopes)
                job = claim.job_of(row, held, next(self._ids), meter, self.keyring)
            except WireError as error:
                refused.append((held, error))
                continue
            depth[held.queue] += 1
            book.jobs.append((job, held._replace(meter=meter)))
            if held.purpose == "command":
                taken.append(held.command_id)
        operations.taken(self.cr, taken, now)
        mine = self._lock_meters({held.meter_id for held, __ in refused})
        for held, error in refused:
            if held.meter_id in mine:
                part = money if held.purpose in claim.MONEY else operations
                part.refused(self, held, error)
                book.news += 1
        self._next_due = claim.next_time(self.cr, self.worker.id, now)

    def depth(self, book):
        """How many jobs wait in each queue of the engine."""
        live = [held.queue for job, held in self.held.items() if job not in book.ended]
        return Counter(live + [held.queue for __, held in book.jobs])

    def next_id(self):
        """An id for a job of this run."""
        return next(self._ids)

    def _beat(self):
        """Show that the worker lives; and notice that it is no longer the newest."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + BEAT_SECONDS
        self._langs.clear()
        self._show_life()

    def _show_life(self):
        """Also locks the worker's row: from here to the commit nobody ends this generation."""
        self.cr.execute(
            "UPDATE meter_worker SET last_seen = %s WHERE id = %s AND generation = %s",
            (self.now(), self.worker.id, self.generation),
        )
        self.check_generation()

    def check_generation(self):
        """:raises money.StaleRun: a newer run exists"""
        self.cr.execute("SELECT generation FROM meter_worker WHERE id = %s", (self.worker.id,))
        if self.cr.fetchone() != (self.generation,):
            raise money.StaleRun(
                f"worker {self.worker.id}: run {self.generation} is not the newest"
            )

    def _configure(self):
        """Tell the engine which lines there are, when that changed."""
        self.cr.execute(_LINES, (self.worker.id,))
        rows = self.cr.fetchall()
        if rows == self._line_rows:
            return
        self._line_rows = rows
        inside = self.env["meter.port"].browse([row[0] for row in rows if row[-1] != "tcp_port"])
        inside.invalidate_recordset()
        inside.concentrator_id.invalidate_recordset()
        self.envelopes = {
            port.id: parse_envelope(text, port.number, int(port.baudrate), port.parity)
            for port in inside
            if (text := port._envelope())
        }
        found = {row[1]: row[2:5] for row in rows}
        if self.lines and any(
            endpoint.startswith(HUB) and line_id not in self.lines
            for line_id, (endpoint, *__) in found.items()
        ):
            # The hub serves the newest run only, and the run that had this box may be newer.
            self._show_life()
            self.generation = self.worker._take_generation()
        lines = {
            line_id: wire.LineSpec(
                line_id,
                self._endpoint_of(endpoint),
                wire.Timing(first_byte=float(reply), drain=float(drain), hold=money.TURN_HOLD),
                ask_attempts=ASK_ATTEMPTS,
            )
            for line_id, (endpoint, reply, drain) in found.items()
        }
        if lines != self.lines:
            self.lines = lines
            self.engine.configure(lines.values())

    def _endpoint_of(self, endpoint):
        # The hub refuses a run that is not the newest.
        if endpoint.startswith(HUB):
            return f"{endpoint}?generation={self.generation}&worker={self.worker.id}"
        return endpoint

    # --------------------------------------------------------- records

    def command(self, held):
        """The command of a job, in the language of who asked for it."""
        return self._in_words_of(self.env["utility.command"].browse(held.command_id))

    def _in_words_of(self, command):
        user, company = command.user_id, command.company_id
        key = user.id, company.id
        if key not in self._langs:
            # Asked for once, not at each of an order's events, which the meter waits for.
            self._langs[key] = user.lang or company.partner_id.lang
        lang = self._langs[key]
        return command.with_context(lang=lang) if lang else command
