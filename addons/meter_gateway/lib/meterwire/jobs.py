"""What goes into the engine and what comes out: plain values, no behaviour, no input or output."""

import time
from dataclasses import dataclass, field

from .decode import mask

#: priorities: lower goes first. Scheduled reads leave a silent meter alone for a while.
MONEY, SWITCHING, LIVE_READ, SCHEDULED_READ = range(4)


@dataclass(frozen=True)
class Timing:
    """How long to wait, in seconds.

    :param first_byte: for the first byte of a reply, from the moment the request is written
    :param gap: between two pieces of one reply
    :param total: for a whole reply, whatever comes in
    :param drain: silence that must be kept after a question was not answered properly: for this
        long a late reply may still come, and is thrown away
    :param bus_idle: between the last byte of a reply and the next request
    :param connect: for opening the link
    :param hold: how long a money turn waits for the caller's answer
    :param reconnect_min: pause after the first failure to open the link; doubles
    :param reconnect_max: longest such pause
    :param silent_min: how long scheduled reads leave a meter alone that did not answer; doubles
    :param silent_max: longest such time
    """

    first_byte: float = 1.5
    gap: float = 0.5
    total: float = 6.0
    drain: float = 0.5
    bus_idle: float = 0.03
    connect: float = 3.0
    hold: float = 10.0
    reconnect_min: float = 0.5
    reconnect_max: float = 30.0
    silent_min: float = 30.0
    silent_max: float = 600.0


@dataclass(frozen=True)
class LineSpec:
    """One half-duplex line.

    :param key: any hashable name of the line
    :param str endpoint: ``tcp://192.0.2.7:5001`` or ``serial:///dev/ttyS1?baudrate=2400&parity=E``;
        give numbers rather than host names, a resolver may block for long
    :param int read_attempts: how often a question that changes nothing is asked; money goes once
    :param int ask_attempts: the same for the status query of a money turn
    """

    key: object
    endpoint: str
    timing: Timing = Timing()
    read_attempts: int = 2
    ask_attempts: int = 3


@dataclass(frozen=True)
class Read:
    """Ask one meter for some data identifiers. Ends in ``ReadDone`` or ``Failed``."""

    id: object
    line: object
    address: str
    items: tuple
    priority: int = SCHEDULED_READ


@dataclass(frozen=True)
class Find:
    """Ask the only meter on a line for its address. Ends in ``ReadDone`` (``{"address": ..}``) or
    ``Failed``."""

    id: object
    line: object
    priority: int = LIVE_READ
    address: str = "A" * 12


@dataclass(frozen=True)
class Ask:
    """Status query. Ends in ``Settled`` (status None: no answer that proves anything) or ``Failed``
    (the line is down, no key: the meter was not even asked)."""

    id: object
    line: object
    address: str
    key_version: int
    algorithm: str
    priority: int = MONEY


@dataclass(frozen=True)
class Money:
    """One turn: status query, ``Asked``, the caller's answer, the frame once, ``Answered``, status
    query, ``Settled``. Ends in ``Failed`` or ``Released`` while no byte of the frame has left,
    otherwise always in ``Settled``."""

    id: object
    line: object
    address: str
    key_version: int
    algorithm: str
    priority: int = MONEY


class Exchange:
    """Evidence of one question: when, what was sent, what was heard, how it ended.

    Hex and words are made when looked at, so that a reading round does not pay for what nobody
    reads; cipher text, MAC and passwords are masked in all of them.

    :param float started: seconds since the epoch; ``ended`` likewise
    :param Session session: the finished exchange
    """

    __slots__ = ("_session", "ended", "started")

    def __init__(self, started, ended, session):
        self.started = started
        self.ended = ended
        self._session = session

    @property
    def tx_masked(self):
        return mask(self._session.request)

    @property
    def rx_masked(self):
        return mask(bytes(self._session.rx))

    @property
    def outcome(self):
        """One of reply, refused, silence, wrong_reply, garbled, link_lost."""
        return self._session.outcome

    @property
    def words(self):
        return self._session.words

    def __repr__(self):
        return f"<Exchange {self.outcome}: {self.tx_masked} -> {self.rx_masked} ({self.words})>"


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. ``exchanges``: those since the job's event before."""

    id: object
    exchanges: tuple = field(default=(), kw_only=True)
    at: float = field(default_factory=time.time, kw_only=True)
    terminal = False


@dataclass(frozen=True)
class Asked(Event):
    """The meter's status before the money; the line waits for ``Engine.answer``."""

    status: object


@dataclass(frozen=True)
class Answered(Event):
    """The frame has left. ``reply``: ``Ack``, ``Refusal`` or None for silence; none is a proof."""

    reply: object


@dataclass(frozen=True)
class Settled(Event):
    """Terminal: the meter's status, or None if it could not be asked; ``words`` say why."""

    status: object
    words: str = ""
    terminal = True


@dataclass(frozen=True)
class ReadDone(Event):
    """Terminal: value by data identifier; None for what the meter does not have."""

    values: dict
    terminal = True


@dataclass(frozen=True)
class Failed(Event):
    """Terminal: no byte of a money frame left. ``code`` is one of no_reply, wrong_reply, refused,
    link_down, backed_off, no_key, no_line, bad_job, bad_value, stopped, internal."""

    code: str
    words: str
    terminal = True


@dataclass(frozen=True)
class Released(Event):
    """Terminal: the line was given back, no byte of the frame left. Comes again for an answer that
    is given after that."""

    words: str = ""
    terminal = True
