"""The desk's engine as a test drives it: one job after the other, and sales to their proof."""

import itertools
import select
import time

from meterwire.dialect import Dialect, shipped
from meterwire.engine import Engine
from meterwire.jobs import (
    Answered,
    Ask,
    Asked,
    Done,
    Failed,
    LineSpec,
    Meter,
    Money,
    Read,
    Released,
    SetClock,
    Settled,
    Switch,
    Timing,
    Write,
)
from meterwire.recharge import KeyRing, Order

MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
PASSWORD = "000000"
LIMIT = 300.0
#: where nothing goes wrong, a busy machine must not look like silence
PATIENT = Timing(first_byte=20.0, total=30.0, reconnect_min=0.05, reconnect_max=0.2)


def dialect(code, **changes):
    """A shipped dialect with some values replaced."""
    return Dialect.from_json({**shipped()[code], **changes})


class EngineClient:
    """
    :param dict endpoints: line -> endpoint
    :param dict secrets: sections of the key file beside the passwords
    """

    def __init__(self, endpoints, secrets=None, timing=PATIENT):
        ring = KeyRing({1: MASTER}, {"passwords": {"default": PASSWORD}, **(secrets or {})})
        self.engine, self._ids = Engine(ring), itertools.count(1)
        self._specs = [LineSpec(name, endpoint, timing) for name, endpoint in endpoints.items()]

    def __enter__(self):
        self.engine.start()
        self.engine.configure(self._specs)
        return self

    def __exit__(self, *exc):
        self.engine.close()

    def events(self, job):
        """Submit a job and give its events as they come, the last one its end."""
        self.engine.submit([job])
        deadline = time.monotonic() + LIMIT
        while True:
            assert time.monotonic() < deadline, f"no end of {job}"
            select.select([self.engine.wake_fd], [], [], 0.2)
            for event in self.engine.drain():
                assert event.id == job.id, event
                yield event
                if event.terminal:
                    return

    def _done(self, job):
        *_before, event = self.events(job)
        if isinstance(event, Failed):
            raise JobFailed(event)
        assert isinstance(event, Done), event
        return event.values

    def read(self, line, meter, *items):
        return self._done(Read(next(self._ids), line, meter, items))

    def switch(self, line, meter, action):
        return self._done(Switch(next(self._ids), line, meter, action))

    def write(self, line, meter, *items):
        return self._done(Write(next(self._ids), line, meter, items))

    def set_clock(self, line, meter):
        return self._done(SetClock(next(self._ids), line, meter))

    def ask(self, line, meter):
        *_before, event = self.events(Ask(next(self._ids), line, meter))
        assert isinstance(event, Settled), event
        return event.status

    def sell(self, line, meter, kind, amount, customer="000000000042", reference=None):
        """Send an order under the number that follows; return (reply, verdict)."""
        shape, job = meter.dialect.shape, Money(next(self._ids), line, meter)
        before = reply = order = None
        for event in self.events(job):
            if isinstance(event, Asked):
                before = event.status
                number = 0 if before.number is None else shape.next_number(before.number)
                order = Order(
                    kind, amount, customer, reference or 5000 + job.id, number, before.epoch or 0
                )
                self.engine.answer(job.id, order)
            elif isinstance(event, Answered):
                reply = event.reply
            elif isinstance(event, Failed | Released):
                raise JobFailed(event)
            elif isinstance(event, Settled):
                acked = type(reply).__name__ == "Ack"
                return reply, shape.judge(order, event.status, before, acked)
        raise AssertionError("no end")


class JobFailed(Exception):
    """A job that failed; ``code`` and ``words`` of its event."""

    def __init__(self, event):
        self.code, self.words = getattr(event, "code", "released"), event.words
        super().__init__(f"{self.code}: {self.words}")


__all__ = ["EngineClient", "JobFailed", "Meter", "dialect"]
