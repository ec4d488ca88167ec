"""One JSON object with its place, so that every complaint can name it."""

from decimal import Decimal, InvalidOperation

STEP = Decimal("0.01")


class SiteError(Exception):
    """The site cannot be used; the text names the place in the JSON and what is wrong there."""


class Node:
    """Takes values out of a JSON object and checks them.

    :param value: the object.
    :param place: where it stands, for the words of an error.
    """

    __slots__ = ("place", "value")

    def __init__(self, value, place):
        if not isinstance(value, dict):
            raise SiteError(f"{place or 'site'}: must be an object")
        self.value, self.place = value, place

    def at(self, key):
        return f"{self.place}.{key}" if self.place else key

    def fail(self, key, words):
        value = self.value.get(key)
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        raise SiteError(f"{self.at(key)}: {words}, got {shown}")

    def known(self, *keys):
        for key in self.value:
            if key not in keys:
                raise SiteError(f"{self.at(key)}: unknown key; known are {', '.join(keys)}")

    def text(self, key, default=None, choices=None):
        value = self.value.get(key, default)
        if value is None and key not in self.value:
            raise SiteError(f"{self.at(key)}: missing")
        if not isinstance(value, str) or not value.strip():
            self.fail(key, "must be a text")
        if choices and value not in choices:
            self.fail(key, f"must be one of {', '.join(choices)}")
        return value

    def flag(self, key, default):
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false")
        return value

    def decimal(self, key, default="0", low=None, high=None):
        try:
            # The text of true is no number either.
            number = Decimal(str(self.value.get(key, default)))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.fail(key, "must be a number")
        if low is not None and number < low or high is not None and number > high:
            self.fail(key, f"must be from {low} to {high if high is not None else 'any'}")
        return number

    def steps(self, key, low=0, high=Decimal("999999.99"), step=STEP):
        number = self.decimal(key, low=low, high=high)
        if number % step:
            self.fail(key, f"must be a multiple of {step}")
        return int(number / step)

    def whole(self, key, default=0, low=0, high=0xFFFFFFFF):
        number = self.decimal(key, default=default, low=low, high=high)
        if number % 1:
            self.fail(key, "must be a whole number")
        return int(number)

    def digits(self, key, sizes, default=None):
        value = self.text(key, default)
        if not (value.isascii() and value.isdecimal()) or len(value) not in sizes:
            self.fail(key, f"must be {' or '.join(map(str, sizes))} digits")
        return value

    def bytes(self, key, default=None):
        """Hexadecimal digits, or ``text:...`` for what it says itself."""
        value = self.value.get(key)
        if value in (None, "", False):
            return default
        text = self.text(key)
        if text.startswith("text:"):
            return text.removeprefix("text:").encode()
        try:
            return bytes.fromhex(text.removeprefix("hex:"))
        except ValueError:
            self.fail(key, "must be pairs of hexadecimal digits, or text:...")

    def items(self, key):
        value = self.value.get(key)
        if not isinstance(value, list) or not value:
            raise SiteError(f"{self.at(key)}: must be a list that is not empty")
        return [Node(item, f"{self.at(key)}[{index}]") for index, item in enumerate(value)]
