"""Test doubles: a meter on a memory line, and a desk that drives one line or one engine."""

import asyncio
import collections
import select
import time

from meterwire import dlt645_2007 as dlt
from meterwire.buffer import FrameBuffer
from meterwire.dialect import Dialect, shipped
from meterwire.engine import Engine
from meterwire.jobs import LIVE_READ, Ask, LineSpec, Meter, Money, Read, Timing
from meterwire.line import Line
from meterwire.recharge import KeyRing, Order, build
from meterwire.recharge import sealed_frame as recharge
from meterwire.transport.memory import Device
from meterwire.values import digits_to_wire, int_to_le

MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
PASSWORD = "123456"
KEYRING = KeyRing({1: MASTER}, {"passwords": {"default": PASSWORD}})
ADDRESS = "202611000001"
OTHER = "202611000002"
CUSTOMER = "000000000017"

#: a prepaid meter that counts units
PREPAID = Dialect.from_json(shipped()["d_single"])

#: short, so that tests of silence are quick; a memory line answers without any waiting
QUICK = Timing(
    first_byte=0.03,
    gap=0.02,
    total=1.0,
    drain=0.02,
    bus_idle=0.0,
    hold=5.0,
    reconnect_min=0.02,
    reconnect_max=0.1,
)

SILENT = "silent"
PATIENCE = 120.0  # seconds until a test gives up waiting; never waited for when all is well


def frame_in(data):
    """The one frame in ``data``."""
    (raw,) = FrameBuffer().feed(data)
    return dlt.decode(raw)


def status_reply(keys, challenge, **record):
    """A status reply as a meter makes it; fields not given are 0."""
    kinds = {name: code for code, name in recharge.LAST_KINDS.items()}
    data = (
        int_to_le(record.get("number", 0), 4)
        + int_to_le(record.get("epoch", 0), 2)
        + bytes([kinds[record.get("last_kind", "none")]])
        + int_to_le(record.get("last_reference", 0), 4)
        + int_to_le(record.get("last_amount", 0), 4)
        + int_to_le(record.get("balance_before", 0), 4, signed=True)
        + int_to_le(record.get("balance_after", 0), 4, signed=True)
        + int_to_le(record.get("balance", 0), 4, signed=True)
        + int_to_le(record.get("cumulative", 0), 4)
        + digits_to_wire(record.get("customer", "0" * 12))
        + bytes([record.get("supply_off", 0) | record.get("remote", 0) << 1])
    )
    head = int_to_le(recharge.STATUS_DI, 4)
    version = bytes([keys.version])
    mac = keys.mac(digits_to_wire(keys.address) + head + version + challenge + data)
    return dlt.encode(dlt.Frame(keys.address, 0x83, head + data + mac))


class MeterDouble:
    """Meters on one memory line. They share books; ``script`` says how the next requests are
    answered: None as it should be, ``SILENT`` not at all (though executed), bytes as given, or a
    function from the true reply to what is sent."""

    def __init__(self, name, addresses=(ADDRESS,), reopen=False):
        self.addresses = addresses
        self.device = Device(name, self._on_write, reopen)
        self.script = collections.deque()
        self.requests = []
        self.number = self.epoch = 0
        self.last = {"last_kind": "none"}
        self.customer = CUSTOMER
        self.balance = 0
        self.executed = []
        self.values = {dlt.TOTAL: "76170300", dlt.STATUS_3: "0000", 0x00900100: "00250000"}
        self.refusal = None

    @property
    def endpoint(self):
        return self.device.endpoint

    def functions(self):
        return [frame.function for frame in self.requests]

    def _on_write(self, device, data):
        frame = frame_in(data)
        self.requests.append(frame)
        step = self.script.popleft() if self.script else None
        reply = self.answer(frame)
        if step is SILENT or reply is None and not isinstance(step, bytes):
            return
        if isinstance(step, bytes):
            reply = step
        elif step is not None:
            reply = step(reply)
        for piece in reply if isinstance(reply, list) else [reply]:
            device.send(piece)

    def answer(self, frame):
        if frame.function == dlt.READ_ADDRESS:
            own = self.addresses[0]
            return dlt.encode(dlt.Frame(own, 0x93, digits_to_wire(own)))
        if frame.address not in self.addresses:
            return None
        if frame.function == dlt.READ:
            if frame.di in self.values:
                data = frame.data + bytes.fromhex(self.values[frame.di])
                return dlt.encode(dlt.Frame(frame.address, 0x91, data))
            return dlt.encode(dlt.Frame(frame.address, 0xD1, b"\x02"))
        keys = KEYRING.meter_keys(frame.address, 1, "3des")
        if frame.di == recharge.STATUS_DI:
            return status_reply(
                keys,
                frame.data[9:17],
                number=self.number,
                epoch=self.epoch,
                customer=self.customer,
                balance=self.balance,
                **self.last,
            )
        return self._execute(recharge.read_order(frame, keys), frame)

    def _execute(self, order, frame):
        if self.refusal is not None or order.number != self.number + 1:
            code = self.refusal if self.refusal is not None else 0x20
            return dlt.encode(dlt.Frame(frame.address, 0xC3, int_to_le(code, 2)))
        self.number = order.number
        self.balance += order.amount_steps
        self.last = {
            "last_kind": order.kind,
            "last_reference": order.reference,
            "last_amount": order.amount_steps,
        }
        self.executed.append(order)
        data = frame.data[:4] + int_to_le(self.number, 4) + int_to_le(self.balance, 4, signed=True)
        return dlt.encode(dlt.Frame(frame.address, 0x83, data))


def meter_of(address=ADDRESS, **values):
    return Meter(address, PREPAID, **values)


def charge(number, amount=10000, reference=None):
    """An order to charge."""
    return Order("charge", amount, CUSTOMER, reference or 1000 + number, number, 0)


def frame_of(order, address=ADDRESS):
    """The frame of an order, as it leaves."""
    return build(order, address, KEYRING.meter_keys(address, 1, "3des"))


def read(job_id=1, address=ADDRESS, items=("total",), priority=LIVE_READ):
    return Read(job_id, "line", meter_of(address), items, priority)


def ask(job_id="ask", address=ADDRESS):
    return Ask(job_id, "line", meter_of(address))


def sale(job_id="sale", address=ADDRESS):
    return Money(job_id, "line", meter_of(address))


def run(coroutine):
    """Run a test's coroutine: ``@run`` makes it an ordinary test."""

    def test():
        asyncio.run(coroutine())

    test.__name__ = coroutine.__name__
    test.__doc__ = coroutine.__doc__
    return test


class Desk:
    """One line in this event loop, and what it tells. ``async with Desk(spec) as desk``."""

    def __init__(self, endpoint, timing=QUICK, **options):
        self.spec = LineSpec("line", endpoint, timing, **options)
        self.events = asyncio.Queue()
        self.line = None
        self._task = None

    async def __aenter__(self):
        self.line = Line(self.spec, KEYRING, self.events.put_nowait)
        self._task = asyncio.create_task(self.line.run())
        return self

    async def __aexit__(self, *exc):
        self.line.close("the test is over")
        self._task.cancel()
        await asyncio.wait({self._task})

    def submit(self, *jobs):
        for job in jobs:
            self.line.submit(job)

    async def next(self, kind=None):
        event = await asyncio.wait_for(self.events.get(), PATIENCE)
        assert kind is None or isinstance(event, kind), event
        return event


class EngineDesk:
    """An engine driven as the scheduled action drives it. ``with EngineDesk(*specs) as desk``."""

    def __init__(self, *specs, keyring=KEYRING):
        self.engine = Engine(keyring)
        self.specs = specs
        self.events = []
        self.all = []

    def __enter__(self):
        self.engine.start()
        self.engine.configure(self.specs)
        return self

    def __exit__(self, *exc):
        self.engine.close()

    def next(self, kind=None):
        until = time.monotonic() + PATIENCE
        while not self.events:
            left = until - time.monotonic()
            assert left > 0, f"the engine told nothing for {PATIENCE:g} s"
            select.select([self.engine.wake_fd], [], [], left)
            news = self.engine.drain()
            self.events += news
            self.all += news
        event = self.events.pop(0)
        assert kind is None or isinstance(event, kind), event
        return event
