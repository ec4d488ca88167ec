"""Shape ``sealed``: the order is enciphered and carries a MAC, and so does the meter's status.

Evidence: published known answers. ``docs/recharge-protocol.md`` is the protocol, ``openssl`` alone
reproduces every frame of it.
"""

import functools
import hashlib
import os

from .. import dlt645_2007
from ..errors import DialectError
from ..question import Question
from . import sealed_frame
from .base import Shape, say


class Sealed(Shape):
    """Function 03 of DL/T 645-2007 with reference, cipher and MAC. No options."""

    name = "sealed"
    resend = True
    has_epoch = True
    reverses_last = True
    kinds = frozenset(sealed_frame.KINDS)

    def __init__(self, options, dialect):
        super().__init__(options, dialect)
        if dialect.codec is not dlt645_2007:
            raise DialectError("recharge: the shape sealed needs the protocol dlt645_2007")
        if unknown := sorted(set(options) - {"shape"}):
            raise DialectError(f"recharge: the shape sealed has no option {', '.join(unknown)}")

    def keys(self, keyring, meter):
        return keyring.meter_keys(meter.address, meter.key_version, meter.algorithm)

    def status(self, meter, keys):
        challenge = os.urandom(sealed_frame.CHALLENGE_SIZE)
        return (
            yield self._question(
                meter,
                sealed_frame.status_query(meter.address, keys, challenge, self.dialect.preamble),
                functools.partial(
                    sealed_frame.parse_status,
                    address=meter.address,
                    keys=keys,
                    challenge=challenge,
                ),
            )
        )

    def send(self, meter, keys, order):
        parse = functools.partial(
            sealed_frame.parse_answer,
            address=meter.address,
            kind=order.kind,
            number=order.number,
        )
        question = self._question(meter, self._frame(meter, keys, order), parse)
        return (yield from say(question._replace(leaving=True)))

    def fingerprint(self, meter, keys, order):
        return hashlib.sha256(self._frame(meter, keys, order)).hexdigest()

    def judge(self, order, status, before=None, acked=False):
        return sealed_frame.judge(order, status)

    def _frame(self, meter, keys, order):
        self.check(order)
        return sealed_frame.build(order, meter.address, keys, self.dialect.preamble)

    @staticmethod
    def _question(meter, request, parse):
        # A status query needs a new challenge each time, an order leaves once: neither is repeated.
        return Question(
            dlt645_2007, request, meter.address, dlt645_2007.SECURITY, parse, attempts=1
        )
