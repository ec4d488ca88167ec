"""Options of a shape: each is taken by name and checked; what is left over is a mistake."""

import re

from ..errors import DialectError
from .base import ORDER_KINDS

_HEX = re.compile(r"([0-9A-Fa-f]{2})+")


class Options:
    """One JSON object of a dialect.

    :param dict source: the object
    :param str place: where it stands, for the words of an error
    """

    def __init__(self, source, place="recharge"):
        self.place = place
        try:
            self._left = dict(source)
        except (TypeError, ValueError):
            self.fail("", "must be an object { }")

    def fail(self, key, words):
        """:raises DialectError: always"""
        raise DialectError(f"{self.place}{'.' * bool(key)}{key}: {words}")

    def take(self, key, default=...):
        value = self._left.pop(key, None)
        if value is None and default is ...:
            self.fail(key, "is missing")
        return default if value is None else value

    def choice(self, key, of, default=...):
        value = self.take(key, default)
        if not isinstance(value, str) or value not in of:
            self.fail(key, f"must be one of {', '.join(of)}")
        return value

    def flag(self, key, default):
        value = self.take(key, default)
        if type(value) is not bool:
            self.fail(key, "must be true or false")
        return value

    def whole(self, key, least, most, default=...):
        value = self.take(key, default)
        if type(value) is not int or not least <= value <= most:
            self.fail(key, f"must be a whole number from {least} to {most}")
        return value

    def digits(self, key, length, default=...):
        value = self.take(key, default)
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]*", value) or len(value) != length:
            self.fail(key, f"must be {length} digits in quotes")
        return value

    def name(self, key, default=...):
        value = self.take(key, default)
        if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", value):
            self.fail(key, "must be a name: small letters, digits and _, a letter first")
        return value

    def hexadecimal(self, key, size=None, default=...):
        """Bytes as printed; ``size`` of them if it is given."""
        value = self.take(key, default)
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            self.fail(key, "must be pairs of hexadecimal digits in quotes")
        data = bytes.fromhex(value)
        if size is not None and len(data) != size:
            self.fail(key, f"must be {2 * size} hexadecimal digits")
        return data

    def of(self, key, source):
        """``source`` as the object under ``key``."""
        return Options(source, f"{self.place}.{key}")

    def inner(self, key, default=...):
        """The object under ``key``."""
        return self.of(key, self.take(key, default))

    def each(self, key, default=...):
        """The objects or texts of the list under ``key``: pairs of place and value."""
        value = self.take(key, default)
        if not isinstance(value, list | tuple):
            self.fail(key, "must be a list [ ]")
        return [(f"{self.place}.{key}[{at}]", one) for at, one in enumerate(value)]

    def functions(self, size, default=...):
        """The option ``functions``: kind of order -> data identifier of ``size`` bytes."""
        inner = self.inner("functions", default)
        found = {}
        for kind in inner.names():
            if kind not in ORDER_KINDS:
                inner.fail(kind, f"there are only {', '.join(ORDER_KINDS)}")
            found[kind] = int.from_bytes(inner.hexadecimal(kind, size), "big")
        if not found:
            inner.fail("", "names no function")
        return found

    def names(self):
        """Keys not taken yet."""
        return [str(key) for key in self._left]

    def end(self):
        """:raises DialectError: something is left that nobody knows"""
        if self._left:
            self.fail(min(self.names()), "is not known here")
