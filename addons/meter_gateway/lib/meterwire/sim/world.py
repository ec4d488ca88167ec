"""What all lines and meters of one simulator share."""

from typing import NamedTuple

from .cipher import MeterKeys
from .clock import Zone
from .held import Held
from .meter import Meter


class Chips(NamedTuple):
    """Master keys of the emulated security chips (docs/encryptor.md), 16 bytes each."""

    identity: bytes
    purchase: bytes


class World:
    """
    :param site: :class:`~.site_parts.Site`.
    :param clockwork: :class:`~.clockwork.Clockwork`.
    :param keys: master keys, ``{version: 16 bytes}``.
    :param chips: :class:`Chips`, or None: such meters refuse every authentication.
    :param gaps: pairs of times between which the power was off for all.
    """

    def __init__(self, site, clockwork, faults, store, keys, chips, gaps):
        self.clockwork, self.faults, self.store = clockwork, faults, store
        self.held = Held(clockwork)
        self.td, self.paced, self.preamble = site.td, site.line_speed, site.preamble
        self.speed, self.zone = site.speed, Zone(site.zone)
        self.chips, self._keys, self._gaps = chips, keys, gaps

    # -- meters --------------------------------------------------------------------------------

    def make(self, wire, value):
        """Return the Meter of an address; ``value`` is ``(kind,)``."""
        books = self.store.load(wire[::-1].hex())
        meter = Meter(wire, value[0], books, self)
        # Between two runs nothing was used; a meter that nobody asked for took no note of it.
        for stopped, started in self._gaps:
            if books.at < started:
                meter.catch_up(stopped)
                books.at = started
        return meter

    def commit(self, meter, record=None):
        """Bring the books of one meter to the disk; returns when they are there."""
        address = meter.address
        self.store.save({address: meter.books}, [(address, record)] if record else ())

    # -- keys ----------------------------------------------------------------------------------

    def master(self, meter):
        """Return the master key of a meter's version, or None."""
        return self._keys.get(meter.kind.key_version)

    def derive(self, meter):
        """Return the keys of a meter for our own protocol, or None."""
        master, kind = self.master(meter), meter.kind
        if master is None:
            return None
        return MeterKeys(master, kind.key_version, meter.address, kind.algorithm)
