"""What every way of charging a meter has in common: the order, what a meter says, the verdict.

A *shape* is one way in which meters take money: ``docs/recharge-shapes.md``. Its conversations are
generators over ``question``; they open no socket. Amounts are whole steps: 0.01 of the unit in
which the meter counts credit.
"""

import hashlib
import json
from dataclasses import asdict, dataclass

from ..errors import BadJob, LinkDown, WireError
from ..values import is_digits

ORDER_KINDS = ("open", "charge", "preset", "reverse", "clear")
NO_CUSTOMER = "0" * 12
MAX_AMOUNT = 0x7FFFFFFF


@dataclass(frozen=True)
class Order:
    """One money function for one meter.

    :param str kind: open, charge, preset, reverse or clear
    :param int amount_steps: in steps of 0.01 of the meter's unit
    :param str customer: 12 digits, zeros for none
    :param int reference: the desk's own mark, 1..2^32-1
    :param int number: purchase number this order takes, 1..2^32-1; for a meter without such a
        number it says nothing and may be 0
    :param int epoch: how often the meter was cleared, 0..65535; 0 where it does not count that
    """

    kind: str
    amount_steps: int
    customer: str
    reference: int
    number: int
    epoch: int

    def check(self, counted=True, modulus=None):
        """
        :param bool counted: the meter keeps a purchase number
        :param int modulus: of that number, None if it does not start over
        :raises BadJob: no meter could execute this order
        """
        if self.kind not in ORDER_KINDS:
            raise BadJob(f"unknown kind {self.kind!r}")
        if not is_digits(self.customer):
            raise BadJob(f"customer number {self.customer!r} is not 12 digits")
        least = 0 if self.kind in ("open", "clear") else 1
        most = 0 if self.kind == "clear" else MAX_AMOUNT
        if not least <= self.amount_steps <= most:
            raise BadJob(f"{self.amount_steps} steps are out of range for {self.kind}")
        if self.kind == "open" and self.customer == NO_CUSTOMER:
            raise BadJob("opening needs a customer number")
        if self.kind == "preset" and self.customer != NO_CUSTOMER:
            raise BadJob("presetting is for a meter without a customer")
        if not 1 <= self.reference <= 0xFFFFFFFF:
            raise BadJob("the reference is 1 to 4294967295")
        least = 0 if modulus or not counted else 1
        most = modulus - 1 if modulus else 0xFFFFFFFF
        if not least <= self.number <= most:
            raise BadJob(f"the purchase number is {least} to {most}")
        if not 0 <= self.epoch <= 0xFFFF:
            raise BadJob("the epoch is 0 to 65535")


@dataclass(frozen=True)
class Status:
    """What the meter keeps; amounts and balances in steps. Everything but ``number`` may be None,
    and ``number`` too for a meter that keeps none: the meter does not tell."""

    number: int | None
    epoch: int | None = None
    last_kind: str | None = None
    last_reference: int | None = None
    last_amount: int | None = None
    balance_before: int | None = None
    balance_after: int | None = None
    balance: int | None = None
    cumulative: int | None = None
    customer: str | None = None
    supply_off: bool | None = None
    remote: bool | None = None


@dataclass(frozen=True)
class Ack:
    """The meter says it executed. No proof. None: the reply does not tell."""

    number: int | None = None
    balance: int | None = None


@dataclass(frozen=True)
class Refusal:
    """The meter says it did not execute. No proof either: ask.

    :param bool final: sending the same order again cannot help
    """

    code: int
    words: str
    final: bool


@dataclass(frozen=True)
class Verdict:
    """``outcome`` is proved, not_executed or disputed; ``words`` say why."""

    outcome: str
    words: str


class Shape:
    """One way in which meters take money, with the options of one dialect.

    :param dict options: the dialect's ``recharge``
    :param Dialect dialect: of which it is part
    :raises DialectError: an option is missing, unknown or senseless; names it
    """

    #: as the dialect's ``recharge.shape`` names it
    name = ""
    #: an order that was proved not executed may be sent again under its number
    resend = False
    #: the meter keeps a purchase number
    counted = True
    #: where that number starts over
    modulus = None
    #: the meter counts how often it was cleared
    has_epoch = False
    #: what it takes back is its last charge as a whole, nothing else
    reverses_last = False
    #: of ``ORDER_KINDS``, those that it can do
    kinds = frozenset()

    def __init__(self, options, dialect):
        self.dialect = dialect

    def keys(self, keyring, meter):
        """Whatever secrets the conversations with this meter need.

        :raises KeyMissing: one of them is not there
        """
        raise NotImplementedError

    def status(self, meter, keys):
        """Generator: ask the meter once what it keeps -> ``Status``; raises what went wrong. To
        ask again is a new conversation."""
        raise NotImplementedError

    def send(self, meter, keys, order):
        """Generator: send the order, once -> ``Ack``, ``Refusal`` or None (nothing came that
        answers it).

        :raises BadJob: this meter could not execute it
        :raises WireError: something that has to come before the order failed; or ``LinkDown`` at
            any time. Whether a byte of the order has left says its ``leaving`` question.
        """
        raise NotImplementedError

    def fingerprint(self, meter, keys, order):
        """SHA-256, 64 hexadecimal digits: of the frame where the same order always gives the same
        bytes, else of the order and the meter. Equal after a resend in either case.

        :raises BadJob: this meter could not execute it
        """
        raise NotImplementedError

    def judge(self, order, status, before=None, acked=False):
        """What ``status``, asked after ``order`` was sent, proves about it -> ``Verdict``.
        ``not_executed`` holds for this moment only.

        :param Status before: asked before the order was sent, if it was
        :param bool acked: the meter answered the order with an ``Ack``
        """
        raise NotImplementedError

    def check(self, order):
        """:raises BadJob: a meter of this shape could not execute this order"""
        order.check(self.counted, self.modulus)
        if order.kind not in self.kinds:
            raise BadJob(f"meters of {self.dialect.name} have no {order.kind}")

    def next_number(self, number):
        """The purchase number behind ``number``.

        >>> class Water(Shape):
        ...     modulus = 256
        >>> Water({}, None).next_number(255)
        0
        """
        return (number + 1) % self.modulus if self.modulus else number + 1

    def number_before(self, order):
        """The purchase number of a meter that has not yet executed ``order``."""
        return (order.number - 1) % self.modulus if self.modulus else order.number - 1


def fingerprint_of(shape, address, order):
    """SHA-256 of an order whose frame differs from one sending to the next."""
    text = json.dumps([shape.name, address, asdict(order)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def say(question):
    """Generator: an order's question -> its value, or None when nothing came that answers it.

    ``LinkDown`` goes through: only the line knows whether a byte had left by then.
    """
    try:
        return (yield question)
    except LinkDown:
        raise
    except WireError:
        return None
