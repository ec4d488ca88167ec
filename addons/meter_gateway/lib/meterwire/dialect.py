"""A dialect: everything in which meter models of one protocol differ, as data.

An engineer writes it (or copies a shipped one and changes it), ``Dialect.from_json`` checks it and
says what is wrong at which place. Protocols, registers and codings: ``docs/dialects.md``.
"""

import copy
import functools
import json
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import ModuleType

from . import cjt188, dialect_form, dlt645_1997, dlt645_2007, recharge
from .dialect_parts import Clock, Flag, Group, Password, Register, Switching
from .errors import BadJob, DialectError, MeterRefused

#: protocol -> codec
PROTOCOLS = {
    "dlt645_2007": dlt645_2007,
    "dlt645_1997": dlt645_1997,
    "cjt188_2004": cjt188,
    "cjt188_2018": cjt188,
}
_FOLDER = pathlib.Path(__file__).with_name("dialects")
_MAX_PLANS = 256


@dataclass(frozen=True, eq=False)
class Dialect:
    """One meter model. Make it by ``from_json``; two are the same only if they are one object."""

    code: str
    name: str
    protocol: str
    codec: ModuleType
    preamble: int
    evidence: str
    bauds: tuple
    meter_type: int
    di_order: str
    password: Password | None
    clock: Clock | None
    registers: Mapping
    reading: Mapping
    supply: Flag | None
    control: Flag | None
    battery: Flag | None
    switch: Switching | None
    recharge: Mapping | None
    errors: Mapping
    #: how it is charged: an object of ``recharge``; None: not at all
    shape: object = field(default=None, init=False)
    _source: dict = field(default_factory=dict, init=False, repr=False)
    _plans: dict = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_json(cls, source):
        """The dialect that ``source`` describes.

        :param dict source: as parsed from JSON
        :raises DialectError: the words name the place and what is wrong there
        """
        dialect = cls(**dialect_form.read(source, PROTOCOLS))
        object.__setattr__(dialect, "_source", copy.deepcopy(dict(source)))
        if dialect.recharge is not None:
            object.__setattr__(dialect, "shape", recharge.shape_of(dialect))
        return dialect

    def to_json(self):
        """The dict that it was made from."""
        return copy.deepcopy(self._source)

    # --- what it can --------------------------------------------------------------------------

    @property
    def address_digits(self):
        return 14 if self.codec is cjt188 else 12

    def can(self, action):
        """Whether the meter can do something over its line.

        :param str action: a switching action (off, on, local, keep, unkeep), a money function
            (open, charge, preset, reverse, clear), ``clock`` (to set it), or the name of a
            register (to write it)
        """
        if action == "clock":
            return self.clock is not None and bool(self.clock.set or self.clock.broadcast)
        if self.switch is not None and action in self.switch.codes:
            return True
        if self.shape is not None and action in self.shape.kinds:
            return True
        register = self.registers.get(action)
        return register is not None and register.writable

    def reading_items(self, live=False):
        """Names of the registers that a routine reading, or a live one, asks for."""
        return self.reading["live" if live else "routine"]

    def register(self, name):
        """:raises BadJob: there is no such register"""
        try:
            return self.registers[name]
        except KeyError:
            raise BadJob(f"meters of dialect {self.code} have no register {name!r}") from None

    # --- what values mean -----------------------------------------------------------------------

    def balance_of(self, values):
        """Credit left less what is owed, from values by name; None if it was not read."""
        balance = values.get("balance")
        if balance is None:
            return None
        return Decimal(balance) - Decimal(values.get("owed") or 0)

    def supply_of(self, values):
        """``on``, ``off``, or None: not read, or a state that is neither."""
        off = self.supply.of(values) if self.supply else None
        return None if off is None else "off" if off else "on"

    def control_of(self, values):
        """``remote``, ``local`` or None."""
        remote = self.control.of(values) if self.control else None
        return None if remote is None else "remote" if remote else "local"

    def battery_low(self, values):
        """Whether the meter says that its battery is low; None if it does not say."""
        return self.battery.of(values) if self.battery else None

    def explain(self, function, refused):
        """``refused`` in the words that the meter's maker has for that refusal, if any.

        :param int function: function code that was refused
        :param MeterRefused refused: as the codec made it
        """
        words = self.errors.get((function, refused.refusal))
        if not words:
            return refused
        return MeterRefused(refused.refusal, f"the meter refused: {words}")

    # --- what to ask ----------------------------------------------------------------------------

    def plan(self, items):
        """The questions that bring the registers named, fewest first thought of: registers of one
        identifier together, several parts of a block by the block.

        :param tuple items: names
        :return: tuple of ``Group``
        :raises BadJob: there is no such register
        """
        plan = self._plans.get(items)
        if plan is None:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[items] = self._planned(items)
        return plan

    def _planned(self, items):
        wanted = {name: self.register(name) for name in items}
        in_block = {}
        for register in wanted.values():
            if register.part_of:
                in_block.setdefault(register.part_of, []).append(register)
        groups = {}
        for register in wanted.values():
            block = register.part_of
            if block and (register.di is None or block in wanted or len(in_block[block]) > 1):
                whole = self.registers[block]
                group = groups.setdefault((whole.di, whole.di_order), ([], []))
                group[1].append((register, whole))
            else:
                groups.setdefault((register.di, register.di_order), ([], []))[0].append(register)
        return tuple(
            self.group(di, di_order, registers, parts)
            for (di, di_order), (registers, parts) in groups.items()
        )

    def group(self, di, di_order, registers, parts=()):
        """A question about one identifier."""
        return Group(di, di_order, tuple(registers), tuple(parts), self._exact(di))

    def _exact(self, di):
        # A reply that is longer than the only value it should hold is not the one described. The
        # other protocol's meters do send short and long forms of one identifier.
        sharing = [register for register in self.registers.values() if register.di == di]
        if self.codec is cjt188 or len(sharing) != 1 or sharing[0].offset:
            return None
        return sharing[0].end


@functools.cache
def _shipped():
    files = sorted(_FOLDER.glob("*.json"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return {source["code"]: source for source in found}


def shipped():
    """The dialects that come with the package: code -> dict for ``Dialect.from_json``."""
    return copy.deepcopy(_shipped())


__all__ = ["PROTOCOLS", "Dialect", "DialectError", "Register", "shipped"]
