"""Frames in words, for people; and masked, for evidence: no cipher text, MAC, password is shown."""

from .buffer import START, FrameBuffer
from .dlt645_2007 import (
    ABNORMAL,
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
    REGISTERS,
    RELAY,
    RELAY_OPEN,
    REPLY,
    SECURITY,
    STATUS_3,
    WRITE,
    WRITE_ADDRESS,
    decode,
    err_words,
    read_value,
)
from .errors import FrameError, WireError
from .recharge import order as recharge
from .values import bcd_to_int, le_to_int, wire_to_digits

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
_HIDDEN = "**"
_DATA_AT = 10
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


# --- fields -------------------------------------------------------------------------------------


def fields(frame):
    """What a frame says, as a flat dict of plain values; keys as in ``tests/wire/vectors``.

    :raises FrameError: the content makes no sense for its function
    """
    data = frame.data
    found = {
        "address": frame.address,
        "control": f"{frame.control:02X}",
        "direction": "reply" if frame.is_reply else "request",
        "abnormal": frame.is_abnormal,
        "more": frame.has_more,
        "function": FUNCTIONS.get(frame.function, f"function {frame.function:02X}"),
        "length": len(data),
    }
    if frame.is_abnormal:
        if len(data) == 1:
            found["err_byte"] = f"{data[0]:02X}"
            if frame.function != SECURITY:  # there the bits are the vendor's own
                found["err_bits"] = [
                    name for bit, (name, _) in enumerate(ERR) if data[0] >> bit & 1
                ]
        elif frame.function == SECURITY:
            found["serr"] = f"{le_to_int(data):04X}"
        return found
    reader = _READERS.get(frame.function)
    if reader:
        reader(frame, found)
    return found


def _need(frame, size):
    if len(frame.data) < size:
        raise FrameError(
            f"{len(frame.data)} data bytes are too few for {FUNCTIONS[frame.function]}"
        )


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
        if register:
            found["value"] = read_value(frame.di, payload)
            found["unit"] = register.unit


def _fields_address(frame, found):
    if frame.is_reply or frame.function == WRITE_ADDRESS:
        if frame.function == WRITE_ADDRESS and frame.is_reply:
            return
        _need(frame, 6)
        found["reported_address"] = wire_to_digits(frame.data[:6])


def _fields_security(frame, found):
    _need(frame, 4)
    found["di"] = f"{frame.di:08X}"
    if not frame.is_reply and len(frame.data) >= 8:
        # The same four bytes are the operator of the standard and the reference of our protocol.
        found["operator"] = wire_to_digits(frame.data[4:8])
        found["payload"] = frame.data[8:].hex().upper()


def _fields_write(frame, found):
    if frame.is_reply:
        return
    _need(frame, 12)
    found["di"] = f"{frame.di:08X}"
    found["pa"] = f"{frame.data[4]:02X}"
    found["password"] = wire_to_digits(frame.data[5:8])
    found["operator"] = wire_to_digits(frame.data[8:12])
    found["payload"] = frame.data[12:].hex().upper()


def _fields_relay(frame, found):
    if frame.is_reply:
        return
    _need(frame, 8)
    data = frame.data
    found["pa"] = f"{data[0]:02X}"
    found["password"] = wire_to_digits(data[1:4])
    found["operator"] = wire_to_digits(data[4:8])
    if data[0] not in _ENCIPHERED:
        _need(frame, 16)
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
    """One sentence about a frame, without its address; never a secret, never an exception."""
    try:
        return _words(frame)
    except WireError as error:
        name = FUNCTIONS.get(frame.function, f"function {frame.function:02X}")
        return f"{'reply to ' if frame.is_reply else ''}{name}, senseless: {error.words}"


def _words(frame):
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
    text = f"reply to {name}" if frame.is_reply else name
    for key in ("di", "command", "reported_address", "time_yymmddhhmmss", "value"):
        if key in found:
            text += f" {found[key]}"
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
    register = REGISTERS.get(di)
    if value is None:
        return "not available"
    if isinstance(value, bytes):
        return value.hex().upper()
    if di == STATUS_3:
        return f"{value:04X}, supply {'off' if value & RELAY_OPEN else 'on'}"
    values = value if isinstance(value, tuple) else (value,)
    text = ", ".join("-" if one is None else str(one) for one in values)
    return f"{text} {register.unit}" if register and register.unit else text


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


def explain(data):
    """One line per frame found in ``data``: address and meaning; what is no frame is counted."""
    buffer = FrameBuffer()
    frames = buffer.feed(data) + buffer.flush()
    lines = [f"{frame.address} {words(frame)}" for frame in map(decode, frames)]
    if buffer.noise:
        lines.append(f"{buffer.noise} byte{'s' if buffer.noise > 1 else ''} that are no frame")
    return lines


# --- mask ---------------------------------------------------------------------------------------


def mask(data):
    """Bytes as hex with ``**`` for cipher text, MAC and passwords.

    The checksum of a frame with hidden bytes is hidden too: it would give away their sum. Of a
    piece of such a frame everything behind its head is hidden.
    """
    if not data:
        return ""
    shown = [f"{value:02X}" for value in data]
    at = data.find(START)
    while at >= 0 and at + 8 < len(data):
        end = at + 1
        if data[at + 7] == START:
            size = data[at + 9] if at + 9 < len(data) else 0
            end = at + 12 + size
            whole = (
                end <= len(data)
                and data[end - 1] == 0x16
                and sum(data[at : end - 2]) & 0xFF == data[end - 2]
            )
            if whole:
                hidden = _secrets(decode(data[at:end]))
                for index in hidden:
                    shown[at + _DATA_AT + index] = _HIDDEN
                if hidden:
                    shown[end - 2] = _HIDDEN
            else:
                end = at + 1
                if data[at + 8] & 0x1F in (SECURITY, *_PASSWORDS):
                    shown[at + 10 :] = [_HIDDEN] * len(shown[at + 10 :])
                    break
        at = data.find(START, end)
    return " ".join(shown)


def _secrets(frame):
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
