"""Shape ``plain``: an ordinary write of a maker's register, with password and operator code.

Function 14 (1997: 04). Whoever knows the password can charge the meter.

Evidence: two public drivers, which differ in the coding (packed decimal, binary). No frame was
published: our own emulator only.
"""

import hashlib

from .. import cjt188, dlt645_2007
from ..errors import DialectError, MeterRefused
from ..question import Question
from . import layout
from .base import Ack, Refusal, say
from .keys import Secret
from .options import Options
from .records import Recorded

_LAYOUT = ("amount", "number")


class Plain(Recorded):
    """A write of a data identifier.

    Options: ``functions`` (kind -> data identifier, ``{"charge": "04900000"}``), ``layout`` (see
    ``layout``; default amount and number), ``rejects_repeats`` (the maker says that the meter
    refuses a purchase number which it has already; default false: then nothing is sent twice).
    """

    name = "plain"

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        if dialect.codec is cjt188:
            raise DialectError("recharge: the shape plain is for DL/T 645")
        if dialect.password is None:
            raise DialectError("password: is missing: the meter is charged with it")
        form = Options(options)
        form.choice("shape", (self.name,))
        self.functions = form.functions(4 if dialect.codec is dlt645_2007 else 2)
        self.fields = layout.read_fields(form, "layout", layout.ORDER_FIELDS, _LAYOUT)
        self.resend = form.flag("rejects_repeats", False)
        form.end()
        names = {field.name for field in self.fields}
        if not names >= set(_LAYOUT) or "random" in names:
            raise DialectError("recharge.layout: needs amount and number, and nothing random")
        self.kinds = frozenset(self.functions)

    def keys(self, keyring, meter):
        """The password. Not a tuple or text, so that it shows nowhere."""
        return Secret(keyring.password(self.dialect.password.name))

    def fingerprint(self, meter, keys, order):
        return hashlib.sha256(self._frame(meter, keys, order)).hexdigest()

    def send(self, meter, keys, order):
        codec = self.dialect.codec

        def parse(frame):
            try:
                codec.check_ack(frame, meter.address, codec.WRITE)
            except MeterRefused as refused:
                refused = self.dialect.explain(codec.WRITE, refused)
                return Refusal(refused.refusal, refused.words, False)
            return Ack()

        request = self._frame(meter, keys, order)
        question = Question(codec, request, meter.address, codec.WRITE, parse, 1, leaving=True)
        return (yield from say(question))

    def _frame(self, meter, keys, order):
        self.check(order)
        password = self.dialect.password
        value = layout.build(
            self.fields,
            {
                "amount": order.amount_steps,
                "number": order.number,
                "reference": order.reference,
                "epoch": order.epoch,
                "customer": order.customer,
                "address": meter.address,
                "operator": password.operator,
                "version": meter.key_version,
            },
        )
        codec, di = self.dialect.codec, self.functions[order.kind]
        authority = [password.level, keys.text]
        if codec is dlt645_2007:
            authority.append(password.operator)
        return codec.write_request(
            meter.address, di, value, *authority, preamble=self.dialect.preamble
        )
