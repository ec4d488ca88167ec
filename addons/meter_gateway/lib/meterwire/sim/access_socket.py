"""One TCP connection, whoever made it."""

import socket

from .access import Link

CHUNK = 4096


class SocketLink(Link):
    """
    :param client: connected socket, which is ours from now on.
    """

    __slots__ = ("_socket",)

    def __init__(self, access, client):
        super().__init__(access)
        self._socket = client
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        access.links.append(self)
        access.world.clockwork.watch(client.fileno(), self._readable)

    @property
    def open(self):
        return self._socket is not None

    def _readable(self):
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.received(data)
        else:
            self.close()

    def send(self, data):
        if self._socket is None or not data:
            return
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = -1
        if sent != len(data):
            # Who does not read loses the connection, not some bytes of a frame.
            self.close()

    def close(self):
        client, self._socket = self._socket, None
        if client is not None:
            self.access.world.clockwork.forget(client.fileno())
            client.close()
            self.access.links.remove(self)
            self.access.lost(self)
