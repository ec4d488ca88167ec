"""What a meter answers to function 11, by data identifier. Values are packed decimal, low first."""

from datetime import datetime

from .frames import bcd

UNITS, MONEY = ("units",), ("money",)
PREPAID = UNITS + MONEY
SIGN = 0x80


def read(meter, identifier):
    """Return the bytes of a data identifier, or None when the meter does not hold it."""
    entry = TABLE.get(identifier)
    if entry is None:
        return None
    credits, value = entry
    if credits is not None and meter.site.credit not in credits:
        return None
    return value(meter)


def _register(number):
    """Total (0) or tariff register 1 to 4; the tariffs only where the meter has them."""

    def value(meter):
        if number == 0:
            return bcd(meter.books.total, 4)
        return bcd(meter.books.tariffs[number - 1], 4) if meter.site.multi_tariff else None

    return value


def _block(meter):
    if not meter.site.multi_tariff:
        return None
    return b"".join(_register(number)(meter) for number in range(5))


def _zero(_meter):
    return bytes(4)


def _signed(steps):
    data = bytearray(bcd(abs(steps), 4))
    if steps < 0:
        data[-1] |= SIGN
    return bytes(data)


def _date(meter):
    now = meter.now()
    # Week days count from Sunday, 00.
    return bytes.fromhex(f"{now.isoweekday() % 7:02d}{now:%d%m%y}")


def _time(meter):
    return bytes.fromhex(f"{meter.now():%S%M%H}")


def _purchase_date(meter):
    if not meter.books.last_at:
        return bytes(5)
    return bytes.fromhex(f"{datetime.fromtimestamp(meter.books.last_at, meter.zone):%M%H%d%m%y}")


def _address(meter):
    return bytes.fromhex(meter.site.address)[::-1]


def _run_status(number):
    """Run status word; the third holds relay (bit 4), command (bit 6) and kind of meter."""

    def value(meter):
        word = 0
        if number == 3:
            word |= meter.account.supply_off << 4
            word |= (meter.site.actuator != "none" and meter.books.tripped) << 6
            word |= {None: 0, "units": 1, "money": 2}[meter.site.credit] << 8
        return word.to_bytes(2, "little")

    return value


def _run_statuses(meter):
    return b"".join(_run_status(number)(meter) for number in range(1, 8))


def _left(meter):
    return bcd(max(meter.books.balance, 0), 4)


def _owed(meter):
    return bcd(max(-meter.books.balance, 0), 4)


TABLE = {
    0x00000000: (None, _register(0)),
    0x00010000: (None, _register(0)),
    0x00020000: (None, _zero),
    0x0000FF00: (None, _block),
    0x0001FF00: (None, _block),
    0x00900100: (UNITS, _left),
    0x00900101: (UNITS, _owed),
    0x00900200: (MONEY, _left),
    0x00900201: (MONEY, _owed),
    0x04000101: (None, _date),
    0x04000102: (None, _time),
    0x0400010C: (None, lambda meter: _time(meter) + _date(meter)),
    0x04000401: (None, _address),
    0x04000402: (None, _address),
    0x0400040E: (PREPAID, lambda meter: bcd(meter.books.customer, 6)),
    0x040005FF: (None, _run_statuses),
    0x04000F03: (UNITS, lambda meter: bcd(meter.site.hoard, 4)),
    0x04000F04: (UNITS, lambda meter: bcd(meter.site.overdraft, 4)),
    0x04001003: (MONEY, lambda meter: bcd(meter.site.overdraft, 4)),
    0x04001004: (MONEY, lambda meter: bcd(meter.site.hoard, 4)),
}
for _tariff in range(1, 5):
    TABLE[0x00010000 | _tariff << 8] = (None, _register(_tariff))
for _word in range(1, 8):
    TABLE[0x04000500 | _word] = (None, _run_status(_word))
# The last purchase; units meters answer it under the group of units as well.
for _group, _credits in ((0x0333, PREPAID), (0x0332, UNITS)):
    for _item, _value in enumerate(
        (
            _purchase_date,
            lambda meter: bcd(meter.books.number, 2),
            lambda meter: bcd(meter.books.last_amount, 4),
            lambda meter: _signed(meter.books.balance_before),
            lambda meter: _signed(meter.books.balance_after),
            lambda meter: bcd(meter.books.cumulative, 4),
        ),
        start=1,
    ):
        TABLE[_group << 16 | _item << 8 | 1] = (_credits, _value)
