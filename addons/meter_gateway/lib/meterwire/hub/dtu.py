"""What the hub knows of one DTU before it calls."""

import re
from typing import NamedTuple

from ..errors import WireError

REGISTRATIONS = ("ascii", "hex", "imei", "regex", "prefix", "ddp", "gdw3761")
IDLE_SECONDS = 120
_FIELDS = {
    "id", "registration", "pattern", "heartbeat", "heartbeat_reply", "idle_seconds", "prefix",
}  # fmt: skip
_DDP_ID = 11


class DtuError(WireError):
    """The settings of a DTU make no sense."""

    code = "bad_dtu"


class Dtu(NamedTuple):
    """One DTU that may call.

    :param str id: what it registers with; digits in hex for ``hex``, 15 digits for ``imei``, the
        terminal's address for ``gdw3761``
    :param str registration: one of ``REGISTRATIONS``
    :param str pattern: for ``regex``: its first group (or the group ``id``) is the identity, a
        group ``signal`` the field strength
    :param bytes heartbeat: is taken out of the stream
    :param bytes reply: answers a heartbeat
    :param float idle_seconds: without a byte for so long the connection is closed
    :param bytes prefix: stands before every packet, in both directions
    """

    id: str
    registration: str = "ascii"
    pattern: str = ""
    heartbeat: bytes = b""
    reply: bytes = b""
    idle_seconds: float = IDLE_SECONDS
    prefix: bytes = b""

    @classmethod
    def from_json(cls, values):
        """The DTU of a dictionary; bytes are written in hex.

        :raises DtuError: says which DTU and what is wrong
        """
        name = values.get("id") or ""
        if not isinstance(name, str) or not 1 <= len(name) <= 64 or not name.isprintable():
            raise DtuError(f"DTU {name!r}: an identity of 1 to 64 characters is needed")
        if unknown := set(values) - _FIELDS:
            raise DtuError(f"DTU {name}: unknown setting {min(unknown)!r}")
        dtu = cls(
            name,
            values.get("registration") or "ascii",
            values.get("pattern") or "",
            _hex(name, "heartbeat", values),
            _hex(name, "heartbeat_reply", values),
            values.get("idle_seconds") or IDLE_SECONDS,
            _hex(name, "prefix", values),
        )
        dtu.packets()
        return dtu

    def packets(self):
        """The bytes that this DTU may register with, for the modes where they are known before.

        :raises DtuError: identity or pattern do not fit the way of registering
        """
        name = self.id
        if self.registration == "ascii":
            return [name.encode()]
        if self.registration == "prefix":
            return [self.prefix or name.encode()]
        if self.registration == "hex":
            return [_hex(name, "id", {"id": name})]
        if self.registration == "imei":
            if not re.fullmatch("[0-9]{15}", name):
                raise DtuError(f"DTU {name}: an IMEI has 15 digits")
            # As text, after a word, or packed two digits to a byte.
            forms = [name.encode(), f"IMEI:{name}".encode(), f"IMEI={name}".encode()]
            return [*forms, bytes.fromhex("0" + name)]
        if self.registration == "regex":
            try:
                groups = re.compile(self.pattern.encode()).groups
            except re.error as error:
                raise DtuError(f"DTU {name}: the pattern is wrong: {error}") from None
            if not groups:
                raise DtuError(f"DTU {name}: the pattern has no group for the identity")
        elif self.registration == "ddp":
            if len(name) != _DDP_ID or not name.isascii():
                raise DtuError(f"DTU {name}: a Hongdian DTU has an identity of 11 characters")
        elif self.registration == "gdw3761":
            if not re.fullmatch("[0-9]{4}[0-9A-F]{4}", name):
                raise DtuError(f"DTU {name}: a terminal is 4 digits and 4 hexadecimal digits")
        else:
            raise DtuError(f"DTU {name}: unknown registration {self.registration!r}")
        return []


def _hex(name, field, values):
    try:
        return bytes.fromhex(values.get(field) or "")
    except ValueError:
        raise DtuError(f"DTU {name}: {field} is not pairs of hexadecimal digits") from None
