"""CJ/T 188 on the meter's side, editions 2004 and 2018.

``DI0 DI1 SER data``; nothing is added to the bytes. Which byte of the identifier comes first is the
maker's: ``di_order``. Source: CJ/T 188-2004, 6 and annex A; the 2018 edition for the other order.
"""

import time

from . import shape_a013
from .answers import Answer, Protocol
from .frames import bcd, bcd4, build_188, unbcd
from .writes_2007 import moment

READ, READ_ADDRESS, WRITE, READ_KEY = 0x01, 0x03, 0x04, 0x09
WRITE_ADDRESS, WRITE_SYNC = 0x15, 0x16
REPLY, ABNORMAL = 0x80, 0xC0
ANY = b"\xaa" * 7
OPEN, CLOSE = 0x55, 0x99
VALVE_CLOSED, VALVE_FAULT, BATTERY_LOW = 0x01, 0x03, 0x04
LOW_PERCENT = 20
#: vendor byte of ST in an abnormal reply, as one maker uses it
NO_SUCH, BAD_VALUE, NOT_POSSIBLE = 0x01, 0x02, 0x04
#: identifier -> function, where it is not READ
READS = {0x810A: READ_ADDRESS, 0x8106: READ_KEY}
WRITES = {0xA018: WRITE_ADDRESS, 0xA016: WRITE_SYNC}
MONTHS = 12


class Denied(Exception):
    """A request is refused; ``reason`` is the second byte of ST."""

    def __init__(self, reason):
        super().__init__(f"denied, {reason:02X}")
        self.reason = reason


def hears(meter, request):
    """Return ``own`` or ``wild`` when a request is for this meter, else None."""
    if request.kind is None:
        return None
    if request.kind not in (meter.kind.type_byte, 0xAA):
        return None
    if request.wire == meter.wire:
        return "own"
    return "wild" if request.wire == ANY else None


def answer(meter, request, how):
    """Execute a request and return an Answer, or None for silence."""
    if request.kind not in (meter.kind.type_byte, 0xAA) or len(request.data) < 3:
        return None
    control, data = request.control, request.data
    order = "big" if meter.kind.di_order == "high_first" else "little"
    identifier = int.from_bytes(data[:2], order)
    head, body = data[:3], data[3:]
    try:
        if control in (READ, READ_ADDRESS, READ_KEY):
            return _read(meter, control, identifier, head)
        if how != "own":
            return None  # whatever changes something needs the whole address
        if control in (WRITE, WRITE_SYNC):
            return _write(meter, control, identifier, head, body)
    except Denied as denied:
        status = bytes([status_byte(meter), denied.reason])
        return Answer(control | ABNORMAL, head[2:3] + status)
    return None


def _moment(meter, request):
    if request.control in (READ, READ_ADDRESS, READ_KEY):
        return "read"
    pair = {request.data[:2], request.data[1::-1]} if len(request.data) > 1 else set()
    if b"\xa0\x13" in pair:
        return "money"
    return "switch" if b"\xa0\x17" in pair else "write"


def _build(meter, _request, reply, preamble, wire=None):
    kind = meter.kind.type_byte
    return build_188(kind, wire or meter.wire, reply.control, reply.data, preamble)


PROTOCOL = Protocol(hears, _moment, answer, _build)


# -- status ----------------------------------------------------------------------------------------


def battery(meter):
    """Return the battery, percent."""
    books = meter.books
    return meter.kind.battery if books.battery is None else books.battery


def status_byte(meter):
    """First byte of ST: valve (D1 D0), battery (D2)."""
    if meter.books.stuck is not None:
        valve = VALVE_FAULT
    else:
        valve = VALVE_CLOSED if meter.account.supply_off else 0
    return valve | (BATTERY_LOW if battery(meter) < LOW_PERCENT else 0)


def status(meter):
    return bytes((status_byte(meter), 0))


# -- reading ---------------------------------------------------------------------------------------


def _read(meter, control, identifier, head):
    value = TABLE.get(identifier)
    if value is None or READS.get(identifier, READ) != control:
        raise Denied(NO_SUCH)
    data = value(meter)
    if data is None:
        raise Denied(NO_SUCH)
    return Answer(control | REPLY, head + data)


def _amount(meter, steps):
    return bcd4(steps) + bytes([meter.kind.unit_byte])


def _metering(meter):
    """901F: volume, volume at the settlement day, clock, ST."""
    books = meter.account.books
    settled = books.months[0][1] if books.months else 0
    clock = bytes.fromhex(f"{meter.now():%S%M%H%d%m%y}") + b"\x20"
    return _amount(meter, books.total) + _amount(meter, settled) + clock + status(meter)


def _history(number):
    def value(meter):
        months = meter.books.months
        return _amount(meter, months[number - 1][1] if number <= len(months) else 0)

    return value


def setting(meter, name, default):
    return bytes.fromhex((meter.books.settings or {}).get(name, default))


def _prices(meter):
    """8102: three prices and two limits of three bytes."""
    price = bcd(meter.kind.prices[0] // 100, 3)
    return setting(meter, "price_table", (price * 3 + bytes(6)).hex())[:15]


def _purchase(meter):
    """8105: serial, this purchase, all purchases, what is left, ST."""
    if not meter.kind.credit:
        return None
    books = meter.account.books
    return b"".join(
        (
            bytes([books.number % 256]),
            bcd4(books.last_amount),
            bcd4(books.cumulative),
            bcd4(max(books.balance, 0)),
            status(meter),
        )
    )


TABLE = {
    0x901F: _metering,
    0x8102: _prices,
    0x8103: lambda meter: setting(meter, "settlement_day", "01"),
    0x8104: lambda meter: setting(meter, "reading_day", "01"),
    0x8105: _purchase,
    0x8106: lambda meter: bytes([meter.kind.key_version]),
    0x810A: lambda _meter: b"",
} | {0xD120 + number - 1: _history(number) for number in range(1, MONTHS + 1)}


# -- writing ---------------------------------------------------------------------------------------


def _write(meter, control, identifier, head, body):
    write = WRITERS.get(identifier)
    if write is None or WRITES.get(identifier, WRITE) != control:
        raise Denied(NO_SUCH)
    try:
        data, record = write(meter, body)
    except ValueError as error:
        raise Denied(BAD_VALUE) from error
    return Answer(control | REPLY, head + data, changed=True, record=record)


def _keep(name, size):
    def write(meter, body):
        if len(body) != size:
            raise Denied(BAD_VALUE)
        unbcd(body)
        meter.write(name, body.hex())
        return b"", None

    return write


def _write_prices(meter, body):
    """A010: three prices, two limits, the day they start on."""
    if len(body) != 16:
        raise Denied(BAD_VALUE)
    unbcd(body)
    meter.write("price_table", body.hex())
    return status(meter), None


def _write_clock(meter, body):
    """A015: ss mm hh DD MM YY CC."""
    if len(body) != 7 or body[6] != 0x20:
        raise Denied(BAD_VALUE)
    meter.set_clock(moment(body[:6]))
    return b"", None


def _write_sync(meter, body):
    """A016: set the registers to what the dial shows."""
    if len(body) != 5:
        raise Denied(BAD_VALUE)
    meter.books.total = unbcd(body[:4])
    return status(meter), None


def _write_valve(meter, body):
    """A017: the valve takes its time; ST of the reply is where it was."""
    if meter.kind.actuator == "none":
        raise Denied(NOT_POSSIBLE)
    if body[:1] not in (bytes([OPEN]), bytes([CLOSE])):
        raise Denied(BAD_VALUE)
    now = time.time()
    meter.account.switch(0x1A if body[0] == CLOSE else 0x1C, now)
    meter.changed()
    return status(meter), None


def _write_money(meter, body):
    try:
        return shape_a013.execute(meter, body)
    except shape_a013.Refused as refused:
        raise Denied(refused.reason) from refused


WRITERS = {
    0xA010: _write_prices,
    0xA011: _keep("settlement_day", 1),
    0xA012: _keep("reading_day", 1),
    0xA013: _write_money,
    0xA015: _write_clock,
    0xA016: _write_sync,
    0xA017: _write_valve,
}
