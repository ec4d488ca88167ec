"""The control port."""

import socket
import time
from datetime import datetime, timedelta

import pytest
from conftest import PATIENCE
from meterwire.dlt645_2007 import read_request

TOTAL = 0x00010000


def make_site(lab):
    return lab.site([lab.meter(1), lab.meter(2, credit=None)], [lab.meter(3)])


def test_ping(shared):
    assert shared("ping") == {"pong": True}


def test_books_of_one_and_of_all(shared, lab):
    books = shared("books")["meters"]
    assert [item["address"] for item in books] == [lab.address(number) for number in (1, 2, 3)]
    (again,) = shared("books", address=lab.address(3))["meters"]
    assert {**again, "clock": ""} == {**books[2], "clock": ""}
    assert shared("books", port="C1/2")["meters"][0]["address"] == lab.address(3)
    clock = datetime.fromisoformat(books[2].pop("clock"))
    assert abs(clock - datetime.now()) < timedelta(minutes=5)
    assert books[2] == {
        "address": lab.address(3),
        "type": "d_single",
        "protocol": "dlt645_2007",
        "credit": "units",
        "epoch": 0,
        "number": 0,
        "cumulative": "0.00",
        "balance": "25.00",
        "customer": "000000000000",
        "total": "1234.56",
        "tariffs": ["0.00"] * 4,
        "last_kind": 0,
        "last_reference": 0,
        "last_amount": "0.00",
        "supply_off": False,
        "tripped": False,
        "remote": False,
        "kept": False,
        "stuck": False,
        "suspended": False,
        "powered": True,
        "battery": 100,
        "executed": 0,
        "load": 0.0,
        "settings": {},
        "tables": None,
        "orders": [],
    }


def test_orders_log(shared, lab):
    at, begin = lab.address(1), time.time()
    desk = shared.desk()
    desk.open(at, "5.00")
    shared("card", address=at, amount="1.50")
    first, second = shared.books(at)["orders"]
    assert begin <= first.pop("at") <= second.pop("at") <= time.time()
    assert first == {
        "epoch": 0,
        "number": 1,
        "kind": "open",
        "amount": "5.00",
        "reference": 700,
        "balance_before": "25.00",
        "balance_after": "30.00",
    }
    assert (second["kind"], second["number"], second["reference"]) == ("card", 2, 0)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("nonsense", "bad request"),
        ("[]", "bad request"),
        ({}, "bad request"),
        ({"op": "fly"}, "unknown op"),
        ({"op": "books", "address": "1"}, "no meter"),
        ({"op": "books", "adress": "1"}, "bad request"),
        ({"op": "card", "address": "202611000001", "amount": "0.001"}, "multiple of 0.01"),
        ({"op": "card", "address": "202611000001", "amount": "-1"}, "above 0"),
        ({"op": "card", "address": "202611000001", "amount": "x"}, "must be a number"),
        ({"op": "card", "address": "202611000002", "amount": "1"}, "not prepaid"),
        ({"op": "fault", "address": "202611000001", "kind": "rain"}, "kind must be"),
        ({"op": "fault", "address": "202611000001", "kind": "late", "count": 0}, "count"),
        ({"op": "fault", "address": "202611000001", "kind": "late", "when": "x"}, "when must be"),
        ({"op": "faults", "late": 2}, "from 0 to 1"),
        ({"op": "faults", "late": 0.6, "corrupt": 0.6}, "more than 1"),
        ({"op": "faults", "dead": 0.1}, "unknown key"),
        ({"op": "advance", "seconds": -1}, "seconds"),
        ({"op": "close_link", "port": "C9/9"}, "is not one of C1/1, C1/2"),
    ],
)
def test_errors_are_told(shared, message, words):
    reply = shared.raw(message)
    assert reply["ok"] is False
    assert words in reply["error"]
    assert shared("ping")


def test_rates_are_set_and_kept(shared, lab):
    shared("faults", lost_request=1)
    assert shared("faults", late_seconds=0.5)["rates"]["lost_request"] == 1
    desk = shared.desk("C1/2")
    desk.send(read_request(lab.address(3), TOTAL))
    while shared("stats")["faults"]["lost_request"] < 1:
        pass
    shared("faults", lost_request=0)
    desk.read(lab.address(3), TOTAL)


def test_rates_cannot_pass_one_in_two_steps(shared):
    shared("faults", late=0.6)
    assert "more than 1" in shared.raw({"op": "faults", "corrupt": 0.6})["error"]
    assert shared("faults", late=0)["rates"]["corrupt"] == 0


@pytest.mark.parametrize("name", ["C1/2", 2, "listen"])
def test_close_link(shared, lab, name):
    desk = shared.desk("C1/2")
    desk.read(lab.address(3), TOTAL)
    shared("close_link", port=shared.ports["C1/2"] if name == "listen" else name)
    assert desk.receive() is None
    # It can be had again at once, and the other port never noticed.
    shared.desk("C1/2").read(lab.address(3), TOTAL)


def test_close_link_for_a_while(shared, lab):
    other = shared.desk("C1/1")
    shared("close_link", port="C1/2", seconds=3600)
    with pytest.raises(ConnectionRefusedError):
        shared.connect("C1/2")
    other.read(lab.address(1), TOTAL)
    # The last word counts.
    shared("close_link", port="C1/2", seconds=0.1)
    deadline = time.monotonic() + lab.PATIENCE
    while True:
        try:
            desk = shared.desk("C1/2")
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
    desk.read(lab.address(3), TOTAL)


def test_many_clients_and_a_line_without_end(shared):
    clients = [_client(shared) for _client_number in range(5)]
    for client in clients:
        client.sendall(b'{"op": "ping"}\n\n{"op": "ping"}\n')
    for client in clients:
        assert client.makefile().readline() == '{"ok": true, "pong": true}\n'
    endless = _client(shared)
    try:
        endless.sendall(b"x" * 200_000)
        assert endless.recv(1) == b""
    except ConnectionError:
        pass
    assert shared("ping")


def _client(sim):
    return socket.create_connection(sim.control, PATIENCE)


def test_stats_have_the_process_too(shared):
    stats = shared("stats", ports=False)
    assert "ports" not in stats
    assert stats["rss"] > 1_000_000
    assert stats["cpu_seconds"] > 0
    sums = [port["requests"] for port in shared("stats")["ports"].values()]
    assert stats["total"]["requests"] == sum(sums)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"op": "fault", "kind": "late"}, "name one of address, port, box"),
        ({"op": "fault", "kind": "late", "box": "C9"}, "box 'C9' is not one of C1"),
        ({"op": "deliver", "box": "C9"}, "box 'C9' is not one of C1"),
        ({"op": "power", "on": False}, "name an address or a box"),
        ({"op": "power", "on": 0, "box": "C1"}, "on must be true or false"),
        ({"op": "clock", "address": "202611000001"}, "name offset or forward"),
        ({"op": "clock", "address": "202611000001", "forward": 1e30}, "no date"),
        ({"op": "load", "address": "202611000001", "load": -1}, "load: must be from 0"),
        ({"op": "battery", "address": "202611000001", "percent": 101}, "from 0 to 100"),
        ({"op": "spend", "address": "202611000001", "amount": "0"}, "above 0"),
        ({"op": "storm", "box": "C1"}, "is not one of"),
        ({"op": "storm", "box": "C1/1"}, "does not dial in"),
    ],
)
def test_more_errors_are_told(shared, message, words):
    assert words in shared.raw(message)["error"]


def test_spending_ends_at_the_overdraft_limit(new_sim, lab):
    sim = new_sim(lab.site([lab.meter(1, overdraft="5.00")])).start()
    at = lab.address(1)
    assert sim("spend", address=at, amount="27.00") == {"balance": "-2.00"}
    assert not sim.books(at)["supply_off"]
    assert sim("spend", address=at, amount="27.00") == {"balance": "-5.00"}
    assert sim.books(at)["supply_off"]


def test_load_of_a_meter(shared, lab):
    at = lab.address(2)
    shared("load", address=at, load=7.5)
    before = float(shared.books(at)["total"])
    shared("advance", address=at, seconds=7200)
    # And what it uses while the test runs.
    assert 14.99 <= float(shared.books(at)["total"]) - before <= 16
    shared("load", address=at, load=None)
    assert shared.books(at)["load"] == 0
