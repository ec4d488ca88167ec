"""Function 03 on the meter's side: bytes of docs/recharge-protocol.md to orders and back."""

import time

from .answers import SECURITY, good, refusal
from .books import (
    BAD_LAYOUT,
    BAD_MAC,
    BAD_VERSION,
    CHARGE,
    CLEAR,
    OPEN,
    OTHER,
    PRESET,
    REVERSE,
    SUSPENDED,
    Order,
    Refused,
)
from .frames import bcd, unbcd

FUNCTIONS = {
    0x070101FF: OPEN,
    0x070102FF: CHARGE,
    0x070103FF: PRESET,
    0x070108FF: REVERSE,
    0x070109FF: CLEAR,
}
STATUS = 0x078102FF
ORDER_LENGTH = 0x1D
STATUS_LENGTH = 0x11


def is_money(data):
    """Whether the data of a function 03 asks for a money function."""
    return int.from_bytes(data[:4], "little") in FUNCTIONS


def answer(meter, data):
    """Return the Answer of a meter to the data of a function 03."""
    identifier = int.from_bytes(data[:4], "little")
    try:
        if len(data) < 4:
            raise Refused(BAD_LAYOUT)
        if not meter.site.credit:
            raise Refused(OTHER)
        if identifier == STATUS:
            return _status(meter, data)
        if identifier in FUNCTIONS:
            return _execute(meter, FUNCTIONS[identifier], data)
        raise Refused(OTHER)
    except Refused as refused:
        return refusal(SECURITY, (1 << refused.bit).to_bytes(2, "little"))


def _execute(meter, kind, data):
    if len(data) != ORDER_LENGTH:
        raise Refused(BAD_LAYOUT)
    if meter.books.suspended:
        raise Refused(SUSPENDED)
    reference, version = int.from_bytes(data[4:8], "little"), data[8]
    keys = _keys(meter, version)
    if keys.mac(_wire_address(meter) + data[:25]) != data[25:]:
        raise Refused(BAD_MAC)
    plain = keys.decipher(data[9:25])
    try:
        customer = unbcd(plain[8:14])
    except ValueError as error:
        raise Refused(BAD_MAC) from error
    if reference == 0:
        raise Refused(BAD_LAYOUT)
    order = Order(
        kind=kind,
        amount=int.from_bytes(plain[:4], "little"),
        number=int.from_bytes(plain[4:8], "little"),
        customer=customer,
        epoch=int.from_bytes(plain[14:16], "little"),
        reference=reference,
    )
    record = meter.account.execute(order, time.time())
    books = meter.books
    return good(
        SECURITY,
        data[:4] + books.number.to_bytes(4, "little") + _signed(books.balance),
        changed=True,
        record=record,
    )


def _status(meter, data):
    if len(data) != STATUS_LENGTH:
        raise Refused(BAD_LAYOUT)
    keys = _keys(meter, data[8])
    record = status_record(meter)
    mac = keys.mac(_wire_address(meter) + data[:4] + data[8:17] + record)
    return good(SECURITY, data[:4] + record + mac)


def status_record(meter):
    """Return the 38 bytes of section 4."""
    books = meter.books
    flags = (1 if meter.account.supply_off else 0) | (2 if books.remote else 0)
    return b"".join(
        (
            books.number.to_bytes(4, "little"),
            books.epoch.to_bytes(2, "little"),
            bytes([books.last_kind]),
            books.last_reference.to_bytes(4, "little"),
            books.last_amount.to_bytes(4, "little"),
            _signed(books.balance_before),
            _signed(books.balance_after),
            _signed(books.balance),
            books.cumulative.to_bytes(4, "little"),
            bcd(books.customer, 6),
            bytes([flags]),
        )
    )


def _keys(meter, version):
    keys = meter.keys(version)
    if keys is None:
        raise Refused(BAD_VERSION)
    return keys


def _wire_address(meter):
    return bytes.fromhex(meter.site.address)[::-1]


def _signed(steps):
    return steps.to_bytes(4, "little", signed=True)
