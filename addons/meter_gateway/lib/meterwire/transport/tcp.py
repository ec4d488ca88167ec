"""A line behind a TCP port: a serial device server, a concentrator's port."""

import asyncio
import os
import socket

from ..errors import LinkDown


def keep_alive(transport):
    """Notice a peer that vanished without a word in about a minute and a half."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class TcpLink(asyncio.Protocol):
    """See the package's docstring for what a link is."""

    reopen = True

    def __init__(self, on_data, on_lost):
        self._on_lost = on_lost
        self._transport = None
        self.data_received = on_data  # called by the loop; saves a call for every chunk

    def connection_made(self, transport):
        self._transport = transport
        keep_alive(transport)

    def connection_lost(self, exc):
        on_lost, self._on_lost, self._transport = self._on_lost, None, None
        if on_lost:
            on_lost(
                f"the connection was lost: {exc}" if exc else "the other end closed the connection"
            )

    def write(self, data):
        if self._transport is None or self._transport.is_closing():
            raise LinkDown("the connection is closed")
        self._transport.write(data)

    def abort(self):
        self._on_lost = None
        if self._transport is not None:
            self._transport.abort()


async def connect(protocol, host, port, timeout):
    """Connect to a TCP port.

    :param protocol: callable that makes the ``asyncio.Protocol``
    :return: the protocol, connected
    :raises LinkDown: nobody is there
    """
    loop = asyncio.get_running_loop()
    opening = asyncio.ensure_future(loop.create_connection(protocol, host, port))
    try:
        done, _ = await asyncio.wait({opening}, timeout=timeout)
    finally:
        opening.cancel()  # does nothing to what is done
    if not done:
        raise LinkDown(f"{host}:{port} does not answer within {timeout:g} s")
    try:
        return opening.result()[1]
    except OSError as error:
        raise LinkDown(f"{host}:{port} cannot be reached: {reason(error)}") from None


def reason(error):
    """Words for an ``OSError``: asyncio's own text repeats the address and differs between
    versions."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


async def open_link(host, port, on_data, on_lost, timeout):
    if not host or not port:
        raise LinkDown("a tcp endpoint needs host and port: tcp://192.0.2.7:5001")
    return await connect(lambda: TcpLink(on_data, on_lost), host, port, timeout)
