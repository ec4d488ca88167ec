"""The rules by which the books of one meter change: use, money functions, switching."""

import time

from .books import (
    ALARM,
    ALARM_OFF,
    CARD,
    CHARGE,
    CLEAR,
    CLOSE,
    KEEP,
    KEEP_OFF,
    KIND_NAMES,
    MICRO,
    OPEN,
    PERMIT_CLOSE,
    PRESET,
    REGISTER,
    REVERSE,
    TRIP,
    Record,
)

BALANCE_MAX = REGISTER - 1
AMOUNT_MAX = 0x7FFFFFFF
COUNT_MAX = 0xFFFFFFFF
PRICE = 10_000  # steps of a price in one unit of money

# Bits of SERR (docs/recharge-protocol.md, section 3).
OTHER, REPEATED, BAD_MAC, BAD_VERSION, BAD_CUSTOMER, BAD_NUMBER = 0, 1, 2, 3, 4, 5
HOARDING, BAD_LAYOUT, SUSPENDED, NO_REVERSE, BAD_AMOUNT = 6, 7, 8, 9, 10


class Refused(Exception):
    """A money function was refused; ``bit`` is the bit of SERR."""

    def __init__(self, bit):
        super().__init__(f"refused, SERR bit {bit}")
        self.bit = bit


class Order:
    """A money function as deciphered."""

    __slots__ = ("amount", "customer", "epoch", "kind", "number", "reference")

    def __init__(self, kind, amount, number, customer, epoch, reference):
        self.kind, self.amount, self.number = kind, amount, number
        self.customer, self.epoch, self.reference = customer, epoch, reference


class Account:
    """The rules of one meter over its books.

    :param kind: :class:`~.kind.Kind`.
    :param books: :class:`~.books.Books`, changed in place.
    """

    __slots__ = ("books", "kind")

    def __init__(self, kind, books):
        self.kind, self.books = kind, books
        self.settle()

    def limit(self, name):
        """Return a parameter: as written, or as the meter was made."""
        settings = self.books.settings
        if settings and name in settings:
            return settings[name]
        return getattr(self.kind, name)

    # -- supply --------------------------------------------------------------------------------

    @property
    def wanted_off(self):
        """Where the relay or valve is sent to."""
        books = self.books
        if self.kind.actuator == "none" or books.kept:
            return False
        return books.cut or books.tripped or books.overload or books.permitted

    @property
    def supply_off(self):
        """Where the relay or valve is."""
        books = self.books
        if books.stuck is not None:
            return books.stuck
        if books.moving_until and time.time() < books.moving_until:
            return books.moved_from
        return self.wanted_off

    def settle(self):
        """Take the supply away at the limit, give it back above zero, leave it in between."""
        books = self.books
        if not self.kind.credit or self.kind.actuator == "none" or books.balance > 0:
            books.cut = False
        elif books.balance <= -self.limit("overdraft"):
            books.cut = True

    def use(self, energy, tariff, price):
        """Use energy; the supply goes off at the very moment the credit ends.

        :param energy: millionths of a step.
        :param tariff: which of the four tariff registers counts, 0 to 3.
        :param price: of a unit in steps of 0.0001, where credit is money.
        """
        kind, books = self.kind, self.books
        if not energy or (kind.actuator != "none" and self.wanted_off):
            return
        if kind.credit:
            money = kind.credit == "money"
            spent = energy * price // PRICE if money else energy
            if kind.actuator != "none" and not books.kept:
                left = (books.balance + self.limit("overdraft")) * MICRO - books.used_credit
                if spent >= left:
                    spent = left
                    energy = min(energy, left * PRICE // price) if money and price else left
            steps, books.used_credit = divmod(books.used_credit + spent, MICRO)
            if steps:
                books.balance -= steps
        steps, books.used_energy = divmod(books.used_energy + energy, MICRO)
        if steps:
            books.total = (books.total + steps) % REGISTER
            if kind.multi_tariff:
                registers = list(books.tariffs)
                registers[tariff] = (registers[tariff] + steps) % REGISTER
                books.tariffs = tuple(registers)
            self.settle()

    # -- money ---------------------------------------------------------------------------------

    def execute(self, order, now):
        """Execute a money function once, by the rules of the recharge protocol.

        :return: the :class:`~.books.Record` for the log.
        :raise Refused: the books are as before.
        """
        books = self.books
        if not self.kind.credit:
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
            return self.clear(order, now)
        return self.change(order.kind, order.amount, order.reference, now, order.customer)

    def change(self, kind, amount, reference, now, customer=0):
        """Open, charge, preset or reverse under the next number, whoever may have asked.

        :raise Refused: the amount cannot be had; the books are as before.
        """
        books = self.books
        if amount > AMOUNT_MAX or amount <= 0 and kind != OPEN:
            raise Refused(BAD_AMOUNT)
        change, hoard = amount, self.limit("hoard")
        if kind == REVERSE:
            last = books.last_kind == CHARGE and books.last_amount == amount
            if not last or books.balance < amount:
                raise Refused(NO_REVERSE)
            change = -amount
        elif books.balance + amount > BALANCE_MAX or books.cumulative + amount > COUNT_MAX:
            raise Refused(BAD_AMOUNT)
        elif hoard and amount and books.balance + amount > hoard:
            raise Refused(HOARDING)
        if kind == OPEN:
            books.customer = customer
        books.cumulative = max(0, books.cumulative + change)
        return self._book(kind, amount, change, reference, now)

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

    def _book(self, kind, amount, change, reference, now):
        """Count one purchase. A debt is a balance below zero, so adding repays it first."""
        books = self.books
        books.number += 1
        books.last_kind, books.last_reference, books.last_amount = kind, reference, amount
        books.balance_before = books.balance
        books.balance += change
        books.balance_after, books.last_at = books.balance, now
        self.settle()
        return self._record(books.epoch, books.number, now)

    def clear(self, order, now):
        """End the epoch: no credit, no customer, number 0."""
        books = self.books
        if order.amount:
            raise Refused(BAD_AMOUNT)
        epoch = books.epoch
        books.last_kind, books.last_reference, books.last_amount = CLEAR, order.reference, 0
        books.balance_before, books.balance_after, books.last_at = books.balance, 0, now
        books.balance = books.used_credit = books.cumulative = books.customer = books.number = 0
        books.epoch = (epoch + 1) % 0x10000
        self.settle()
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

    def switch(self, command, now):
        """Carry out a switching command (N1 of function 1C).

        A closing command takes back a trip only: a meter without credit stays off.

        :return: False when the meter cannot do it, or will not.
        """
        kind, books = self.kind, self.books
        if kind.actuator == "none":
            return False
        if command == TRIP and books.kept:
            return False
        before = self.supply_off
        if command in (TRIP, PERMIT_CLOSE, CLOSE):
            waiting = books.tripped or books.overload or books.permitted
            books.tripped = command == TRIP
            books.permitted = command == PERMIT_CLOSE and kind.button and waiting
            books.remote = command != PERMIT_CLOSE
            books.overload = False
        elif command in (KEEP, KEEP_OFF):
            books.kept = command == KEEP
            if command == KEEP_OFF:
                self.settle()
        elif command in (ALARM, ALARM_OFF):
            books.alarmed = command == ALARM
        else:
            return False
        self.move(before, now)
        return True

    def press(self, now):
        """Press the button of a meter that may be closed by it; whether that did anything."""
        books = self.books
        if not books.permitted:
            return False
        before, books.permitted = self.supply_off, False
        self.move(before, now)
        return True

    def move(self, before, now):
        """Let the relay take its time on the way from ``before``."""
        seconds = self.kind.relay_seconds
        if seconds and self.wanted_off != before:
            self.books.moved_from, self.books.moving_until = before, now + seconds
