"""Shape ``sealed`` on the meter's side: bytes of docs/recharge-protocol.md to orders and back."""

import time

from .account import BAD_LAYOUT, BAD_MAC, BAD_VERSION, OTHER, SUSPENDED, Order, Refused
from .answers import Answer
from .books import CHARGE, CLEAR, OPEN, PRESET, REVERSE
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
GOOD, REFUSED = 0x83, 0xC3


def refused(bit):
    """Return the Answer with one bit of SERR."""
    return Answer(REFUSED, (1 << bit).to_bytes(2, "little"))


def security(meter, data):
    """Return the Answer of a meter to the data of a function 03."""
    identifier = int.from_bytes(data[:4], "little")
    try:
        if len(data) < 4:
            raise Refused(BAD_LAYOUT)
        if identifier == STATUS:
            return _status(meter, data)
        if identifier in FUNCTIONS:
            return _execute(meter, FUNCTIONS[identifier], data)
        raise Refused(OTHER)
    except Refused as error:
        return refused(error.bit)


def write(_meter, _identifier, _data):
    """Nothing is bought by an ordinary write."""


def register(_meter, _identifier):
    """No registers of its own."""


def _execute(meter, kind, data):
    if len(data) != ORDER_LENGTH:
        raise Refused(BAD_LAYOUT)
    if meter.books.suspended:
        raise Refused(SUSPENDED)
    reference, version = int.from_bytes(data[4:8], "little"), data[8]
    keys = _keys(meter, version)
    if keys.mac(meter.wire + data[:25]) != data[25:]:
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
    told = data[:4] + books.number.to_bytes(4, "little") + _signed(books.balance)
    return Answer(GOOD, told, changed=True, record=record)


def _status(meter, data):
    if len(data) != STATUS_LENGTH:
        raise Refused(BAD_LAYOUT)
    keys = _keys(meter, data[8])
    record = status_record(meter)
    mac = keys.mac(meter.wire + data[:4] + data[8:17] + record)
    return Answer(GOOD, data[:4] + record + mac)


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


def _signed(steps):
    return steps.to_bytes(4, "little", signed=True)
