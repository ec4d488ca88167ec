"""One meter: books, keys, clock and use; the protocols answer for it."""

import time

from .account import Account
from .books import MICRO, Books
from .clock import DAY, HOUR, ahead, local, set_clock
from .tables import SLOTS, Tables, slot_at

MINUTE = 60
MONTHS, DAYS = 12, 7


class Meter:
    """Books, keys and clock of one simulated meter.

    :param wire: address as it travels (low byte first).
    :param kind: :class:`~.kind.Kind`.
    :param books: :class:`~.books.Books` as stored.
    :param world: what all meters share: ``speed``, ``zone`` (:class:`~.clock.Zone`) and keys
        (``derive``, ``master``, ``chips``).
    """

    __slots__ = (
        *("_keys", "_power", "_price", "_rate", "_tariff", "_until"),
        *("account", "executed", "following", "kind", "session", "tables", "wire", "world"),
    )

    def __init__(self, wire, kind, books, world):
        self.wire, self.kind, self.world = wire, kind, world
        self.executed = 0  # requests that changed something, since the start
        self.account = Account(kind, books)
        self._keys = None
        self._until = 0.0  # of the segment in which the load and the tariff stay as they are
        self._rate, self._tariff, self._price, self._power = 0.0, 0, 0, 0.0
        self.session = None  # of an identity authentication
        self.following = None  # what is left of a reply that did not fit into one frame
        stored = books.settings and books.settings.get("tables")
        self.tables = Tables.from_dict(stored) if stored else None

    @property
    def books(self):
        return self.account.books

    @property
    def address(self):
        return self.wire[::-1].hex()

    def keys(self, version):
        """Return the keys of a version, or None; derived when they are first needed."""
        if version != self.kind.key_version or not self.kind.credit:
            return None
        if self._keys is None:
            self._keys = self.world.derive(self)
        return self._keys

    # -- clock ---------------------------------------------------------------------------------

    def local(self, moment):
        """Return the meter's clock at a moment, in seconds of local time."""
        return moment + self.world.zone.offset(moment) + ahead(self.kind, self.books, moment)

    def now(self):
        """Return what the meter's clock shows."""
        return local(self.local(time.time()))

    def at(self, moment):
        """Return what the meter's clock showed at a moment."""
        return local(self.local(moment))

    def set_clock(self, wanted):
        self.catch_up()
        set_clock(self.kind, self.books, self.world.zone, wanted)
        self._until = 0.0

    # -- parameters ----------------------------------------------------------------------------

    def write(self, name, value):
        """Write a parameter."""
        books = self.books
        books.settings = {**(books.settings or {}), name: value}
        self.changed()

    def own_tables(self):
        """Return the meter's tables, made when they are first changed."""
        if self.tables is None:
            self.tables = Tables.default(self.kind.prices)
        return self.tables

    def save_tables(self):
        self.write("tables", self.tables.to_dict())

    def changed(self):
        """Something that the use of energy depends on is another now."""
        self._until = 0.0
        self.account.settle()
        self._segment(time.time())

    # -- use -----------------------------------------------------------------------------------

    def catch_up(self, now=None):
        """Book what was used since the last time."""
        now = time.time() if now is None else now
        books = self.account.books
        begin = books.at
        if now <= begin:
            return
        books.at = now
        if now < self._until:
            # Nothing but the time has changed: the common case of a meter that is read often.
            energy = int((now - begin) * self._rate)
            if energy:
                self.account.use(energy, self._tariff, self._price)
        elif books.powered:
            self._use(begin, now)

    def advance(self, seconds):
        """Use as if so many seconds more had passed; the clock stays."""
        self.catch_up()
        begin = self.books.at
        if self.books.powered:
            self._use(begin, begin + seconds)
        # The segment is that of a time to come.
        self._until = 0.0

    def _use(self, begin, end):
        while begin < end:
            if not begin < self._until:
                self._segment(begin)
            until = min(end, self._until)
            energy = int((until - begin) * self._rate)
            if energy:
                self.account.use(energy, self._tariff, self._price)
            begin = until

    def _segment(self, moment):
        """Find load and tariff at a moment, and until when they stay."""
        kind, books = self.kind, self.books
        clock = self.local(moment)
        day, second = divmod(clock, DAY)
        if books.day != day:
            self._settle_day(int(day), clock)
        tables, slots = self.tables, SLOTS
        following = DAY
        if tables:
            if tables.pending:
                # Not in a time that is only played ahead: the clock is not there yet.
                if moment <= time.time() + 1 and tables.due(local(clock)):
                    self.books.settings = {**books.settings, "tables": tables.to_dict()}
                following = (second // MINUTE + 1) * MINUTE if tables.pending else DAY
            slots = tables.slots_at(local(clock))
        factor = 1.0
        if kind.profile:
            factor = kind.profile[int(second // HOUR)]
            following = min(following, (second // HOUR + 1) * HOUR)
        self._tariff = 0
        prices = tables.live["prices"] if tables else kind.prices
        if kind.multi_tariff or kind.credit == "money":
            tariff, minute = slot_at(slots, second // MINUTE)
            following, self._tariff = min(following, minute * MINUTE), tariff - 1
        self._price = prices[self._tariff]
        load = float(kind.load) if books.load is None else books.load
        self._power = load * factor
        self._check_power()
        self._rate = self._power * self.world.speed * 100 * MICRO / HOUR if books.powered else 0.0
        self._until = moment + max(following - second, 0.001)

    def _check_power(self):
        """Switch off what takes more than the power limit."""
        limit = self.account.limit("power_limit")
        if limit and self._power * 10_000 > limit and self.kind.actuator != "none":
            self.books.overload = not self.books.kept

    def _settle_day(self, day, clock):
        """A day has begun by the meter's clock: what the registers show is kept."""
        books = self.books
        if books.day and day > books.day:
            registers = (books.total, books.tariffs)
            books.days = ((day, *registers), *books.days)[:DAYS]
            now, before = local(clock), local(books.day * DAY)
            if (now.year, now.month) != (before.year, before.month):
                month = (now.year * 100 + now.month, *registers)
                books.months = (month, *books.months)[:MONTHS]
        books.day = day

    @property
    def power(self):
        """What the load takes at this moment, kW (or m3 an hour)."""
        if not time.time() < self._until:
            self._segment(time.time())
        return 0.0 if self.account.supply_off or not self.books.powered else self._power

    @property
    def tariff(self):
        """The tariff in force, 1 to 4."""
        if not time.time() < self._until:
            self._segment(time.time())
        return self._tariff + 1


def born(kind, values, now):
    """Return the books of a meter that has none yet."""
    tariffs = (0, 0, values.get("total", 0), 0) if kind.multi_tariff else (0, 0, 0, 0)
    return Books(**values, tariffs=tariffs, clock=kind.clock_offset, clock_at=now, at=now)
