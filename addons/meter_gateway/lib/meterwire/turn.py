"""One job on its way: leads its conversation step by step, up to its one terminal event."""

import asyncio

from .conversation.of_jobs import CONVERSATIONS
from .errors import MeterRefused, NoReply, WireError
from .jobs import LIVE_READ, Ask, Done, Failed, Money, Read, Released, Settled
from .money import ask, sell
from .question import Pause, Question

#: jobs that are no single conversation; they keep the line
_TURNS = {Ask: ask, Money: sell}


class BackedOff(WireError):
    """A silent meter is left alone for a while."""

    code = "backed_off"


class Turn:
    """``end`` lets exactly one terminal event out, whatever happens."""

    __slots__ = (
        "_address",
        "_emit",
        "_reason",
        "_talk",
        "attempts",
        "ended",
        "envelope",
        "exchanges",
        "hold",
        "job",
        "sent",
    )

    def __init__(self, job, emit):
        self.job = job
        self.exchanges = []  # since the event before
        self.ended = False
        #: the first byte of a money frame may have left
        self.sent = False
        #: future of the caller's answer, while the line is held
        self.hold = None
        #: how often a question is put that does not say itself
        self.attempts = 1
        self.envelope = None
        self._address = None  # of the meter whose silence is noted
        self._talk = None
        self._emit = emit
        self._reason = ""

    def __lt__(self, other):
        return False  # the queue orders by priority and time alone

    @property
    def urgent(self):
        return self.job.priority <= LIVE_READ

    async def take(self, line):
        """Say as much as can be said on ``line`` now.

        :return: None when the job has ended; else for how many seconds it leaves the line, 0 when
            it only gives way to a more urgent one
        """
        talk = self._talk
        if talk is None:
            turn = _TURNS.get(type(self.job))
            if turn is not None:
                self.attempts = line.spec.read_attempts
                self.envelope = self.job.meter.envelope
                await turn(line, self)
                return None
            talk = self._talk = CONVERSATIONS[type(self.job)](line, self.job)
            self._prepare(line)
        try:
            step = talk.send(None)
            while True:
                if type(step) is Pause:
                    if step.seconds > 0:
                        return step.seconds
                    if line.interrupts(self):
                        return 0
                    step = talk.send(None)
                    continue
                try:
                    value = await self._do(line, step)
                except WireError as error:
                    step = talk.throw(error)
                else:
                    step = talk.send(value)
        except StopIteration as end:
            self.end(Done(self.job.id, end.value, exchanges=self.evidence()))
        return None

    async def lead(self, line, talk):
        """Lead a conversation to its end without leaving the line; what it returns."""
        try:
            step = talk.send(None)
            while True:
                if type(step) is Pause:
                    if step.seconds > 0:
                        await asyncio.sleep(step.seconds)
                    step = talk.send(None)
                    continue
                try:
                    value = await self._do(line, step)
                except WireError as error:
                    step = talk.throw(error)
                else:
                    step = talk.send(value)
        except StopIteration as end:
            return end.value
        finally:
            talk.close()

    def evidence(self):
        exchanges, self.exchanges = tuple(self.exchanges), []
        return exchanges

    def tell(self, event):
        self._emit(event)

    def end(self, event):
        if not self.ended:
            self.ended = True
            if self._talk is not None:
                self._talk.close()
            self._emit(event)

    def fail(self, code, words):
        """End without success; what is true for a money frame that left is never hidden."""
        if self.sent:
            self.end(Settled(self.job.id, None, words, exchanges=self.evidence()))
        else:
            self.end(Failed(self.job.id, code, words, exchanges=self.evidence()))

    # --- the caller's answer ----------------------------------------------------------------------

    def answer(self, order, words=""):
        """The caller's answer; false if the line is not held by this job (any more)."""
        if self.hold is None or self.hold.done():
            return False
        self._reason = words
        self.hold.set_result(order)
        return True

    def interrupt(self, words):
        """The line is closing: give it back if it is held."""
        self.answer(None, words)

    async def held(self, seconds):
        """Wait for ``answer``; the order, or None."""
        loop = asyncio.get_running_loop()
        self.hold = loop.create_future()
        timer = loop.call_later(
            seconds, self.answer, None, f"no answer came from the desk within {seconds:g} s"
        )
        try:
            return await self.hold
        finally:
            timer.cancel()

    def released(self, words=""):
        words = words or self._reason or "the desk decided not to send"
        self.end(Released(self.job.id, words, exchanges=self.evidence()))

    # --- one step ---------------------------------------------------------------------------------

    def _prepare(self, line):
        job = self.job
        self.attempts = line.spec.read_attempts
        meter = getattr(job, "meter", None)
        if meter is None:
            self.envelope = job.envelope
            return
        self.envelope = meter.envelope
        self._address = meter.address
        times, pause = line.silence_of(meter.address)
        if not times:
            return
        if pause > 0 and not self.urgent:
            raise BackedOff(
                f"the meter was silent {times} times; scheduled reads wait {pause:.0f} s"
            )
        if type(job) is Read:
            self.attempts = 1

    async def _do(self, line, step):
        if type(step) is Question:
            return await self._put(line, step)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, step.function)

    async def _put(self, line, question):
        """Put a question as often as it may be; the value, or the last error."""
        attempts = question.attempts or self.attempts
        if question.leaving:
            if self.sent:
                # Not a WireError: no conversation may take it for an answer and try a third time.
                raise RuntimeError("a money frame was to leave twice")
            attempts = 1
        while True:
            session = await line.exchange(self, question, self.envelope)
            error = session.error
            if error is None:
                return session.value
            attempts -= 1
            if attempts <= 0 or isinstance(error, MeterRefused):
                break
        if isinstance(error, NoReply) and self._address is not None:
            line.note_silence(self._address)
        elif isinstance(error, MeterRefused) and (meter := getattr(self.job, "meter", None)):
            error = meter.dialect.explain(question.function, error)
        raise error
