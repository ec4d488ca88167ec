"""A dialect's JSON, as the wire package reads it, <-> the fields that an engineer fills in.

What has no field of its own is kept as JSON text beside the fields and merged back, so that nothing
of a file is lost. Whether it makes sense is for ``meterwire.dialect.Dialect`` to say.
"""

import json

from odoo.fields import Command

# A block of the JSON: its keys and their fields. It is there when its first field is filled in;
# `reading` when any is.
BLOCKS = {
    "password": {
        "name": "password_name",
        "level": "password_level",
        "operator": "password_operator",
    },
    "clock": {
        "register": "clock_register",
        "tolerance_seconds": "clock_tolerance",
        "set": "clock_set",
        "broadcast": "clock_broadcast",
    },
    "reading": {"routine": "reading_routine", "live": "reading_live"},
    "supply": {
        "register": "supply_register",
        "mask": "supply_mask",
        "off": "supply_off",
        "on": "supply_on",
    },
    "control": {
        "register": "control_register",
        "mask": "control_mask",
        "remote": "control_remote",
        "local": "control_local",
    },
    "battery": {"register": "battery_register", "mask": "battery_mask", "low": "battery_low"},
    "switch": {
        "form": "switch_form",
        "di": "switch_di",
        "di_order": "switch_di_order",
        "n2": "switch_n2",
        "expiry_minutes": "switch_expiry",
        "settle_seconds": "switch_settle",
        "poll_seconds": "switch_poll",
    },
}
SWITCH_CODES = {
    "off": "switch_off",
    "on": "switch_on",
    "local": "switch_local",
    "keep": "switch_keep",
    "unkeep": "switch_unkeep",
}
PLAIN = {
    "code": "code",
    "name": "name",
    "protocol": "protocol",
    "preamble": "preamble",
    "evidence": "evidence",
    "bauds": "bauds",
    "type_byte": "type_byte",
    "di_order": "di_order",
}
REGISTER = {
    "label": "label",
    "di": "di",
    "offset": "offset",
    "size": "size",
    "coding": "coding",
    "places": "places",
    "signed": "signed",
    "unit": "unit",
    "part_of": "part_of",
    "index": "index",
    "writable": "writable",
    "layout": "layout",
    "count": "count",
    "di_order": "di_order",
}
WATER = ("cjt188_2004", "cjt188_2018")
WATER_ONLY = ("type_byte", "di_order")
STANDBY = {"di": "standby_di", "switch": "standby_switch"}
# Options of a way of being charged that have a field; what else there is stands as JSON.
RECHARGE = {"encryptor": "recharge_encryptor", "rejects_repeats": "recharge_repeats"}
RECHARGE_HIDDEN = {
    "esam": ("rejects_repeats",),
    "vendor": ("encryptor",),
    "plain": ("encryptor",),
    "a013": ("encryptor",),
}
# Zero is a value here; any other zero is an empty field.
ALWAYS = frozenset(("preamble",))
# Lists, which people write with commas.
LISTS = frozenset(("bauds", "set", "routine", "live"))

DEPENDS = (
    *PLAIN.values(),
    *(field for block in BLOCKS.values() for field in block.values()),
    *SWITCH_CODES.values(),
    "recharge_shape",
    *RECHARGE.values(),
    "recharge_options",
    "other_options",
    *(
        f"register_ids.{field}"
        for field in ("name", "sequence", "options", *REGISTER.values(), *STANDBY.values())
    ),
    *(f"error_ids.{field}" for field in ("control", "code", "words")),
)


class NotJson(ValueError):
    """A text field that should hold JSON does not.

    :param record: whose field it is
    :param field: its name
    """

    def __init__(self, record, field, detail):
        super().__init__(detail)
        self.record, self.field = record, field


def to_json(dialect):
    """The wire package's form of a ``meter.dialect`` record.

    Fields that the protocol, the way of switching or the coding does not have are hidden on the
    form, and left out here.

    :raises NotJson: a text that should be a JSON object is not
    """
    water = dialect.protocol in WATER
    content = {"dialect": 1, **_filled(dialect, PLAIN, () if water else WATER_ONLY)}
    relay = dialect.switch_form == "relay"
    hidden = ("di", "di_order") if relay else ("n2", "expiry_minutes")
    for name, block in BLOCKS.items():
        values = _filled(dialect, block, hidden if name == "switch" else ())
        if values and (name == "reading" or dialect[next(iter(block.values()))]):
            content[name] = values
    if "switch" in content:
        content["switch"]["codes"] = _filled(dialect, SWITCH_CODES)
        if not water:
            content["switch"].pop("di_order", None)
    if dialect.recharge_shape:
        shape = dialect.recharge_shape
        own = _filled(dialect, RECHARGE, RECHARGE_HIDDEN.get(shape, RECHARGE))
        content["recharge"] = {**_object(dialect, "recharge_options"), **own, "shape": shape}
    content["registers"] = {
        register.name: _register(register, water) for register in dialect.register_ids
    }
    errors = {}
    for error in dialect.error_ids:
        errors.setdefault(error.control, {})[error.code] = error.words
    if errors:
        content["errors"] = errors
    return _merged(_object(dialect, "other_options"), content)


def _register(register, water):
    hidden = [
        *(() if register.coding == "clock" else ("layout",)),
        *(() if register.coding in ("slots", "zones") else ("count",)),
        *(() if water else WATER_ONLY),
    ]
    values = _filled(register, REGISTER, hidden)
    if standby := _filled(register, STANDBY):
        values["standby"] = standby
    return _merged(_object(register, "options"), values)


def _filled(record, fields, hidden=()):
    values = {}
    for key, field in fields.items():
        value = record[field]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if key in LISTS and value:
            value = [_item(item.strip()) for item in value.split(",") if item.strip()]
        if key not in hidden and (value or (key in ALWAYS and value is not False)):
            values[key] = value
    return values


def _item(text):
    return int(text) if text.isdigit() else text


def _object(record, field):
    text = (record[field] or "").strip()
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise NotJson(record, field, str(error)) from error
    if not isinstance(value, dict):
        raise NotJson(record, field, "{ … }")
    return value


def _merged(base, over):
    """`over` laid on `base`, objects within objects too.

    >>> _merged({"a": {"x": 1}}, {"a": {"y": 2}, "b": 3})
    {'a': {'x': 1, 'y': 2}, 'b': 3}
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        result[key] = _merged(below, value) if both else value
    return result


def from_json(content):
    """Field values for a content that ``Dialect.from_json`` accepted; lines as commands."""
    rest = {key: value for key, value in content.items() if key != "dialect"}
    values = _taken(rest, PLAIN)
    for name, block in BLOCKS.items():
        inner = dict(rest.pop(name, None) or {})
        if name == "switch":
            codes = dict(inner.pop("codes", None) or {})
            values.update(_taken(codes, SWITCH_CODES))
            if codes:
                inner["codes"] = codes
        values.update(_taken(inner, block))
        if inner:
            rest[name] = inner
    recharge = dict(rest.pop("recharge", None) or {})
    values["recharge_shape"] = recharge.pop("shape", False)
    values.update(_taken(recharge, RECHARGE))
    values["recharge_options"] = _text(recharge)
    registers = rest.pop("registers", {})
    values["register_ids"] = [
        Command.create({"sequence": place, "name": name, **_register_values(register)})
        for place, (name, register) in enumerate(registers.items(), 1)
    ]
    values["error_ids"] = [
        Command.create({"control": control, "code": code, "words": words})
        for control, codes in (rest.pop("errors", None) or {}).items()
        for code, words in codes.items()
    ]
    values["other_options"] = _text(rest)
    return values


def _register_values(register):
    rest = dict(register)
    standby = dict(rest.pop("standby", None) or {})
    values = {**_taken(rest, REGISTER), **_taken(standby, STANDBY)}
    if standby:
        rest["standby"] = standby
    return {**values, "options": _text(rest)}


def _taken(block, fields):
    """Take the fields' keys out of a block; what is not in it empties its field."""
    values = {}
    for key, field in fields.items():
        value = block.pop(key, False)
        if key in LISTS and value:
            value = ", ".join(map(str, value))
        values[field] = value
    return values


def _text(rest):
    return json.dumps(rest, ensure_ascii=False, indent=2) if rest else False
