"""What a money turn says, in the order that keeps money safe.

A frame that moves money leaves once, after the caller has committed that it will, and whatever
comes back is no proof: the meter is asked.
"""

from .errors import BadJob, KeyMissing, LinkDown, NoLink, WireError
from .jobs import Answered, Asked, Settled
from .recharge import Ack, Refusal
from .values import is_digits


async def ask(line, turn):
    """A turn of ``Ask``."""
    shape, keys = _keys(line, turn.job.meter)
    try:
        status, words = await _status(line, turn, shape, keys), ""
    except (NoLink, KeyMissing, BadJob):
        raise
    except WireError as error:
        status, words = None, error.words
    turn.end(Settled(turn.job.id, status, words, exchanges=turn.evidence()))


async def sell(line, turn):
    """A turn of ``Money``."""
    job = turn.job
    shape, keys = _keys(line, job.meter)
    status = await _status(line, turn, shape, keys)
    if line.closing:
        turn.fail("stopped", line.closing)
        return
    turn.tell(Asked(job.id, status, exchanges=turn.evidence()))
    order = await turn.held(line.spec.timing.hold)
    if order is None:
        turn.released()
        return
    if not await _send(line, turn, shape, keys, order):
        return
    try:
        status, words = await _status(line, turn, shape, keys), ""
    except WireError as error:
        status, words = None, error.words
    turn.end(Settled(job.id, status, words, exchanges=turn.evidence()))


async def _send(line, turn, shape, keys, order):
    """Send an order: once, whatever comes or does not come back. Whether it left."""
    job = turn.job
    reply = None
    try:
        reply = await turn.lead(line, shape.send(job.meter, keys, order))
    except LinkDown as error:
        if not turn.sent:
            turn.released(error.words)
            return False
    except WireError:
        if not turn.sent:
            raise
    if not turn.sent:
        turn.released(reply.words if isinstance(reply, Refusal) else "the order was not sent")
        return False
    if not isinstance(reply, Ack):
        # A refusal may be late, or not even true; what the meter does now takes its time.
        line.suspect()
    turn.tell(Answered(job.id, reply, exchanges=turn.evidence()))
    return True


def _keys(line, meter):
    """The shape of a meter, and the secrets that it needs."""
    dialect = meter.dialect
    if not is_digits(meter.address, dialect.address_digits):
        raise BadJob(f"{meter.address!r} is not {dialect.address_digits} digits")
    if dialect.shape is None:
        raise BadJob(f"meters of dialect {dialect.code} are not charged over the wire")
    return dialect.shape, dialect.shape.keys(line.keyring, meter)


async def _status(line, turn, shape, keys):
    """The meter's status, asked a few times; each time is a new conversation."""
    for left in reversed(range(line.spec.ask_attempts)):
        try:
            return await turn.lead(line, shape.status(turn.job.meter, keys))
        except (NoLink, KeyMissing, BadJob):
            raise
        except WireError:
            if not left:
                raise
    raise BadJob("the line's settings allow no status query")
