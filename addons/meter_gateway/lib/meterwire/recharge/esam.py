"""Shape ``esam``: a meter with a security chip; an outside encryptor makes its codes.

Identity authentication (070000FF), then opening (070101FF) or charging (070102FF) with two MACs, as
in the prepayment meters of the State Grid. The desk has no key: it asks the operator's encryptor.

Evidence: layout, lengths, SERR and the rule "number sent = number stored + 1" as four public
firmwares implement them; no frame of a successful charge was ever published. So the bytes are
checked against our own emulator only; the codes are the business of meter and encryptor.
"""

import time

from .. import dlt645_2007
from ..errors import DialectError, MeterRefused, NoEncryptor, WrongReply
from ..question import Call, Question
from ..values import digits_to_wire, int_to_le, le_to_int
from .base import Ack, Refusal, fingerprint_of, say
from .encryptor import Encryptor
from .layout import Field, to_places, write_number
from .options import Options
from .records import Recorded

IDENTITY = 0x070000FF
_CIPHER, _RANDOM, _DIVERSIFIER, _ESAM = 8, 8, 8, 8
_RANDOM2, _MAC = 4, 4
_TRIES = 3

#: bit of SERR -> words, and whether sending the same order again cannot help
SERR = (
    ("other error", False),
    ("this purchase number was executed before", False),
    ("the security chip did not accept the code", False),
    ("the identity authentication failed or has expired", False),
    ("customer number is not the meter's", True),
    ("purchase number wrong", False),
    ("over the hoarding limit", True),
    ("address wrong", True),
    ("suspended", True),
)


class Esam(Recorded):
    """Function 03 with the codes of an encryptor.

    Options: ``encryptor`` (its name in the key file; default ``default``), ``operator`` (8 digits;
    default that of the dialect's password, or zeros), ``validity_seconds`` of an identity
    authentication (300), ``code_order`` (``low_first`` or ``high_first``: how the chip's codes
    stand on the wire), ``amount_coding`` and ``number_coding`` (``le`` or ``bcd``), and
    ``functions`` (kind -> data identifier; default open and charge; where the maker has them,
    reverse, laid out as a charge, and clear, the wallet's initialisation 070103FF with amount 0 and
    purchase number 0).
    """

    name = "esam"
    resend = True
    clock = staticmethod(time.monotonic)

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        if dialect.codec is not dlt645_2007:
            raise DialectError("recharge: the shape esam needs the protocol dlt645_2007")
        form = Options(options)
        form.choice("shape", (self.name,))
        self.encryptor = form.name("encryptor", "default")
        own = dialect.password.operator if dialect.password else "0" * 8
        self.operator = digits_to_wire(form.digits("operator", 8, own), 4)
        self.validity = form.whole("validity_seconds", 1, 86400, 300)
        self.reversed = form.choice("code_order", ("low_first", "high_first"), "low_first")
        codings = ("le", "bcd")
        self.amount = Field("amount", 4, form.choice("amount_coding", codings, "le"))
        self.number = Field("number", 4, form.choice("number_coding", codings, "le"))
        self.functions = form.functions(4, {"open": "070101FF", "charge": "070102FF"})
        form.end()
        self.kinds = frozenset(self.functions)
        if "preset" in self.kinds:
            form.fail("functions", "these meters have no preset")

    def keys(self, keyring, meter):
        return Encryptor(self.encryptor, keyring.secret("encryptors", self.encryptor))

    def fingerprint(self, meter, keys, order):
        """Of the order: the codes differ from one authentication to the next."""
        self.check(order)
        return fingerprint_of(self, meter.address, order)

    def send(self, meter, keys, order):
        self.check(order)
        blocks = self._blocks(order)
        for _try in range(_TRIES):
            started = self.clock()
            session = yield from self._authenticate(meter, keys)
            codes = yield self._codes(meter, keys, order, session, blocks)
            if self.clock() - started < self.validity:
                break
        else:
            raise NoEncryptor(
                f"the encryptor takes longer than the {self.validity} s for which the meter's "
                "identity authentication holds"
            )
        data = int_to_le(self.functions[order.kind], 4) + self.operator
        for fields, code in zip(blocks, ("mac1", "mac2"), strict=True):
            data += b"".join(fields) + self._turned(codes[code])
        return (
            yield from say(self._question(meter, data, self._answer(meter, order), leaving=True))
        )

    def _blocks(self, order):
        """What MAC1 and MAC2 cover: two tuples of fields in wire order."""
        amount = write_number(self.amount, to_places(order.amount_steps, 2))
        if order.kind == "clear":
            return (amount,), (write_number(self.number, 0),)
        number = write_number(self.number, order.number)
        return (amount, number), (digits_to_wire(order.customer),)

    def _authenticate(self, meter, keys):
        """Generator -> what the meter says of this session: random2 and the chip's number."""
        diversifier = bytes(2) + bytes.fromhex(meter.address)
        asked = {"meter": meter.address, "diversifier": diversifier.hex().upper()}
        wanted = {"cipher": _CIPHER, "random1": _RANDOM}
        made = yield Call(lambda: keys.ask("/v1/identity", asked, wanted))
        data = (
            int_to_le(IDENTITY, 4)
            + self.operator
            + self._turned(made["cipher"])
            + self._turned(made["random1"])
            + self._turned(diversifier)
        )

        def parse(frame):
            reply_of(frame, meter)
            if frame.is_abnormal:
                refused = refusal_of(frame)
                raise MeterRefused(
                    refused.code, f"the meter refused the identity authentication: {refused.words}"
                )
            if frame.di != IDENTITY or len(frame.data) != 4 + _RANDOM2 + _ESAM:
                raise WrongReply("not a reply to the identity authentication")
            random2, esam = frame.data[4 : 4 + _RANDOM2], frame.data[4 + _RANDOM2 :]
            return {
                "random1": made["random1"].hex().upper(),
                "random2": self._turned(random2).hex().upper(),
                "esam": self._turned(esam).hex().upper(),
                "diversifier": asked["diversifier"],
            }

        # The chip counts failures and takes a random number once: never put a second time.
        return (yield self._question(meter, data, parse))

    def _codes(self, meter, keys, order, session, blocks):
        asked = {
            "meter": meter.address,
            **session,
            "function": f"{self.functions[order.kind]:08X}",
            "kind": order.kind,
            "amount": order.amount_steps,
            "number": 0 if order.kind == "clear" else order.number,
            "customer": order.customer,
            # As the chip keeps them: the fields in wire order, each with its high byte first.
            "data1": "".join(field[::-1].hex().upper() for field in blocks[0]),
            "data2": "".join(field[::-1].hex().upper() for field in blocks[1]),
        }
        return Call(lambda: keys.ask("/v1/order", asked, {"mac1": _MAC, "mac2": _MAC}))

    def _question(self, meter, data, parse, leaving=False):
        frame = dlt645_2007.Frame(meter.address, dlt645_2007.SECURITY, data)
        return Question(
            dlt645_2007,
            dlt645_2007.encode(frame, self.dialect.preamble),
            meter.address,
            dlt645_2007.SECURITY,
            parse,
            attempts=1,
            leaving=leaving,
        )

    def _answer(self, meter, order):
        def parse(frame):
            reply_of(frame, meter)
            if frame.is_abnormal:
                return refusal_of(frame)
            # A good reply holds the identifier or nothing at all, by the maker.
            if frame.data and frame.di != self.functions[order.kind]:
                raise WrongReply(f"not a reply to {order.kind}")
            return Ack()

        return parse

    def _turned(self, code):
        return code[::-1] if self.reversed == "low_first" else code


def reply_of(frame, meter):
    """:raises WrongReply: not a reply of this meter to function 03"""
    if (
        not frame.is_reply
        or frame.address != meter.address
        or frame.function != dlt645_2007.SECURITY
    ):
        raise WrongReply(f"a frame of {frame.address} with control {frame.control:02X} is no reply")


def refusal_of(frame):
    """The ``Refusal`` in a C3 frame: SERR, two bytes, or one byte whose meaning is the maker's."""
    code = le_to_int(frame.data)
    if len(frame.data) != 2:
        return Refusal(code, f"reason {frame.data.hex().upper() or 'not given'}", False)
    bits = [SERR[bit] for bit in range(len(SERR)) if code >> bit & 1]
    words = "; ".join(words for words, _final in bits) or f"no known reason ({code:04X})"
    return Refusal(code, words, any(final for _words, final in bits))
