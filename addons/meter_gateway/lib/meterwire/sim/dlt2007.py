"""DL/T 645-2007 on the meter's side: a request in, a reply or silence out."""

import time

from . import shape_order, shapes
from .answers import Answer, Protocol
from .clock import DAY
from .frames import build_645
from .registers_2007 import TABLE
from .writes_2007 import (
    ERR_NO_DATA,
    ERR_OTHER,
    ERR_PASSWORD,
    Denied,
    check_password,
    moment,
    write,
)

SECURITY, BROADCAST_TIME, READ, READ_NEXT, READ_ADDRESS = 0x03, 0x08, 0x11, 0x12, 0x13
WRITE, FREEZE, SWITCH = 0x14, 0x16, 0x1C
REPLY, ABNORMAL, MORE = 0x80, 0xC0, 0x20
BROADCAST_TOLERANCE = 300  # seconds by which a broadcast may move a clock
TRIP, CLOSING = 0x1A, (0x1B, 0x1C)
BROADCAST = b"\x99" * 6


def answer(meter, request, how):
    """Execute a request and return an :class:`~.answers.Answer`, or None for silence.

    The caller commits the books when ``changed`` is set, before it sends anything.

    :param how: ``own``, ``wild`` or ``broadcast``.
    """
    control = request.control
    if control == READ and how != "broadcast":
        return _read(meter, request.data)
    if control == READ_NEXT and how != "broadcast":
        return _read_next(meter, request.data)
    if control == READ_ADDRESS and how != "broadcast":
        return Answer(READ_ADDRESS | REPLY, meter.wire)
    if control == BROADCAST_TIME:
        return _broadcast_time(meter, request.data)
    if control == FREEZE and how in ("own", "broadcast"):
        return _freeze(meter, request.data, how)
    if how != "own":
        return None  # whatever else changes something needs the whole address
    try:
        if control == SECURITY:
            return shapes.security(meter, request.data)
        if control == WRITE:
            return _write(meter, request.data)
        if control == SWITCH:
            return _switch(meter, request.data)
    except Denied as denied:
        return Answer(control | ABNORMAL, bytes([denied.error]))
    return None


def moment_kind(request):
    """Return what a request asks: ``money``, ``query``, ``read``, ``switch``, ``write``."""
    control = request.control
    if control == READ or control in (READ_NEXT, READ_ADDRESS):
        return "read"
    if control == SECURITY:
        return "money" if shapes.is_money(request.data) else "query"
    if control == WRITE:
        return "money" if shapes.is_money_write(request.data) else "write"
    return "switch" if control == SWITCH else "other"


# -- reading ---------------------------------------------------------------------------------------


def _read(meter, data):
    entry = TABLE.get(data[:4])
    if entry is not None and not (meter.kind.shape == "order" and shape_order.hides(data)):
        credits, value = entry
        if credits is None or meter.kind.credit in credits:
            value = value(meter)
            if value is not None:
                if len(value) + 4 <= meter.kind.frame_limit:
                    return Answer(0x91, data[:4] + value)
                return _first_of_many(meter, data[:4], value)
    if len(data) < 4:
        return Answer(READ | ABNORMAL, bytes([ERR_OTHER]))
    value = shapes.register(meter, data[:4])
    if value is not None:
        return Answer(0x91, data[:4] + value)
    return Answer(READ | ABNORMAL, bytes([ERR_NO_DATA]))


def _first_of_many(meter, identifier, value):
    """More follows than one frame holds; function 12 asks for it part by part."""
    size = meter.kind.frame_limit - 5
    meter.following = (identifier, value, size)
    return Answer(READ | REPLY | MORE, identifier + value[:size])


def _read_next(meter, data):
    identifier, value, size = meter.following or (None, b"", 1)
    if len(data) != 5 or data[:4] != identifier:
        return Answer(READ_NEXT | ABNORMAL, bytes([ERR_NO_DATA]))
    part = value[data[4] * size : (data[4] + 1) * size]
    if not part or not data[4]:
        return Answer(READ_NEXT | ABNORMAL, bytes([ERR_NO_DATA]))
    more = MORE if (data[4] + 1) * size < len(value) else 0
    return Answer(READ_NEXT | REPLY | more, identifier + part + data[4:5])


# -- what changes something ------------------------------------------------------------------------


def _write(meter, data):
    """DI, PA P0 P1 P2, operator, value."""
    if len(data) < 12:
        raise Denied(ERR_OTHER)
    check_password(meter, data[4:8])
    identifier = int.from_bytes(data[:4], "little")
    answered = shapes.write(meter, identifier, data)
    if answered is not None:
        return answered
    write(meter, identifier, data[12:])
    return Answer(WRITE | REPLY, changed=True)


def _switch(meter, data):
    """Relay control 1C: PA P0 P1 P2, operator 4, N1, N2, ss mm hh DD MM YY."""
    if len(data) != 16:
        raise Denied(ERR_OTHER)
    check_password(meter, data)
    try:
        expires = moment(data[10:])
    except ValueError as error:
        raise Denied(ERR_OTHER) from error
    # By the meter's own clock; a late command is refused like a wrong password.
    if meter.now() > expires:
        raise Denied(ERR_PASSWORD)
    now = time.time()
    if not meter.account.switch(data[8], now):
        raise Denied(ERR_OTHER)
    if data[8] == TRIP or data[8] in CLOSING:
        meter.write("tripped_at" if data[8] == TRIP else "closed_at", now)
    meter.changed()
    return Answer(SWITCH | REPLY, changed=True)


def _freeze(meter, data, how):
    """Keep what the registers show now; only "at once" (99999999) is known."""
    if data != b"\x99" * 4:
        return None if how == "broadcast" else Answer(FREEZE | ABNORMAL, bytes([ERR_OTHER]))
    books = meter.books
    books.frozen = [f"{meter.now():%M%H%d%m%y}", books.total, list(books.tariffs)]
    # A broadcast has no reply.
    return Answer(None if how == "broadcast" else FREEZE | REPLY, changed=True)


def _broadcast_time(meter, data):
    """Taken once a day, within five minutes of the meter's own clock."""
    try:
        wanted = moment(data)
    except (ValueError, IndexError):
        return None
    now = meter.now()
    day = int(meter.local(time.time()) // DAY)
    if len(data) != 6 or abs((wanted - now).total_seconds()) > BROADCAST_TOLERANCE:
        return None
    if meter.books.clock_day == day:
        return None
    meter.set_clock(wanted)
    meter.books.clock_day = day
    return Answer(None, changed=True)


# -- as the line sees it ---------------------------------------------------------------------------


def hears(meter, request):
    """Return ``own``, ``wild`` or ``broadcast`` when a request is for this meter, else None.

    Only the high digits may be AA (abbreviated address), all of them for "whoever is there".
    """
    if request.kind is not None:
        return None
    wire = request.wire
    if wire == meter.wire:
        return "own"
    if wire == BROADCAST:
        return "broadcast"
    given = wire.rstrip(b"\xaa")
    return "wild" if given != wire and meter.wire.startswith(given) else None


def build(meter, _request, reply, preamble, wire=None):
    return build_645(wire or meter.wire, reply.control, reply.data, preamble)


PROTOCOL = Protocol(hears, lambda _meter, request: moment_kind(request), answer, build)
