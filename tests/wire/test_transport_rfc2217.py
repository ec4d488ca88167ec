"""RFC 2217 against pyserial's own server side, which is other people's code, on a real pty."""

import asyncio
import contextlib
import os
import socket
import threading
import tty

import pytest
import serial
from meterwire.errors import LinkDown
from meterwire.transport import open_link, telnet
from serial.rfc2217 import PortManager

PATIENCE = 120.0


class DeviceServer:
    """A pty behind ``PortManager``; ``device`` is the RS485 side of it.

    :param baudrates: what the server's port can do
    """

    def __init__(self, baudrates=(1200, 2400, 9600)):
        self.master, slave = os.openpty()
        self.device = self.master
        tty.setraw(slave)
        self.port = _Port(os.ttyname(slave), baudrates)
        os.close(slave)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.connection = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.connection, _ = self.server.accept()
                self._talk(self.connection)

    def _talk(self, connection):
        manager = PortManager(self.port, _Writer(connection))
        threading.Thread(target=self._up, args=(connection, manager), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := connection.recv(4096):
                self.port.write(b"".join(manager.filter(data)))

    def _up(self, connection, manager):
        with contextlib.suppress(OSError, serial.SerialException, TypeError):
            while True:
                if data := self.port.read(1):
                    connection.sendall(b"".join(manager.escape(data)))

    def close(self):
        self.server.close()
        if self.connection:
            self.connection.close()
        self.port.close()
        os.close(self.master)


class _Writer:
    def __init__(self, connection):
        self.write = connection.sendall


class _Port(serial.Serial):
    """A pty has neither a parity bit (what the client asked for is kept) nor modem lines."""

    cts = dsr = ri = cd = False

    def __init__(self, name, baudrates):
        self.can, self.asked_parity = baudrates, "N"
        super().__init__(name, 1200, timeout=0.2)

    parity = property(
        lambda self: self.asked_parity, lambda self, value: setattr(self, "asked_parity", value)
    )

    @property
    def baudrate(self):
        return serial.Serial.baudrate.fget(self)

    @baudrate.setter
    def baudrate(self, value):
        serial.Serial.baudrate.fset(self, value if value in self.can else self.can[0])

    def _reconfigure_port(self, force_update=False):
        asked, self._parity = self._parity, "N"
        super()._reconfigure_port(force_update)
        self._parity = asked


@pytest.fixture
def server():
    servers = []

    def make(**values):
        servers.append(DeviceServer(**values))
        return servers[-1]

    yield make
    for one in servers:
        one.close()


async def _open(place, query="?baudrate=2400&parity=E", timeout=PATIENCE):
    heard, lost = asyncio.Queue(), asyncio.Queue()
    link = await open_link(f"rfc2217://{place}{query}", heard.put_nowait, lost.put_nowait, timeout)
    return link, heard, lost


async def _collect(heard, size):
    data = b""
    while len(data) < size:
        data += await asyncio.wait_for(heard.get(), PATIENCE)
    return data


def test_settings_are_made_and_every_byte_passes_both_ways(server):
    box = server()

    async def run():
        link, heard, _ = await _open(box.place)
        assert box.port.baudrate == 2400 and box.port.asked_parity == "E"
        every = bytes(range(256)) + b"\xff\xff\xff"
        link.write(every)
        loop = asyncio.get_running_loop()
        got = b""
        while len(got) < len(every):
            got += await loop.run_in_executor(None, os.read, box.device, 4096)
        assert got == every
        os.write(box.device, every)
        assert await _collect(heard, len(every)) == every
        link.abort()

    asyncio.run(run())


def test_a_server_that_keeps_another_speed_is_refused_in_words(server):
    box = server(baudrates=(9600,))
    with pytest.raises(LinkDown, match="baud rate: 9600 instead of 2400"):
        asyncio.run(_open(box.place))


def test_a_server_that_goes_away_is_told(server):
    box = server()

    async def run():
        _link, _heard, lost = await _open(box.place)
        box.connection.shutdown(socket.SHUT_RDWR)
        return await asyncio.wait_for(lost.get(), PATIENCE)

    assert "closed the connection" in asyncio.run(run())


def plain_server(say):
    """A listener that says ``say`` to whoever comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.sendall(say)
            while connection.recv(4096):
                pass

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("say", "words", "timeout"),
    [
        (b"\xff\xfe\x2c", "does not let the COM port be controlled", PATIENCE),  # DONT COM-PORT
        (b"", "does not take the serial settings within", 0.3),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not take the serial settings within", 0.3),
    ],
)
def test_no_device_server_at_all(say, words, timeout):
    listener, place = plain_server(say)
    with listener, pytest.raises(LinkDown, match=words):
        asyncio.run(_open(place, timeout=timeout))


@pytest.mark.parametrize("query", ["?baud=2400", "?parity=Q", "?baudrate=fast"])
def test_options_that_are_not_understood(query):
    with pytest.raises(LinkDown):
        asyncio.run(_open("127.0.0.1:1", query))


def com_port():
    return telnet.ComPort({"baudrate": 2400, "bytesize": 8, "parity": "E", "stopbits": 1})


def test_the_same_bytes_whatever_the_split():
    # DO COM PORT, "a", FF, state of the modem with an FF in it, "b", no operation, "c"
    stream = bytes.fromhex("fffd2c 61 ffff fffa2c6bfffffff0 62 fff1 63")
    for cut in range(len(stream) + 1):
        port = com_port()
        assert port.feed(stream[:cut]) + port.feed(stream[cut:]) == b"a\xffbc"


def test_the_settings_are_sent_once_and_offers_are_not_answered_for_ever():
    port = com_port()
    port.take_answer()
    port.feed(bytes.fromhex("fffd2c fffb2c"))
    assert port.take_answer() == bytes.fromhex(
        "fffa2c0100000960fff0 fffa2c0208fff0 fffa2c0303fff0 fffa2c0401fff0 fffa2c0501fff0"
        "fffa2c0c03fff0 fffd2c"
    )
    port.feed(bytes.fromhex("fffd2c fffb2c fffb00 fffd00"))
    assert port.take_answer() == b""
    port.feed(bytes.fromhex("fffb01 fffd18"))  # it would echo, and asks for the terminal's type
    assert port.take_answer() == bytes.fromhex("fffe01 fffc18")


def test_it_is_ready_with_the_last_confirmation():
    port = com_port()
    for part in ("fffd2c", "fffa2c6500000960fff0", "fffa2c6608fff0", "fffa2c6703fff0"):
        port.feed(bytes.fromhex(part))
        assert not port.ready
    port.feed(bytes.fromhex("fffa2c6801fff0"))
    assert port.ready and not port.refusal
    port.feed(bytes.fromhex("fffa2c6701fff0"))
    assert port.refusal == "it does not take the parity: N instead of E"
