"""What a meter of DL/T 645-2007 answers to function 11, by data identifier.

Values are packed decimal, low byte first. Source: DL/T 645-2007, annex A.
"""

from .clock import DAY, local
from .frames import bcd, bcd4
from .tables import DAY_TABLES, ENTRIES_MAX, SLOTS, TARIFFS, ZONES

UNITS, MONEY = ("units",), ("money",)
PREPAID = UNITS + MONEY
SIGN = 0x80
VOLTAGE, FREQUENCY = 220.0, 5000
MONTHS, DAYS = 12, 7

#: identifier -> (parameter, bytes, where credit is one of); read and written (registers in 0.01,
#: power in 0.0001 kW)
PARAMETERS = {
    0x04000E01: ("power_limit", 3, None),
    0x04090B01: ("power_limit", 3, None),
    0x04000F01: ("alarm_1", 4, UNITS),
    0x04000F02: ("alarm_2", 4, UNITS),
    0x04000F03: ("hoard", 4, UNITS),
    0x04000F04: ("overdraft", 4, UNITS),
    0x04001001: ("alarm_1", 4, MONEY),
    0x04001002: ("alarm_2", 4, MONEY),
    0x04001003: ("overdraft", 4, MONEY),
    0x04001004: ("hoard", 4, MONEY),
    0x04001005: ("permit_limit", 4, MONEY),
}
#: identifier -> table whose switch-over moment it is
MOMENTS = {0x04000106: "zones", 0x04000107: "slots", 0x04000108: "prices"}


def read(meter, identifier):
    """Return the bytes of a data identifier (four bytes as on the wire), or None."""
    entry = TABLE.get(identifier)
    if entry is None:
        return None
    credits, value = entry
    if credits is not None and meter.kind.credit not in credits:
        return None
    return value(meter)


def signed(steps, size=4):
    """Return steps with the sign in the topmost bit."""
    data = bytearray(bcd(abs(steps), size))
    if steps < 0:
        data[-1] |= SIGN
    return bytes(data)


# -- energy ----------------------------------------------------------------------------------------


def _total(meter):
    return bcd4(meter.account.books.total)


def _tariff(number):
    def value(meter):
        if not meter.kind.multi_tariff:
            return None
        return bcd4(meter.account.books.tariffs[number - 1])

    return value


def _registers(meter, total, tariffs):
    numbers = (total, *tariffs) if meter.kind.multi_tariff else (total,)
    return b"".join(map(bcd4, numbers))


def _block(meter):
    if not meter.kind.multi_tariff:
        return None
    return _registers(meter, meter.books.total, meter.books.tariffs)


def _settled(number, block=False):
    """What the registers showed at the settlement ``number`` months back."""

    def value(meter):
        months = meter.books.months
        _month, total, tariffs = months[number - 1] if number <= len(months) else (0, 0, (0,) * 4)
        return _registers(meter, total, tariffs) if block else bcd4(total)

    return value


def _all_settled(block):
    current = _block if block else _total

    def value(meter):
        parts = [_settled(number, block)(meter) for number in range(1, MONTHS + 1)]
        return (current(meter) or b"") + b"".join(parts) if current(meter) else None

    return value


def _zeros(size):
    return lambda _meter: bytes(size)


def _daily(number, energy):
    def value(meter):
        days = meter.books.days
        if number > len(days):
            return None
        day, total, tariffs = days[number - 1]
        if not energy:
            return bytes.fromhex(f"0000{_day(day):%d%m%y}")
        return _registers(meter, total, tariffs)

    return value


def _day(number):
    return local(number * DAY)


def _frozen(item):
    def value(meter):
        frozen = meter.books.frozen
        if frozen is None:
            return None
        digits, total, tariffs = frozen
        return bytes.fromhex(digits) if item == 0 else _registers(meter, total, tuple(tariffs))

    return value


# -- moment ----------------------------------------------------------------------------------------


def _each_phase(value):
    """The value of phase A, and of B and C where the meter has them."""

    def one(phase):
        return lambda meter: value(meter) if phase < meter.kind.phases else None

    def block(meter):
        absent = b"\xff" * len(value(meter))
        return b"".join(value(meter) if n < meter.kind.phases else absent for n in range(3))

    return one(0), one(1), one(2), block


def _voltage(_meter):
    return bcd(int(VOLTAGE * 10), 2)


def _current(meter):
    return bcd(round(meter.power * 1000 / VOLTAGE / meter.kind.phases * 1000), 3)


def _power(meter):
    return bcd(round(meter.power * 10_000), 3)


def _phase_power(meter):
    return bcd(round(meter.power * 10_000 / meter.kind.phases), 3)


def _factor(_meter):
    return bcd(1000, 2)


# -- clock, status, parameters ---------------------------------------------------------------------


def _date(meter):
    now = meter.now()
    # Week days count from Sunday, 00.
    return bytes.fromhex(f"{now.isoweekday() % 7:02d}{now:%d%m%y}")


def _time(meter):
    return bytes.fromhex(f"{meter.now():%S%M%H}")


def _clock(meter):
    now = meter.now()
    return bytes.fromhex(f"{now:%S%M%H}{now.isoweekday() % 7:02d}{now:%d%m%y}")


def _purchase_date(meter):
    if not meter.books.last_at:
        return bytes(5)
    return bytes.fromhex(f"{meter.at(meter.books.last_at):%M%H%d%m%y}")


def status_word(meter, number):
    """Return a run status word: the first holds the batteries (bit 2), the third relay (bit 4),
    command (bit 6), alarm (bit 7), kind of meter (8, 9), remote control (11), keep power (12)."""
    books, kind, word = meter.books, meter.kind, 0
    if number == 1:
        low = books.battery if books.battery is not None else kind.battery
        word |= (low < 20) << 2
    elif number == 3:
        word |= meter.account.supply_off << 4
        word |= (kind.actuator != "none" and books.tripped) << 6
        alarm = meter.account.limit("alarm_1")
        word |= bool(books.alarmed or alarm and kind.credit and books.balance <= alarm) << 7
        word |= {None: 0, "units": 1, "money": 2}[kind.credit] << 8
        word |= books.remote << 11
        word |= books.kept << 12
    return word


def _run_status(number):
    return lambda meter: status_word(meter, number).to_bytes(2, "little")


def _run_statuses(meter):
    return b"".join(_run_status(number)(meter) for number in range(1, 8))


def _parameter(name, size):
    return lambda meter: bcd(meter.account.limit(name), size)


def _moment(name):
    def value(meter):
        digits = meter.tables.moments[name] if meter.tables else "0" * 10
        return bytes.fromhex(digits)[::-1]

    return value


def _event(name):
    """Moment of the last remote trip or close."""

    def value(meter):
        at = (meter.books.settings or {}).get(name)
        return bytes.fromhex(f"{meter.at(at):%S%M%H%d%m%y}") if at else bytes(6)

    return value


# -- tariff tables ---------------------------------------------------------------------------------


def _set(meter, live):
    """Return (zones, slots of the eight tables, prices) of the live or the standby set."""
    if meter.tables:
        tables = meter.tables.live if live else meter.tables.standby
        return tables["zones"], tables["slots"], tables["prices"]
    return ZONES, (SLOTS,) * DAY_TABLES, meter.kind.prices


def _entries(entries):
    """Each entry goes with its number first: NN mm hh, NN DD MM."""
    text = "".join(f"{number:02d}{low:02d}{high:02d}" for high, low, number in entries)
    return bytes.fromhex(text)


def _zones(live):
    return lambda meter: _entries(_set(meter, live)[0]) if meter.kind.multi_tariff else None


def _slots(live, number):
    def value(meter):
        return _entries(_set(meter, live)[1][number - 1]) if meter.kind.multi_tariff else None

    return value


def _price(live, number):
    return lambda meter: bcd4(_set(meter, live)[2][number - 1])


def _prices(live):
    return lambda meter: b"".join(map(bcd4, _set(meter, live)[2]))


def _price_now(meter):
    return bcd4(_set(meter, True)[2][meter.tariff - 1])


# -- the table -------------------------------------------------------------------------------------


def _left(meter):
    return bcd4(max(meter.account.books.balance, 0))


def _owed(meter):
    return bcd4(max(-meter.account.books.balance, 0))


def _purchases():
    return (
        _purchase_date,
        lambda meter: bcd(meter.books.number, 2),
        lambda meter: bcd4(meter.books.last_amount),
        lambda meter: signed(meter.books.balance_before),
        lambda meter: signed(meter.books.balance_after),
        lambda meter: bcd4(meter.books.cumulative),
    )


def _make():
    table = {
        0x00000000: (None, _total),
        0x00010000: (None, _total),
        0x00020000: (None, _zeros(4)),
        0x0000FF00: (None, _block),
        0x0001FF00: (None, _block),
        0x0002FF00: (None, lambda meter: bytes(20) if meter.kind.multi_tariff else None),
        0x000100FF: (None, _all_settled(False)),
        0x0001FFFF: (None, _all_settled(True)),
        0x00900100: (UNITS, _left),
        0x00900101: (UNITS, _owed),
        0x00900200: (MONEY, _left),
        0x00900201: (MONEY, _owed),
        0x02800002: (None, lambda _meter: bcd(FREQUENCY, 2)),
        0x0280000B: (MONEY, _price_now),
        0x02800020: (MONEY, _price_now),
        0x04000101: (None, _date),
        0x04000102: (None, _time),
        0x0400010C: (None, _clock),
        0x04000201: (None, lambda meter: bcd(len(_set(meter, True)[0]), 1)),
        0x04000202: (None, lambda _meter: bcd(DAY_TABLES, 1)),
        0x04000203: (None, lambda _meter: bcd(ENTRIES_MAX, 1)),
        0x04000204: (None, lambda _meter: bcd(TARIFFS, 1)),
        0x04000306: (None, lambda _meter: bcd(1, 3)),
        0x04000307: (None, lambda _meter: bcd(1, 3)),
        0x04000401: (None, lambda meter: meter.wire),
        0x04000402: (None, lambda meter: meter.wire),
        0x0400040E: (PREPAID, lambda meter: bcd(meter.books.customer, 6)),
        0x040005FF: (None, _run_statuses),
        0x04000B01: (None, lambda _meter: bcd(100, 2)),
        0x05000001: (None, _frozen(0)),
        0x05000101: (None, _frozen(1)),
        0x1D000101: (None, _event("tripped_at")),
        0x1E000101: (None, _event("closed_at")),
        0x040501FF: (None, _prices(True)),
        0x040502FF: (None, _prices(False)),
    }
    for number in range(1, 5):
        table[0x00010000 | number << 8] = (None, _tariff(number))
        table[0x04050100 | number] = (None, _price(True, number))
        table[0x04050200 | number] = (None, _price(False, number))
    for number in range(1, MONTHS + 1):
        table[0x00010000 | number] = (None, _settled(number))
        table[0x0001FF00 | number] = (None, _settled(number, True))
    for number in range(1, DAYS + 1):
        table[0x05060000 | number] = (None, _daily(number, False))
        table[0x05060100 | number] = (None, _daily(number, True))
    for number in range(1, 8):
        table[0x04000500 | number] = (None, _run_status(number))
    for base, value in ((0x0201, _voltage), (0x0202, _current), (0x0206, _factor)):
        for phase, one in zip((1, 2, 3, 0xFF), _each_phase(value), strict=True):
            table[base << 16 | phase << 8] = (None, one)
    table[0x02060000] = (None, _factor)
    table[0x02030000] = (None, _power)
    for phase, one in zip((1, 2, 3, 0xFF), _each_phase(_phase_power), strict=True):
        whole = one if phase != 0xFF else lambda meter, one=one: _power(meter) + one(meter)
        table[0x02030000 | phase << 8] = (None, whole)
    for live, base in ((True, 0x04010000), (False, 0x04020000)):
        table[base] = (None, _zones(live))
        for number in range(1, DAY_TABLES + 1):
            table[base | number] = (None, _slots(live, number))
    for identifier, (name, size, credits) in PARAMETERS.items():
        table[identifier] = (credits, _parameter(name, size))
    for identifier, name in MOMENTS.items():
        table[identifier] = (None, _moment(name))
    # The last purchase; units meters answer it under the group of units as well.
    for group, credits in ((0x0333, PREPAID), (0x0332, UNITS)):
        for item, value in enumerate(_purchases(), start=1):
            table[group << 16 | item << 8 | 1] = (credits, value)
    return {identifier.to_bytes(4, "little"): entry for identifier, entry in table.items()}


TABLE = _make()
