"""One meter on its line: takes a request, gives back a reply or keeps silent."""

import time
from datetime import datetime, timedelta

from . import recharge, registers
from .answers import (
    ERR_NO_DATA,
    ERR_OTHER,
    ERR_PASSWORD,
    READ,
    READ_ADDRESS,
    SECURITY,
    SWITCH,
    good,
    refusal,
)
from .books import Account
from .frames import BROADCAST, unbcd

# Hours at which the four tariff registers take over: 0 sharp, 1 peak, 2 flat, 3 valley.
SLOTS = ((0, 3), (8, 1), (11, 2), (18, 0), (21, 2), (23, 3))


class Meter:
    """Books, keys and clock of one simulated meter.

    :param site: :class:`~.site.MeterSite`.
    :param books: :class:`~.books.Books` as stored.
    :param keys: function that derives the :class:`~.cipher.MeterKeys` of the meter's key version;
        None when the master key is not known.
    :param speed: consumption time factor.
    :param zone: time zone of the meter's clock; ``None`` is the machine's own.
    """

    def __init__(self, site, books, keys, speed=1, zone=None):
        self.site, self._derive, self.zone = site, keys, zone
        self._keys = None
        self.account = Account(site, books, speed)

    @property
    def books(self):
        return self.account.books

    def keys(self, version):
        """Return the keys of a version, or None; derived when they are first needed."""
        if version != self.site.key_version or self._derive is None:
            return None
        if self._keys is None:
            self._keys = self._derive()
        return self._keys

    def now(self):
        """Return the meter's own clock."""
        return datetime.now(self.zone)

    # -- consumption ---------------------------------------------------------------------------

    def catch_up(self, now=None):
        """Book what was consumed since the last time."""
        now = time.time() if now is None else now
        begin, self.books.at = self.books.at, max(now, self.books.at)
        self._consume(begin, now)

    def advance(self, seconds):
        """Consume as if so many seconds more had passed; the clock stays."""
        self.catch_up()
        self._consume(self.books.at, self.books.at + seconds)

    def _consume(self, begin, end):
        if not self.site.multi_tariff:
            self.account.consume(end - begin)
            return
        while begin < end:
            moment = datetime.fromtimestamp(begin, self.zone)
            register = [number for hour, number in SLOTS if hour <= moment.hour][-1]
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            hour = min([hour for hour, _number in SLOTS if hour > moment.hour], default=24)
            slot_end = (midnight + timedelta(hours=hour)).timestamp()
            until = min(end, max(slot_end, begin + 1))
            self.account.consume(until - begin, register)
            begin = until

    # -- talking -------------------------------------------------------------------------------

    def hears(self, address):
        """Return ``own``, ``wild`` or ``broadcast`` when a request is for this meter, else None.

        Only the high digits may be AA (abbreviated address), all of them for "whoever is there".
        """
        if self.site.protocol != "dlt645_2007":
            return None
        if address == self.site.address:
            return "own"
        if address == BROADCAST:
            return "broadcast"
        given = address.lstrip("A")
        if given != address and len(given) % 2 == 0 and self.site.address.endswith(given):
            return "wild"
        return None

    def answer(self, request, how):
        """Execute a request and return an :class:`~.answers.Answer`, or None for silence.

        The caller commits the books when ``changed`` is set, before it sends anything.
        """
        self.catch_up()
        if how == "broadcast":
            return None
        if request.control == READ:
            return self._read(request.data)
        if request.control == READ_ADDRESS:
            return good(READ_ADDRESS, bytes.fromhex(self.site.address)[::-1])
        if how != "own":
            return None  # whatever changes something needs the whole address
        if request.control == SECURITY:
            return recharge.answer(self, request.data)
        if request.control == SWITCH:
            return self._switch(request.data)
        return None

    def _read(self, data):
        if len(data) < 4:
            return refusal(READ, bytes([ERR_OTHER]))
        value = registers.read(self, int.from_bytes(data[:4], "little"))
        if value is None:
            return refusal(READ, bytes([ERR_NO_DATA]))
        return good(READ, data[:4] + value)

    def _switch(self, data):
        """Relay control 1C: PA P0 P1 P2, operator 4, N1, N2, ss mm hh DD MM YY."""
        if len(data) != 16:
            return refusal(SWITCH, bytes([ERR_OTHER]))
        password = data[3:0:-1].hex()
        if data[0] not in (2, 3, 4) or password != self.site.password:
            return refusal(SWITCH, bytes([ERR_PASSWORD]))
        try:
            second, minute, hour, day, month, year = (unbcd(data[i : i + 1]) for i in range(10, 16))
            now = self.now()
            expires = datetime(2000 + year, month, day, hour, minute, second, tzinfo=now.tzinfo)
        except ValueError:
            return refusal(SWITCH, bytes([ERR_OTHER]))
        # By the meter's own clock; a late command is refused like a wrong password.
        if now > expires:
            return refusal(SWITCH, bytes([ERR_PASSWORD]))
        if not self.account.switch(data[8]):
            return refusal(SWITCH, bytes([ERR_OTHER]))
        return good(SWITCH, changed=True)
