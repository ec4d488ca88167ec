"""The control port: one JSON object a line in, one a line out. For tests, training, acceptance."""

import asyncio
import dataclasses
import json
import time
from decimal import Decimal, InvalidOperation

from .books import REGISTER
from .faults import KINDS, MOMENTS
from .site import FAULTS, SiteError, _Node, check_rates

LINE_MAX = 64 * 1024


class ControlError(Exception):
    """The operation cannot be done; the text goes to the client."""


def amount(steps):
    """Return steps of 0.01 as a decimal text."""
    return str(Decimal(steps).scaleb(-2))


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
                self.transport.write(json.dumps(self._control.handle(line)).encode() + b"\n")
        if len(self._rest) > LINE_MAX:
            self.transport.abort()


class Control:
    """Carries out the operations of docs/simulator.md on a simulator."""

    def __init__(self, simulator):
        self._simulator = simulator
        self.clients = set()

    def close(self):
        for client in list(self.clients):
            client.transport.close()

    def handle(self, line):
        """Return the reply to one line: ``{"ok": true, ...}`` or ``{"ok": false, "error": ..}``."""
        try:
            message = json.loads(line)
            operation = message.pop("op")
            method = getattr(self, f"op_{operation}", None)
            if method is None:
                raise ControlError(f"unknown op {operation!r}")
            return {"ok": True, **(method(**message) or {})}
        except (ControlError, SiteError) as error:
            return {"ok": False, "error": str(error)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return {"ok": False, "error": f"bad request: {error}"}

    # -- operations ----------------------------------------------------------------------------

    def op_ping(self):
        return {"pong": True}

    def op_ports(self):
        """Where each port listens (the port numbers that the system chose, too)."""
        return {"ports": {port.site.name: port.listen for port in self._simulator.ports}}

    def op_stats(self):
        ports = {
            port.site.name: {**dataclasses.asdict(port.stats), "clients": len(port.links)}
            for port in self._simulator.ports
        }
        faults = self._simulator.faults
        return {"ports": ports, "faults": dict(faults.drawn), "waiting": faults.waiting()}

    def op_books(self, address=None):
        meters = self._simulator.meters.values() if address is None else [self._meter(address)]
        return {"meters": [self._books(meter) for meter in meters]}

    def op_faults(self, **rates):
        """Set rates (those not named stay), ``late_seconds``, ``seed``."""
        faults = self._simulator.faults
        node = _Node(rates, "faults")
        node.known(*FAULTS, "late_seconds", "seed")
        named = check_rates(node)
        check_rates(_Node({**faults.rates, **named}, "faults"))
        if "late_seconds" in rates:
            faults.late_seconds = float(node.decimal("late_seconds", low=0, high=86400))
        if "seed" in rates:
            faults.reseed(node.whole("seed"))
        faults.rates.update(named)
        return {"rates": faults.rates, "late_seconds": faults.late_seconds, "seed": faults.seed}

    def op_fault(self, address, kind, count=None, when="any"):
        """Spoil the next ``count`` exchanges of a meter (1; a dead meter: until revived)."""
        if kind not in KINDS:
            raise ControlError(f"kind must be one of {', '.join(KINDS)}")
        if when not in MOMENTS:
            raise ControlError(f"when must be one of {', '.join(MOMENTS)}")
        if count is None and kind != "dead":
            count = 1
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ControlError("count must be a whole number above 0")
        self._simulator.faults.add(self._meter(address).site.address, kind, count, when)

    def op_revive(self, address=None):
        """Forget the counted faults of a meter, or of all."""
        if address is not None:
            self._meter(address)
        self._simulator.faults.revive(address)

    def op_card(self, address, amount):
        """Put a card into a meter."""
        meter = self._credit_meter(address)
        steps = _steps(amount)
        if steps <= 0 or meter.books.balance + steps >= REGISTER:
            raise ControlError("amount must be above 0 and fit the meter")
        meter.catch_up()
        record = meter.account.card(steps, time.time())
        self._simulator.commit(meter, record)
        return {"number": meter.books.number}

    def op_suspend(self, address, on=True):
        """Let a meter refuse every money function (SERR bit 8), or accept again."""
        meter = self._credit_meter(address)
        meter.books.suspended = bool(on)
        self._simulator.commit(meter)

    def op_advance(self, seconds, address=None):
        """Let meters consume as if so many real seconds more had passed."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise ControlError("seconds must be a number, 0 or more")
        meters = self._simulator.meters.values() if address is None else [self._meter(address)]
        for meter in meters:
            meter.advance(seconds)
        self._simulator.save_all()

    def op_close_link(self, port, seconds=0):
        """Cut the clients of a port; with ``seconds``, keep it closed for that long."""
        self._port(port).cut(float(seconds))

    # -- helpers -------------------------------------------------------------------------------

    def _meter(self, address):
        meter = self._simulator.meters.get(address)
        if meter is None:
            raise ControlError(f"no meter {address!r}")
        return meter

    def _credit_meter(self, address):
        meter = self._meter(address)
        if not meter.site.credit:
            raise ControlError(f"meter {address} is not prepaid")
        return meter

    def _port(self, name):
        """Find a port by "C1/2", by where it listens, or by its number when only one has it."""
        found = [
            port
            for port in self._simulator.ports
            if name in (port.site.name, port.listen, port.site.number)
        ]
        if len(found) != 1:
            known = ", ".join(port.site.name for port in self._simulator.ports)
            raise ControlError(f"port {name!r} is not one of {known}")
        return found[0]

    def _books(self, meter):
        meter.catch_up()
        books = meter.books
        return {
            "address": meter.site.address,
            "epoch": books.epoch,
            "number": books.number,
            "cumulative": amount(books.cumulative),
            "balance": amount(books.balance),
            "customer": f"{books.customer:012d}",
            "total": amount(books.total),
            "tariffs": [amount(steps) for steps in books.tariffs],
            "last_kind": books.last_kind,
            "last_reference": books.last_reference,
            "last_amount": amount(books.last_amount),
            "supply_off": meter.account.supply_off,
            "tripped": books.tripped,
            "remote": books.remote,
            "suspended": books.suspended,
            "orders": [
                {
                    **vars(record),
                    "amount": amount(record.amount),
                    "balance_before": amount(record.balance_before),
                    "balance_after": amount(record.balance_after),
                }
                for record in self._simulator.store.orders(meter.site.address)
            ],
        }


def _steps(text):
    try:
        steps = Decimal(str(text)).scaleb(2)
    except InvalidOperation:
        raise ControlError(f"amount must be a number, got {text!r}") from None
    if not steps.is_finite() or steps % 1:
        raise ControlError(f"amount must be a multiple of 0.01, got {text!r}")
    return int(steps)
