"""What the tests of the recharge shapes start from: dialects, a meter of registers, and a desk that
holds a conversation with it, without a line."""

from typing import NamedTuple

from meterwire import cjt188
from meterwire import dlt645_2007 as dlt
from meterwire.dialect import Dialect
from meterwire.errors import MeterRefused, NoReply, WireError
from meterwire.question import Call, Question
from meterwire.recharge import KeyRing, Order
from meterwire.values import int_to_bcd

ADDRESS = "202611000001"
WATER = "00002026110001"
CUSTOMER = "000000000017"
MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
KEYRING = KeyRing({1: MASTER}, {"passwords": {"default": "123456"}})

NUMBER, AMOUNT, TOTAL = 0x03330201, 0x03330301, 0x03330601
BALANCE, OWED, CUSTOMER_DI = 0x00900200, 0x00900201, 0x0400040E
PURCHASE = 0x8105


class Meter(NamedTuple):
    """As ``jobs.Meter``, of which it has what shapes look at."""

    address: str
    dialect: Dialect
    key_version: int = 1
    algorithm: str = "3des"


def _money(di):
    return {"di": di, "size": 4, "places": 2}


REGISTERS = {
    "purchase_number": {"di": "03330201", "size": 2},
    "last_amount": _money("03330301"),
    "cumulative": _money("03330601"),
    "customer": {"di": "0400040E", "coding": "digits", "size": 6},
    "balance": _money("00900200"),
    "owed": _money("00900201"),
}
WATER_REGISTERS = {
    "purchase_number": {"di": "8105", "size": 1, "coding": "le"},
    "last_amount": {**_money("8105"), "offset": 1},
    "cumulative": {**_money("8105"), "offset": 5},
    "balance": {**_money("8105"), "offset": 9},
}


def meter_of(options, address=ADDRESS, **changes):
    """A meter whose dialect has these recharge options."""
    source = {
        "dialect": 1,
        "code": "test",
        "name": "Test",
        "protocol": "dlt645_2007",
        "evidence": "emulator",
        "password": {"level": "02", "name": "default", "operator": "11223344"},
        "registers": REGISTERS,
        "recharge": options,
        **changes,
    }
    return Meter(address, Dialect.from_json(source))


def water_of(options, address=WATER, **changes):
    """A water meter whose dialect has these recharge options."""
    return meter_of(
        options,
        address,
        **{"protocol": "cjt188_2004", "password": None, "registers": WATER_REGISTERS, **changes},
    )


def order(kind="charge", steps=10000, number=2, **changes):
    values = {"customer": CUSTOMER, "reference": 77, "epoch": 0, **changes}
    return Order(kind, steps, number=number, **values)


def converse(talk, answer):
    """Hold a conversation.

    :param talk: generator over ``question``
    :param answer: called with each frame asked; returns the reply's bytes, or None for silence
    :return: what the conversation returns
    """
    value, error = None, None
    while True:
        try:
            step = talk.throw(error) if error else talk.send(value)
        except StopIteration as end:
            return end.value
        value, error = None, None
        try:
            if isinstance(step, Question):
                value = _put(step, answer)
            elif isinstance(step, Call):
                value = step.function()
        except WireError as fault:
            error = fault


def _put(question, answer):
    codec = question.codec
    (asked,) = codec.Buffer().feed(question.request)
    frame = codec.decode(asked)
    assert (frame.address, frame.function) == (question.address, question.function)
    reply = answer(frame)
    fault = NoReply("no answer in time")
    for raw in codec.Buffer().feed(reply or b""):
        try:
            return question.parse(codec.decode(raw))
        except MeterRefused:
            raise
        except WireError as error:
            fault = error
    raise fault


class Registers:
    """A meter of DL/T 645-2007 that shows registers; money goes to ``execute``."""

    def __init__(self, address=ADDRESS, number=1, customer=CUSTOMER, balance=500):
        self.address = address
        self.number, self.amount, self.total = number, 0, 0
        self.customer = customer
        self.balance = balance
        self.heard = []
        self.missing = set()

    def __call__(self, frame):
        self.heard.append(frame)
        if frame.function != dlt.READ:
            return self.execute(frame)
        registers = {
            NUMBER: int_to_bcd(self.number, 2),
            AMOUNT: int_to_bcd(self.amount, 4),
            TOTAL: int_to_bcd(self.total, 4),
            CUSTOMER_DI: int_to_bcd(int(self.customer), 6),
            BALANCE: int_to_bcd(max(self.balance, 0), 4),
            OWED: int_to_bcd(max(-self.balance, 0), 4),
        }
        if frame.di in self.missing or frame.di not in registers:
            return self.reply(0xD1, b"\x02")
        return self.reply(0x91, frame.data[:4] + registers[frame.di])

    def reply(self, control, data=b""):
        return dlt.encode(dlt.Frame(self.address, control, data))

    def charged(self, steps):
        self.number += 1
        self.amount = steps
        self.total += steps
        self.balance += steps

    def execute(self, frame):
        raise AssertionError(f"not a meter that is sent {frame}")


class Water:
    """A meter of CJ/T 188 that shows 8105; money goes to ``execute``."""

    def __init__(self, address=WATER, number=1):
        self.address = address
        self.number, self.amount, self.total, self.balance = number, 0, 0, 500
        self.heard = []

    def __call__(self, frame):
        self.heard.append(frame)
        if frame.function != cjt188.READ:
            return self.execute(frame)
        assert frame.di == PURCHASE
        data = bytes([self.number]) + b"".join(
            int_to_bcd(value, 4) for value in (self.amount, self.total, self.balance)
        )
        return self.reply(0x81, frame.data[:3] + data + bytes(2))

    def reply(self, control, data):
        return cjt188.encode(cjt188.Frame(self.address, control, data, 0x10))

    def charged(self, steps):
        self.number = (self.number + 1) % 256
        self.amount = steps
        self.total += steps
        self.balance += steps

    def execute(self, frame):
        raise AssertionError(f"not a meter that is sent {frame}")


def by_hand(address, control, *parts):
    """A frame of DL/T 645, preamble included, out of hexadecimal text: reckoned here, not by the
    codec."""
    data = bytes((byte + 0x33) % 256 for byte in bytes.fromhex("".join(parts)))
    body = b"\x68" + bytes.fromhex(address)[::-1] + bytes([0x68, control, len(data)]) + data
    return b"\xfe" * 4 + body + bytes([sum(body) % 256, 0x16])


def sent_by(talk):
    """The bytes of a conversation that is one question, and whether it moves money."""
    question = next(talk)
    talk.close()
    return question.request, question.leaving
