"""Shape ``esam`` on the meter's side: a meter with an emulated security chip.

An identity authentication (070000FF) opens a session of some minutes; each order carries two MACs
that hold in this session only. Layouts: docs/recharge-shapes.md; codes: docs/encryptor.md, section
3, shared with nobody but the reference encryptor.
"""

import os
import time

from .account import (
    BAD_CUSTOMER,
    BAD_LAYOUT,
    BAD_MAC,
    BAD_NUMBER,
    HOARDING,
    OTHER,
    REPEATED,
    SUSPENDED,
    Order,
    Refused,
)
from .answers import Answer
from .books import CHARGE, CLEAR, OPEN, REVERSE
from .esam_codes import identity_cipher, meter_key, order_mac
from .frames import unbcd
from .shape_sealed import GOOD, refused, register, write

IDENTITY = 0x070000FF
FUNCTIONS = {0x070101FF: OPEN, 0x070102FF: CHARGE, 0x070103FF: CLEAR, 0x070108FF: REVERSE}
VALID_SECONDS = 300
#: bits of SERR that differ from those of our own protocol
AUTHENTICATION, ADDRESS = 3, 7
KNOWN = {REPEATED, BAD_MAC, AUTHENTICATION, BAD_CUSTOMER, BAD_NUMBER, HOARDING, SUSPENDED}

__all__ = ["register", "security", "write"]


def security(meter, data):
    """Return the Answer of a meter to the data of a function 03."""
    identifier = int.from_bytes(data[:4], "little")
    try:
        if identifier == IDENTITY:
            return _identify(meter, data)
        if identifier in FUNCTIONS:
            return _execute(meter, FUNCTIONS[identifier], data)
    except Refused as error:
        return refused(error.bit if error.bit in KNOWN else OTHER)
    return refused(OTHER)


def _turned(meter, code):
    """A code of the chip as the chip keeps it, high byte first."""
    high_first = meter.kind.recharge.get("code_order") == "high_first"
    return code if high_first else code[::-1]


def _number(meter, name, data):
    if meter.kind.recharge.get(name) == "bcd":
        try:
            return unbcd(data)
        except ValueError as error:
            raise Refused(BAD_LAYOUT) from error
    return int.from_bytes(data, "little")


def _diversifier(meter):
    return b"\0\0" + meter.wire[::-1]


def _identify(meter, data):
    """DI 4, operator 4, cipher 8, random1 8, diversifier 8."""
    chips = meter.world.chips
    if len(data) != 32 or chips is None:
        raise Refused(AUTHENTICATION)
    cipher, random1, diversifier = (_turned(meter, data[at : at + 8]) for at in (8, 16, 24))
    key = meter_key(chips.identity, _diversifier(meter))
    if diversifier != _diversifier(meter) or identity_cipher(key, random1) != cipher:
        meter.session = None
        raise Refused(AUTHENTICATION)
    random2 = os.urandom(4)
    meter.session = (random2, time.monotonic())
    chip = b"\x20\x26" + meter.wire[::-1]
    return Answer(GOOD, data[:4] + _turned(meter, random2) + _turned(meter, chip))


def _execute(meter, kind, data):
    if len(data) != (24 if kind == CLEAR else 30):
        raise Refused(BAD_LAYOUT)
    if meter.books.suspended:
        raise Refused(SUSPENDED)
    random2, begun = meter.session or (None, 0.0)
    if random2 is None or time.monotonic() - begun > VALID_SECONDS:
        raise Refused(AUTHENTICATION)
    key = meter_key(meter.world.chips.purchase, _diversifier(meter))
    amount = data[8:12]
    if kind == CLEAR:
        mac1, number, mac2 = data[12:16], data[16:20], data[20:]
        covered, customer = (amount[::-1], number[::-1]), meter.books.customer
    else:
        number, mac1, mac2 = data[12:16], data[16:20], data[26:]
        covered = (amount[::-1] + number[::-1], data[25:19:-1])
        try:
            customer = unbcd(data[20:26])
        except ValueError as error:
            raise Refused(BAD_CUSTOMER) from error
    for mac, part in zip((mac1, mac2), covered, strict=True):
        if order_mac(key, random2, data[3::-1], part) != _turned(meter, mac):
            raise Refused(BAD_MAC)
    order = Order(
        kind=kind,
        amount=_number(meter, "amount_coding", amount),
        number=_number(meter, "number_coding", number),
        customer=customer,
        epoch=meter.books.epoch,
        reference=0,
    )
    if kind == CLEAR:
        # The chip takes 0 here: it is the end of the count, not its next number.
        if order.number:
            raise Refused(BAD_NUMBER)
        record = meter.account.clear(order, time.time())
    else:
        record = meter.account.execute(order, time.time())
    return Answer(GOOD, data[:4], changed=True, record=record)
