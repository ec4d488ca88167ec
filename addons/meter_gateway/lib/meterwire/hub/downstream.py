"""The connection of one DTU."""

import asyncio
import socket

from ..transport.tcp import keep_alive
from .limits import source
from .registration import Unknown
from .stream import stream_of

_PAUSE_AT, _WAITING = 16 * 1024, 256 * 1024  # bytes that a DTU has not taken
_SOCKET_BUFFER = 32 * 1024
_HELD_SECONDS = 0.2  # how long the possible beginning of a heartbeat is kept back
_FINAL_SECONDS = 1.0


class Downstream(asyncio.Protocol):
    """From the first byte to the end of the connection.

    ``dtu`` is None until it has said who it is; ``worker`` the ``Upstream`` that has its bytes.
    """

    def __init__(self, hub):
        self.hub = hub
        self.dtu = self.worker = None
        self.address, self.source = "?", "?"
        self.signal = None
        self.since = self.heard_at = hub.loop.time()
        self.transport = None
        self.lost = False
        self._stream = None
        self._begin = b""
        self._timer = None

    # --- asyncio --------------------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.source = source(peer)
        self.address = f"{peer[0]}:{peer[1]}" if peer else "?"
        transport.set_write_buffer_limits(_PAUSE_AT)
        keep_alive(transport)
        set_socket(transport, self.hub.limits.undelivered_seconds)
        self.hub.arrived(self)

    def data_received(self, data):
        if self.lost:
            return
        self.heard_at = self.hub.loop.time()
        if self.dtu is None:
            self._begin += data
            self.identify()
        else:
            self._take(data)

    def connection_lost(self, exc):
        self.lost = True
        if self._timer:
            self._timer.cancel()
        self.hub.left(self, "it closed the connection" if exc is None else str(exc))

    def pause_writing(self):
        if self.worker:
            self.worker.transport.pause_reading()

    def resume_writing(self):
        if self.worker:
            self.worker.transport.resume_reading()

    # --- who it is ------------------------------------------------------------------------------

    def identify(self, final=False):
        """Look at what came so far."""
        try:
            caller = self.hub.directory.recognise(self._begin, final)
        except Unknown:
            self.hub.turn_away(self, self._begin, "unknown")
            return
        if caller is None:
            if len(self._begin) > self.hub.limits.registration_bytes:
                self.hub.turn_away(self, self._begin, "oversize")
            return
        rest, self._begin = self._begin[caller.used :], b""
        self.dtu, self.signal = caller.dtu, caller.signal
        self._stream = stream_of(self.dtu)
        if self.hub.registered(self) and rest:
            self._take(rest)

    def settle(self, now):
        """It has said something and then nothing: see whether that was all."""
        if self._begin and now - self.heard_at > _FINAL_SECONDS:
            self.identify(final=True)

    # --- bytes ----------------------------------------------------------------------------------

    def send(self, data):
        """From a worker to the meters."""
        self._write(self._stream.wrap(data))

    def _take(self, data):
        plain, answer = self._stream.feed(data, self.hub.loop.time())
        if answer:
            self._write(answer)
        if plain:
            self._up(plain)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._stream.closed:
            self.close("it logged out")
        elif self._stream.holding:
            self._timer = self.hub.loop.call_later(_HELD_SECONDS, self._release)

    def _release(self):
        self._timer = None
        self._up(self._stream.release())

    def _up(self, data):
        if self.worker:
            self.worker.send(data)
        else:
            self.hub.counts["dropped_bytes"] += len(data)

    def _write(self, data):
        self.transport.write(data)
        # A worker is slowed down before; this one asks for answers and does not take them.
        if self.transport.get_write_buffer_size() > _WAITING:
            self.close("it does not take what it is sent", abort=True)

    def close(self, words, abort=False):
        """Hang up; the hub is told at once, in these words."""
        if self.lost:
            return
        self.lost = True
        self.transport.abort() if abort else self.transport.close()
        self.hub.left(self, words)


def set_socket(transport, seconds):
    """Small buffers, since frames are small and many connections share the machine; and Linux
    drops a connection that confirmed nothing for so long."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
