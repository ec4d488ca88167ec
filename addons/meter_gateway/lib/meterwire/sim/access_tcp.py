"""A listening TCP socket and its clients."""

import contextlib
import socket

from .access import Access
from .access_socket import SocketLink

BACKLOG = 16


class TcpLink(SocketLink):
    """One client."""

    __slots__ = ()

    write = SocketLink.send

    def cut(self):
        """Close at once, as a link does that breaks."""
        if self._socket is not None:
            linger = b"\x01\0\0\0\0\0\0\0"
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()


class TcpAccess(Access):
    """Clients connect to us."""

    def __init__(self, name, route, world, host, number):
        super().__init__(name, route, world)
        self._host, self._number, self._socket = host, number, None
        self._closed_until, self._stopped = 0.0, False

    @property
    def listen(self):
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"tcp://{host}:{self._number}"

    async def start(self):
        self._open()

    def _open(self):
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.setblocking(False)
            server.bind((self._host, self._number))
            server.listen(BACKLOG)
        except OSError:
            server.close()
            raise
        # The number is kept when the system chose it, for reopening after a cut.
        self._number = server.getsockname()[1]
        self._socket = server
        self.world.clockwork.watch(server.fileno(), self._accept)

    def _accept(self):
        with contextlib.suppress(BlockingIOError, OSError):
            TcpLink(self, self._socket.accept()[0])

    def _close(self):
        if self._socket is not None:
            self.world.clockwork.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None
        for link in list(self.links):
            link.cut()

    def cut(self, seconds):
        if not seconds:
            for link in list(self.links):
                link.cut()
            return
        self._close()
        clockwork = self.world.clockwork
        self._closed_until = clockwork.now() + seconds
        clockwork.at(self._closed_until, self._reopen, None)

    def _reopen(self, _argument):
        clockwork = self.world.clockwork
        if self._stopped or not self.powered or self._socket is not None:
            return
        if clockwork.now() < self._closed_until:
            return
        try:
            self._open()
        except OSError:
            # Somebody else has the port by now; it is tried again.
            clockwork.at(clockwork.now() + 1, self._reopen, None)

    def power(self, on):
        self.powered = on
        if on:
            self._closed_until = 0.0
            self._reopen(None)
        else:
            self._close()

    async def stop(self):
        self._stopped = True
        self._close()
