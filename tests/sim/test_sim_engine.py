"""The desk's engine against the simulator: exactly once, whatever the lines do.

The till below does what the worker does with an order: numbers it by what the meter says, sends it
in one turn, settles by asking, and never takes a reply for a proof.
"""

import copy
import random
import select
import time

import pytest
from meterwire.dialect import Dialect, shipped
from meterwire.engine import Engine
from meterwire.jobs import (
    SCHEDULED_READ,
    Answered,
    Asked,
    Failed,
    LineSpec,
    Meter,
    Money,
    Read,
    Released,
    Settled,
    Timing,
)
from meterwire.recharge import KeyRing, Order

METERS = (1, 2, 11, 12)
DIALECT = Dialect.from_json(shipped()["d_single"])
judge = DIALECT.shape.judge
LIMIT = 600.0  # seconds after which a test gives up
QUICK = Timing(
    first_byte=0.2, gap=0.1, total=1.0, drain=0.25, reconnect_min=0.05, reconnect_max=0.2
)
# Where nothing goes wrong, a busy machine must not look like silence.
PATIENT = Timing(first_byte=20.0, total=30.0)
FAULTS = {
    "lost_request": 0.05,
    "lost_reply": 0.05,
    "executed_reply_lost": 0.05,
    "late": 0.03,
    "corrupt": 0.05,
    "duplicate": 0.05,
    "wrong_address": 0.03,
    "late_seconds": 0.3,
}


class Till:
    """Orders for some meters, one after the other on each; ends when all are proved."""

    def __init__(self, lab, lines, orders):
        self._lines, self._orders = lines, orders
        self.engine = Engine(KeyRing({1: bytes.fromhex(lab.MASTER)}))
        self.answered, self.settled, self.missed, self.reads = [], 0, [], 0
        self._jobs, self._turn = {}, 0

    def next(self, at):
        """Put the oldest order of a meter that is not proved on its line."""
        if self._orders[at]:
            self._turn += 1
            job = Money(self._turn, self._lines[at], Meter(at, DIALECT))
            self._jobs[job.id] = at
            self.engine.submit([job])

    def read(self, at):
        self._turn += 1
        self._jobs[self._turn] = None
        meter, items = Meter(at, DIALECT), ("total", "balance")
        self.engine.submit([Read(self._turn, self._lines[at], meter, items, SCHEDULED_READ)])

    def run(self, specs, during=lambda: None):
        """Work until every order is proved."""
        deadline = time.monotonic() + LIMIT
        with self.engine:
            self.engine.configure(specs)
            for at in self._orders:
                self.next(at)
                self.read(at)
            while any(self._orders.values()):
                assert time.monotonic() < deadline, f"not proved: {self._orders}"
                select.select([self.engine.wake_fd], [], [], 0.2)
                for event in self.engine.drain():
                    self._take(event)
                during()

    def _take(self, event):
        at = self._jobs[event.id]
        if at is None:
            self.reads += event.terminal
            return
        order = self._orders[at][0] if self._orders[at] else None
        if isinstance(event, Asked):
            verdict = judge(order, event.status).outcome
            assert verdict in ("proved", "not_executed"), verdict
            # A frame that the link had held may have been executed by now.
            send = verdict == "not_executed"
            self.engine.answer(event.id, order if send else None)
            if not send:
                self._orders[at].pop(0)
        elif isinstance(event, Answered):
            self.answered.append(event.reply)
        elif isinstance(event, Settled):
            self.settled += 1
            if event.status is not None:
                verdict = judge(order, event.status)
                assert verdict.outcome != "disputed", verdict.words
                if verdict.outcome == "proved":
                    self._orders[at].pop(0)
                else:
                    self.missed.append(at)
            self.next(at)
        elif isinstance(event, Failed | Released):
            self.next(at)


def make_orders(lab, count):
    """An opening, charges and reversals for each meter, every one with a mark of its own."""
    orders = {}
    for meter in METERS:
        row = [("open", 100)]
        for number in range(count - 1):
            row.append(("reverse", row[-1][1]) if number % 3 == 2 else ("charge", 250 + number))
        orders[lab.address(meter)] = [
            Order(kind, amount, lab.CUSTOMER, meter * 1000 + number, number, 0)
            for number, (kind, amount) in enumerate(row, start=1)
        ]
    return orders


def check_books(sim, wanted):
    """Every order is in the books of its meter once, in its place, and nothing else is."""
    for at, orders in wanted.items():
        books = sim.books(at)
        found = [(item["number"], item["kind"], item["reference"]) for item in books["orders"]]
        assert found == [(order.number, order.kind, order.reference) for order in orders]
        bought = sum(
            -order.amount_steps if order.kind == "reverse" else order.amount_steps
            for order in orders
        )
        assert books["cumulative"] == f"{bought / 100:.2f}"
        assert books["balance"] == f"{(2500 + bought) / 100:.2f}"


def two_ports(lab, first=None, second=None, **values):
    return lab.site(
        {"meters": [lab.meter(1), lab.meter(2)], **(first or {})},
        {"meters": [lab.meter(11), lab.meter(12)], **(second or {})},
        **values,
    )


def lines_of(lab):
    return {lab.address(meter): "C1/1" if meter < 10 else "C1/2" for meter in METERS}


def specs_of(sim, timing=QUICK):
    endpoints = {
        name: f"{listen.replace('pty://', 'serial://')}?baudrate=2400&parity=E"
        if listen.startswith("pty")
        else listen
        for name, listen in sim.ports.items()
    }
    return [LineSpec(name, endpoint, timing) for name, endpoint in endpoints.items()]


@pytest.fixture(params=["tcp", "pty"])
def sim(request, new_sim, lab, tmp_path):
    """Two ports with two meters each; not started."""
    if request.param == "tcp":
        return new_sim(two_ports(lab))
    listens = [{"listen": f"pty://{tmp_path}/tty{number}"} for number in (1, 2)]
    return new_sim(two_ports(lab, *listens))


def test_without_faults(sim, lab):
    orders = make_orders(lab, 6)
    till = Till(lab, lines_of(lab), copy.deepcopy(orders))
    till.run(specs_of(sim.start(), PATIENT))
    check_books(sim, orders)
    assert (till.settled, till.missed) == (len(METERS) * 6, [])
    # Nobody spoke while a line was busy, and every frame was answered.
    for port in sim("stats")["ports"].values():
        assert (port["overlaps"], port["requests"]) == (0, port["replies"])
    assert None not in till.answered


def test_exactly_once_with_faults(sim, lab):
    sim.content["faults"] = FAULTS
    orders = make_orders(lab, 6)
    till = Till(lab, lines_of(lab), copy.deepcopy(orders))
    till.run(specs_of(sim.start()))
    check_books(sim, orders)
    drawn = sim("stats")["faults"]
    assert sum(drawn.values()) >= 10, drawn


def test_exactly_once_when_the_link_holds_frames(new_sim, lab):
    """Frames come to the meter after the desk has found them not executed and sent them again."""
    sim = new_sim(two_ports(lab, faults={"late_seconds": 3600})).start()
    for meter in METERS:
        sim("fault", address=lab.address(meter), kind="late_request", count=2, when="money")
    orders = make_orders(lab, 4)
    till = Till(lab, lines_of(lab), copy.deepcopy(orders))
    delivered = []

    def deliver():
        for at in till.missed[len(delivered) :]:
            delivered.append(sim("deliver", address=at)["delivered"])

    till.run(specs_of(sim), deliver)
    delivered.append(sim("deliver")["delivered"])
    check_books(sim, orders)
    assert set(till.missed) == set(orders)
    assert sum(delivered) == 2 * len(METERS)


def test_exactly_once_with_links_that_close(new_sim, lab):
    sim = new_sim(two_ports(lab, faults={"close_link": 0.1, "late_seconds": 0.2})).start()
    orders = make_orders(lab, 5)
    till = Till(lab, lines_of(lab), copy.deepcopy(orders))
    cuts = iter([1, 2, 1, 2])

    def cut():
        if len(till.answered) % 5 == 4 and (port := next(cuts, None)):
            sim("close_link", port=port, seconds=0.1)

    till.run(specs_of(sim), cut)
    check_books(sim, orders)


def test_exactly_once_while_the_meters_are_killed(sim, lab):
    """The whole simulator dies and comes back in the middle of the sales, five times."""
    generator = random.Random(5)
    sim.content |= {"td": 0.01, "faults": {"lost_reply": 0.05}}
    sim.start()
    # The same TCP ports again after each death.
    for port in sim.content["concentrators"][0]["ports"]:
        port["listen"] = sim.ports[f"C1/{port['number']}"]
    orders = make_orders(lab, 8)
    till = Till(lab, lines_of(lab), copy.deepcopy(orders))
    kills = []

    def kill():
        if len(kills) < 5 and len(till.answered) > 4 * len(kills):
            time.sleep(generator.random() * 0.03)  # anywhere in an exchange
            sim.kill()
            sim.start()
            kills.append(len(till.answered))

    till.run(specs_of(sim), kill)
    check_books(sim, orders)
    assert len(kills) == 5


def test_card_between_two_sales_is_disputed(new_sim, lab):
    sim = new_sim(two_ports(lab)).start()
    at = lab.address(1)
    till = Till(lab, {at: "C1/1"}, {at: [lab.order("open", "1.00")]})
    till.run(specs_of(sim))
    sim("card", address=at, amount="2.00")
    till = Till(lab, {at: "C1/1"}, {at: [lab.order("charge", "1.00", number=2)]})
    with pytest.raises(AssertionError, match="disputed"):
        till.run(specs_of(sim))
    assert sim.books(at)["number"] == 2
