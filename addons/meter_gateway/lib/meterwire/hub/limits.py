"""How much the hub takes from whom."""

import collections
from typing import NamedTuple

_WINDOW = 60.0
_MAX_ADDRESSES = 10_000


class Limits(NamedTuple):
    """Settings against abuse; what is not said stays as it is here.

    :param register_seconds: a connection that did not say who it is by then is closed
    :param registration_bytes: and one that said more than this without saying it
    :param pending: connections without identity at one time; the oldest goes for a new one, so
        that whoever fills them up cannot lock the others out
    :param connections: all at one time
    :param per_address: from one source address. DTUs behind one address translator share it
    :param registrations_per_minute: from one source address
    :param failures_per_minute: from one source address; then it is not listened to until the
        minute is over
    :param undelivered_seconds: a DTU that confirms no byte for so long is hung up on, so that
        what waits for it is not delivered late (Linux)
    :param worker_seconds: a worker that did not prove itself by then is closed
    """

    register_seconds: float = 60.0
    registration_bytes: int = 256
    pending: int = 512
    connections: int = 8192
    per_address: int = 2000
    registrations_per_minute: int = 2000
    failures_per_minute: int = 120
    undelivered_seconds: float = 20.0
    worker_seconds: float = 5.0


class Rate:
    """Counts by address within a minute; forgets all of them at its end.

    :param int limit: how many a minute
    """

    def __init__(self, limit):
        self._limit = limit
        self._counts = collections.Counter()
        self._until = 0.0

    def full(self, address, now):
        """Whether ``address`` has used up its minute."""
        self._turn(now)
        return self._counts[address] >= self._limit if address in self._counts else False

    def note(self, address, now):
        self._turn(now)
        if address in self._counts or len(self._counts) < _MAX_ADDRESSES:
            self._counts[address] += 1

    def _turn(self, now):
        if now >= self._until:
            self._counts.clear()
            self._until = now + _WINDOW


def source(peer):
    """The address that limits count by: IPv6 by its network, since every host has many.

    >>> source(("192.0.2.7", 4711)), source(("2001:db8:1:2:3:4:5:6", 4711, 0, 0))
    ('192.0.2.7', '2001:db8:1:2')
    """
    host = peer[0] if peer else "?"
    return ":".join(host.split(":")[:4]) if ":" in host else host
