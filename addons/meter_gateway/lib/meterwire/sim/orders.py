"""Money functions of shapes other than our own protocol: purchase number, amount, customer."""

import time

from .account import BAD_CUSTOMER, BAD_NUMBER, REPEATED, SUSPENDED, Order, Refused
from .books import CHARGE, CLEAR, OPEN, PRESET, REVERSE

KINDS = {"open": OPEN, "charge": CHARGE, "preset": PRESET, "reverse": REVERSE, "clear": CLEAR}


def functions(meter, default):
    """Return {data identifier: kind} of a meter's shape."""
    given = meter.kind.recharge.get("functions") or default
    return {int(str(digits), 16): KINDS[kind] for kind, digits in given.items()}


def execute(meter, kind, found, modulus=None, rejects=True):
    """Execute an order of amount and number, and perhaps customer.

    :param found: what the frame said, by name.
    :param modulus: at which the purchase number starts over.
    :param rejects: whether the meter refuses a number that it has already.
    :return: the :class:`~.books.Record`.
    :raise Refused: the books are as before.
    """
    books, account, now = meter.books, meter.account, time.time()
    if books.suspended:
        raise Refused(SUSPENDED)
    number = found["number"]
    stored = books.number % modulus if modulus else books.number
    following = (stored + 1) % modulus if modulus else stored + 1
    if number == stored and rejects:
        raise Refused(REPEATED)
    if number not in (stored, following):
        raise Refused(BAD_NUMBER)
    customer = found.get("customer")
    if customer is not None and (kind == OPEN) == bool(books.customer):
        raise Refused(BAD_CUSTOMER)
    if customer is not None and kind != OPEN and customer != books.customer:
        raise Refused(BAD_CUSTOMER)
    if kind == CLEAR:
        return account.clear(Order(kind, found["amount"], number, 0, books.epoch, 0), now)
    record = account.change(kind, found["amount"], found.get("reference", 0), now, customer or 0)
    if number == stored:
        # Executed once more under the number that it had: money that nobody paid.
        books.number -= 1
    return record
