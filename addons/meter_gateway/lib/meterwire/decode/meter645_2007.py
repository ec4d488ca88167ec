"""DL/T 645-2007 in fields and words."""

from ..dlt645 import ABNORMAL, REPLY
from ..dlt645_2007 import (
    BAUD,
    BROADCAST_TIME,
    CLEAR_DEMAND,
    CLEAR_EVENTS,
    CLEAR_METER,
    ERR,
    FUNCTIONS,
    PASSWORD,
    READ,
    READ_ADDRESS,
    READ_NEXT,
    REGISTERS,
    RELAY,
    RELAY_OPEN,
    SECURITY,
    STATUS_3,
    WRITE,
    WRITE_ADDRESS,
    err_words,
    read_value,
)
from ..errors import FrameError
from ..recharge import sealed_frame as recharge
from ..values import bcd_to_int, le_to_int, wire_to_digits
from .shared import head_fields, name_in, need, value_text

RELAY_COMMANDS = {
    0x1A: "trip",
    0x1B: "permit-close",
    0x1C: "close",
    0x2A: "alarm",
    0x2B: "alarm-off",
    0x3A: "keep-power",
    0x3B: "end-keep-power",
}
_BAUD_RATES = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}
#: function -> where in its data the password stands (request), as (from, to)
_PASSWORDS = {
    WRITE: ((5, 8),),
    PASSWORD: ((5, 8), (9, 12)),
    CLEAR_DEMAND: ((1, 4),),
    CLEAR_METER: ((1, 4),),
    CLEAR_EVENTS: ((1, 4),),
    RELAY: ((1, 4),),
}
#: PA of a write or relay request whose value is cipher text, and of one that carries a MAC
_ENCIPHERED = (0x98, 0x99)
SECRET_FUNCTIONS = frozenset((SECURITY, *_PASSWORDS))


def name_of(frame):
    return name_in(FUNCTIONS, frame)


# --- fields -------------------------------------------------------------------------------------


def fields(frame):
    found = head_fields(frame, FUNCTIONS, ERR)
    if frame.is_abnormal:
        if frame.function == SECURITY:
            found.pop("err_bits", None)  # one byte there: the bits are the vendor's own
            if len(frame.data) != 1:
                found["serr"] = f"{le_to_int(frame.data):04X}"
        return found
    reader = _READERS.get(frame.function)
    if reader:
        reader(frame, found)
    return found


def _fields_read(frame, found):
    if not frame.data and not frame.is_reply:
        raise FrameError("a read request without an identifier")
    if frame.di is None:
        return
    found["di"] = f"{frame.di:08X}"
    payload = frame.data[4:]
    found["payload"] = payload.hex().upper()
    if frame.is_reply and payload:
        register = REGISTERS.get(frame.di)
        if register and not frame.has_more:
            found["value"] = read_value(frame.di, payload)
            found["unit"] = register.unit


def _fields_next(frame, found):
    need(frame, 5, FUNCTIONS)
    found["di"] = f"{frame.di:08X}"
    found["payload"] = frame.data[4:-1].hex().upper()
    found["seq"] = frame.data[-1]


def _fields_address(frame, found):
    if frame.is_reply or frame.function == WRITE_ADDRESS:
        if frame.function == WRITE_ADDRESS and frame.is_reply:
            return
        need(frame, 6, FUNCTIONS)
        found["reported_address"] = wire_to_digits(frame.data[:6])


def _fields_security(frame, found):
    need(frame, 4, FUNCTIONS)
    found["di"] = f"{frame.di:08X}"
    if not frame.is_reply and len(frame.data) >= 8:
        # The same four bytes are the operator of the standard and the reference of our protocol.
        found["operator"] = wire_to_digits(frame.data[4:8])
        found["payload"] = frame.data[8:].hex().upper()


def _fields_write(frame, found):
    if frame.is_reply:
        return
    need(frame, 12, FUNCTIONS)
    found["di"] = f"{frame.di:08X}"
    found["pa"] = f"{frame.data[4]:02X}"
    found["password"] = wire_to_digits(frame.data[5:8])
    found["operator"] = wire_to_digits(frame.data[8:12])
    found["payload"] = frame.data[12:].hex().upper()


def _fields_relay(frame, found):
    if frame.is_reply:
        return
    need(frame, 8, FUNCTIONS)
    data = frame.data
    found["pa"] = f"{data[0]:02X}"
    found["password"] = wire_to_digits(data[1:4])
    found["operator"] = wire_to_digits(data[4:8])
    if data[0] not in _ENCIPHERED:
        need(frame, 16, FUNCTIONS)
        found["N1"] = f"{data[8]:02X}"
        found["N2"] = f"{data[9]:02X}"
        found["command"] = RELAY_COMMANDS.get(data[8], f"command {data[8]:02X}")
        bcd_to_int(data[10:16])
        found["expiry_yymmddhhmmss"] = wire_to_digits(data[10:16])


def _fields_time(frame, found):
    if len(frame.data) != 6:
        raise FrameError("a broadcast time has 6 bytes")
    bcd_to_int(frame.data)
    found["time_yymmddhhmmss"] = wire_to_digits(frame.data)


def _fields_baud(frame, found):
    rate = _BAUD_RATES.get(frame.data[0]) if len(frame.data) == 1 else None
    if rate is None:
        raise FrameError(f"{frame.data.hex().upper()} is no baud rate character")
    found["value"] = rate


_READERS = {
    READ: _fields_read,
    READ_NEXT: _fields_next,
    READ_ADDRESS: _fields_address,
    WRITE_ADDRESS: _fields_address,
    SECURITY: _fields_security,
    WRITE: _fields_write,
    RELAY: _fields_relay,
    BROADCAST_TIME: _fields_time,
    BAUD: _fields_baud,
}


# --- words --------------------------------------------------------------------------------------


def words(frame):
    name = FUNCTIONS.get(frame.function, f"function {frame.function:02X}")
    if frame.is_abnormal:
        if frame.function == SECURITY:
            return f"refusal of {name}: {recharge.refusal_of(frame).words}"
        return f"refusal of {name}: {err_words(frame.data[0]) if frame.data else 'no reason'}"
    if frame.function == SECURITY:
        return _words_security(frame)
    found = fields(frame)
    if frame.function == READ:
        return _words_read(frame, found)
    text = name_of(frame)
    for key in ("di", "command", "reported_address", "time_yymmddhhmmss", "value"):
        if key in found:
            text += f" {found[key]}"
    if "seq" in found:
        text += f" part {found['seq']}"
    if "expiry_yymmddhhmmss" in found:
        text += f", valid until {found['expiry_yymmddhhmmss']}"
    return text + (": accepted" if frame.is_reply and not frame.data else "")


def _words_read(frame, found):
    if "di" not in found:
        return "reply to read without an identifier"
    register = REGISTERS.get(frame.di)
    if not frame.is_reply:
        return f"read {found['di']}" + (f" ({register.name})" if register else "")
    if "value" not in found:
        return f"reply to read {found['di']}: {found['payload'] or 'nothing'}"
    return f"reply to read {found['di']}: {value_words(frame.di, found['value'])}"


def value_words(di, value):
    """A value of the table of data identifiers with its unit.

    >>> value_words(0x04000503, 0x50)
    '0050, supply off'
    """
    if di == STATUS_3 and isinstance(value, int):
        return f"{value:04X}, supply {'off' if value & RELAY_OPEN else 'on'}"
    register = REGISTERS.get(di)
    return value_text(value, register.unit if register else "")


def _words_security(frame):
    kind = recharge.KIND_OF_DI.get(frame.di)
    data = frame.data
    if kind and not frame.is_reply and len(data) == recharge.REQUEST_SIZE:
        return f"{kind}, reference {le_to_int(data[4:8])}, key version {data[8]}"
    if kind and frame.is_reply and len(data) == 12:
        number, balance = le_to_int(data[4:8]), le_to_int(data[8:12], signed=True)
        return f"{kind} executed, purchase number {number}, balance {steps_words(balance)}"
    if frame.di == recharge.STATUS_DI and not frame.is_reply and len(data) == 17:
        return f"status query, key version {data[8]}"
    if frame.di == recharge.STATUS_DI and frame.is_reply and len(data) == 46:
        status = recharge.read_record(data[4:42])
        return (
            f"status: purchase number {status.number}, epoch {status.epoch}, "
            f"last {status.last_kind} {steps_words(status.last_amount)}, "
            f"reference {status.last_reference}, "
            f"balance {steps_words(status.balance)}, bought {steps_words(status.cumulative)}, "
            f"customer {status.customer}, supply {'off' if status.supply_off else 'on'}"
        )
    what = f"{frame.di:08X}" if frame.di is not None else "without an identifier"
    return f"{'reply to ' if frame.is_reply else ''}security-auth {what}"


def steps_words(steps):
    """Steps of 0.01 as a number.

    >>> steps_words(-5)
    '-0.05'
    """
    return f"{'-' if steps < 0 else ''}{abs(steps) // 100}.{abs(steps) % 100:02d}"


def secrets(frame):
    """Positions in the data of a frame that are not to be shown."""
    data = frame.data
    if frame.control & ABNORMAL:
        return range(0)
    if frame.function == SECURITY:
        if frame.di == recharge.STATUS_DI and len(data) in (17, 46):
            return range(42, 46) if frame.control & REPLY else range(0)
        if frame.di in recharge.KIND_OF_DI and frame.control & REPLY and len(data) == 12:
            return range(0)
        return range(9 if len(data) == recharge.REQUEST_SIZE else 8, len(data))
    if frame.control & REPLY or frame.function not in _PASSWORDS:
        return range(0)
    level = data[4:5] if frame.function in (WRITE, PASSWORD) else data[:1]
    if level and level[0] in _ENCIPHERED:
        return range(5 if frame.function in (WRITE, PASSWORD) else 1, len(data))
    return [
        at for start, end in _PASSWORDS[frame.function] for at in range(start, min(end, len(data)))
    ]
