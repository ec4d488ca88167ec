"""What goes into the engine and what comes out: plain values, no behaviour, no input or output."""

import time
from dataclasses import dataclass, field
from types import ModuleType
from typing import NamedTuple

from . import dlt645_2007
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


class Meter(NamedTuple):
    """The meter that a job is about.

    :param str address: digits as printed
    :param Dialect dialect: of its model
    :param int key_version: of the master key that its keys are derived from
    :param str algorithm: ``des`` or ``3des``
    :param envelope: what the box between line and meter wants around a frame, see ``envelope``;
        None: nothing
    :param str zone: IANA name of the time zone in which its clock runs
    """

    address: str
    dialect: object
    key_version: int = 1
    algorithm: str = "3des"
    envelope: object = None
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True)
class Read:
    """Read registers of one meter. ``Done`` has value by name; None for what the meter does not
    have.

    :param tuple items: names of the dialect's registers
    """

    id: object
    line: object
    meter: Meter
    items: tuple
    priority: int = SCHEDULED_READ


@dataclass(frozen=True)
class Switch:
    """Switch the supply, and prove it by the meter's own state. ``Done`` has what was proved
    (``supply`` or ``control``), and ``acked``; ``Failed`` may be ``not_confirmed``.

    :param str action: off, on, local, keep or unkeep
    """

    id: object
    line: object
    meter: Meter
    action: str
    priority: int = SWITCHING


@dataclass(frozen=True)
class Write:
    """Write registers and read them back. ``Done`` has ``{"was", "is", "ok"}`` by name, and
    ``words`` where the meter refused.

    :param tuple items: (name, value) of each register
    """

    id: object
    line: object
    meter: Meter
    items: tuple
    priority: int = LIVE_READ


@dataclass(frozen=True)
class SetClock:
    """Set the meter's clock to the time of its zone. ``Done`` has ``{"clock": {"was", "is",
    "ok"}}``."""

    id: object
    line: object
    meter: Meter
    priority: int = LIVE_READ


@dataclass(frozen=True)
class Raw:
    """Send a frame that a person made; who may send what is the caller's business, see ``raw``.
    ``Done`` has ``reply`` (masked hexadecimal) and ``words``, of a refusal too.

    :param bytes request: whole, preamble included
    :param codec: module that reads the reply
    :param function: function code that the reply has; None: nobody answers
    """

    id: object
    line: object
    request: bytes
    codec: ModuleType
    address: str
    function: int | None
    envelope: object = None
    priority: int = LIVE_READ


@dataclass(frozen=True)
class Find:
    """Ask the only meter on a line for its address. ``Done`` has ``address``.

    :param codec: of the protocol it is asked in
    """

    id: object
    line: object
    codec: ModuleType = dlt645_2007
    envelope: object = None
    priority: int = LIVE_READ


@dataclass(frozen=True)
class Ask:
    """Status query. Ends in ``Settled`` (status None: no answer that proves anything) or ``Failed``
    (the line is down, no key: the meter was not even asked)."""

    id: object
    line: object
    meter: Meter
    priority: int = MONEY


@dataclass(frozen=True)
class Money:
    """One turn: status query, ``Asked``, the caller's order, its frame once, ``Answered``, status
    query, ``Settled``. Ends in ``Failed`` or ``Released`` while no byte of the frame has left,
    otherwise always in ``Settled``."""

    id: object
    line: object
    meter: Meter
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
        """One of reply, refused, silence, wrong_reply, garbled, link_lost; sent for a broadcast,
        which nobody answers."""
        return self._session.outcome

    @property
    def words(self):
        return self._session.words

    def __repr__(self):
        return f"<Exchange {self.outcome}: {self.tx_masked} -> {self.rx_masked} ({self.words})>"


def now():
    """Seconds since 1970, looked up at each call: a test's clock is heard as well."""
    return time.time()


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. ``exchanges``: those since the job's event before."""

    id: object
    exchanges: tuple = field(default=(), kw_only=True)
    at: float = field(default_factory=now, kw_only=True)
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
class Done(Event):
    """Terminal: what came of Read, Switch, Write, SetClock, Raw or Find; see there."""

    values: dict
    terminal = True


@dataclass(frozen=True)
class Failed(Event):
    """Terminal: no byte of a money frame left. ``code`` is one of no_reply, wrong_reply, refused,
    not_confirmed, link_down, backed_off, no_key, no_line, bad_job, bad_value, stopped, internal."""

    code: str
    words: str
    terminal = True


@dataclass(frozen=True)
class Released(Event):
    """Terminal: the line was given back, no byte of the frame left. Comes again for an answer that
    is given after that."""

    words: str = ""
    terminal = True
