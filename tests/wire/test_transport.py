"""Real sockets and pseudo terminals."""

import asyncio
import contextlib
import os
import socket
import threading
from decimal import Decimal

import pytest
import serial as pyserial
from far_end import pty_meter, tcp_meter
from meter_double import ADDRESS, KEYRING, PATIENCE, EngineDesk, charge, frame_in, meter_of, sale
from meterwire import dlt645_2007 as dlt
from meterwire.errors import LinkDown
from meterwire.jobs import LIVE_READ, Answered, Asked, Done, Failed, LineSpec, Read, Settled, Timing
from meterwire.recharge import judge
from meterwire.transport import open_link, serial, tcp

#: generous where an answer comes, short where none will
PATIENT = Timing(first_byte=60.0, gap=30.0, total=90.0, drain=0.02, bus_idle=0.0)
HASTY = Timing(first_byte=0.1, gap=0.05, drain=0.02, bus_idle=0.0, reconnect_min=0.0)


def read(job_id=1):
    return Read(job_id, "line", meter_of(), ("total",), LIVE_READ)


# --- tcp ----------------------------------------------------------------------------------------


def test_a_sale_over_a_socket():
    with tcp_meter() as (endpoint, meter, connections):
        with EngineDesk(LineSpec("line", endpoint, PATIENT)) as desk:
            desk.engine.submit([sale(), read(2)])
            desk.next(Asked)
            order = charge(1)
            desk.engine.answer("sale", order)
            desk.next(Answered)
            assert judge(order, desk.next(Settled).status).outcome == "proved"
            assert desk.next(Done).values == {"total": Decimal("317.76")}
        assert len(connections) == 1 and meter.executed == [order]


def test_a_closed_port_fails_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with EngineDesk(LineSpec("line", f"tcp://127.0.0.1:{port}", PATIENT)) as desk:
        desk.engine.submit([read()])
        failed = desk.next(Failed)
    assert failed.code == "link_down"
    assert failed.words == f"127.0.0.1:{port} cannot be reached: Connection refused"


def test_a_host_that_does_not_answer_fails_within_the_time_to_connect(monkeypatch):
    async def check():
        loop = asyncio.get_running_loop()

        async def never(*args, **kwargs):
            await loop.create_future()

        monkeypatch.setattr(loop, "create_connection", never)
        with pytest.raises(LinkDown, match="does not answer within 0.01 s"):
            await tcp.open_link("192.0.2.1", 5001, None, None, 0.01)

    asyncio.run(check())


def test_after_silence_the_late_reply_dies_with_its_connection():
    """The first connection answers too late; that must not answer the second question."""
    late = dlt.encode(dlt.Frame(ADDRESS, 0x91, bytes.fromhex("0000010011111111")))
    refused = threading.Event()

    def serve(connection, number):
        if number > 1:
            return False
        connection.recv(4096)
        with contextlib.suppress(OSError):
            while connection.recv(4096):  # until the engine gives the connection up
                pass
        try:
            connection.sendall(late)
            connection.sendall(late)
        except OSError:
            pass
        refused.set()
        return True

    with tcp_meter(serve) as (endpoint, _meter, connections):
        with EngineDesk(LineSpec("line", endpoint, HASTY)) as desk:
            desk.engine.submit([read()])
            assert refused.wait(PATIENCE)
            desk.engine.configure([LineSpec("line", endpoint, PATIENT)])
            event = desk.next()
            if isinstance(event, Failed):  # the machine was too slow for the short time
                desk.engine.submit([read(2)])
                event = desk.next(Done)
        assert event.values == {"total": Decimal("317.76")}
        assert len(connections) >= 2


def test_a_connection_closed_by_the_other_end_is_opened_again():
    def serve(connection, number):
        if number == 1:
            connection.recv(4096)
            connection.close()
        return number == 1

    with tcp_meter(serve) as (endpoint, _meter, connections):
        with EngineDesk(LineSpec("line", endpoint, PATIENT)) as desk:
            desk.engine.submit([read()])
            done = desk.next(Done)
        assert [exchange.outcome for exchange in done.exchanges] == ["link_lost", "reply"]
        assert len(connections) == 2


@pytest.mark.parametrize(
    "endpoint",
    ["", "nonsense", "udp://127.0.0.1:1", "tcp://127.0.0.1", "tcp://:5001", "tcp://h:99999",
     "tcp://h:x", "serial:///dev/null?x", "serial:///dev/null?speed=1",
     "serial:///dev/null?baudrate=fast", "serial:///no/such/device", "memory://nobody"],
)  # fmt: skip
def test_an_endpoint_that_is_none(endpoint):
    with EngineDesk(LineSpec("line", endpoint, PATIENT)) as desk:
        desk.engine.submit([read()])
        failed = desk.next(Failed)
    assert failed.code == "link_down" and failed.words


# --- serial -------------------------------------------------------------------------------------


@pytest.fixture
def asked_settings(monkeypatch):
    """What pyserial is asked for, device by device; nothing is opened."""
    asked = {}

    def refuse(device, **settings):
        asked[device] = settings
        raise pyserial.SerialException("not opened in this test")

    monkeypatch.setattr(pyserial, "Serial", refuse)

    def ask(endpoint):
        with pytest.raises(LinkDown, match="not opened"):
            asyncio.run(open_link(endpoint, None, None, 1.0))
        ((_, settings),) = asked.items()
        asked.clear()
        return settings

    return ask


DEFAULTS = {
    "baudrate": 2400,
    "bytesize": 8,
    "parity": "E",
    "stopbits": 1,
    "timeout": 0,
    "write_timeout": 0,
    "exclusive": True,
}


@pytest.mark.parametrize(
    "query, change",
    [
        ("", {}),
        ("?baudrate=2400&parity=E", {}),
        ("?baudrate=9600", {"baudrate": 9600}),
        ("?parity=n", {"parity": "N"}),
        ("?parity=O&stopbits=2&bytesize=7", {"parity": "O", "stopbits": 2, "bytesize": 7}),
    ],
)
def test_settings_asked_for_a_serial_port(asked_settings, query, change):
    assert asked_settings(f"serial:///dev/ttyS9{query}") == {**DEFAULTS, **change}


def test_parity_is_left_out_for_a_pty_only(asked_settings, tmp_path):
    master, slave = os.openpty()
    try:
        name = os.ttyname(slave)
        link = tmp_path / "line"
        link.symlink_to(name)
        without = {**DEFAULTS, "parity": "N"}
        assert asked_settings(f"serial://{name}?parity=E") == without
        assert asked_settings(f"serial://{link}") == without
        assert asked_settings("serial:///dev/ttyS9") == DEFAULTS
        assert not serial.is_pty("/dev/ttyUSB0") and not serial.is_pty(str(tmp_path))
    finally:
        os.close(master)
        os.close(slave)


def test_a_sale_over_a_pty(tmp_path):
    with pty_meter(tmp_path / "line") as (endpoint, meter):
        with EngineDesk(LineSpec("line", endpoint, PATIENT)) as desk:
            desk.engine.submit([sale(), read(2)])
            desk.next(Asked)
            order = charge(1)
            desk.engine.answer("sale", order)
            desk.next(Answered)
            assert judge(order, desk.next(Settled).status).outcome == "proved"
            desk.next(Done)
        assert meter.executed == [order]


def test_a_pty_stays_open_after_silence():
    master, slave = os.openpty()
    try:
        name = os.ttyname(slave)
        with EngineDesk(LineSpec("line", f"serial://{name}", HASTY, read_attempts=1)) as desk:
            desk.engine.submit([read(1)])
            assert desk.next(Failed).code == "no_reply"
            assert os.read(master, 100) == dlt.read_request(ADDRESS, dlt.TOTAL)
            desk.engine.configure([LineSpec("line", f"serial://{name}", PATIENT)])
            desk.engine.submit([read(2)])
            request = frame_in(os.read(master, 100))
            reply = request._replace(control=0x91, data=request.data + bytes(4))
            os.write(master, dlt.encode(reply))
            assert desk.next(Done).values == {"total": Decimal("0.00")}
    finally:
        os.close(master)
        os.close(slave)


def test_a_serial_line_that_disappears():
    master, slave = os.openpty()
    with EngineDesk(LineSpec("line", f"serial://{os.ttyname(slave)}", PATIENT)) as desk:
        desk.engine.submit([read()])
        os.read(master, 100)
        os.close(slave)
        os.close(master)
        failed = desk.next(Failed)
    assert failed.code == "link_down"


def test_a_serial_port_is_opened_by_one_program_only(tmp_path):
    with pty_meter(tmp_path / "line") as (endpoint, _):
        specs = [LineSpec(key, endpoint, PATIENT) for key in ("line", "second")]
        with EngineDesk(*specs) as desk:
            desk.engine.submit([read()])
            desk.next(Done)
            desk.engine.submit([Read(2, "second", meter_of(), ("total",))])
            assert desk.next(Failed).code == "link_down"


def test_keys_of_the_tests_are_those_of_the_document():
    assert KEYRING.versions == [1]
