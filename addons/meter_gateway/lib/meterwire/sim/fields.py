"""Layouts of money frames, as docs/recharge-shapes.md describes them, read by the meter."""

from .frames import unbcd

DEFAULTS = {
    "amount": (4, "bcd"),
    "balance": (4, "bcd"),
    "number": (4, "bcd"),
    "reference": (4, "le"),
    "epoch": (2, "le"),
    "version": (1, "le"),
    "customer": (6, "digits"),
    "address": (6, "digits"),
    "operator": (4, "digits"),
    "random": (4, "bytes"),
    "skip": (1, "bytes"),
}


class Field:
    """One field; ``size`` None: what is left."""

    __slots__ = ("coding", "name", "places", "size", "value")

    def __init__(self, text):
        values = {"field": text} if isinstance(text, str) else dict(text)
        self.name = values["field"]
        self.value = bytes.fromhex(values["value"]) if "value" in values else b""
        size, coding = DEFAULTS.get(self.name, (None, "bytes"))
        self.size = len(self.value) if self.value else int(values.get("size", size or 0)) or None
        self.coding = values.get("coding", coding)
        self.places = int(values.get("places", 2))

    def read(self, data):
        """Return what the bytes say; ValueError when they say nothing."""
        if self.name in ("amount", "balance"):
            return self._steps(_number(self.coding, data))
        if self.coding in ("digits", "digits_be"):
            return unbcd(data if self.coding == "digits" else data[::-1])
        return data if self.coding == "bytes" else _number(self.coding, data)

    def write(self, value):
        """Return the bytes of a value."""
        if self.value:
            return self.value
        if self.name in ("amount", "balance"):
            value = (
                value * 10 ** (self.places - 2)
                if self.places >= 2
                else value // 10 ** (2 - self.places)
            )
        if self.coding == "bytes":
            return bytes(self.size or 0)
        if self.coding in ("le", "be"):
            order = "little" if self.coding == "le" else "big"
            return int(value).to_bytes(self.size, order, signed=self.name == "balance")
        digits = f"{value:0{2 * self.size}d}"[-2 * self.size :]
        data = bytes.fromhex(digits)
        return data[::-1] if self.coding in ("bcd", "digits") else data

    def _steps(self, number):
        if self.places <= 2:
            return number * 10 ** (2 - self.places)
        steps, rest = divmod(number, 10 ** (self.places - 2))
        if rest:
            raise ValueError("less than a step")
        return steps


def _number(coding, data):
    if coding in ("le", "be"):
        return int.from_bytes(data, "little" if coding == "le" else "big")
    return unbcd(data if coding == "bcd" else data[::-1])


def fields(texts):
    return [Field(text) for text in texts]


def cut(layout, data, sizes=None):
    """Return the bytes of each field by name.

    :param sizes: of fields without a size of their own, by name.
    :raise ValueError: the data are too short or too long, or a constant is another.
    """
    found, at = {}, 0
    for field in layout:
        size = field.size or (sizes or {}).get(field.name, 0)
        part = data[at : at + size]
        at += size
        if len(part) < size or field.value and part != field.value:
            raise ValueError(f"{field.name} does not fit")
        found[field.name] = part
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes too many")
    return found


def values(layout, parts):
    """Return what the fields of a layout say, by name."""
    return {
        field.name: field.read(parts[field.name]) for field in layout if field.name != "constant"
    }
