"""Each fault does what it says, and only that."""

import itertools

import pytest
from meterwire.dlt645_2007 import Frame, encode, read_request
from meterwire.recharge import Ack, judge

TOTAL = 0x00010000
NEIGHBOUR = 90


def make_site(lab):
    return lab.site(
        [lab.meter(number) for number in range(40)] + [lab.meter(NEIGHBOUR)],
        [lab.meter(200)],
        faults={"late_seconds": 3600},
    )


@pytest.fixture
def desk(shared):
    return shared.desk()


_numbers = itertools.count()


@pytest.fixture
def at(lab, desk):
    """The address of a meter that no test has used; opened, purchase number 1."""
    address = lab.address(next(_numbers))
    desk.open(address)
    return address


@pytest.fixture
def neighbour(lab):
    return lab.address(NEIGHBOUR)


@pytest.fixture
def charge(lab):
    return lab.order("charge", "4.00", number=2)


def test_lost_request(shared, desk, at, neighbour, charge):
    shared("fault", address=at, kind="lost_request")
    assert desk.silent(desk.frame(at, charge), neighbour)
    assert shared.books(at)["number"] == 1
    assert isinstance(desk.order(at, charge), Ack)


def test_lost_reply(shared, desk, at, neighbour, charge):
    shared("fault", address=at, kind="lost_reply", count=2)
    assert desk.silent(desk.frame(at, charge), neighbour)
    assert desk.silent(read_request(at, TOTAL), neighbour)
    assert judge(charge, desk.status(at)).outcome == "proved"


def test_executed_reply_lost_waits_for_an_executed_order(shared, desk, at, neighbour, lab, charge):
    shared("fault", address=at, kind="executed_reply_lost")
    desk.read(at, TOTAL)
    desk.status(at)
    # Refused, therefore answered.
    assert not isinstance(desk.order(at, lab.order("charge", "4.00", number=3)), Ack)
    assert desk.silent(desk.frame(at, charge), neighbour)
    assert judge(charge, desk.status(at)).outcome == "proved"
    assert not shared("stats")["waiting"]


def test_late_reply(shared, desk, at, neighbour, charge):
    shared("fault", address=at, kind="late")
    assert desk.silent(desk.frame(at, charge), neighbour)
    # Executed at once; only the reply comes late.
    assert shared.books(at)["number"] == 2
    assert shared("deliver", address=at) == {"delivered": 1}
    late = desk.receive()
    assert (late.address, late.control) == (at, 0x83)


def test_late_request(shared, desk, at, neighbour, charge):
    shared("fault", address=at, kind="late_request")
    assert desk.silent(desk.frame(at, charge), neighbour)
    assert judge(charge, desk.status(at)).outcome == "not_executed"
    assert shared("deliver") == {"delivered": 1}
    late = desk.receive()
    assert (late.address, late.control) == (at, 0x83)
    assert judge(charge, desk.status(at)).outcome == "proved"


@pytest.mark.parametrize("kind", ["late", "late_request"])
def test_what_is_held_arrives_by_itself(shared, desk, at, charge, kind):
    shared("faults", late_seconds=0.05)
    shared("fault", address=at, kind=kind)
    late = desk.ask(desk.frame(at, charge))
    shared("faults", late_seconds=3600)
    assert (late.address, late.control) == (at, 0x83)
    assert shared("deliver") == {"delivered": 0}


def test_what_was_delivered_does_not_arrive_again(new_sim, lab):
    """Its deadline comes and finds nothing: neither a second execution nor a second reply."""
    sim = new_sim(lab.site([lab.meter(1), lab.meter(2)], faults={"late_seconds": 1})).start()
    desk, at, other = sim.desk(), lab.address(1), lab.address(2)
    desk.open(at)
    desk.open(other)
    for kind in ("late_request", "late"):
        sim("fault", address=at, kind=kind)
        desk.send(read_request(at, TOTAL))
    # Behind them on the line: both are held by then, or arrived by themselves on a slow machine.
    sim("fault", address=other, kind="late")
    desk.send(desk.frame(other, lab.order("charge", "4.00", number=2)))
    while sim.books(other)["number"] < 2:
        pass
    sim("deliver", address=at)
    assert [desk.receive().address for _reply in range(2)] == [at, at]
    # Held last, its time is over last.
    assert desk.receive().address == other
    assert desk.silent(b"", at)
    assert sim("stats")["ports"]["C1/1"]["replies"] == 6
    assert sim("deliver") == {"delivered": 0}


@pytest.mark.parametrize("name", ["port", "box"])
def test_deliver_to_a_port_or_box(shared, desk, at, neighbour, name):
    shared("fault", address=at, kind="late")
    assert desk.silent(read_request(at, TOTAL), neighbour)
    assert shared("deliver", port="C1/2") == {"delivered": 0}
    assert shared("deliver", **{name: {"port": "C1/1", "box": "C1"}[name]}) == {"delivered": 1}
    assert desk.receive().address == at


def test_late_reply_reaches_the_next_connection(shared, desk, at, neighbour, charge):
    """A converter hands what comes on the line to whoever is connected by then."""
    shared("fault", address=at, kind="late")
    assert desk.silent(desk.frame(at, charge), neighbour)
    desk.link.close()
    again = shared.desk()
    again.read(neighbour, TOTAL)
    assert shared("deliver") == {"delivered": 1}
    late = again.receive()
    assert (late.address, late.control) == (at, 0x83)


def test_corrupt_reply(shared, desk, at, neighbour):
    shared("fault", address=at, kind="corrupt", count=5)
    for _time in range(5):
        before = shared("stats")["ports"]["C1/1"]["bytes_out"]
        assert desk.silent(read_request(at, TOTAL), neighbour)
        # Bytes came, but no frame: 20 + 4 of the reply, 22 + 4 of the probe's.
        assert shared("stats")["ports"]["C1/1"]["bytes_out"] - before == 24 + 26
    desk.read(at, TOTAL)


def test_duplicate_reply(shared, desk, at):
    shared("fault", address=at, kind="duplicate")
    first = desk.ask(read_request(at, TOTAL))
    assert desk.receive() == first
    shared("fault", address=at, kind="duplicate", when="money")
    assert desk.silent(b"", at)


def test_wrong_address(shared, desk, at, lab, charge):
    shared("fault", address=at, kind="wrong_address")
    reply = desk.ask(desk.frame(at, charge))
    assert reply.control == 0x83
    assert reply.address != at
    assert judge(charge, desk.status(at)).outcome == "proved"
    # Alone on its port, a meter answers with an address of nobody.
    alone = shared.desk("C1/2")
    shared("fault", address=lab.address(200), kind="wrong_address")
    reply = alone.ask(read_request(lab.address(200), TOTAL))
    assert reply.address not in (lab.address(200), at)


def test_dead_meter_until_revived(shared, desk, at, neighbour):
    shared("fault", address=at, kind="dead")
    for _time in range(3):
        assert desk.silent(read_request(at, TOTAL), neighbour)
    shared("revive", address=at)
    desk.read(at, TOTAL)


def test_dead_for_a_count(shared, desk, at, neighbour, charge):
    shared("fault", address=at, kind="dead", count=2)
    assert desk.silent(read_request(at, TOTAL), neighbour)
    assert desk.silent(desk.frame(at, charge), neighbour)
    assert shared.books(at)["number"] == 1
    desk.read(at, TOTAL)


def test_close_link_fault(shared, desk, at, charge):
    shared("fault", address=at, kind="close_link", when="money")
    desk.read(at, TOTAL)
    desk.send(desk.frame(at, charge))
    assert desk.receive() is None
    again = shared.desk()
    assert judge(charge, again.status(at)).outcome == "proved"


@pytest.mark.parametrize(
    ("when", "spoiled"), [("money", 0), ("query", 1), ("read", 2), ("switch", 3)]
)
def test_fault_for_one_kind_of_exchange(shared, desk, at, charge, when, spoiled, neighbour):
    shared("fault", address=at, kind="lost_reply", when=when)
    query = Frame(at, 0x03, b"\xff\x02\x81\x07" + bytes(4) + b"\x01" + bytes(8))
    switch = Frame(at, 0x1C, b"\x02" + bytes(7) + b"\x1c\x00" + bytes.fromhex("595923311299"))
    requests = [
        desk.frame(at, charge),
        encode(query),
        read_request(at, TOTAL),
        encode(switch),
    ]
    for index, request in enumerate(requests):
        if index == spoiled:
            assert desk.silent(request, neighbour)
        else:
            assert desk.ask(request).address == at


def _row(sim, lab):
    """Ask one meter 60 times; True where it answered. The probe is a meter of another port."""
    desk, at = sim.desk(), lab.address(1)
    row = []
    for _time in range(60):
        desk.send(read_request(at, TOTAL))
        wait_for_requests(sim, len(row) + 1)
        row.append(sim("stats")["ports"]["C1/1"]["replies"] > sum(row))
    return row


def wait_for_requests(sim, count):
    """Return when the port has dealt with this many requests."""
    while sim("stats")["ports"]["C1/1"]["requests"] < count:
        pass


def test_rates_are_repeatable_by_seed(new_sim, lab):
    rows = []
    for seed in (7, 7, 8):
        content = lab.site([lab.meter(1)], seed=seed, faults={"lost_reply": 0.3})
        rows.append(_row(new_sim(content).start(), lab))
    assert rows[0] == rows[1] != rows[2]
    assert 5 <= rows[0].count(False) <= 35
