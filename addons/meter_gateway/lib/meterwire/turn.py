"""What each kind of job says on its line, from the first question to its one terminal event."""

import asyncio
import functools
import os

from .buffer import FrameBuffer
from .decode import fields
from .dlt645_2007 import (
    READ,
    READ_ADDRESS,
    SECURITY,
    WILDCARD,
    Frame,
    decode,
    encode,
    parse_reply,
    read_request,
    refusal,
)
from .errors import BadJob, KeyMissing, LinkDown, MeterRefused, NoReply, WireError
from .jobs import (
    LIVE_READ,
    Answered,
    Ask,
    Asked,
    Failed,
    Find,
    Money,
    Read,
    ReadDone,
    Released,
    Settled,
)
from .recharge import order as recharge
from .values import is_digits

_NO_SUCH_DATA = 0x02


class BackedOff(WireError):
    """A silent meter is left alone for a while."""

    code = "backed_off"


class Turn:
    """One job on its way. ``end`` lets exactly one terminal event out, whatever happens."""

    def __init__(self, job, emit):
        self.job = job
        self.exchanges = []  # since the event before
        self.ended = False
        #: the first byte of a money frame may have left
        self.sent = False
        #: future of the caller's answer, while the line is held
        self.hold = None
        self.values = {}
        self._emit = emit
        self._reason = ""

    def __lt__(self, other):
        return False  # the queue orders by priority and time alone

    @property
    def urgent(self):
        return self.job.priority <= LIVE_READ

    def take(self, line):
        """Say all of it on ``line``; a coroutine. True when ended, false when the job gave way to a
        more urgent one."""
        return _TURNS[type(self.job)](line, self)

    def evidence(self):
        exchanges, self.exchanges = tuple(self.exchanges), []
        return exchanges

    def tell(self, event):
        self._emit(event)

    def end(self, event):
        if not self.ended:
            self.ended = True
            self._emit(event)

    def fail(self, code, words):
        """End without success; what is true for a money frame that left is never hidden."""
        if self.sent:
            self.end(Settled(self.job.id, None, words, exchanges=self.evidence()))
        else:
            self.end(Failed(self.job.id, code, words, exchanges=self.evidence()))

    def answer(self, frame, words=""):
        """The caller's answer; false if the line is not held by this job (any more)."""
        if self.hold is None or self.hold.done():
            return False
        self._reason = words
        self.hold.set_result(frame)
        return True

    def interrupt(self, words):
        """The line is closing: give it back if it is held."""
        self.answer(None, words)

    async def held(self, seconds):
        """Wait for ``answer``; the frame, or None."""
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


# --- reading ------------------------------------------------------------------------------------


async def _read(line, turn):
    job = turn.job
    if not job.items or not (job.address == WILDCARD or is_digits(job.address)):
        raise BadJob(f"nothing to read, or no address: {job.address!r}")
    times, pause = line.silence_of(job.address)
    if not turn.urgent and pause > 0:
        raise BackedOff(f"the meter was silent {times} times; scheduled reads wait {pause:.0f} s")
    attempts = 1 if times else line.spec.read_attempts
    refused = None
    for di in job.items:
        if di in turn.values:
            continue
        if turn.values and line.interrupts(turn):
            return False
        parse = functools.partial(parse_reply, address=job.address, di=di)
        request = read_request(job.address, di)
        try:
            turn.values[di] = await _question(line, turn, request, READ, parse, attempts)
        except MeterRefused as error:
            if not error.refusal & _NO_SUCH_DATA:
                raise
            refused = error
            turn.values[di] = None
    if refused and all(value is None for value in turn.values.values()):
        raise refused
    turn.end(ReadDone(job.id, turn.values, exchanges=turn.evidence()))
    return True


async def _find(line, turn):
    def parse(frame):
        if frame.is_abnormal:
            raise refusal(frame)
        return fields(frame)["reported_address"]

    request = encode(Frame(WILDCARD, READ_ADDRESS))
    address = await _question(line, turn, request, READ_ADDRESS, parse, line.spec.read_attempts)
    turn.end(ReadDone(turn.job.id, {"address": address}, exchanges=turn.evidence()))
    return True


async def _question(line, turn, request, function, parse, attempts):
    """Ask up to ``attempts`` times; the value, or the last error."""
    address = turn.job.address
    for _ in range(attempts):
        session = await line.exchange(turn, request, address, function, parse)
        if session.error is None:
            return session.value
        if isinstance(session.error, MeterRefused):
            break
    if isinstance(session.error, NoReply):
        line.note_silence(address)
    raise session.error


# --- money --------------------------------------------------------------------------------------


async def _ask(line, turn):
    keys = _keys(line, turn.job)
    try:
        status, words = await _status(line, turn, keys), ""
    except (LinkDown, KeyMissing):
        raise
    except WireError as error:
        status, words = None, error.words
    turn.end(Settled(turn.job.id, status, words, exchanges=turn.evidence()))
    return True


async def _money(line, turn):
    job = turn.job
    keys = _keys(line, job)
    status = await _status(line, turn, keys)
    if line.closing:
        return False
    hold = turn.held(line.spec.timing.hold)
    turn.tell(Asked(job.id, status, exchanges=turn.evidence()))
    frame = await hold
    if frame is None:
        turn.released()
        return True
    await _send(line, turn, keys, frame)
    if turn.ended:
        return True
    try:
        status, words = await _status(line, turn, keys), ""
    except WireError as error:
        status, words = None, error.words
    turn.end(Settled(job.id, status, words, exchanges=turn.evidence()))
    return True


async def _send(line, turn, keys, frame):
    """Send a money frame: once, whatever comes or does not come back."""
    job = turn.job
    order = _order_in(frame, job, keys)

    def leaves():
        turn.sent = True

    def parse(reply):
        return recharge.parse_answer(reply, job.address, order.kind, order.number)

    try:
        session = await line.exchange(turn, frame, job.address, SECURITY, parse, leaves)
    except LinkDown as error:
        turn.released(error.words)
        return
    if not isinstance(session.value, recharge.Ack):
        # A refusal may be late, or not even true; what the meter does now takes its time.
        line.suspect()
    turn.tell(Answered(job.id, session.value, exchanges=turn.evidence()))


def _order_in(frame, job, keys):
    frames = FrameBuffer().feed(frame)
    if len(frames) != 1 or decode(frames[0]).address != job.address:
        raise BadJob(f"what is to be sent is not one frame for {job.address}")
    return recharge.read_order(decode(frames[0]), keys)


def _keys(line, job):
    if not is_digits(job.address):
        raise BadJob(f"{job.address!r} is not 12 digits")
    return line.keyring.meter_keys(job.address, job.key_version, job.algorithm)


async def _status(line, turn, keys):
    """The meter's status, asked a few times with a new challenge each."""
    address = turn.job.address
    for _ in range(line.spec.ask_attempts):
        challenge = os.urandom(recharge.CHALLENGE_SIZE)
        session = await line.exchange(
            turn,
            recharge.status_query(address, keys, challenge),
            address,
            SECURITY,
            functools.partial(
                recharge.parse_status, address=address, keys=keys, challenge=challenge
            ),
        )
        if session.error is None:
            return session.value
    raise session.error


_TURNS = {Read: _read, Find: _find, Ask: _ask, Money: _money}
