"""Clocks of meters: local time with an offset and a drift of each meter's own."""

import time
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc).replace(tzinfo=None)
HOUR, DAY = 3600, 86400
#: how often the difference to UTC is looked up; zones change at whole quarters of an hour
QUARTER = 900


class Zone:
    """Local time of a site.

    :param zone: ``ZoneInfo``; None is the machine's own.
    """

    __slots__ = ("_quarter", "_seconds", "zone")

    def __init__(self, zone=None):
        self.zone, self._quarter, self._seconds = zone, None, 0

    def offset(self, moment):
        """Return the seconds that local time is ahead of UTC."""
        quarter = moment // QUARTER
        if quarter != self._quarter:
            aware = datetime.fromtimestamp(moment, self.zone)
            if self.zone is None:
                aware = aware.astimezone()
            self._seconds = aware.utcoffset().total_seconds()
            self._quarter = quarter
        return self._seconds


def local(seconds):
    """Return seconds of local time since 1970 as a naive date and time."""
    return EPOCH + timedelta(seconds=seconds)


def seconds_of(moment):
    """Return the seconds since 1970 of a naive date and time."""
    return (moment - EPOCH).total_seconds()


def ahead(kind, books, moment):
    """Return how many seconds a meter's clock is ahead of true local time.

    :param kind: has ``drift``, seconds a day.
    :param books: ``clock`` is the error at the moment ``clock_at``.
    """
    if not kind.drift:
        return books.clock
    return books.clock + kind.drift * (moment - books.clock_at) / DAY


def set_clock(kind, books, zone, wanted, moment=None):
    """Set a meter's clock to the naive local time ``wanted``."""
    moment = time.time() if moment is None else moment
    books.clock = seconds_of(wanted) - moment - zone.offset(moment)
    books.clock_at = moment
