"""Shape ``a013``: the purchase of CJ/T 188, serial and amount written to A013.

The meter keeps the last serial, one byte that starts over, with the amount, the sum of all
purchases and what is left: register 8105 proves.

Evidence: one captured request (amount as a big-endian binary number of tenths); the standard's own
layout, ``serial 1 | amount 4 BCD``, and that of 8105 from its text. Enciphered bodies: our own
emulator only.
"""

import hashlib

from .. import cjt188
from ..errors import DialectError, MeterRefused, WrongReply
from ..question import Question
from . import layout
from .base import Ack, Refusal, say
from .options import Options
from .records import Recorded
from .vendor_keys import WATER, CipherRule, VendorKeys

_LAYOUT = ({"field": "number", "size": 1, "coding": "le"}, "amount")
_FIELDS = ("number", "amount", "constant", "reference", "version", "customer")


class A013(Recorded):
    """A write of A013 (function 04).

    Options: ``functions`` (kind -> data identifier; default ``{"charge": "A013"}``), ``layout``
    (see ``layout``; default serial of 1 byte and amount of 4 in packed decimal), ``di_order``
    (default the dialect's), ``cipher`` (the body is enciphered: options of
    ``vendor_keys.CipherRule``), ``rejects_repeats`` (the maker says that the meter refuses a serial
    which it has already; default false: then nothing is sent twice).
    """

    name = "a013"

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        if dialect.codec is not cjt188:
            raise DialectError("recharge: the shape a013 is for CJ/T 188")
        form = Options(options)
        form.choice("shape", (self.name,))
        self.functions = form.functions(2, {"charge": "A013"})
        self.kinds = frozenset(self.functions)
        self.fields = layout.read_fields(form, "layout", _FIELDS, _LAYOUT)
        self.di_order = form.choice(
            "di_order", (cjt188.HIGH_FIRST, cjt188.LOW_FIRST), dialect.di_order
        )
        self.resend = form.flag("rejects_repeats", False)
        self.cipher = None
        if source := form.take("cipher", None):
            inner = form.of("cipher", source)
            self.cipher = CipherRule(inner, ("plain", "cipher", "constant"), WATER)
            inner.end()
            self.cipher.check_body(form, self.fields)
        form.end()
        by_name = {field.name: field for field in self.fields}
        if not {"number", "amount"} <= set(by_name):
            form.fail("layout", "needs number and amount")
        self.modulus = by_name["number"].capacity
        if self.capacity < self.modulus:
            raise DialectError("registers.purchase_number: is shorter than the serial that is sent")

    def keys(self, keyring, meter):
        if self.cipher is None:
            return None
        return VendorKeys(self.cipher, keyring.master(meter.key_version), meter)

    def fingerprint(self, meter, keys, order):
        return hashlib.sha256(self._frame(meter, keys, order)).hexdigest()

    def send(self, meter, keys, order):
        parse = self._answer(meter, order)
        request = self._frame(meter, keys, order)
        question = Question(cjt188, request, meter.address, cjt188.WRITE, parse, 1, leaving=True)
        return (yield from say(question))

    def _frame(self, meter, keys, order):
        self.check(order)
        values = {
            "number": order.number,
            "amount": order.amount_steps,
            "reference": order.reference,
            "customer": order.customer,
            "version": meter.key_version,
        }
        body = layout.build(self.fields, values)
        if self.cipher is not None:
            values["plain"], values["cipher"] = body, keys.encipher(body)
            body = values["cipher"] + keys.mac(layout.build(self.cipher.covers, values))
        return cjt188.write_request(
            meter.address,
            self.functions[order.kind],
            # Always the same, so that the same order is the same frame; what pairs a reply with
            # it is the serial of the purchase.
            0,
            body,
            self.dialect.meter_type,
            self.di_order,
            cjt188.WRITE,
            self.dialect.preamble,
        )

    def _answer(self, meter, order):
        sent = layout.build(
            [field for field in self.fields if field.name in ("number", "amount")],
            {"number": order.number, "amount": order.amount_steps},
        )

        def parse(frame):
            try:
                said = cjt188.check_ack(
                    frame, meter.address, cjt188.WRITE, self.functions[order.kind]
                )
            except MeterRefused as refused:
                refused = self.dialect.explain(cjt188.WRITE, refused)
                return Refusal(refused.refusal, refused.words, False)
            # By the standard the purchase comes back; makers send less, or something else of
            # another length.
            if self.cipher is None and len(said) == len(sent) and said != sent:
                raise WrongReply("a reply about another purchase")
            return Ack()

        return parse
