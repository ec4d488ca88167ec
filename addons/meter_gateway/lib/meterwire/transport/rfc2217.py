"""A serial port at the far end of a network, with its settings: servers that speak RFC 2217.

pyserial's own client blocks, so that a dead box would stop all lines; what is said instead is in
``telnet``.
"""

import asyncio

from ..errors import LinkDown
from . import serial, tcp, telnet


class Rfc2217Link(tcp.TcpLink):
    """See the package's docstring for what a link is."""

    def __init__(self, settings, on_data, on_lost):
        super().__init__(self._received, self._gone)
        self._loop = asyncio.get_running_loop()
        self._port = telnet.ComPort(settings)
        self._deliver = on_data
        self._tell = on_lost
        self.opened = self._loop.create_future()  # None, or words why not

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.write(self._port.take_answer())

    def write(self, data):
        super().write(telnet.escape(data))

    def _received(self, data):
        data = self._port.feed(data)
        if self._port.answer and self._transport is not None:
            self._transport.write(self._port.take_answer())
        if not self.opened.done():
            # What comes before the settings are made was read at another speed.
            if self._port.refusal or self._port.ready:
                self.opened.set_result(self._port.refusal)
        elif data:
            self._deliver(data)

    def _gone(self, words):
        if self.opened.done():
            self._tell(words)
        else:
            self.opened.set_result(words)


async def open_link(host, port, options, on_data, on_lost, timeout):
    if not host or not port:
        raise LinkDown("an rfc2217 endpoint needs host and port: rfc2217://192.0.2.7:5001")
    settings = serial.settings("", options)
    if settings["parity"] not in telnet.PARITIES:
        raise LinkDown("parity is one of N, E, O, M, S")
    started = asyncio.get_running_loop().time()
    link = await tcp.connect(lambda: Rfc2217Link(settings, on_data, on_lost), host, port, timeout)
    rest = timeout - (asyncio.get_running_loop().time() - started)
    try:
        refusal = await asyncio.wait_for(link.opened, max(rest, 0.01))
    except asyncio.TimeoutError:
        refusal = f"it does not take the serial settings within {timeout:g} s (RFC 2217)"
    except asyncio.CancelledError:
        link.abort()
        raise
    if refusal:
        link.abort()
        raise LinkDown(f"device server {host}:{port}: {refusal}")
    return link
