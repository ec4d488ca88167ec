"""Tariff tables of a meter: zones of the year, slots of the day, prices; live and standby.

A table is written to the standby set and goes live at its switch-over moment, by the meter's own
clock (DL/T 645-2007, 04000106 to 04000108).
"""

SETS = ("zones", "slots", "prices")
DAY_TABLES = 8
ENTRIES_MAX = 14
#: (hour, minute, tariff 1 sharp, 2 peak, 3 flat, 4 valley)
SLOTS = ((0, 0, 4), (8, 0, 2), (11, 0, 3), (18, 0, 1), (21, 0, 3), (23, 0, 4))
#: (month, day, table)
ZONES = ((1, 1, 1),)
TARIFFS = 4
NEVER = "0000000000"


class Tables:
    """The tables of a meter that has some of its own.

    ``live`` and ``standby`` hold zones, slots (eight lists) and prices; ``moments`` the digits
    YYMMDDhhmm as written, ``pending`` the names of those still to come.
    """

    __slots__ = ("live", "moments", "pending", "standby")

    def __init__(self, live, standby, moments, pending):
        self.live, self.standby, self.moments, self.pending = live, standby, moments, pending

    @classmethod
    def default(cls, prices):
        def one():
            return {
                "zones": [list(entry) for entry in ZONES],
                "slots": [[list(entry) for entry in SLOTS] for _table in range(DAY_TABLES)],
                "prices": list(prices),
            }

        return cls(one(), one(), dict.fromkeys(SETS, NEVER), [])

    @classmethod
    def from_dict(cls, values):
        return cls(values["live"], values["standby"], values["moments"], values["pending"])

    def to_dict(self):
        return {name: getattr(self, name) for name in self.__slots__}

    def order(self, name, digits):
        """Take a switch-over moment; one that is over takes effect at once, 0 never."""
        self.moments[name] = digits
        self.pending = [item for item in self.pending if item != name]
        if digits != NEVER:
            self.pending.append(name)

    def due(self, now):
        """Bring what is due at the local time ``now`` (a datetime) to life; whether any was."""
        digits = f"{now:%y%m%d%H%M}"
        due = [name for name in self.pending if self.moments[name] <= digits]
        for name in due:
            table = self.standby[name]
            self.live[name] = [list(item) if isinstance(item, list) else item for item in table]
            self.pending.remove(name)
        return bool(due)

    def slots_at(self, day):
        """Return the slots of a date, by the zones of the year."""
        zones = self.live["zones"] or [(1, 1, 1)]
        # Before the first zone of the year, the last one goes on.
        begun = [zone for zone in zones if (zone[0], zone[1]) <= (day.month, day.day)]
        table = (begun or zones)[-1][2]
        slots = self.live["slots"][min(max(table, 1), DAY_TABLES) - 1]
        return slots or SLOTS


def slot_at(slots, minute):
    """Return (tariff 1 to 4, minute of the day at which the next begins, 1440 when none)."""
    tariff, following = slots[-1][2], 1440
    for hour, start, number in slots:
        if hour * 60 + start <= minute:
            tariff = number
        else:
            following = hour * 60 + start
            break
    return min(max(tariff, 1), TARIFFS), following
