"""One half-duplex line: one question at a time, the most urgent first, silence where it is owed.

Everything here runs in one event loop. What a job says on the line is in ``turn``; how bytes become
an answer is in ``session``; this file owns the link, the queue and the pauses.
"""

import asyncio
import heapq
import itertools
import logging
import time

from .buffer import FrameBuffer
from .decode import words as frame_words
from .errors import LinkDown, MeterRefused, NoLink, WireError
from .jobs import Exchange, Failed
from .session import Session
from .transport import open_link
from .turn import Turn

_logger = logging.getLogger(__name__)

_CLEAN = ("reply", "refused", "sent")
_MAX_DRAINS = 5
_MAX_LATE = 4
#: one byte of 11 bits at 2400 baud: so long a broadcast, which nobody answers, is on its way
_BYTE_SECONDS = 11 / 2400


class Line:
    """A queue of jobs on one link, which is opened with the first job.

    :param LineSpec spec: may be replaced later by ``configure``
    :param KeyRing keyring: master keys, passwords, and what links need
    :param emit: called with every event
    """

    def __init__(self, spec, keyring, emit):
        self.spec = spec
        self.keyring = keyring
        self.emit = emit
        self.turn = None  # the job that has the line now
        self.closing = ""  # why no more jobs are taken
        self._loop = asyncio.get_running_loop()
        self._next_spec = None
        self._heap = []
        self._resting = {}  # entry of a job that left the line for a while -> its timer
        self._order = itertools.count()
        self._idle = None  # future: the queue is empty
        self._link = None
        self._opening = 0
        self._down = ""
        self._failures = 0
        self._failed_at = self._retry_at = float("-inf")
        self._session = None
        self._answer = None  # future: the session is over
        self._timer = None
        self._heard_at = float("-inf")
        self._codec = self._envelope = None  # of the last question
        self._stray = FrameBuffer()
        self._stray_reader = None
        self._late = []  # what was heard between two questions
        self._suspect = False
        self._settled_at = 0.0
        self._silent = {}  # address -> (times in a row, not before)

    # --- queue ----------------------------------------------------------------------------------

    def submit(self, job):
        """Queue a job; it ends in exactly one terminal event."""
        turn = Turn(job, self.emit)
        if self.closing:
            turn.end(Failed(job.id, "stopped", self.closing))
            return
        heapq.heappush(self._heap, (job.priority, next(self._order), turn))
        self._wake()

    def configure(self, spec):
        """Go on with another spec, from the next job on."""
        self._next_spec = spec

    def close(self, words, code="stopped"):
        """Take no more jobs; end the waiting ones; give back a line that is held. A money frame
        that has left is followed up to its end. ``run`` returns when all that is done."""
        self.closing = words
        heap, self._heap = self._heap, []
        resting, self._resting = self._resting, {}
        for timer in resting.values():
            timer.cancel()
        for _, _, turn in sorted([*heap, *resting]):
            turn.fail(code, words)
        if self.turn is not None:
            self.turn.interrupt(words)
        self._wake()

    def interrupts(self, turn):
        """Whether a more urgent job than ``turn`` waits, or the line is closing."""
        return bool(self.closing or (self._heap and self._heap[0][0] < turn.job.priority))

    async def run(self):
        """Serve the queue until ``close``."""
        try:
            while True:
                if self._heap:
                    entry = heapq.heappop(self._heap)
                elif self.closing:
                    return
                else:
                    self._idle = self._loop.create_future()
                    await self._idle
                    continue
                if self._next_spec is not None:
                    self._switch()
                await self._serve(entry)
        finally:
            self._drop()
            if self._timer is not None:
                self._timer.cancel()

    async def _serve(self, entry):
        turn = self.turn = entry[2]
        try:
            pause = await turn.take(self)
            if pause is None:
                return
            if self.closing:
                turn.fail("stopped", self.closing)
            elif pause:
                self._resting[entry] = self._loop.call_later(pause, self._rested, entry)
            else:
                heapq.heappush(self._heap, entry)
        except WireError as error:
            turn.fail(error.code, error.words)
            # Many jobs may fail without a single wait: let the other lines have their share.
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            turn.fail("stopped", self.closing or "the line was stopped")
            raise
        except Exception as error:
            _logger.exception("line %s: job %s", self.spec.key, turn.job.id)
            turn.fail("internal", f"unforeseen: {type(error).__name__}")
        finally:
            self.turn = None

    def _rested(self, entry):
        del self._resting[entry]
        heapq.heappush(self._heap, entry)
        self._wake()

    def _wake(self):
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _switch(self):
        spec, self._next_spec = self._next_spec, None
        if spec.endpoint != self.spec.endpoint:
            self._drop()
            self._failures = 0
            self._retry_at = float("-inf")
        self.spec = spec

    # --- one exchange ---------------------------------------------------------------------------

    async def exchange(self, turn, question, envelope=None):
        """Put a question and wait for its answer; returns the finished ``Session``.

        :param Question question: see ``question``; whatever it says, it is put once
        :param envelope: around its frame, see ``envelope``
        :raises NoLink: the link cannot be opened; nothing was written
        """
        loop = self._loop
        if self._suspect or self._heard_at + self.spec.timing.bus_idle > loop.time():
            await self._settle()
        if self._link is None:
            await self._open(turn.urgent)
        if question.codec is not self._codec or envelope is not self._envelope:
            self._listen(question.codec, envelope)
        session = Session(question, self.spec.timing, envelope, self._late)
        if self._late:
            self._late = []
        self._session = session
        self._answer = loop.create_future()
        started = time.time()
        session.start(loop.time())
        if question.leaving:
            turn.sent = True
        try:
            self._link.write(session.request)
            if question.function is None:
                session.sent()
                self._heard_at = loop.time() + len(session.request) * _BYTE_SECONDS
            else:
                self._arm(session.deadline)
                await self._answer
        except LinkDown as error:
            session.lost(error.words)
            self._drop()
        finally:
            session.lost("the exchange was stopped")
            self._session = self._answer = None
            turn.exchanges.append(Exchange(started, time.time(), session))
            if session.outcome not in _CLEAN or session.unasked:
                self.suspect()
        if session.error is None or isinstance(session.error, MeterRefused):
            self._silent.pop(question.address, None)
        return session

    def _listen(self, codec, envelope):
        """What is heard from now on between two questions is read as the answer to the last."""
        self._codec, self._envelope = codec, envelope
        self._stray = codec.Buffer()
        self._stray_reader = None if envelope is None else envelope.reader()

    def suspect(self):
        """An answer may still be under way: before the next question the line is drained."""
        self._suspect = True
        self._settled_at = self._loop.time() + self.spec.timing.drain

    async def _settle(self):
        """Wait until a question may be asked: the line drained if it was suspect, the bus idle."""
        loop = self._loop
        if self._suspect:
            if self._link is not None and self._link.reopen:
                self._drop()
            limit = loop.time() + _MAX_DRAINS * self.spec.timing.drain
            while (pause := min(self._settled_at, limit) - loop.time()) > 0:
                await asyncio.sleep(pause)
            self._suspect = False
            self._stray.clear()
        while (pause := self._heard_at + self.spec.timing.bus_idle - loop.time()) > 0:
            await asyncio.sleep(pause)
            if self._suspect:
                await self._settle()

    def _received(self, data):
        now = self._heard_at = self._loop.time()
        session = self._session
        if session is None or session.done:
            self._unasked(data)
        elif session.receive(data, now):
            self._finish()

    def _unasked(self, data):
        """A whole frame that nobody asked for: answers may be one behind their questions."""
        if self._stray_reader is not None:
            data = self._stray_reader.feed(data)
        for raw in self._stray.feed(data):
            if len(self._late) < _MAX_LATE:
                frame = self._codec.decode(raw)
                self._late.append(f"heard before {frame.address} {frame_words(frame)}")
            self.suspect()

    def _finish(self):
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _arm(self, deadline):
        # One timer for many exchanges: mostly the answer comes long before it, and a timer that
        # goes off early is set again.
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._tick)
        elif self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self):
        self._timer = None
        session = self._session
        if session is None or session.done:
            return
        if session.deadline > self._loop.time() + 0.0005:
            self._arm(session.deadline)
        else:
            session.silence()
            self._finish()

    # --- link -----------------------------------------------------------------------------------

    async def _open(self, urgent):
        now = self._loop.time()
        timing = self.spec.timing
        # People do not wait for a long pause, but nobody hammers a box that is off.
        retry_at = self._failed_at + timing.reconnect_min if urgent else self._retry_at
        if now < min(retry_at, self._retry_at):
            raise NoLink(f"{self._down} (next try in {self._retry_at - now:.0f} s)")
        self._opening += 1
        try:
            self._link = await open_link(
                self.spec.endpoint,
                self._received,
                lambda words, opening=self._opening: self._lost(opening, words),
                timing.connect,
                self.keyring,
            )
        except LinkDown as error:
            now = self._loop.time()
            pause = min(timing.reconnect_min * 2 ** min(self._failures, 16), timing.reconnect_max)
            self._down = error.words
            self._failed_at, self._retry_at = now, now + pause
            self._failures += 1
            raise NoLink(error.words) from None
        self._failures = 0
        self._retry_at = float("-inf")
        self._stray.clear()

    def _lost(self, opening, words):
        if opening != self._opening or self._link is None:
            return
        self._link = None
        if self._session is not None:
            self._session.lost(words)
            self._finish()

    def _drop(self):
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    # --- silent meters --------------------------------------------------------------------------

    def silence_of(self, address):
        """How often in a row a meter did not answer, and for how many seconds it is to be left
        alone by scheduled reads."""
        times, until = self._silent.get(address, (0, 0.0))
        return times, until - self._loop.time()

    def note_silence(self, address):
        """A meter did not answer, all attempts taken together."""
        timing = self.spec.timing
        times = self._silent.get(address, (0, 0.0))[0]
        pause = min(timing.silent_min * 2 ** min(times, 16), timing.silent_max)
        self._silent[address] = (times + 1, self._loop.time() + pause)
