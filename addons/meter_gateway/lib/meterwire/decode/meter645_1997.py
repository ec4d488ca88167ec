"""DL/T 645-1997 in fields and words."""

from ..dlt645 import ABNORMAL, REPLY
from ..dlt645_1997 import (
    BROADCAST_TIME,
    CLEAR_DEMAND,
    ERR,
    FUNCTIONS,
    PASSWORD,
    READ,
    READ_AGAIN,
    READ_NEXT,
    REGISTERS,
    WRITE,
    WRITE_ADDRESS,
    err_words,
    read_value,
)
from ..errors import FrameError
from ..values import bcd_to_int, wire_to_digits
from .shared import head_fields, name_in, need, value_text

#: function -> where in its data a password stands (request), as (from, to)
_PASSWORDS = {WRITE: ((3, 6),), PASSWORD: ((1, 4), (5, 8)), CLEAR_DEMAND: ((1, 4),)}
SECRET_FUNCTIONS = frozenset(_PASSWORDS)
_READS = (READ, READ_NEXT, READ_AGAIN)


def name_of(frame):
    return name_in(FUNCTIONS, frame)


def fields(frame):
    found = head_fields(frame, FUNCTIONS, ERR)
    data = frame.data
    if frame.is_abnormal:
        return found
    if frame.function in _READS:
        if frame.di is None:
            if not frame.is_reply:
                raise FrameError("a read request without an identifier")
            return found
        found["di"] = f"{frame.di:04X}"
        payload = data[2:]
        found["payload"] = payload.hex().upper()
        if frame.is_reply and payload and frame.di in REGISTERS and not frame.has_more:
            found["value"] = read_value(frame.di, payload)
            found["unit"] = REGISTERS[frame.di].unit
    elif frame.function == WRITE and not frame.is_reply:
        need(frame, 6, FUNCTIONS)
        found["di"] = f"{frame.di:04X}"
        found["pa"] = f"{data[2]:02X}"
        found["password"] = wire_to_digits(data[3:6])
        found["payload"] = data[6:].hex().upper()
    elif frame.function == BROADCAST_TIME:
        if len(data) != 6:
            raise FrameError("a broadcast time has 6 bytes")
        bcd_to_int(data)
        found["time_yymmddhhmmss"] = wire_to_digits(data)
    elif frame.function == WRITE_ADDRESS and not frame.is_reply:
        need(frame, 6, FUNCTIONS)
        found["reported_address"] = wire_to_digits(data[:6])
    return found


def words(frame):
    name = FUNCTIONS.get(frame.function, f"function {frame.function:02X}")
    if frame.is_abnormal:
        return f"refusal of {name}: {err_words(frame.data[0]) if frame.data else 'no reason'}"
    found = fields(frame)
    text = name_of(frame)
    for key in ("di", "reported_address", "time_yymmddhhmmss"):
        if key in found:
            text += f" {found[key]}"
    if frame.function not in _READS:
        return text + (": accepted" if frame.is_reply and not frame.data else "")
    register = REGISTERS.get(frame.di)
    if not frame.is_reply:
        return text + (f" ({register.name})" if register else "")
    if "value" in found:
        return f"{text}: {value_text(found['value'], register.unit)}"
    return f"{text}: {found.get('payload') or 'nothing'}"


def secrets(frame):
    """Positions in the data of a frame that are not to be shown."""
    if frame.control & (ABNORMAL | REPLY):
        return ()
    size = len(frame.data)
    return [
        at
        for start, end in _PASSWORDS.get(frame.function, ())
        for at in range(start, min(end, size))
    ]
