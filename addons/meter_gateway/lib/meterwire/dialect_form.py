"""Reads the JSON form of a dialect and says, place by place, what is wrong in it."""

import re
from types import MappingProxyType

from . import cjt188
from .coding import CODINGS
from .dialect_parts import Clock, Flag, Password, Register, Standby, Switching
from .errors import DialectError

VERSION = 1
EVIDENCE = ("captured", "published", "emulator")
FORMS = ("relay", "valve188", "write")
ACTIONS = ("off", "on", "local", "keep", "unkeep")
ORDERS = (cjt188.HIGH_FIRST, cjt188.LOW_FIRST)
_ROUTINE = ("total", "balance", "owed", "status")
_CLOCK_PARTS = ("ss", "mm", "hh", "WW", "DD", "MM", "YY", "CC")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAME_WORDS = "small letters, digits and _, a letter first"
_MAX_SIZE = {"bcd": 8, "le": 8, "be": 8, "block": 8, "digits": 16, "bcd_unit": 5}


class _Form:
    """One JSON object and where it stands. ``take`` removes a key; ``end`` refuses the rest."""

    def __init__(self, value, place=""):
        self.place = place
        if not isinstance(value, dict):
            self.fail("", "must be an object { }")
        self._left = dict(value)

    def fail(self, key, words):
        place = ".".join(part for part in (self.place, key) if part)
        raise DialectError(f"{place}: {words}" if place else f"the dialect {words}")

    def has(self, key):
        return self._left.get(key) is not None

    def take(self, key, check, default=..., **options):
        value = self._left.pop(key, None)
        if value is None:
            if default is ...:
                self.fail(key, "is missing")
            return default
        return check(self, key, value, **options)

    def end(self):
        left = [str(key) for key, value in self._left.items() if value is not None]
        if left:
            self.fail(min(left), "is not known here")

    def inner(self, key):
        return _Form(self._left.pop(key), ".".join(part for part in (self.place, key) if part))

    def items(self):
        left, self._left = self._left, {}
        return left.items()


def _text(form, key, value):
    if not isinstance(value, str) or len(value) > 200:
        form.fail(key, "must be text")
    return value


def _name(form, key, value):
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        form.fail(key, f"must be a name: {_NAME_WORDS}")
    return value


def _choice(form, key, value, of):
    if value not in of or not isinstance(value, str):
        form.fail(key, f"must be one of {', '.join(of)}")
    return value


def _whole(form, key, value, least, most):
    if type(value) is not int or not least <= value <= most:
        form.fail(key, f"must be a whole number from {least} to {most}")
    return value


def _seconds(form, key, value, least, most):
    if type(value) not in (int, float) or not least <= value <= most:
        form.fail(key, f"must be a number from {least} to {most}")
    return value


def _flag(form, key, value):
    if type(value) is not bool:
        form.fail(key, "must be true or false")
    return value


def _hex(form, key, value, digits=None, most=None):
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"([0-9A-Fa-f]{2})+", value)
        or (digits and len(value) != digits)
        or (most and len(value) > most)
    ):
        size = f"{digits} hexadecimal digits" if digits else "pairs of hexadecimal digits"
        form.fail(key, f"must be {size} in quotes")
    return bytes.fromhex(value)


def _number(form, key, value, digits=None, most=None):
    return int.from_bytes(_hex(form, key, value, digits, most), "big")


def _list(form, key, value, of):
    if not isinstance(value, list):
        form.fail(key, "must be a list [ ]")
    return tuple(of(form, f"{key}[{at}]", one) for at, one in enumerate(value))


def _layout(form, key, value):
    parts = [value[at : at + 2] for at in range(0, len(value), 2)] if isinstance(value, str) else []
    if not parts or any(part not in _CLOCK_PARTS for part in parts) or len(set(parts)) < len(parts):
        form.fail(key, f"must be made of {' '.join(_CLOCK_PARTS)} in the order of the wire")
    if not ({"DD", "MM", "YY"} <= set(parts) or "hh" in parts):
        form.fail(key, "needs DD MM YY, or hh")
    return value


def read(source, protocols):
    """The arguments of ``Dialect``.

    :raises DialectError: see ``Dialect.from_json``
    """
    form = _Form(source)
    form.take("dialect", _whole, least=VERSION, most=VERSION)
    protocol = form.take("protocol", _choice, of=tuple(protocols))
    codec = protocols[protocol]
    is188 = codec is cjt188
    digits = 8 if protocol == "dlt645_2007" else 4
    found = {
        "code": form.take("code", _name),
        "name": form.take("name", _text),
        "protocol": protocol,
        "codec": codec,
        "preamble": form.take("preamble", _whole, 4, least=0, most=16),
        "evidence": form.take("evidence", _choice, of=EVIDENCE),
        "bauds": form.take(
            "bauds", _list, (), of=lambda *place: _whole(*place, least=300, most=115200)
        ),
        "meter_type": cjt188.COLD_WATER,
        "di_order": cjt188.HIGH_FIRST if protocol == "cjt188_2004" else cjt188.LOW_FIRST,
    }
    if is188:
        found["meter_type"] = form.take("type_byte", _number, found["meter_type"], digits=2)
        found["di_order"] = form.take("di_order", _choice, found["di_order"], of=ORDERS)
    registers = found["registers"] = _registers(form, digits, is188)
    found["password"] = _password(form)
    found["clock"] = _clock(form, registers)
    found["reading"] = _reading(form, registers)
    for key, hit, clear in (
        ("supply", "off", "on"),
        ("control", "remote", "local"),
        ("battery", "low", None),
    ):
        found[key] = _bits(form, key, hit, clear, registers)
    found["switch"] = _switch(form, protocol, digits, is188)
    found["recharge"] = _recharge(form)
    found["errors"] = _errors(form)
    form.end()
    if not is188 and found["password"] is None:
        _needs_password(form, found)
    return found


def _needs_password(form, found):
    for register in found["registers"].values():
        if register.writable:
            form.fail("password", f"is missing: register {register.name} is written with it")
    if found["switch"]:
        form.fail("password", "is missing: the supply is switched with it")


def _password(form):
    if not form.has("password"):
        return None
    inner = form.inner("password")
    level = inner.take("level", _number, digits=2)
    name = inner.take("name", _text, "default")
    if not _NAME.fullmatch(name):
        inner.fail(
            "name",
            "must be the name under which the secrets file has the password "
            f"({_NAME_WORDS}), never the password itself",
        )
    operator = inner.take("operator", _hex, bytes(4), digits=8).hex()
    inner.end()
    if not operator.isdigit():
        inner.fail("operator", "must be 8 digits")
    return Password(level, name, operator)


# --- registers ------------------------------------------------------------------------------------


def _registers(form, digits, is188):
    if not form.has("registers"):
        form.fail("registers", "is missing")
    outer = form.inner("registers")
    registers = {}
    for name, value in outer.items():
        _name(outer, name, name)
        registers[name] = _register(_Form(value, f"registers.{name}"), name, digits, is188)
    for register in registers.values():
        _refers(form, register, registers)
    return MappingProxyType(registers)


def _register(form, name, digits, is188):
    coding = form.take("coding", _choice, "bcd", of=tuple(CODINGS))
    kind = CODINGS[coding]
    found = {
        "name": name,
        "coding": coding,
        "di": form.take("di", _number, None, digits=digits),
        "offset": form.take("offset", _whole, 0, least=0, most=250),
        "size": form.take("size", _whole, None, least=1, most=_MAX_SIZE.get(coding, 250)),
        "places": form.take("places", _whole, 0, least=0, most=8),
        "signed": form.take("signed", _flag, False),
        "unit": form.take("unit", _text, ""),
        "label": form.take("label", _text, ""),
        "part_of": form.take("part_of", _name, None),
        "index": form.take("index", _whole, 0, least=0, most=99),
        "writable": form.take("writable", _flag, False),
    }
    if coding == "bcd_unit":
        found["size"] = 5
    elif coding == "clock":
        found["layout"] = form.take("layout", _layout)
        found["size"] = len(found["layout"]) // 2
    elif kind.sized and found["size"] is None:
        form.fail("size", "is missing")
    if coding in ("slots", "zones"):
        found["count"] = form.take("count", _whole, None, least=1, most=14)
        found["size"] = None
    if is188:
        found["di_order"] = form.take("di_order", _choice, None, of=ORDERS)
    if form.has("standby"):
        inner = form.inner("standby")
        found["standby"] = Standby(
            inner.take("di", _number, digits=digits), inner.take("switch", _name)
        )
        inner.end()
    form.end()
    if found["di"] is None and found["part_of"] is None:
        form.fail("di", "is missing")
    if found["writable"] and found["di"] is None:
        form.fail("writable", "needs a di of its own")
    if found["writable"] and coding == "bcd_unit":
        form.fail("writable", "a value with its unit can only be read")
    if found["writable"] and found["offset"]:
        form.fail("writable", "only a register that is its whole di can be written")
    return Register(**found)


def _refers(form, register, registers):
    """Other registers that a register names must be there and fit."""
    place = f"registers.{register.name}"
    if register.part_of:
        block = registers.get(register.part_of)
        if block is None or block.coding != "block" or block.di is None:
            form.fail(f"{place}.part_of", f"there is no block {register.part_of!r}")
    if register.standby:
        switch = registers.get(register.standby.switch)
        if switch is None or switch.coding != "clock" or not switch.writable:
            form.fail(
                f"{place}.standby.switch",
                f"there is no writable clock register {register.standby.switch!r}",
            )
        if not register.writable:
            form.fail(f"{place}.standby", "is only for a writable register")


def _existing(form, key, value, registers):
    if value not in registers:
        form.fail(key, f"there is no register {value!r}")
    return value


# --- the rest -------------------------------------------------------------------------------------


def _clock(form, registers):
    if not form.has("clock"):
        return None
    inner = form.inner("clock")
    name = inner.take("register", _existing, registers=registers)
    if registers[name].coding != "clock" or not {"DD", "hh"} <= _parts(registers[name].layout):
        inner.fail("register", "must be a clock with date and time")
    default = (name,) if registers[name].writable else ()
    names = inner.take("set", _list, default, of=lambda *place: _existing(*place, registers))
    for at, one in enumerate(names):
        if registers[one].coding != "clock" or not registers[one].writable:
            inner.fail(f"set[{at}]", "must be a writable clock, date or time")
    tolerance = inner.take("tolerance_seconds", _whole, 60, least=1, most=86400)
    broadcast = inner.take("broadcast", _flag, False)
    inner.end()
    return Clock(name, tolerance, names, broadcast)


def _parts(layout):
    return {layout[at : at + 2] for at in range(0, len(layout), 2)}


def _reading(form, registers):
    routine = tuple(name for name in _ROUTINE if name in registers)
    live = None
    if form.has("reading"):
        inner = form.inner("reading")

        def existing(*place):
            return _existing(*place, registers)

        routine = inner.take("routine", _list, routine, of=existing)
        live = inner.take("live", _list, None, of=existing)
        inner.end()
    if not routine:
        form.fail("reading.routine", "names no register")
    return MappingProxyType({"routine": routine, "live": routine if live is None else live})


def _bits(form, key, hit, clear, registers):
    if not form.has(key):
        return None
    inner = form.inner(key)
    name = inner.take("register", _existing, registers=registers)
    if registers[name].coding not in ("le", "be") or registers[name].places:
        inner.fail("register", "must be a word of bits: coding le or be, no places")
    mask = inner.take("mask", _number, most=16)
    values = [inner.take(hit, _number, most=16)]
    values.append(inner.take(clear, _number, None, most=16) if clear else None)
    inner.end()
    for part, value in zip((hit, clear), values, strict=True):
        if value is not None and value & ~mask:
            inner.fail(part, "has bits outside of the mask")
    if not mask or values[0] == values[1]:
        inner.fail("mask", "cannot tell one state from the other")
    return Flag(name, mask, *values)


def _switch(form, protocol, digits, is188):
    if not form.has("switch"):
        return None
    inner = form.inner("switch")
    kind = inner.take("form", _choice, of=FORMS)
    if kind == "relay" and protocol != "dlt645_2007":
        inner.fail("form", "relay is for DL/T 645-2007")
    if (kind == "valve188") is not is188:
        inner.fail("form", "valve188 is for CJ/T 188, and the only form there")
    if not inner.has("codes"):
        inner.fail("codes", "is missing")
    codes = {}
    coded = inner.inner("codes")
    for action, value in coded.items():
        _choice(coded, action, action, of=ACTIONS)
        codes[action] = _hex(coded, action, value, digits=2 if kind == "relay" else None, most=64)
    if not codes:
        inner.fail("codes", "is empty")
    di = di_order = None
    if kind != "relay":
        di = inner.take("di", _number, cjt188.VALVE if is188 else ..., digits=digits)
    if is188:
        di_order = inner.take("di_order", _choice, None, of=ORDERS)
    found = Switching(
        kind,
        MappingProxyType(codes),
        di,
        di_order,
        inner.take("n2", _number, 0, digits=2) if kind == "relay" else 0,
        inner.take("expiry_minutes", _whole, 10, least=1, most=1440) if kind == "relay" else 0,
        inner.take("settle_seconds", _whole, 30, least=1, most=600),
        inner.take("poll_seconds", _seconds, 2, least=0.01, most=60),
    )
    inner.end()
    return found


def _recharge(form):
    """Options of a shape are read by the shape itself."""
    if not form.has("recharge"):
        return None
    inner = form.inner("recharge")
    options = dict(inner.items())
    if not isinstance(options.get("shape"), str):
        inner.fail("shape", "is missing: the name of the way in which the meter is charged")
    return MappingProxyType(options)


def _errors(form):
    if not form.has("errors"):
        return MappingProxyType({})
    outer = form.inner("errors")
    found = {}
    for control, codes in outer.items():
        code = _number(outer, control, control, digits=2)
        if code & 0xC0 != 0xC0:
            outer.fail(control, "must be the control byte of a refusal: C0 to FF")
        for number, words in _Form(codes, f"errors.{control}").items():
            if not re.fullmatch(r"[0-9A-Fa-f]{1,4}", number):
                outer.fail(f"{control}.{number}", "must be up to 4 hexadecimal digits")
            found[code & 0x1F, int(number, 16)] = _text(outer, f"{control}.{number}", words)
    return MappingProxyType(found)
