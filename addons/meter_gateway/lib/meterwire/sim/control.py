"""The control port: one JSON object a line in, one a line out. For tests, training, acceptance."""

import asyncio
import json

from .operations import ControlError, Operations
from .site import SiteError

LINE_MAX = 64 * 1024


class Client(asyncio.Protocol):
    """One client of the control port."""

    def __init__(self, control):
        self._control, self._rest, self.transport = control, b"", None

    def connection_made(self, transport):
        self.transport = transport
        self._control.clients.add(self)

    def connection_lost(self, exc):
        self._control.clients.discard(self)

    def data_received(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                reply = self._control.run(line)
                self.transport.write(json.dumps(reply).encode() + b"\n")
        if len(self._rest) > LINE_MAX:
            self.transport.abort()


class Control:
    """Takes requests of clients and carries them out.

    :param simulator: :class:`~.simulator.Simulator`.
    """

    def __init__(self, simulator):
        self.clients = set()
        self._operations = Operations(simulator)

    def close(self):
        for client in self.clients:
            client.transport.abort()

    def run(self, line):
        """Return the reply to one request (JSON text)."""
        try:
            message = json.loads(line)
            operation = message.pop("op")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return {"ok": False, "error": f"bad request: {error}"}
        return self.call(operation, message)

    def call(self, operation, values):
        """Carry out one operation and return its reply."""
        method = getattr(self._operations, f"op_{operation}", None)
        try:
            if method is None:
                raise ControlError(f"unknown op {operation!r}")
            return {"ok": True, **(method(**values) or {})}
        except (ControlError, SiteError) as error:
            return {"ok": False, "error": str(error)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return {"ok": False, "error": f"bad request: {error}"}
