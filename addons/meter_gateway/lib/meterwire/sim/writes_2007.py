"""What a meter of DL/T 645-2007 takes by function 14: parameters, clock, tariff tables."""

from datetime import datetime

from .frames import unbcd
from .registers_2007 import MOMENTS, PARAMETERS
from .tables import DAY_TABLES, ENTRIES_MAX, TARIFFS

ERR_OTHER, ERR_NO_DATA, ERR_PASSWORD = 0x01, 0x02, 0x04
ERR_ZONES, ERR_SLOTS, ERR_TARIFFS = 0x10, 0x20, 0x40
STANDBY = 0x04020000
STANDBY_PRICE = 0x04050200
CENTURY = 2000


class Denied(Exception):
    """A request is refused; ``error`` is the ERR byte."""

    def __init__(self, error):
        super().__init__(f"denied, ERR {error:02X}")
        self.error = error


def check_password(meter, data):
    """Raise Denied unless ``data`` begins with PA and the password of that level."""
    if len(data) < 4 or meter.kind.passwords.get(data[0]) != data[3:0:-1].hex():
        raise Denied(ERR_PASSWORD)


def write(meter, identifier, value):
    """Write the bytes of a data identifier.

    :raise Denied: the meter is as before.
    """
    try:
        _write(meter, identifier, value)
    except (ValueError, IndexError) as error:
        raise Denied(ERR_OTHER) from error


def _write(meter, identifier, value):
    if identifier in PARAMETERS:
        _write_parameter(meter, identifier, value)
    elif identifier in CLOCKS:
        CLOCKS[identifier](meter, value)
    elif identifier in MOMENTS:
        _write_moment(meter, MOMENTS[identifier], value)
    elif STANDBY <= identifier <= STANDBY + DAY_TABLES and meter.kind.multi_tariff:
        _write_table(meter, identifier - STANDBY, value)
    elif STANDBY_PRICE < identifier <= STANDBY_PRICE + 0xFF:
        _write_prices(meter, identifier - STANDBY_PRICE, value)
    else:
        raise Denied(ERR_NO_DATA)


def _write_parameter(meter, identifier, value):
    name, size, credits = PARAMETERS[identifier]
    if credits is not None and meter.kind.credit not in credits:
        raise Denied(ERR_NO_DATA)
    if len(value) != size:
        raise Denied(ERR_OTHER)
    meter.write(name, unbcd(value))


# -- clock -----------------------------------------------------------------------------------------


def moment(data):
    """Return the date and time of bytes ss mm hh DD MM YY; ValueError when there is none such."""
    second, minute, hour, day, month, year = (unbcd(data[at : at + 1]) for at in range(6))
    return datetime(CENTURY + year, month, day, hour, minute, second)  # noqa: DTZ001 - local


def _sized(value, size):
    if len(value) != size:
        raise Denied(ERR_OTHER)
    return value


def _write_date(meter, value):
    now = meter.now()
    date = bytes.fromhex(f"{now:%S%M%H}") + _sized(value, 4)[1:]
    meter.set_clock(moment(date))


def _write_time(meter, value):
    meter.set_clock(moment(_sized(value, 3) + bytes.fromhex(f"{meter.now():%d%m%y}")))


def _write_clock(meter, value):
    meter.set_clock(moment(_sized(value, 7)[:3] + value[4:]))


CLOCKS = {0x04000101: _write_date, 0x04000102: _write_time, 0x0400010C: _write_clock}


# -- tariff tables ---------------------------------------------------------------------------------


def _write_moment(meter, name, value):
    digits = _sized(value, 5)[::-1].hex()
    if unbcd(value):
        moment(b"\0" + value)
    meter.own_tables().order(name, digits)
    meter.save_tables()


def _write_table(meter, number, value):
    """Zones of the year (number 0) or one of the day's slot tables: entries NN low high."""
    count, rest = divmod(len(value), 3)
    if rest or not count:
        raise Denied(ERR_OTHER)
    if count > ENTRIES_MAX:
        raise Denied(ERR_SLOTS if number else ERR_ZONES)
    entries = []
    for at in range(0, len(value), 3):
        name, low, high = (unbcd(value[i : i + 1]) for i in range(at, at + 3))
        if number:
            if not 1 <= name <= TARIFFS:
                raise Denied(ERR_TARIFFS)
            good = low < 60 and high < 24
        else:
            good = 1 <= low <= 31 and 1 <= high <= 12 and 1 <= name <= DAY_TABLES
        if not good:
            raise Denied(ERR_OTHER)
        entries.append([high, low, name])
    # Entries go by time; what only fills up repeats the last one.
    if entries != sorted(entries, key=lambda entry: entry[:2]):
        raise Denied(ERR_OTHER)
    standby = meter.own_tables().standby
    if number:
        standby["slots"][number - 1] = entries
    else:
        standby["zones"] = entries
    meter.save_tables()


def _write_prices(meter, number, value):
    """One standby price, or all of them (FF)."""
    numbers = range(1, TARIFFS + 1) if number == 0xFF else (number,)
    if not all(1 <= item <= TARIFFS for item in numbers):
        raise Denied(ERR_TARIFFS)
    if len(value) != 4 * len(numbers):
        raise Denied(ERR_OTHER)
    prices = [unbcd(value[at : at + 4]) for at in range(0, len(value), 4)]
    standby = meter.own_tables().standby["prices"]
    for item, price in zip(numbers, prices, strict=True):
        standby[item - 1] = price
    meter.save_tables()
