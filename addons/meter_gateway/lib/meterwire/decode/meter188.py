"""CJ/T 188 in fields and words."""

from ..cjt188 import (
    ADDRESS,
    FUNCTIONS,
    KEY_VERSION,
    METERING,
    PRICES,
    PURCHASE,
    READ,
    SET_ADDRESS,
    SET_CLOCK,
    SET_FACTORY,
    SET_KEY,
    SET_KEY_2018,
    SET_PRICES,
    SET_PURCHASE,
    SET_READING_DAY,
    SET_SETTLEMENT_DAY,
    SET_SYNC,
    VALVE,
    VALVE_CLOSE,
    VALVE_OPEN,
    WRITE,
    refusal,
    status_words,
)
from ..errors import FrameError
from ..values import wire_to_digits
from ..water188 import UNITS, clock, metering, prices, purchase, quantity
from .shared import name_in, value_text

NAMES = {
    METERING: "metering data",
    PRICES: "prices",
    0x8103: "settlement day",
    0x8104: "reading day",
    PURCHASE: "purchase",
    KEY_VERSION: "key version",
    ADDRESS: "address",
    SET_PRICES: "prices",
    SET_SETTLEMENT_DAY: "settlement day",
    SET_READING_DAY: "reading day",
    SET_PURCHASE: "purchase",
    SET_KEY: "key",
    SET_CLOCK: "clock",
    SET_SYNC: "mechanical reading",
    VALVE: "valve",
    SET_ADDRESS: "address",
    SET_FACTORY: "end of factory state",
    SET_KEY_2018: "key",
}
_VALVE = {VALVE_OPEN: "open", VALVE_CLOSE: "close"}
_HEAT = range(0x20, 0x30)  # their 901F has other fields
_PLAIN_PURCHASE = 5  # serial and amount
_HEAD = 3
_SECRET = (SET_PURCHASE, SET_KEY, SET_KEY_2018)
_SECRET_PAIRS = [di.to_bytes(2, order) for di in _SECRET for order in ("big", "little")]


def name_of(frame):
    return name_in(FUNCTIONS, frame)


def fields(frame):
    data = frame.data
    found = {
        "meter_type": f"{frame.meter_type:02X}",
        "address": frame.address,
        "control": f"{frame.control:02X}",
        "direction": "reply" if frame.is_reply else "request",
        "abnormal": frame.is_abnormal,
        "function": FUNCTIONS.get(frame.function, f"function {frame.function:02X}"),
        "length": len(data),
    }
    if frame.is_abnormal:
        if data:
            found["ser"] = data[0]
            found["status_wire"] = data[-2:].hex().upper() if len(data) > 2 else ""
        return found
    if len(data) < _HEAD:
        if frame.function in FUNCTIONS:
            raise FrameError(f"{len(data)} data bytes have no room for identifier and serial")
        return found
    found["di_wire"] = data[:2].hex().upper()
    found["di"] = f"{frame.di:04X}"
    found["ser"] = frame.ser
    found["payload"] = frame.payload.hex().upper()
    reader = (_READERS_UP if frame.is_reply else _READERS_DOWN).get(frame.di)
    if reader and frame.payload:
        reader(frame, found)
    return found


def _fields_metering(frame, found):
    if frame.meter_type in _HEAT:
        return
    payload = frame.payload
    reading = metering(payload)
    found["flow"], found["flow_unit"] = _as_sent(payload[:5])
    if payload[4] in UNITS:
        found["value"], found["unit"] = reading.flow, reading.unit
    if reading.settlement is not None:
        found["settlement_flow"], found["settlement_unit"] = _as_sent(payload[5:10])
    if reading.status is not None:
        found["time_ccyymmddhhmmss"] = wire_to_digits(payload[10:17])
        found["clock"] = reading.clock
        found["status_wire"] = reading.status.hex().upper()


def _as_sent(data):
    """Number and unit of a quantity before the unit is made m3."""
    number, _ = quantity(data[:4] + b"\x2c")
    return number, UNITS[data[4]][0] if data[4] in UNITS else f"{data[4]:02X}"


def _fields_history(frame, found):
    found["value"], found["unit"] = quantity(frame.payload)


def _fields_purchase(frame, found):
    record = purchase(frame.payload)
    found["serial"] = record.serial
    found["amount"], found["bought"] = record.amount, record.bought
    found["value"] = record.remaining
    found["status_wire"] = record.status.hex().upper()


def _fields_prices(frame, found):
    table = prices(frame.payload)
    found["prices"], found["limits"] = table.prices, table.limits
    if table.start_day is not None:
        found["start_day"] = table.start_day


def _fields_serial(frame, found):
    # How the amount is written is the maker's (decimal, binary, cipher): not said here.
    found["serial"] = frame.payload[0]


def _fields_version(frame, found):
    found["version"] = frame.payload[0]


def _fields_valve(frame, found):
    code = frame.payload[0]
    found["command"] = _VALVE.get(code, f"code {code:02X}")


def _fields_status(frame, found):
    if len(frame.payload) >= 2:
        found["status_wire"] = frame.payload[:2].hex().upper()


def _fields_clock(frame, found):
    found["clock"] = clock(frame.payload)


_READERS_UP = {
    METERING: _fields_metering,
    PURCHASE: _fields_purchase,
    PRICES: _fields_prices,
    KEY_VERSION: _fields_version,
    SET_PURCHASE: _fields_serial,
    SET_KEY: _fields_version,
    VALVE: _fields_status,
    SET_PRICES: _fields_status,
    SET_SYNC: _fields_status,
    **dict.fromkeys(range(0xD120, 0xD12C), _fields_history),
}
_READERS_DOWN = {
    SET_PURCHASE: _fields_serial,
    SET_PRICES: _fields_prices,
    SET_KEY: _fields_version,
    SET_CLOCK: _fields_clock,
    VALVE: _fields_valve,
}


def words(frame):
    if frame.is_abnormal:
        name = FUNCTIONS.get(frame.function, f"function {frame.function:02X}")
        return f"refusal of {name}: {refusal(frame).words.removeprefix('the meter refused: ')}"
    found = fields(frame)
    text = name_of(frame)
    if "di" not in found:
        return text
    text += f" {found['di']}"
    if frame.di in NAMES:
        text += f" ({NAMES[frame.di]})"
    said = _said(frame, found)
    return f"{text}: {', '.join(said)}" if said else text


def _said(frame, found):
    said = []
    if "value" in found:
        said.append(value_text(found["value"], found.get("unit", "")))
    elif "flow" in found:
        said.append(value_text(found["flow"], f"of unit {found['flow_unit']}"))
    if "serial" in found:
        said.append(f"serial {found['serial']}")
    for key in ("amount", "bought", "version", "clock"):
        if found.get(key) is not None:
            said.append(f"{key} {found[key]}")
    if "prices" in found:
        said.append("/".join(map(str, found["prices"])))
        said.append(f"limits {'/'.join(map(str, found['limits']))}")
    if "command" in found:
        said.append(found["command"])
    if found.get("status_wire"):
        said.append(status_words(bytes.fromhex(found["status_wire"])))
    if frame.is_reply and not said:
        if frame.function == READ:
            said.append(found["payload"] or "nothing")
        elif frame.di != ADDRESS:
            said.append("accepted")
    return said


def secrets(frame):
    """Positions in the data of a frame that are not to be shown: keys, and purchases that are more
    than a serial and an amount, which then are enciphered or have a MAC."""
    size = len(frame.data)
    if frame.is_abnormal:
        return ()
    if frame.di in (SET_KEY, SET_KEY_2018) and size > _HEAD + 1:
        return range(_HEAD + 1, size)
    if frame.di == SET_PURCHASE and size > _HEAD + _PLAIN_PURCHASE:
        return range(_HEAD + 1, size)
    return ()


def may_be_secret(control, di):
    """Whether a piece of a frame may be one with secrets.

    :param bytes di: what there is of its identifier
    """
    if control & 0x7F != WRITE:
        return False
    return any(pair.startswith(di) for pair in _SECRET_PAIRS)
