"""What a dialect is made of. See ``dialect``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Standby(NamedTuple):
    """Where the value that is to be goes: it becomes live at the moment in register ``switch``."""

    di: int
    switch: str


@dataclass(frozen=True, eq=False, slots=True)
class Register:
    """One value of a meter, and where it stands.

    :param di: data identifier; None for what is only read as part of a block
    :param int offset: of its first byte in the reply
    :param size: bytes, of a block those of one value; None: to the end of the reply
    :param str coding: see ``coding``
    :param int places: digits behind the point
    :param str layout: of a clock: its parts in the order of the wire
    :param count: of a table: how many entries it always has
    :param part_of: name of the block that has this value at ``index`` too
    :param di_order: CJ/T 188: where it is another than that of the dialect
    """

    name: str
    di: int | None
    offset: int = 0
    size: int | None = None
    coding: str = "bcd"
    places: int = 0
    signed: bool = False
    unit: str = ""
    label: str = ""
    layout: str = ""
    count: int | None = None
    part_of: str | None = None
    index: int = 0
    writable: bool = False
    standby: Standby | None = None
    di_order: str | None = None

    @property
    def end(self):
        """Offset behind its last byte; None: it goes on to the end of the reply."""
        if self.size is None or self.coding == "block":
            return None
        return self.offset + self.size


class Password(NamedTuple):
    """``name``: under which the secrets file has the digits; they are never part of a dialect."""

    level: int
    name: str
    operator: str


class Clock(NamedTuple):
    """How the meter's clock is read and set.

    :param set: names of the registers that set it; empty: it cannot be written
    :param broadcast: it is set by the broadcast that all meters of the line hear
    """

    register: str
    tolerance_seconds: int
    set: tuple
    broadcast: bool


class Flag(NamedTuple):
    """Bits of a status word: ``value & mask`` is ``hit`` or, if that is given, ``clear``."""

    register: str
    mask: int
    hit: int
    clear: int | None = None

    def of(self, values):
        """True, False, or None where the word was not read or says neither."""
        word = values.get(self.register)
        if word is None:
            return None
        bits = word & self.mask
        if bits == self.hit:
            return True
        return False if self.clear is None or bits == self.clear else None


class Switching(NamedTuple):
    """How the supply is switched.

    :param str form: relay (DL/T 645-2007, function 1C), valve188 or write
    :param codes: action (off, on, local, keep, unkeep) -> bytes that mean it
    :param di: data identifier of valve188 and write
    """

    form: str
    codes: Mapping
    di: int | None
    di_order: str | None
    n2: int
    expiry_minutes: int
    settle_seconds: int
    poll_seconds: float


class Group(NamedTuple):
    """What one question brings.

    :param registers: read out of the reply
    :param parts: registers taken from a block: (register, block)
    :param exact: length that the payload must have; None: not looked at
    """

    di: int
    di_order: str | None
    registers: tuple
    parts: tuple = ()
    exact: int | None = None
