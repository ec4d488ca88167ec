"""The connection of one worker, which has at most one DTU."""

import asyncio

from ..transport.tcp import keep_alive
from . import attach


class Upstream(asyncio.Protocol):
    """Challenge, request, then parts both ways. ``request`` is None until it is granted."""

    def __init__(self, hub):
        self.hub = hub
        self.request = self.dtu = None
        self.since = hub.loop.time()
        self.transport = None
        self.lost = False
        self._nonce = attach.nonce()
        self._lines = attach.Lines()
        self._parts = attach.Parts()

    def connection_made(self, transport):
        self.transport = transport
        keep_alive(transport)
        self.hub.worker_arrived(self)
        transport.write(attach.greeting(self._nonce))

    def data_received(self, data):
        if self.lost:
            return
        try:
            if self.request is None:
                for line in self._lines.feed(data):
                    self._ask(line)
                    break
                if self.request is None:
                    return
                data = self._lines.rest()
            for kind, payload in self._parts.feed(data):
                if kind == attach.DATA and self.dtu and not self.lost:
                    self.dtu.send(payload)
        except attach.ProtocolError as error:
            self.hub.counts["workers_refused"] += 1
            self._refuse(str(error))

    def connection_lost(self, exc):
        self.lost = True
        self.hub.worker_left(self)

    def pause_writing(self):
        if self.dtu:
            self.dtu.transport.pause_reading()

    def resume_writing(self):
        if self.dtu:
            self.dtu.transport.resume_reading()

    def _ask(self, line):
        request, nonce = attach.read_request(line, self.hub.secret, self._nonce)
        words = self.hub.attach(self, request)
        if words:
            self._refuse(words)
            return
        self.request = request
        self.transport.write(attach.accept(self.hub.secret, self._nonce, nonce))

    def _refuse(self, words):
        self.lost = True
        # Once the parts have begun, a line would be taken for one.
        self.transport.write(
            attach.pack(attach.BYE, words.encode()) if self.request else attach.refuse(words)
        )
        self.transport.close()
        self.hub.worker_left(self)

    def send(self, data):
        """From the DTU to the worker."""
        self.transport.write(attach.pack(attach.DATA, data))

    def bye(self, words):
        """Tell why, and close."""
        if not self.lost:
            self._refuse(words)
