"""One cell of the fault tables: a command, a fault, and whether everything after it is right."""

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from conftest import CUSTOMER
from engine_client import JobFailed, Meter, dialect
from fault_links import ZONE, neighbours_total, own_total
from meterwire.jobs import (
    LIVE_READ,
    SCHEDULED_READ,
    Answered,
    Ask,
    Asked,
    Failed,
    Money,
    Read,
    Released,
    SetClock,
    Settled,
    Switch,
    Write,
)
from meterwire.recharge import Ack, Order

_SINGLE = dialect("d_single")
DIALECT = dialect(
    "d_single",
    switch={**_SINGLE.to_json()["switch"], "settle_seconds": 2, "poll_seconds": 0.3},
)
#: which exchange of a command is spoiled
MOMENTS = {
    "scheduled read": "read",
    "live read": "read",
    "switch": "switch",
    "write": "write",
    "set clock": "write",
    "charge": "money",
    "its proof": "query",
    "ask": "query",
}
AMOUNT = 250
MANY = 99
HELD = ("late", "late_request")
SPOILED = ("corrupt", "wrong_address")


class Seen(NamedTuple):
    """What came of one command under one fault."""

    end: str
    executed: int
    #: what the command was for stands in the meter's books, as far as that tells
    in_books: bool | None
    orders: int
    next: list
    books: dict
    before: dict


class Cell:
    """One command on one line.

    :param site: has ``sim(op, ...)``, ``books(address)`` and ``desk``, a ``Crowd``
    :param Dialect dialect: of its meters
    :param bool resend: what was proved not executed may be sent again
    """

    def __init__(self, site, place, dialect=DIALECT, resend=True):
        self.site, self.desk, self.place = site, site.desk, place
        self.meter = Meter(place.meter, dialect, envelope=place.envelope(1), zone=ZONE)
        self.neighbour = Meter(
            place.neighbour, dialect, envelope=place.envelope(place.neighbour_port), zone=ZONE
        )
        self.shape, self.resend, self.moments = dialect.shape, resend, MOMENTS
        self.order = self.wanted = self.told = self.asked = None
        self.acked = False
        self.fault = self.which = ""

    def play(self, fault, which):
        """Let the fault strike the command, then see whether everything after it is right."""
        self.fault, self.which = fault, which
        self.order = self.told = self.asked = None
        self.acked = False
        at, command = self.place.meter, self.place.command
        if command == "set clock":
            self.site.sim("clock", address=at, offset=-7200)
        before = self.site.books(at)
        silences = self.desk.silences
        if fault in SPOILED:
            silences.spoiled.add(at)
        elif fault == "close_link" and self.place.link != "mqtt":
            silences.cut.add(at)
        if command != "its proof":
            self._strike()
        end = getattr(self, f"_{command.replace(' ', '_')}")(before)
        silences.spoiled.discard(at)
        silences.cut.discard(at)
        books = self.site.books(at)
        executed = books["executed"] - before["executed"]
        in_books = self._in_books(books)
        self.site.sim("revive", address=at)
        if self.order and self.resend:
            self._follow_up()
        readings = list(self._next(fault in HELD))
        books = self.site.books(at)
        readings.append((self._read(self.meter, "total", "balance"), self._shown(books)))
        mark = self.order and self.order.reference
        orders = sum(order["reference"] == mark for order in books["orders"])
        return Seen(end, executed, in_books, orders, readings, books, before)

    def _strike(self):
        moment = "any" if self.fault == "dead" else self.moments[self.place.command]
        count = 1 if self.which == "first" else MANY
        self.site.sim("fault", address=self.place.meter, kind=self.fault, count=count, when=moment)

    # -- the commands ------------------------------------------------------------------------------

    def _job(self, kind, *values):
        return kind(self.desk.next_id(), self.place.name, self.meter, *values)

    def _run(self, job):
        *_before, event = self.desk.events(job)
        return event

    def _simple(self, job):
        """Carry it out: ``done``, ``differs`` (reads back otherwise) or the code of the failure."""
        event = self._run(job)
        if isinstance(event, Failed):
            return event.code
        self.told = event.values
        checked = [value["ok"] for value in event.values.values() if isinstance(value, dict)]
        return "done" if all(checked) else "differs"

    def _scheduled_read(self, _before, priority=SCHEDULED_READ):
        end = self._simple(self._job(Read, ("total",), priority))
        if end == "done":
            assert self.told["total"] == Decimal(own_total(self.place))
        return end

    def _live_read(self, before):
        return self._scheduled_read(before, LIVE_READ)

    def _switch(self, before):
        self.wanted = not before["supply_off"]
        return self._simple(self._job(Switch, "off" if self.wanted else "on"))

    def _write(self, before):
        self.wanted = before["settings"].get("alarm_1", 0) + 100
        return self._simple(self._job(Write, (("alarm_1", f"{self.wanted / 100:.2f}"),)))

    def _set_clock(self, _before):
        return self._simple(self._job(SetClock))

    def _ask(self, before):
        event = self._run(self._job(Ask))
        assert isinstance(event, Settled), event
        if event.status is None:
            return "unknown"
        assert event.status.number == before["number"]
        return "answered"

    def _charge(self, before, asked=lambda: None):
        """As the worker does it: numbered by what the meter says, sent once, proved by asking."""
        job = self._job(Money)
        for event in self.desk.events(job):
            if isinstance(event, Asked):
                self.asked = event.status
                number = 0
                if self.shape.counted:
                    assert event.status.number == before["number"]
                    number = self.shape.next_number(event.status.number)
                self.order = Order("charge", AMOUNT, CUSTOMER, 1000 + job.id, number, 0)
                asked()
                self.desk.engine.answer(job.id, self.order)
            elif isinstance(event, Answered):
                self.acked = isinstance(event.reply, Ack)
        return event.code if isinstance(event, Failed) else self._verdict(event)

    def _its_proof(self, before):
        return self._charge(before, self._strike)

    def _verdict(self, settled):
        if settled.status is None:
            return "unknown"
        return self._judge(settled.status)

    def _judge(self, status):
        return self.shape.judge(self.order, status, self.asked, self.acked).outcome

    # -- afterwards --------------------------------------------------------------------------------

    def _in_books(self, books):
        command = self.place.command
        if command == "switch":
            return books["supply_off"] == self.wanted
        if command == "write":
            return books["settings"].get("alarm_1") == self.wanted
        if command == "set clock":
            now = datetime.now(ZoneInfo(ZONE)).replace(tzinfo=None)
            return abs(datetime.fromisoformat(books["clock"]) - now) < timedelta(minutes=5)
        return None

    def _follow_up(self):
        """What is not proved is asked for; only what is proved not executed is sent again, the same
        order under the same number."""
        verdict = self._verdict(self._run(self._job(Ask)))
        while verdict != "proved":
            assert verdict == "not_executed", verdict
            job = self._job(Money)
            for event in self.desk.events(job):
                if isinstance(event, Asked):
                    verdict = self._judge(event.status)
                    again = verdict == "not_executed"
                    self.desk.engine.answer(job.id, self.order if again else None)
                elif isinstance(event, Settled):
                    verdict = self._verdict(event)
                else:
                    assert isinstance(event, Answered | Released), event

    def _next(self, held):
        """Ask the neighbour, until nothing is under way any more: (heard, right) each time.

        While something is held, its question stands open unanswered at first, so that what comes
        late comes into it.
        """
        right = {"total": Decimal(neighbours_total(self.place))}
        if held:
            self.site.sim("fault", address=self.place.neighbour, kind="lost_request")
            self.desk.silences.deliver[self.place.neighbour] = self.place.meter
            yield self._read(self.neighbour, "total"), right
        yield self._read(self.neighbour, "total"), right

    def _read(self, meter, *items):
        with suppress(JobFailed):
            return self.desk._done(
                Read(self.desk.next_id(), self.place.name, meter, items, LIVE_READ)
            )
        return None

    def _shown(self, books):
        return {"total": Decimal(own_total(self.place)), "balance": Decimal(books["balance"])}
