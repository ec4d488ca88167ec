"""Q/GDW 376.1 in fields and words, with the meter's frame inside."""

from .. import cjt188, dlt645_1997, dlt645_2007
from ..errors import FrameError, WireError
from ..gdw3761 import (
    AFNS,
    CONFIRM,
    F1,
    F2,
    FORWARD,
    LINK,
    PASSWORD_SIZE,
    forward_span,
    is_heartbeat,
    is_login,
    is_logout,
)
from . import meter188, meter645_1997, meter645_2007
from .streams import frames_in

#: codec -> what puts its frames in words
METERS = {dlt645_2007: meter645_2007, dlt645_1997: meter645_1997, cjt188: meter188}


def name_of(frame):
    if is_login(frame):
        return "login"
    if is_heartbeat(frame):
        return "heartbeat"
    if is_logout(frame):
        return "logout"
    if frame.afn == CONFIRM and frame.dt in (F1, F2):
        return "confirmation" if frame.dt == F1 else "denial"
    if frame.afn == FORWARD and frame.dt == F1:
        return "reply to forward" if frame.is_reply else "forward"
    return f"AFN {frame.afn:02X} F{frame.item}"


def parts(frame):
    """``(start, end, password_end)`` in the data of a forwarding frame: the meter's frame, and the
    concentrator's password behind it (none in a reply). None for all other frames, and where the
    data are too short for what they say."""
    if frame.afn != FORWARD or frame.dt != F1:
        return None
    try:
        _, start, end = forward_span(frame)
    except FrameError:
        return (0, 0, len(frame.data)) if not frame.is_reply else None
    password = 0 if frame.is_reply else PASSWORD_SIZE
    return start, end, min(end + password, len(frame.data))


def _inside(data):
    """Codec and frame of the meter's frame in ``data``; ``(None, None)`` if there is none."""
    for start, end, codec in frames_in(data):
        if codec in METERS:
            return codec, codec.decode(data[start:end])
    return None, None


def fields(frame):
    found = {
        "control": f"{frame.control:02X}",
        "region": frame.terminal[:4],
        "terminal": int(frame.terminal[4:], 16),
        "msa": f"{frame.msa:02X}",
        "direction": "reply" if frame.is_reply else "request",
        "function": AFNS.get(frame.afn, f"function {frame.afn:02X}"),
        "afn": f"{frame.afn:02X}",
        "seq": f"{frame.seq:02X}",
        "da": frame.da.hex().upper(),
        "dt": frame.dt.hex().upper(),
    }
    if frame.afn == FORWARD and frame.dt == F1:
        port, start, end = forward_span(frame)
        inner = frame.data[start:end]
        found["forward_port"] = f"{port:02X}"
        found["before_inner"] = frame.data[:start].hex().upper()
        found["after_inner"] = frame.data[end:].hex().upper()
        codec, meter_frame = _inside(inner)
        if codec:
            found["inner_188" if codec is cjt188 else "inner_645"] = inner.hex().upper()
            found["inner"] = METERS[codec].fields(meter_frame)
    elif frame.afn != LINK and frame.data:
        found["payload"] = frame.data.hex().upper()
    return found


def words(frame):
    text = name_of(frame)
    if frame.afn != FORWARD or frame.dt != F1:
        return text
    port, start, end = forward_span(frame)
    text += f", port {port}"
    if start == end:
        return f"{text}: no answer of the meter"
    codec, meter_frame = _inside(frame.data[start:end])
    if not codec:
        return f"{text}: {end - start} bytes that are no frame of a meter"
    module = METERS[codec]
    try:
        said = module.words(meter_frame)
    except WireError as error:
        said = f"{module.name_of(meter_frame)}, senseless: {error.words}"
    return f"{text}: {meter_frame.address} {said}"
