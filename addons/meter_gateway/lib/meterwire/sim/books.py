"""The books of one meter and the rules by which they change. No bytes, no sockets, no clock.

Credit and registers are whole steps of 0.01. What was used and is not yet a whole step waits in
``used_credit`` and ``used_energy``, in millionths of a step, as in a meter that counts pulses.
"""

from dataclasses import dataclass, fields
from fractions import Fraction

MICRO = 1_000_000
REGISTER = 100_000_000  # steps at which an eight-digit register starts again
BALANCE_MAX = REGISTER - 1
AMOUNT_MAX = 0x7FFFFFFF
COUNT_MAX = 0xFFFFFFFF

NO_KIND, OPEN, CHARGE, PRESET, REVERSE, CLEAR, CARD = 0, 1, 2, 3, 8, 9, 0xFE
KIND_NAMES = {
    OPEN: "open",
    CHARGE: "charge",
    PRESET: "preset",
    REVERSE: "reverse",
    CLEAR: "clear",
    CARD: "card",
}

# Bits of SERR (docs/recharge-protocol.md, section 3).
OTHER, REPEATED, BAD_MAC, BAD_VERSION, BAD_CUSTOMER, BAD_NUMBER = 0, 1, 2, 3, 4, 5
HOARDING, BAD_LAYOUT, SUSPENDED, NO_REVERSE, BAD_AMOUNT = 6, 7, 8, 9, 10

TRIP, PERMIT_CLOSE, CLOSE = 0x1A, 0x1B, 0x1C


class Refused(Exception):
    """A money function was refused; ``bit`` is the bit of SERR."""

    def __init__(self, bit):
        super().__init__(f"refused, SERR bit {bit}")
        self.bit = bit


@dataclass(frozen=True)
class Order:
    """A money function as deciphered."""

    kind: int
    amount: int
    number: int
    customer: int
    epoch: int
    reference: int


@dataclass
class Record:
    """One executed money function (or local card), for the log."""

    epoch: int
    number: int
    kind: str
    amount: int
    reference: int
    balance_before: int
    balance_after: int
    at: float


@dataclass
class Books:
    """Everything that a meter remembers."""

    epoch: int = 0
    number: int = 0
    last_kind: int = NO_KIND
    last_reference: int = 0
    last_amount: int = 0
    balance_before: int = 0
    balance_after: int = 0
    last_at: float = 0.0
    balance: int = 0
    cumulative: int = 0
    customer: int = 0
    total: int = 0
    tariffs: tuple = (0, 0, 0, 0)
    used_energy: int = 0
    used_credit: int = 0
    cut: bool = False  # out of credit, supply taken away
    tripped: bool = False  # taken away by command
    remote: bool = False  # the last switching command keeps the meter in remote control
    suspended: bool = False
    at: float = 0.0  # consumption is booked up to here

    @classmethod
    def from_dict(cls, values):
        known = {item.name for item in fields(cls)}
        books = cls(**{key: value for key, value in values.items() if key in known})
        books.tariffs = tuple(books.tariffs)
        return books

    def to_dict(self):
        return dict(vars(self))


class Account:
    """The rules of one meter over its books.

    :param site: :class:`~.site.MeterSite`.
    :param books: :class:`Books`, changed in place.
    :param speed: how many times faster than real time the meter consumes.
    """

    def __init__(self, site, books, speed=1):
        self.site, self.books = site, books
        # Millionths of a step of energy a second; credit for one step of energy.
        self._rate = Fraction(site.load) * Fraction(speed) * 100 * MICRO / 3600
        self._price = Fraction(site.price) if site.credit == "money" else Fraction(1)
        self._settle()

    @property
    def supply_off(self):
        return self.site.actuator != "none" and (self.books.cut or self.books.tripped)

    # -- consumption ---------------------------------------------------------------------------

    def consume(self, seconds, tariff=0):
        """Use energy for a while; the supply goes off at the very moment the credit ends.

        :param seconds: real seconds (the speed factor is applied here).
        :param tariff: which of the four tariff registers counts, 0 to 3.
        """
        books = self.books
        if self.supply_off or seconds <= 0 or not self._rate:
            return
        energy = int(self._rate * Fraction(seconds))
        if self.site.credit:
            spent = int(energy * self._price)
            if self.site.actuator != "none":
                left = (books.balance + self.site.overdraft) * MICRO - books.used_credit
                if spent >= left:
                    spent, energy = left, int(left / self._price)
            steps, books.used_credit = divmod(books.used_credit + spent, MICRO)
            books.balance -= steps
        steps, books.used_energy = divmod(books.used_energy + energy, MICRO)
        books.total = (books.total + steps) % REGISTER
        registers = list(books.tariffs)
        registers[tariff] = (registers[tariff] + steps) % REGISTER
        books.tariffs = tuple(registers)
        self._settle()

    def _settle(self):
        """Take the supply away at the limit, give it back above zero, leave it in between."""
        books = self.books
        if not self.site.credit or self.site.actuator == "none" or books.balance > 0:
            books.cut = False
        elif books.balance <= -self.site.overdraft:
            books.cut = True

    # -- money ---------------------------------------------------------------------------------

    def execute(self, order, now):
        """Execute a money function once.

        :return: the :class:`Record` for the log.
        :raise Refused: the books are as before.
        """
        books = self.books
        if not self.site.credit:
            raise Refused(OTHER)
        if books.suspended:
            raise Refused(SUSPENDED)
        # Number before customer: a repeated open meets a meter that has its customer by now.
        if order.epoch != books.epoch:
            raise Refused(BAD_NUMBER)
        if order.number == books.number:
            raise Refused(REPEATED)
        if order.number != books.number + 1:
            raise Refused(BAD_NUMBER)
        self._check_customer(order)
        if order.kind == CLEAR:
            return self._clear(order, now)
        amount = order.amount
        if amount > AMOUNT_MAX or amount == 0 and order.kind != OPEN:
            raise Refused(BAD_AMOUNT)
        if order.kind == REVERSE:
            self._check_reverse(order)
            amount = -amount
        elif books.balance + amount > BALANCE_MAX or books.cumulative + amount > COUNT_MAX:
            raise Refused(BAD_AMOUNT)
        elif self.site.hoard and amount and books.balance + amount > self.site.hoard:
            raise Refused(HOARDING)
        if order.kind == OPEN:
            books.customer = order.customer
        books.cumulative = max(0, books.cumulative + amount)
        return self._book(order.kind, order.amount, amount, order.reference, now)

    def card(self, amount, now):
        """Put in a card: a charge that the desk does not know of."""
        self.books.cumulative += amount
        return self._book(CARD, amount, amount, 0, now)

    def _check_customer(self, order):
        stored = self.books.customer
        if order.kind == OPEN:
            good = stored == 0 and order.customer != 0
        elif order.kind == PRESET:
            good = stored == 0 and order.customer == 0
        elif order.kind == CLEAR:
            good = order.customer == stored
        else:
            good = order.customer == stored != 0
        if not good:
            raise Refused(BAD_CUSTOMER)

    def _check_reverse(self, order):
        books = self.books
        last = books.last_kind == CHARGE and books.last_amount == order.amount
        if not last or books.balance < order.amount:
            raise Refused(NO_REVERSE)

    def _book(self, kind, amount, change, reference, now):
        """Count one purchase. A debt is a balance below zero, so adding repays it first."""
        books = self.books
        books.number += 1
        books.last_kind, books.last_reference, books.last_amount = kind, reference, amount
        books.balance_before = books.balance
        books.balance += change
        books.balance_after, books.last_at = books.balance, now
        self._settle()
        return self._record(books.epoch, books.number, now)

    def _clear(self, order, now):
        books = self.books
        if order.amount:
            raise Refused(BAD_AMOUNT)
        epoch = books.epoch
        books.last_kind, books.last_reference, books.last_amount = CLEAR, order.reference, 0
        books.balance_before, books.balance_after, books.last_at = books.balance, 0, now
        books.balance = books.used_credit = books.cumulative = books.customer = books.number = 0
        books.epoch = (epoch + 1) % 0x10000
        self._settle()
        return self._record(epoch, order.number, now)

    def _record(self, epoch, number, now):
        books = self.books
        return Record(
            epoch,
            number,
            KIND_NAMES[books.last_kind],
            books.last_amount,
            books.last_reference,
            books.balance_before,
            books.balance_after,
            now,
        )

    # -- switching -----------------------------------------------------------------------------

    def switch(self, command):
        """Trip, close, or permit closing (back to local control).

        A closing command takes back a trip only: a meter without credit stays off.

        :return: False when the meter cannot do it.
        """
        if self.site.actuator == "none" or command not in (TRIP, PERMIT_CLOSE, CLOSE):
            return False
        self.books.tripped = command == TRIP
        self.books.remote = command != PERMIT_CLOSE
        return True
