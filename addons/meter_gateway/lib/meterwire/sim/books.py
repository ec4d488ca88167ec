"""The books of one meter: everything that it remembers. No bytes, no sockets.

Credit and registers are whole steps of 0.01. What was used and is not yet a whole step waits in
``used_credit`` and ``used_energy``, in millionths of a step, as in a meter that counts pulses.
"""

MICRO = 1_000_000
REGISTER = 100_000_000  # steps at which an eight-digit register starts again
NO_TARIFFS = (0, 0, 0, 0)

NO_KIND, OPEN, CHARGE, PRESET, REVERSE, CLEAR, CARD = 0, 1, 2, 3, 8, 9, 0xFE
KIND_NAMES = {
    OPEN: "open",
    CHARGE: "charge",
    PRESET: "preset",
    REVERSE: "reverse",
    CLEAR: "clear",
    CARD: "card",
}
TRIP, PERMIT_CLOSE, CLOSE, ALARM, ALARM_OFF, KEEP, KEEP_OFF = (
    *(0x1A, 0x1B, 0x1C),
    *(0x2A, 0x2B, 0x3A, 0x3B),
)


class Record:
    """One executed money function (or local card), for the log."""

    __slots__ = (
        *("epoch", "number", "kind", "amount", "reference"),
        *("balance_before", "balance_after", "at"),
    )

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values, strict=True):
            setattr(self, name, value)

    def to_dict(self):
        return {name: getattr(self, name) for name in self.__slots__}


#: field and what a new meter has in it
FIELDS = {
    "epoch": 0,
    "number": 0,
    "last_kind": NO_KIND,
    "last_reference": 0,
    "last_amount": 0,
    "balance_before": 0,
    "balance_after": 0,
    "last_at": 0.0,
    "balance": 0,
    "cumulative": 0,
    "customer": 0,
    "total": 0,
    "tariffs": NO_TARIFFS,
    "used_energy": 0,
    "used_credit": 0,
    "cut": False,  # out of credit, supply taken away
    "overload": False,  # over the power limit, supply taken away
    "tripped": False,  # taken away by command
    "permitted": False,  # may be closed by its button
    "kept": False,  # keep power: nothing takes the supply away
    "alarmed": False,
    "remote": False,  # the last switching command keeps the meter in remote control
    "moving_until": 0.0,  # the relay or valve is on its way until then ...
    "moved_from": False,  # ... and was there before (True: off)
    "stuck": None,  # position at which the relay or valve hangs
    "suspended": False,
    "powered": True,
    "clock": 0.0,  # seconds that it is ahead of true time, at clock_at
    "clock_at": 0.0,
    "clock_day": 0,  # day of the last broadcast that it took
    "battery": None,  # percent; None: by the site
    "load": None,  # units an hour; None: by the site
    "day": 0,  # day and ...
    "months": (),  # ... settled registers, newest first: (month, total, tariffs)
    "days": (),
    "frozen": None,
    "settings": None,  # parameters and tables that were written
    "at": 0.0,  # consumption is booked up to here
}


class Books:
    """Everything that a meter remembers; see ``FIELDS``."""

    __slots__ = tuple(FIELDS)

    def __init__(self, **values):
        for name, value in FIELDS.items():
            setattr(self, name, values.pop(name, value))
        if values:
            raise TypeError(f"no such field: {', '.join(values)}")

    @classmethod
    def from_dict(cls, values):
        books = cls(**{name: value for name, value in values.items() if name in FIELDS})
        books.tariffs = tuple(books.tariffs)
        books.months = tuple(map(tuple, books.months))
        books.days = tuple(map(tuple, books.days))
        return books

    def to_dict(self):
        """Return what differs from a new meter, and the time."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {
            name: value for name, value in values.items() if name == "at" or value != FIELDS[name]
        }
