"""How long a meter's credit lasts, and what colour that is on the building board."""

from decimal import Decimal


def days_left(balance, used, days, worth=Decimal(1)):
    """Whole days that a balance lasts at a rate of use.

    :param Decimal balance: credit left, in units or in money
    :param Decimal used: units used in the days looked at
    :param int days: how many days these were
    :param Decimal worth: what one unit takes from the balance: 1, or a price
    :return: int, not below 0; None when nothing was used, or nothing is known

    >>> days_left(Decimal(50), Decimal(100), 10), days_left(Decimal(-1), Decimal(100), 10)
    (5, 0)
    >>> days_left(Decimal(50), Decimal(100), 10, worth=Decimal("0.5"))
    10
    >>> days_left(Decimal(50), Decimal(0), 10), days_left(Decimal(50), Decimal(0), 0)
    (None, None)
    """
    if balance <= 0:
        return 0
    daily = used * worth / days if days > 0 else Decimal(0)
    return int(balance / daily) if daily > 0 else None


def level_of(balance, days, low, low_days, soon_days):
    """The board's level of a prepaid meter that was read.

    :param Decimal balance: credit left, signed
    :param int days: days left, or None
    :param bool low: the balance is at or below the meter's own alarm threshold
    :param int low_days: so many days or fewer are low
    :param int soon_days: so many days or fewer are soon low

    >>> level_of(Decimal(0), 0, True, 3, 7), level_of(Decimal(9), None, True, 3, 7)
    ('out', 'low')
    >>> [level_of(Decimal(9), days, False, 3, 7) for days in (3, 4, 7, 8, None)]
    ['low', 'soon', 'soon', 'good', 'good']
    """
    if balance <= 0:
        return "out"
    if low or (days is not None and days <= low_days):
        return "low"
    return "soon" if days is not None and days <= soon_days else "good"
