"""DL/T 645-1997 on the meter's side. Source: DL/T 645-1997, tables 3 and A.1 to A.5.

The standard knows no relay and no prepayment; such meters are read, and their clock is set.
"""

import time

from .answers import Answer, Protocol
from .clock import DAY
from .dlt2007 import BROADCAST_TOLERANCE, build, hears
from .frames import bcd, bcd4
from .registers_2007 import VOLTAGE
from .writes_2007 import Denied, check_password, moment

READ, READ_NEXT, READ_AGAIN, WRITE, BROADCAST_TIME = 0x01, 0x02, 0x03, 0x04, 0x08
REPLY, ABNORMAL, MORE = 0x80, 0xC0, 0x20
ERR_ILLEGAL, ERR_IDENTIFIER = 0x01, 0x02
BLOCK_END = b"\xaa"
WRITE_HEAD = 6  # DI 2, PA P0 P1 P2


def answer(meter, request, how):
    """Execute a request and return an Answer, or None for silence."""
    control, data = request.control, request.data
    # A meter that hears a reading to everybody answers: on a line of one, who it is shows so.
    if control in (READ, READ_AGAIN):
        return _read(meter, control, data)
    if control == READ_NEXT and how != "broadcast":
        return _read_next(meter, data)
    if control == BROADCAST_TIME:
        return _broadcast_time(meter, data)
    if control == WRITE and how == "own":
        try:
            return _write(meter, data)
        except Denied as denied:
            return Answer(WRITE | ABNORMAL, bytes([denied.error]))
    return None


def _hears(meter, request):
    how = hears(meter, request)
    # Only what it reads is answered to all; see Line._find.
    return "wild" if how == "broadcast" and request.control in (READ, READ_AGAIN) else how


def _moment(_meter, request):
    if request.control in (READ, READ_NEXT, READ_AGAIN):
        return "read"
    return "write" if request.control == WRITE else "other"


# -- reading ---------------------------------------------------------------------------------------


def _read(meter, control, data):
    entry = TABLE.get(data)
    value = entry and entry(meter)
    if value is None or value is False or entry is None:
        return Answer(control | ABNORMAL, bytes([ERR_IDENTIFIER]))
    if len(value) + 2 <= meter.kind.frame_limit:
        return Answer(control | REPLY, data + value)
    size = meter.kind.frame_limit - 2
    meter.following = (data, value, size)
    return Answer(control | REPLY | MORE, data + value[:size])


def _read_next(meter, data):
    """The next part; there are no numbers, so each question takes one part."""
    identifier, value, size = meter.following or (None, b"", 1)
    rest = value[size:]
    if data != identifier or not rest:
        return Answer(READ_NEXT | ABNORMAL, bytes([ERR_IDENTIFIER]))
    meter.following = (identifier, rest, size)
    more = MORE if len(rest) > size else 0
    return Answer(READ_NEXT | REPLY | more, identifier + rest[:size])


def _total(meter):
    return bcd4(meter.account.books.total)


def _tariff(number):
    def value(meter):
        return bcd4(meter.books.tariffs[number - 1]) if meter.kind.multi_tariff else None

    return value


def _block(meter):
    registers = (meter.books.total, *meter.books.tariffs)
    if not meter.kind.multi_tariff:
        registers = (meter.books.total, 0, 0, 0, 0)
    return b"".join(map(bcd4, registers)) + BLOCK_END


def _last_month(meter):
    return bcd4(meter.books.months[0][1] if meter.books.months else 0)


def _phase(value):
    def of(number):
        return lambda meter: value(meter) if number <= meter.kind.phases else None

    return of


def _current(meter):
    return bcd(round(meter.power * 1000 / VOLTAGE / meter.kind.phases * 100), 2)


def _status(meter):
    """C020: bit 2 is the battery."""
    low = meter.kind.battery if meter.books.battery is None else meter.books.battery
    return bytes([(low < 20) << 2])


def _date(meter):
    now = meter.now()
    return bytes.fromhex(f"{now.isoweekday() % 7:02d}{now:%d%m%y}")


def _make():
    table = {
        0x9000: _total,
        0x9010: _total,
        0x901F: _block,
        0x9020: lambda _meter: bytes(4),
        0x9110: lambda _meter: bytes(4),
        0x9410: _last_month,
        0xB630: lambda meter: bcd(round(meter.power * 10_000), 3),
        0xC010: _date,
        0xC011: lambda meter: bytes.fromhex(f"{meter.now():%S%M%H}"),
        0xC020: _status,
        0xC032: lambda meter: meter.wire,
        0xC033: lambda meter: bcd(meter.books.customer, 6),
    }
    for number in range(1, 5):
        table[0x9010 + number] = _tariff(number)
    for number in range(1, 4):
        table[0xB610 + number] = _phase(lambda _meter: bcd(int(VOLTAGE), 2))(number)
        table[0xB620 + number] = _phase(_current)(number)
    return {identifier.to_bytes(2, "little"): value for identifier, value in table.items()}


TABLE = _make()


# -- writing ---------------------------------------------------------------------------------------


def _write(meter, data):
    """DI, PA P0 P1 P2, value; there is no operator."""
    if len(data) < WRITE_HEAD:
        raise Denied(ERR_ILLEGAL)
    check_password(meter, data[2:6])
    identifier, value = int.from_bytes(data[:2], "little"), data[6:]
    now = meter.now()
    try:
        if identifier == 0xC010 and len(value) == 4:
            meter.set_clock(moment(bytes.fromhex(f"{now:%S%M%H}") + value[1:]))
        elif identifier == 0xC011 and len(value) == 3:
            meter.set_clock(moment(value + bytes.fromhex(f"{now:%d%m%y}")))
        elif identifier in (0xC010, 0xC011):
            raise Denied(ERR_ILLEGAL)
        else:
            raise Denied(ERR_IDENTIFIER)
    except ValueError as error:
        raise Denied(ERR_ILLEGAL) from error
    return Answer(WRITE | REPLY, changed=True)


def _broadcast_time(meter, data):
    try:
        wanted = moment(data)
    except (ValueError, IndexError):
        return None
    day = int(meter.local(time.time()) // DAY)
    if abs((wanted - meter.now()).total_seconds()) > BROADCAST_TOLERANCE:
        return None
    if meter.books.clock_day == day:
        return None
    meter.set_clock(wanted)
    meter.books.clock_day = day
    return Answer(None, changed=True)


PROTOCOL = Protocol(_hears, _moment, answer, build)
