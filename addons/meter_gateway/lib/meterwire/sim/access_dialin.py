"""A DTU that dials in: it connects OUT to the desk's hub, says who it is, keeps itself alive."""

import asyncio
import contextlib
import socket

from .access import Access
from .access_socket import SocketLink
from .registration import Registration

CONNECT_SECONDS = 5.0
UNCONFIRMED = 3  # logins or heartbeats without confirmation until it dials again


class DialLink(SocketLink):
    """One connection to the hub."""

    __slots__ = ("_disturbed", "own", "unconfirmed")

    def __init__(self, access, client):
        super().__init__(access, client)
        self.own = client.getsockname()[:2]
        self._disturbed, self.unconfirmed = False, 0

    def received(self, data):
        data, confirmed = self.access.registration.unwrap(data)
        if confirmed:
            self.confirmed()
        if data:
            super().received(data)

    def confirmed(self):
        self.unconfirmed = 0

    def disturb(self):
        self._disturbed = True

    def write(self, data):
        """Send what the lines say; a heartbeat may come right in the middle of it."""
        registration = self.access.registration
        inside = self._disturbed or self.access.site.heartbeat_inside
        self._disturbed = False
        if not inside:
            self.send(registration.wrap(data))
            return
        middle = len(data) // 2
        self.send(registration.wrap(data[:middle]))
        self.send(registration.heartbeat(self.own))
        self.send(registration.wrap(data[middle:]))

    def cut(self):
        self.close()


class DialAccess(Access):
    """The lines behind one DTU.

    :param site: :class:`~.site_parts.LinkSite`.
    """

    def __init__(self, name, route, world, site):
        super().__init__(name, route, world)
        self.site, self.registration = site, Registration(site)
        self._task, self._again, self._blocked_until = None, asyncio.Event(), 0.0
        self.listen = f"dialin://{site.server}"
        self.heartbeats = self.dials = 0

    async def start(self):
        """Begin to dial; that nobody answers yet is nothing special."""
        self._task = asyncio.get_running_loop().create_task(self._live())

    def lost(self, _link):
        self.registration.lost()
        self._again.set()

    async def _live(self):
        while True:
            self._again.clear()
            now = self.world.clockwork.now()
            if not self.powered or now < self._blocked_until:
                await self._pause(max(self._blocked_until - now, 0.02) if self.powered else None)
                continue
            if await self._dial():
                await self._stay()
            await asyncio.sleep(self.site.reconnect_seconds)

    async def _pause(self, seconds):
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._again.wait(), seconds)

    async def _dial(self):
        """Connect and say who it is; whether that worked."""
        loop = asyncio.get_running_loop()
        host, _colon, number = self.site.server.rpartition(":")
        client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        client.setblocking(False)
        try:
            target = (host.strip("[]"), int(number))
            await asyncio.wait_for(loop.sock_connect(client, target), CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            client.close()
            return False
        except asyncio.CancelledError:
            client.close()
            raise
        self.dials += 1
        link = DialLink(self, client)
        link.unconfirmed = 1
        link.send(self.registration.hello(link.own))
        return True

    async def _stay(self):
        """Send heartbeats until the connection is gone."""
        seconds = self.site.heartbeat_seconds
        must = self.registration.kind == "gdw3761"
        while (link := self.newest()) is not None:
            await self._pause(seconds or None)
            if not link.open:
                return
            if must and link.unconfirmed >= UNCONFIRMED:
                link.cut()
                return
            link.unconfirmed += 1
            self.beat(link)

    def beat(self, link):
        """Send one heartbeat."""
        self.heartbeats += 1
        link.send(self.registration.heartbeat(link.own))

    def storm(self, seconds, rate):
        """Send heartbeats in a row: ``rate`` a second for some seconds."""
        clockwork = self.world.clockwork
        for number in range(int(seconds * rate)):
            clockwork.at(clockwork.now() + number / rate, self._storm, None)

    def _storm(self, _argument):
        link = self.newest()
        if link is not None:
            self.beat(link)

    def cut(self, seconds):
        self._blocked_until = self.world.clockwork.now() + seconds
        for link in list(self.links):
            link.cut()

    def power(self, on):
        self.powered = on
        for link in list(self.links) if not on else ():
            link.cut()
        self._again.set()

    async def stop(self):
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for link in list(self.links):
            link.cut()

    def to_dict(self):
        return {**super().to_dict(), "heartbeats": self.heartbeats, "dials": self.dials}
