"""Shape ``vendor``: a body that the maker's routine of DES enciphers, perhaps with a MAC.

Everything in which makers differ is an option, and the maker's own example, given as
``known_answers``, is checked whenever the dialect is loaded: without one nobody should sell on it.

Evidence: one public firmware (whole data field enciphered, number sent = number stored + 1, reply
with balance, number and customer) and drivers' comments; no frame was published. DES, triple DES
and both MACs are checked against published values, the layouts against our own emulator only.
"""

import hashlib
import os

from .. import dlt645_2007
from ..errors import BadJob, DialectError, MeterRefused, WireError, WrongReply
from ..question import Question
from ..values import le_to_int
from . import layout
from .base import Ack, Order, Refusal, fingerprint_of, say
from .options import Options
from .records import Recorded
from .vendor_keys import CipherRule, VendorKeys

_DATA = ("di", "operator", "cipher")
_FUNCTIONS = {"charge": "070102FF"}
_FIELDS = layout.ORDER_FIELDS


class Vendor(Recorded):
    """A security function (03) or write (14) of DL/T 645-2007 with an enciphered body.

    Options: ``functions`` (kind -> data identifier), ``function`` (``03`` or ``14``), ``operator``
    (8 digits), ``body`` and ``data`` (what is enciphered and what is sent, see ``layout``; ``data``
    also knows di, cipher, mac, plain), those of ``vendor_keys.CipherRule``, ``reply`` (``layout``
    of what follows the data identifier, ``enciphered``), ``final_errors`` (codes after which
    sending the same again cannot help), ``rejects_repeats`` (the maker says that the meter refuses
    a purchase number which it has already; default false: then nothing is sent twice),
    ``known_answers``.
    """

    name = "vendor"

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        if dialect.codec is not dlt645_2007:
            raise DialectError("recharge: the shape vendor needs the protocol dlt645_2007")
        form = Options(options)
        form.choice("shape", (self.name,))
        self.functions = form.functions(4, _FUNCTIONS)
        self.kinds = frozenset(self.functions)
        self.function = form.hexadecimal("function", 1, b"\x03")[0]
        own = dialect.password.operator if dialect.password else "0" * 8
        self.operator = form.digits("operator", 8, own)
        self.body = layout.read_fields(form, "body", _FIELDS)
        parts = (*_FIELDS, "di", "cipher", "mac", "plain")
        self.data = layout.read_fields(form, "data", parts, _DATA)
        self.cipher = CipherRule(form, (*_FIELDS, "di", "cipher", "plain"))
        self.reply, self.reply_enciphered = _reply(form)
        self.final = {
            int.from_bytes(Options({"code": code}, place).hexadecimal("code"), "big")
            for place, code in form.each("final_errors", ())
        }
        self.resend = form.flag("rejects_repeats", False)
        known = form.each("known_answers", ())
        form.end()
        self._check_layout(form)
        for place, answer in known:
            self._check_answer(Options(answer, place))

    def keys(self, keyring, meter):
        return VendorKeys(self.cipher, keyring.master(meter.key_version), meter)

    def fingerprint(self, meter, keys, order):
        if self.random_size:
            self._frame(meter, keys, order)
            return fingerprint_of(self, meter.address, order)
        return hashlib.sha256(self._frame(meter, keys, order)).hexdigest()

    def send(self, meter, keys, order):
        request = self._frame(meter, keys, order, os.urandom(self.random_size))
        parse = self._answer(meter, keys, order)
        question = Question(
            dlt645_2007, request, meter.address, self.function, parse, 1, leaving=True
        )
        return (yield from say(question))

    # --- bytes ------------------------------------------------------------------------------------

    def _frame(self, meter, keys, order, random=None):
        self.check(order)
        values = {
            "amount": order.amount_steps,
            "number": order.number,
            "reference": order.reference,
            "epoch": order.epoch,
            "customer": order.customer,
            "address": meter.address,
            "operator": self.operator,
            "version": keys.version,
            "random": bytes(self.random_size) if random is None else random,
            "di": self.functions[order.kind].to_bytes(4, "little"),
        }
        values["plain"] = layout.build(self.body, values)
        values["cipher"] = keys.encipher(values["plain"])
        values["mac"] = keys.mac(layout.build(self.cipher.covers, values))
        frame = dlt645_2007.Frame(meter.address, self.function, layout.build(self.data, values))
        return dlt645_2007.encode(frame, self.dialect.preamble)

    def _answer(self, meter, keys, order):
        def parse(frame):
            if not frame.is_reply or (frame.address, frame.function) != (
                meter.address,
                self.function,
            ):
                raise WrongReply("not a reply of this meter to this function")
            if frame.is_abnormal:
                return self._refusal(frame)
            if self.reply is None:
                if frame.data and frame.di != self.functions[order.kind]:
                    raise WrongReply(f"not a reply to {order.kind}")
                return Ack()
            return self._ack(frame, keys, order)

        return parse

    def _ack(self, frame, keys, order):
        if frame.di != self.functions[order.kind]:
            raise WrongReply(f"not a reply to {order.kind}")
        data = frame.data[4:]
        try:
            found = layout.read(self.reply, keys.decipher(data) if self.reply_enciphered else data)
        except BadJob as error:
            raise WrongReply(f"not a reply to {order.kind}: {error.words}") from None
        for name, sent in (
            ("number", 0 if order.kind == "clear" else order.number),
            ("amount", order.amount_steps),
            ("customer", order.customer),
        ):
            if name in found and found[name] != sent:
                raise WrongReply(f"a reply about {name} {found[name]}, not {sent}")
        return Ack(found.get("number"), found.get("balance"))

    def _refusal(self, frame):
        code = le_to_int(frame.data)
        words = f"the meter refused with {frame.data.hex().upper() or 'no reason'}"
        words = self.dialect.explain(self.function, MeterRefused(code, words)).words
        return Refusal(code, words, code in self.final)

    # --- is the description sound? ----------------------------------------------------------------

    def _check_layout(self, form):
        body = {field.name for field in self.body}
        sent = {field.name for field in self.data}
        random = [field for field in (*self.body, *self.data) if field.name == "random"]
        self.random_size = random[0].size if random else 0
        if len(random) > 1:
            form.fail("body", "random numbers stand in one place only")
        if not {"amount", "number"} <= body | sent:
            form.fail("body", "needs amount and number, there or in data")
        if "cipher" not in sent:
            form.fail("data", "needs cipher")
        if ("mac" in sent) != (self.cipher.mac != "none"):
            form.fail("data", "has mac where mac.kind is none, or none where it is not")
        if not random and "random" in {field.name for field in self.cipher.covers}:
            form.fail("mac.covers", "random is not part of the data")
        self.cipher.check_body(form, self.body)
        if self.function not in (dlt645_2007.SECURITY, dlt645_2007.WRITE):
            form.fail("function", "must be 03 or 14")

    def _check_answer(self, form):
        """The maker's example must come out byte for byte."""
        master = form.hexadecimal("key", 16)
        frame = form.hexadecimal("frame")
        meter = _Example(
            form.digits("address", 12),
            form.whole("key_version", 1, 255, 1),
            form.choice("algorithm", ("des", "3des"), "3des"),
        )
        random = form.hexadecimal("random", self.random_size) if self.random_size else b""
        order = _order(form.inner("order"))
        form.end()
        try:
            made = self._frame(meter, VendorKeys(self.cipher, master, meter), order, random)
        except WireError as error:
            form.fail("", f"cannot be made: {error.words}")
        made, frame = made.lstrip(b"\xfe"), frame.lstrip(b"\xfe")
        if made != frame:
            form.fail("", f"comes out as {made.hex().upper()}, not as {frame.hex().upper()}")


class _Example:
    """The meter of a known answer."""

    def __init__(self, address, key_version, algorithm):
        self.address = address
        self.key_version = key_version
        self.algorithm = algorithm


def _order(form):
    found = Order(
        form.choice("kind", ("open", "charge", "preset", "reverse", "clear"), "charge"),
        form.whole("amount_steps", 0, 0x7FFFFFFF),
        form.digits("customer", 12, "0" * 12),
        form.whole("reference", 1, 0xFFFFFFFF, 1),
        form.whole("number", 0, 0xFFFFFFFF),
        form.whole("epoch", 0, 0xFFFF, 0),
    )
    form.end()
    return found


def _reply(form):
    inner = form.inner("reply", {})
    fields = layout.read_fields(inner, "layout", layout.REPLY_FIELDS, ())
    enciphered = inner.flag("enciphered", False)
    inner.end()
    return fields or None, enciphered
