"""What can be done to a running simulator: by the control port and by the trainer's page."""

import resource
import time
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from .books import REGISTER
from .faults import KINDS, MOMENTS
from .meter188 import battery
from .site import FAULTS, check_rates
from .site_node import Node

STORM_MAX = 3600


class ControlError(Exception):
    """The operation cannot be done; the text goes to the client."""


def amount(steps):
    """Return steps of 0.01 as a decimal text."""
    return str(Decimal(steps).scaleb(-2))


def rss_bytes():
    """Return the memory that this process has now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Operations:
    """Each ``op_NAME`` takes the values of a request and returns those of the reply.

    :param simulator: :class:`~.simulator.Simulator`.
    """

    def __init__(self, simulator):
        self._simulator = simulator

    # -- looking -------------------------------------------------------------------------------

    def op_ping(self):
        return {"pong": True}

    def op_ports(self):
        """Where each port can be reached (the port numbers that the system chose, too)."""
        return {"ports": {line.name: line.access.listen for line in self._simulator.lines}}

    def op_links(self):
        """Every socket, device, DTU and topic: clients now, power, dials and heartbeats."""
        return {
            "links": {
                access.name: {"listen": access.listen, **access.to_dict()}
                for access in self._simulator.accesses
            }
        }

    def op_stats(self, ports=True):
        """What was done since the start; with ``ports`` false only the sums."""
        lines, faults = self._simulator.lines, self._simulator.faults
        names = ("requests", "replies", "unanswered", "busy_seconds", "taken_seconds", "overlaps")
        used = resource.getrusage(resource.RUSAGE_SELF)
        reply = {
            "total": {name: sum(getattr(line.stats, name) for line in lines) for name in names},
            "seconds": time.time() - self._simulator.started,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "rss": rss_bytes(),
            "faults": dict(faults.drawn),
            "waiting": faults.waiting(),
        }
        if ports:
            reply["ports"] = {
                line.name: {**line.stats.to_dict(), "clients": len(line.access.links)}
                for line in lines
            }
        return reply

    def op_books(self, address=None, port=None):
        if port is not None:
            meters = self._line(port).all_meters()
        elif address is not None:
            meters = [self._meter(address)]
        else:
            meters = self._simulator.all_meters()
        return {"meters": [self._books(meter) for meter in meters]}

    # -- faults --------------------------------------------------------------------------------

    def op_faults(self, **rates):
        """Set rates (those not named stay), ``late_seconds``, ``seed``."""
        faults = self._simulator.faults
        node = Node(rates, "faults")
        node.known(*FAULTS, "late_seconds", "seed")
        named = check_rates(node)
        check_rates(Node({**faults.rates, **named}, "faults"))
        if "late_seconds" in rates:
            faults.late_seconds = float(node.decimal("late_seconds", low=0, high=86400))
        if "seed" in rates:
            faults.reseed(node.whole("seed"))
        faults.set_rates(named)
        return {"rates": faults.rates, "late_seconds": faults.late_seconds, "seed": faults.seed}

    def op_fault(self, kind, address=None, port=None, box=None, count=None, when="any"):
        """Spoil the next ``count`` exchanges of a meter, port or concentrator (1; dead: all)."""
        if kind not in KINDS:
            raise ControlError(f"kind must be one of {', '.join(KINDS)}")
        if when not in MOMENTS:
            raise ControlError(f"when must be one of {', '.join(MOMENTS)}")
        if count is None and kind != "dead":
            count = 1
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ControlError("count must be a whole number above 0")
        self._simulator.faults.add(self._place(address, port, box), kind, count, when)

    def op_revive(self, address=None, port=None, box=None):
        """Forget the counted faults of a place, or of all."""
        self._simulator.faults.revive(self._place_or_all(address, port, box))

    def op_deliver(self, address=None, port=None, box=None):
        """What the links hold back of a place (or of all) arrives now: requests and replies."""
        held = self._simulator.world.held
        return {"delivered": held.deliver(self._place_or_all(address, port, box))}

    def op_power(self, on, address=None, box=None):
        """Take the power from a meter or a concentrator, or give it back."""
        on = self._flag(on, "on")
        if (address is None) == (box is None):
            raise ControlError("name an address or a box")
        if box is not None:
            self._simulator.power(self._box(box), on)
            return
        meter = self._meter(address)
        meter.catch_up()
        meter.books.powered, meter.session, meter.following = on, None, None
        self._changed(meter)

    def op_close_link(self, port, seconds=0):
        """Cut the link of a port or box; with ``seconds``, nobody gets in for that long."""
        self._access(port).cut(float(seconds))

    def op_storm(self, box, seconds=5, rate=20):
        """Let a DTU that dials in send heartbeats in a row, ``rate`` a second."""
        access = self._access(box)
        if not hasattr(access, "storm"):
            raise ControlError(f"{box} does not dial in")
        if not 0 < float(seconds) <= STORM_MAX or not 0 < float(rate) <= 1000:
            raise ControlError("seconds must be up to 3600, rate up to 1000")
        access.storm(float(seconds), float(rate))

    # -- meters --------------------------------------------------------------------------------

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

    def op_spend(self, address, amount):
        """Use so much credit at once."""
        meter = self._credit_meter(address)
        steps = _steps(amount)
        if steps <= 0:
            raise ControlError("amount must be above 0")
        meter.catch_up()
        meter.books.balance -= min(steps, meter.books.balance + meter.account.limit("overdraft"))
        self._changed(meter)
        return {"balance": self._books(meter)["balance"]}

    def op_suspend(self, address, on=True):
        """Let a meter refuse every money function (SERR bit 8), or accept again."""
        meter = self._credit_meter(address)
        meter.books.suspended = bool(on)
        self._simulator.commit(meter)

    def op_advance(self, seconds, address=None):
        """Let meters consume as if so many real seconds more had passed."""
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise ControlError("seconds must be a number, 0 or more")
        meters = self._simulator.all_meters() if address is None else [self._meter(address)]
        for meter in meters:
            meter.advance(seconds)
        self._simulator.save_all()

    def op_clock(self, address, offset=None, forward=None):
        """Set a meter's clock ``offset`` seconds off the true time, or move it ``forward``."""
        meter = self._meter(address)
        if (offset is None) == (forward is None):
            raise ControlError("name offset or forward, seconds")
        now = time.time()
        meter.catch_up(now)
        true = now + self._simulator.world.zone.offset(now)
        ahead = meter.local(now) - true
        try:
            wanted = float(offset) if forward is None else ahead + float(forward)
            meter.at(now) + timedelta(seconds=wanted - ahead)
        except (ValueError, OverflowError) as error:
            raise ControlError("seconds that lead to no date") from error
        meter.books.clock, meter.books.clock_at = wanted, now
        self._changed(meter)
        return {"clock": meter.now().isoformat(sep=" ", timespec="seconds")}

    def op_load(self, address, load):
        """Set the load of a meter, units an hour; None is that of the site."""
        meter = self._meter(address)
        if load is not None:
            load = float(Node({"load": load}, "").decimal("load", low=0, high=1_000_000))
        meter.catch_up()
        meter.books.load = load
        self._changed(meter)

    def op_battery(self, address, percent):
        """Set the battery of a meter."""
        meter = self._meter(address)
        meter.books.battery = Node({"percent": percent}, "").whole("percent", high=100)
        self._changed(meter)

    def op_stick(self, address, on=True):
        """Let the relay or valve hang where it is, or free it."""
        meter = self._meter(address)
        if meter.kind.actuator == "none":
            raise ControlError(f"meter {address} has nothing that moves")
        meter.books.stuck = meter.account.supply_off if self._flag(on, "on") else None
        self._changed(meter)

    def op_press(self, address):
        """Press the button of a meter that was permitted to close."""
        meter = self._meter(address)
        pressed = meter.account.press(time.time())
        self._changed(meter)
        return {"pressed": pressed}

    # -- helpers -------------------------------------------------------------------------------

    def _changed(self, meter):
        meter.changed()
        self._simulator.commit(meter)

    @staticmethod
    def _flag(value, name):
        if not isinstance(value, bool):
            raise ControlError(f"{name} must be true or false")
        return value

    def _meter(self, address):
        meter = self._simulator.find(address)
        if meter is None:
            raise ControlError(f"no meter {address!r}")
        return meter

    def _credit_meter(self, address):
        meter = self._meter(address)
        if not meter.kind.credit:
            raise ControlError(f"meter {address} is not prepaid")
        return meter

    def _place(self, address, port, box):
        """Return the name under which faults know a place."""
        if sum(item is not None for item in (address, port, box)) != 1:
            raise ControlError("name one of address, port, box")
        if address is not None:
            return self._meter(address).address
        return self._line(port).name if port is not None else self._box(box)

    def _place_or_all(self, address, port, box):
        """Return the name of a place, or None when none is named."""
        return None if address is port is box is None else self._place(address, port, box)

    def _box(self, name):
        if name not in self._simulator.boxes:
            raise ControlError(f"box {name!r} is not one of {', '.join(self._simulator.boxes)}")
        return name

    def _line(self, name):
        """Find a port by "C1/2", by where it listens, or by its number when only one has it."""
        lines = self._simulator.lines
        found = [line for line in lines if line.name == name]
        found = found or [line for line in lines if name in (line.access.listen, line.number)]
        if len(found) != 1:
            known = ", ".join(line.name for line in lines[:100])
            raise ControlError(f"port {name!r} is not one of {known}")
        return found[0]

    def _access(self, name):
        """Find a link by its port or box, or by where it listens."""
        if name in self._simulator.boxes:
            accesses = self._simulator.boxes[name][1]
            if len(accesses) == 1:
                return accesses[0]
        return self._line(name).access

    def _books(self, meter):
        meter.catch_up()
        books, account = meter.books, meter.account
        return {
            "address": meter.address,
            "type": meter.kind.type,
            "protocol": meter.kind.protocol,
            "credit": meter.kind.credit,
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
            "supply_off": account.supply_off,
            "tripped": books.tripped,
            "remote": books.remote,
            "kept": books.kept,
            "stuck": books.stuck is not None,
            "suspended": books.suspended,
            "powered": books.powered,
            "battery": battery(meter),
            "clock": meter.now().isoformat(sep=" ", timespec="seconds"),
            "executed": meter.executed,
            "load": float(meter.kind.load) if books.load is None else books.load,
            "settings": {
                name: value for name, value in (books.settings or {}).items() if name != "tables"
            },
            "tables": meter.tables and meter.tables.to_dict(),
            "orders": [
                {
                    **record.to_dict(),
                    "amount": amount(record.amount),
                    "balance_before": amount(record.balance_before),
                    "balance_after": amount(record.balance_after),
                }
                for record in self._simulator.store.orders(meter.address)
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
