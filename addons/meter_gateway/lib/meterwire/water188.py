"""What replies of CJ/T 188 hold: volumes with their units, purchases, prices.

Everything is packed decimal, low byte first. Fields of FF are not fitted. Layouts: the standard,
table of data identifiers, as implemented by public drivers.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .errors import FrameError
from .values import bcd_to_decimal, bcd_to_int, wire_to_moment

#: unit byte -> (name as sent, places to move the point, unit after that)
UNITS = {
    0x02: ("Wh", -3, "kWh"),
    0x05: ("kWh", 0, "kWh"),
    0x08: ("MWh", 3, "kWh"),
    0x0A: ("100 MWh", 5, "kWh"),
    0x29: ("L", -3, "m3"),
    0x2A: ("10 L", -2, "m3"),
    0x2B: ("100 L", -1, "m3"),
    0x2C: ("m3", 0, "m3"),
    0x2D: ("10 m3", 1, "m3"),
    0x2E: ("100 m3", 2, "m3"),
    0x32: ("L/h", -3, "m3/h"),
    0x35: ("m3/h", 0, "m3/h"),
}
_FIELD = 5


class Metering(NamedTuple):
    """A reply about 901F. What the meter does not send, or fills with FF, is None.

    :param Decimal flow: present volume in ``unit``
    :param str unit: m3 or kWh; the unit byte in hexadecimal if it is no known one
    :param datetime clock: of the meter, without a zone; None also when it is no moment
    :param bytes status: ST, two bytes
    """

    flow: Decimal | None
    unit: str
    settlement: Decimal | None = None
    settlement_unit: str = ""
    clock: datetime | None = None
    status: bytes | None = None


def quantity(data):
    """Value and unit of a field of five bytes: packed decimal with two places, and a unit byte.

    :returns: (Decimal or None where not fitted, unit)
    :raises FrameError: wrong length, or digits that are none

    >>> quantity(bytes.fromhex("901200002A"))
    (Decimal('0.1290'), 'm3')
    """
    if len(data) != _FIELD:
        raise FrameError(f"a quantity has {_FIELD} bytes, there are {len(data)}")
    _, shift, unit = UNITS.get(data[4], (None, 0, f"{data[4]:02X}"))
    if data[:4] == b"\xff\xff\xff\xff":
        return None, unit
    return bcd_to_decimal(data[:4], 2).scaleb(shift), unit


def metering(payload):
    """The reply about 901F of a meter that counts volume (or, 2004, electricity).

    :param bytes payload: behind identifier and serial. 19 bytes by the standard; some meters
        send the first value only.
    :raises FrameError: too short, or a present volume that is no number
    """
    flow, unit = quantity(payload[:_FIELD])
    found = Metering(flow, unit)
    if len(payload) >= 2 * _FIELD:
        try:
            settlement, settlement_unit = quantity(payload[_FIELD : 2 * _FIELD])
        except FrameError:  # of no use to anybody: the present volume counts
            settlement, settlement_unit = None, ""
        found = found._replace(settlement=settlement, settlement_unit=settlement_unit)
    if len(payload) >= 19:
        found = found._replace(clock=clock(payload[10:17]), status=payload[17:19])
    return found


def clock(data):
    """The seven bytes of a clock in either order (seconds first, or century first); None if they
    are no moment: all zeros before the clock was set, FF where there is none.

    >>> clock(bytes.fromhex("59541619081720"))
    datetime.datetime(2017, 8, 19, 16, 54, 59)
    >>> clock(bytes.fromhex("20170819165459"))
    datetime.datetime(2017, 8, 19, 16, 54, 59)
    """
    for layout in ("ssmmhhDDMMYYCC", "CCYYMMDDhhmmss"):
        try:
            found = wire_to_moment(data, layout)
        except FrameError:
            continue
        if 1990 <= found.year < 2100:
            return found
    return None


class Purchase(NamedTuple):
    """A reply about 8105: the last purchase, and what is left of all.

    :param int serial: of the purchase
    :param Decimal amount: of that purchase; ``bought`` all of them; ``remaining`` now
    :param bytes status: ST, two bytes
    """

    serial: int
    amount: Decimal
    bought: Decimal
    remaining: Decimal
    status: bytes


def purchase(payload):
    """The reply about 8105, 15 bytes behind identifier and serial.

    :raises FrameError: wrong length, or digits that are none
    """
    if len(payload) != 15:
        raise FrameError(f"the record of a purchase has 15 bytes, there are {len(payload)}")
    amounts = (bcd_to_decimal(payload[at : at + 4], 2) for at in (1, 5, 9))
    return Purchase(payload[0], *amounts, payload[13:])


class Prices(NamedTuple):
    """Price table: three prices, the volumes (m3) at which the second and third begin, and the day
    of the month from which it is in force (None in a reply)."""

    prices: tuple
    limits: tuple
    start_day: int | None = None


def prices(payload):
    """The price table in a reply about 8102 (15 bytes) or a write of A010 (16).

    :raises FrameError: wrong length, or digits that are none
    """
    if len(payload) not in (15, 16):
        raise FrameError(f"a price table has 15 or 16 bytes, there are {len(payload)}")
    values = [payload[at : at + 3] for at in range(0, 15, 3)]
    return Prices(
        tuple(bcd_to_decimal(values[at], 2) for at in (0, 2, 4)),
        tuple(Decimal(bcd_to_int(values[at])) for at in (1, 3)),
        bcd_to_int(payload[15:]) if len(payload) == 16 else None,
    )
