"""Every shape from the desk's engine to the simulator's meters, over sockets: both sides were
written from ``docs/recharge-shapes.md`` and share no code."""

import json
import os
import select
import selectors
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from meterwire.dialect import Dialect, shipped
from meterwire.engine import Engine
from meterwire.jobs import Answered, Asked, LineSpec, Meter, Money, Settled, Timing
from meterwire.recharge import Ack, KeyRing, Order

IDENTITY = "00112233445566778899AABBCCDDEEFF"
PURCHASE = "FFEEDDCCBBAA99887766554433221100"
TOKEN = "a-token-of-the-test"
WATER = "00002026110009"
# Where nothing goes wrong, a busy machine must not look like silence.
PATIENT = Timing(first_byte=20.0, total=30.0)

VENDOR = {
    "shape": "vendor",
    "functions": {"open": "070101FF", "charge": "070102FF"},
    "algorithm": "3des",
    "mode": "cbc",
    "padding": "80",
    "body": [{"field": "amount", "coding": "le"}, "number", "customer", {"field": "random"}],
    "data": ["di", "operator", "version", "cipher", "mac"],
    "key": {"right": "inverted_left"},
    "mac": {"kind": "x9_19", "covers": ["di", "operator", "cipher"]},
    "reply": {
        "enciphered": True,
        "layout": [{"field": "balance", "coding": "le"}, "number", "customer"],
    },
    "rejects_repeats": True,
}
#: name -> (type, shape's options, kinds that are sent one after the other, is a repeat executed?)
SHAPES = {
    "esam": ("d_smart", {"shape": "esam"}, ("open", "charge", "charge"), False),
    "esam, other codings": (
        "d_smart",
        {"shape": "esam", "code_order": "high_first", "number_coding": "bcd"},
        ("open", "charge"),
        False,
    ),
    "vendor": ("d_single", VENDOR, ("open", "charge", "charge"), False),
    "vendor, DES": (
        "d_single",
        {
            "shape": "vendor",
            "algorithm": "des",
            "body": ["amount", "number"],
            "rejects_repeats": True,
        },
        ("charge", "charge"),
        False,
    ),
    "plain": (
        "d_single",
        {"shape": "plain", "functions": {"charge": "04900000"}, "rejects_repeats": True},
        ("charge", "charge"),
        False,
    ),
    "plain, binary": (
        "d_single",
        {
            "shape": "plain",
            "functions": {"charge": "04900000"},
            "layout": [
                {"field": "number", "size": 2, "coding": "be"},
                {"field": "amount", "coding": "le"},
            ],
        },
        ("charge", "charge"),
        True,
    ),
    "order": ("d_single", {"shape": "order", "prefix": "12"}, ("charge", "charge"), True),
    "a013": ("f_water", {"shape": "a013", "rejects_repeats": True}, ("charge", "charge"), False),
    "a013, tenths, DES": (
        "f_water",
        {
            "shape": "a013",
            "layout": [
                {"field": "number", "size": 1, "coding": "le"},
                {"field": "amount", "coding": "be", "places": 1},
            ],
            "cipher": {
                "algorithm": "des",
                "padding": "zero",
                "mac": {"kind": "cbc_mac", "covers": ["cipher"]},
            },
        },
        ("charge", "charge"),
        True,
    ),
}


@pytest.fixture
def encryptor(tmp_path, lab):
    """The reference encryptor: (its key file, its url)."""
    path = tmp_path / "encryptor.json"
    path.write_text(json.dumps({"token": TOKEN, "identity": IDENTITY, "purchase": PURCHASE}))
    path.chmod(0o600)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "meterwire.sim.encryptor"),
            *("--listen", "127.0.0.1:0", "--keys", str(path)),
        ],
        env={**os.environ, "PYTHONPATH": str(lab.LIB)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        assert waiting.select(lab.PATIENCE), "the encryptor did not start"
    yield path, process.stdout.readline().strip().removeprefix("listening on ")
    process.terminate()
    process.wait(lab.PATIENCE)
    process.stdout.close()


class Counter:
    """Sells to one meter, turn by turn."""

    def __init__(self, engine, meter, customer):
        self.engine, self.meter, self.customer = engine, meter, customer
        self.shape = meter.dialect.shape
        self.turns = 0

    def turn(self, make):
        """One turn: ``make`` gets the status before and gives the order.

        :return: (status before, reply, status after)
        """
        self.turns += 1
        self.engine.submit([Money(self.turns, "line", self.meter)])
        before = reply = None
        until = time.monotonic() + 300
        while True:
            assert time.monotonic() < until, "the turn has no end"
            select.select([self.engine.wake_fd], [], [], 0.2)
            for event in self.engine.drain():
                if isinstance(event, Asked):
                    before = event.status
                    self.engine.answer(event.id, make(before))
                elif isinstance(event, Answered):
                    reply = event.reply
                elif isinstance(event, Settled):
                    assert event.status is not None, event.words
                    return before, reply, event.status
                else:
                    pytest.fail(f"unexpected: {event}")

    def order(self, kind, steps):
        def make(before):
            number = self.shape.next_number(before.number) if self.shape.counted else 0
            return Order(kind, steps, self.customer, 500 + self.turns, number, 0)

        return make


def bought(sim, address):
    """What the meter's own books say: purchase number, credit in steps."""
    books = sim.books(address)
    return books["number"], int(Decimal(books["balance"]) * 100)


@pytest.mark.parametrize("name", SHAPES)
def test_money_of_every_shape(name, lab, new_sim, encryptor):
    kind, options, kinds, repeats = SHAPES[name]
    chips, url = encryptor
    address = WATER if kind == "f_water" else lab.address(1)
    meter = {"address": address, "type": kind, "balance": "0", "actuator": "none"}
    meter |= {"credit": "money" if kind == "d_smart" else "units"}
    meter |= {"shape": options["shape"], "recharge": options, "price": "0.5000"}
    if "open" not in kinds and kind != "f_water":
        # These are opened by their maker.
        meter["customer"] = lab.CUSTOMER
    sim = new_sim(lab.site([meter]), arguments=["--chips", str(chips)]).start()
    ring = KeyRing(
        {1: bytes.fromhex(lab.MASTER)},
        {
            "passwords": {"default": "000000"},
            "encryptors": {"default": {"url": url, "token": TOKEN}},
        },
    )
    dialect = Dialect.from_json({**shipped()[kind], "recharge": options})
    with Engine(ring) as engine:
        engine.configure([LineSpec("line", sim.ports["C1/1"], PATIENT)])
        counter = Counter(engine, Meter(address, dialect), lab.CUSTOMER)
        shape, sent = counter.shape, {}
        for at, one in enumerate(kinds):
            steps = 0 if one == "open" else 1000 + 10 * at

            def make(before, one=one, steps=steps):
                sent["order"] = counter.order(one, steps)(before)
                assert shape.judge(sent["order"], before, before).outcome == (
                    "not_executed" if shape.counted else "disputed"
                )
                return sent["order"]

            books = bought(sim, address)
            before, reply, status = counter.turn(make)
            assert isinstance(reply, Ack), reply
            verdict = shape.judge(sent["order"], status, before, acked=True)
            assert verdict.outcome == "proved", verdict
            assert bought(sim, address) == (books[0] + 1, books[1] + steps)
        # The same order once more.
        books = bought(sim, address)
        _before, reply, _status = counter.turn(lambda _before: sent["order"])
        assert isinstance(reply, Ack) is repeats
        assert bought(sim, address)[1] - books[1] == (steps if repeats else 0)
        # What may execute a repeat is never sent again by itself.
        assert shape.resend is not repeats


def test_a_chip_of_another_operator_takes_nothing(lab, new_sim, encryptor, tmp_path):
    _chips, url = encryptor
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"identity": IDENTITY, "purchase": IDENTITY}))
    other.chmod(0o600)
    meter = {"address": lab.address(1), "type": "d_smart", "credit": "money", "balance": "0"}
    meter |= {"shape": "esam", "price": "0.5000"}
    sim = new_sim(lab.site([meter]), arguments=["--chips", str(other)]).start()
    ring = KeyRing({}, {"encryptors": {"default": {"url": url, "token": TOKEN}}})
    dialect = Dialect.from_json({**shipped()["d_smart"], "recharge": {"shape": "esam"}})
    with Engine(ring) as engine:
        engine.configure([LineSpec("line", sim.ports["C1/1"], PATIENT)])
        counter = Counter(engine, Meter(lab.address(1), dialect), lab.CUSTOMER)
        before, reply, status = counter.turn(counter.order("open", 1000))
        assert (reply.code, reply.words) == (4, "the security chip did not accept the code")
        order = counter.order("open", 1000)(before)
        assert counter.shape.judge(order, status, before).outcome == "not_executed"
    assert bought(sim, lab.address(1))[0] == 0
