"""Shapes whose proof is in plain registers: purchase number, last amount, cumulative purchase.

The dialect says where they stand, under these names. Nobody signs them: whoever can forge replies
on the line can forge a proof. The meter's own count of purchases is what tells two orders apart.
"""

from decimal import ROUND_FLOOR, Decimal

from .. import conversation
from ..errors import BadJob, DialectError, FrameError
from .base import NO_CUSTOMER, Shape, Status, Verdict

STEP = Decimal("0.01")
NUMBER = "purchase_number"
#: in the order in which they are asked for: the number first, so that what comes in between can
#: only make the rest look newer than the number
NAMES = (
    NUMBER, "last_amount", "balance_before", "balance_after", "cumulative", "customer",
    "balance", "owed",
)  # fmt: skip
_WITNESSES = ("last_amount", "cumulative")


class Recorded(Shape):
    """A shape with ``status`` and ``judge`` by registers; see ``base.Shape``."""

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        self.names = tuple(name for name in NAMES if name in dialect.registers)
        #: the number that the register can no longer show; None: it shows them all
        self.capacity = None
        if self.counted:
            self._check_registers()

    def _check_registers(self):
        register = self.dialect.registers.get(NUMBER)
        if register is None or not any(name in self.names for name in _WITNESSES):
            raise DialectError(
                f"registers: to be charged, the meter must show {NUMBER} and "
                f"{' or '.join(_WITNESSES)}"
            )
        if register.coding not in ("bcd", "le", "be") or register.places:
            raise DialectError(f"registers.{NUMBER}: must be a whole number: bcd, le or be")
        self.capacity = (100 if register.coding == "bcd" else 256) ** register.size

    def status(self, meter, keys):
        values = yield from conversation.read(meter, self.names)
        number = values.get(NUMBER)
        if self.counted and number is None:
            raise FrameError("the meter does not show its purchase number")
        return Status(
            number=number,
            last_amount=_steps(values, "last_amount"),
            balance_before=_steps(values, "balance_before"),
            balance_after=_steps(values, "balance_after"),
            balance=_rounded(self.dialect.balance_of(values)),
            cumulative=_steps(values, "cumulative"),
            customer=values.get("customer"),
        )

    def check(self, order):
        super().check(order)
        if self.counted and self.modulus is None and order.number >= self.capacity:
            raise BadJob(f"the meter shows purchase numbers below {self.capacity} only")

    def judge(self, order, status, before=None, acked=False):
        earlier = self.number_before(order)
        wanted = 0 if order.kind == "clear" else order.number
        if status.number == earlier:
            return self._unmoved(order, status, before, wanted)
        if status.number != wanted:
            return Verdict(
                "disputed",
                f"the meter has purchase number {status.number}, this order leads to {wanted}",
            )
        found = _found(order, status, before)
        wrong = [words for fits, words in found if not fits]
        if wrong:
            return Verdict(
                "disputed", "the number was used for something else: " + ", ".join(wrong)
            )
        if not found:
            return Verdict("disputed", f"only the purchase number {wanted} speaks for this order")
        shown = ", ".join(words for _fits, words in found)
        return Verdict("proved", f"the meter shows purchase number {wanted}: {shown}")

    @staticmethod
    def _unmoved(order, status, before, wanted):
        if status.number == wanted:
            return Verdict(
                "disputed", f"the purchase number is {wanted} before and after: it cannot tell"
            )
        if before and _differ(before.cumulative, status.cumulative):
            return Verdict(
                "disputed",
                f"the purchase number is still {status.number}, but the cumulative purchase went "
                f"from {before.cumulative} to {status.cumulative}",
            )
        return Verdict("not_executed", f"the meter still has purchase number {status.number}")


def _found(order, status, before):
    """What speaks for or against the order, beside its number: pairs of whether it fits, words."""
    if order.kind == "clear":
        total = status.cumulative
        return [] if total is None else [(total == 0, f"cumulative {total}")]
    change = -order.amount_steps if order.kind == "reverse" else order.amount_steps
    found = []
    # Some meters keep a reversal elsewhere and leave the last purchase as it was: where there is
    # the cumulative purchase as well, that decides.
    summed = before and before.cumulative is not None and status.cumulative is not None
    if summed:
        risen = status.cumulative - before.cumulative
        found.append((risen == change, f"cumulative purchase changed by {risen}, not {change}"))
    kept_elsewhere = summed and order.kind == "reverse"
    if status.last_amount is not None and order.amount_steps and not kept_elsewhere:
        fits = status.last_amount == order.amount_steps
        found.append((fits, f"last amount {status.last_amount}"))
    if status.customer is not None:
        wanted = NO_CUSTOMER if order.kind == "preset" else order.customer
        fits = status.customer == wanted
        # A customer number alone was the same before: only of an opening does it say something.
        if found or order.kind == "open" or not fits:
            found.append((fits, f"customer {status.customer}"))
    return found


def _differ(one, other):
    return one is not None and other is not None and one != other


def _steps(values, name):
    """A record in steps.

    :raises FrameError: it is no whole step: not the register that the dialect takes it for
    """
    value = values.get(name)
    if value is None:
        return None
    steps = Decimal(value) / STEP
    if steps != steps.to_integral_value():
        raise FrameError(f"{name} is {value}, which is no whole step")
    return int(steps)


def _rounded(value):
    """A balance in steps; a meter may keep more digits than it is charged in."""
    if value is None:
        return None
    return int((Decimal(value) / STEP).to_integral_value(ROUND_FLOOR))
