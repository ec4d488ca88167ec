"""Shape ``order``: an order number in place of a purchase number, and nothing that protects it.

``C = 03, L = 22: DI 4 | operator 4 | amount 4 LE in 0.01 | order 8 | MAC1 4 | address 6 | MAC2 4``,
both MACs zero. The meter is not known to refuse an order that it has executed: so nothing is ever
sent twice, and there is no record but the balance.

Evidence: two published frames that a maker gave to its customer, a charge of 100.00 and a refund of
10.00. Of replies only a refusal of one byte, to the status query, was captured.
"""

import hashlib
from decimal import Decimal, InvalidOperation

from .. import dlt645_2007
from ..errors import DialectError, WrongReply
from ..question import Question
from ..values import digits_to_wire, int_to_le
from .base import Ack, Verdict, say
from .esam import refusal_of, reply_of
from .options import Options
from .records import STEP, Recorded

_ORDER_DIGITS = 16
_REFERENCE_DIGITS = 10


class OrderNumber(Recorded):
    """Function 03 with an order number.

    Options: ``operator`` (8 digits; default that of the dialect's password, or zeros), ``prefix``
    (up to 6 digits before the desk's reference in the order number, to keep two desks apart),
    ``allowance`` (credit that may be used between the two looks at the balance, as text: "1.00"),
    ``functions`` (of charge and reverse; default only ``{"charge": "070102FF"}``).
    """

    name = "order"
    counted = False

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        if dialect.codec is not dlt645_2007:
            raise DialectError("recharge: the shape order needs the protocol dlt645_2007")
        if "balance" not in self.names:
            raise DialectError("registers: to be charged, the meter must show its balance")
        form = Options(options)
        form.choice("shape", (self.name,))
        own = dialect.password.operator if dialect.password else "0" * 8
        self.operator = digits_to_wire(form.digits("operator", 8, own), 4)
        self.prefix = form.take("prefix", "")
        if not isinstance(self.prefix, str) or not _is_prefix(self.prefix):
            form.fail("prefix", "must be up to 6 digits in quotes")
        self.allowance = _steps(form, "allowance", "1.00")
        self.functions = form.functions(4, {"charge": "070102FF"})
        form.end()
        self.kinds = frozenset(self.functions)
        if not self.kinds <= {"charge", "reverse"}:
            form.fail("functions", "a meter without a purchase number is only charged and reversed")

    def keys(self, keyring, meter):
        """None: this shape knows no secret."""

    def fingerprint(self, meter, keys, order):
        return hashlib.sha256(self._frame(meter, order)).hexdigest()

    def send(self, meter, keys, order):
        def parse(frame):
            reply_of(frame, meter)
            if frame.is_abnormal:
                return refusal_of(frame)
            if frame.data and frame.di != self.functions[order.kind]:
                raise WrongReply(f"not a reply to {order.kind}")
            return Ack()

        function = dlt645_2007.SECURITY
        request = self._frame(meter, order)
        return (
            yield from say(
                Question(dlt645_2007, request, meter.address, function, parse, 1, leaving=True)
            )
        )

    def judge(self, order, status, before=None, acked=False):
        """Proved only if the meter acknowledged it *and* its balance moved by the amount, less at
        most the allowance of use. Everything else is for a person."""
        balance = status.balance
        if before is None or before.balance is None or balance is None:
            return Verdict("disputed", "the balance before and after is not known")
        moved = balance - before.balance
        words = f"the balance went from {before.balance} to {balance} steps"
        charged = order.kind == "charge"
        most = order.amount_steps if charged else -order.amount_steps
        # Whatever is allowed to be used, a charge must show as a rise.
        least = max(most - self.allowance, 1) if charged else most - self.allowance
        if not least <= moved <= most:
            return Verdict("disputed", f"{words}, not by {most}")
        if not acked:
            return Verdict("disputed", f"{words}, but the meter did not acknowledge the order")
        return Verdict("proved", f"acknowledged, and {words}")

    def order_number(self, order):
        """The order's number on the meter: prefix and reference, 16 digits.

        It is never used for anything else: a reference is, and such an order is sent once.
        """
        digits = f"{order.reference:0{_REFERENCE_DIGITS}d}"
        return (self.prefix + digits).zfill(_ORDER_DIGITS)

    def _frame(self, meter, order):
        self.check(order)
        number = self.order_number(order)
        di, steps = self.functions[order.kind], order.amount_steps
        return build(meter.address, di, self.operator, steps, number, self.dialect.preamble)


def build(address, di, operator, steps, number, preamble=4):
    """The frame.

    :param bytes operator: in wire order
    :param str number: of the order, 16 digits
    """
    data = (
        int_to_le(di, 4)
        + operator
        + int_to_le(steps, 4)
        + digits_to_wire(number, _ORDER_DIGITS // 2)
        + bytes(4)
        + digits_to_wire(address)
        + bytes(4)
    )
    return dlt645_2007.encode(dlt645_2007.Frame(address, dlt645_2007.SECURITY, data), preamble)


def _is_prefix(text):
    return len(text) <= _ORDER_DIGITS - _REFERENCE_DIGITS and all(c in "0123456789" for c in text)


def _steps(form, key, default):
    text = form.take(key, default)
    try:
        steps = Decimal(text) / STEP if isinstance(text, str) else None
    except InvalidOperation:
        steps = None
    if steps is None or not steps.is_finite() or steps < 0 or steps != steps.to_integral_value():
        form.fail(key, 'must be an amount in quotes, such as "1.00"')
    return int(steps)
