"""The boundary between Odoo's floats and the Decimals that money and units are counted in."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal

UNIT_PLACES = 4


def dec(value, places=UNIT_PLACES):
    """Make a Decimal of a field's value or of a text.

    :param value: float (by its shortest text, never by its binary value), int, str, Decimal;
        ``None`` and ``False``, which is how the ORM says "empty", are zero
    :param places: decimals to round half up to; ``None`` keeps the number exactly as written
    :raise ValueError: for anything that is not a finite number

    >>> dec(0.5483), dec("3.45"), dec(False), dec(7, places=2)
    (Decimal('0.5483'), Decimal('3.4500'), Decimal('0.0000'), Decimal('7.00'))
    >>> dec(0.1 + 0.2)
    Decimal('0.3000')
    >>> dec("12.345", places=None), dec(1e-05, places=None)
    (Decimal('12.345'), Decimal('0.00001'))
    >>> dec("12,5")
    Traceback (most recent call last):
    ...
    ValueError: not a number: '12,5'
    """
    if value is None or value is False:
        number = Decimal(0)
    elif value is True:
        raise ValueError("not a number: True")
    elif isinstance(value, Decimal):
        number = value
    else:
        text = repr(value) if isinstance(value, float) else str(value).strip()
        try:
            # through "f" a float's exponent notation does not reach the result
            number = Decimal(format(Decimal(text), "f"))
        except ArithmeticError:
            raise ValueError(f"not a number: {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"not a number: {value!r}")
    return number if places is None else round_places(number, places)


def round_places(number, places):
    """Round half up, away from zero, to a count of decimals.

    >>> round_places(Decimal("2.675"), 2), round_places(Decimal("-2.675"), 2)
    (Decimal('2.68'), Decimal('-2.68'))
    """
    return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def round_to(number, grain):
    """Round half up to a multiple of a grain, such as a currency's minor unit.

    >>> round_to(Decimal("99.994999"), Decimal("0.01")), round_to(Decimal("3.13"), Decimal("0.05"))
    (Decimal('99.99'), Decimal('3.15'))
    """
    return (number / grain).quantize(Decimal(1), rounding=ROUND_HALF_UP) * grain


def floor_to(number, grain):
    """The largest multiple of a grain that is not above a number that is zero or more.

    >>> floor_to(Decimal("182.3819"), Decimal("0.01")), floor_to(Decimal("59.9"), Decimal("20"))
    (Decimal('182.38'), Decimal('40'))
    """
    return (number / grain).quantize(Decimal(1), rounding=ROUND_DOWN) * grain


def ceil_to(number, grain):
    """The smallest multiple of a grain that is not below a number that is zero or more.

    >>> ceil_to(Decimal("0.005483"), Decimal("0.01")), ceil_to(Decimal("0.02"), Decimal("0.01"))
    (Decimal('0.01'), Decimal('0.02'))
    """
    return (number / grain).quantize(Decimal(1), rounding=ROUND_CEILING) * grain


def is_multiple(number, grain):
    """Whether a number is a whole count of grains.

    >>> [is_multiple(Decimal(number), Decimal("0.01")) for number in ("1.23", "1.234")]
    [True, False]
    """
    return number % grain == 0


def text(number, places=None):
    """Plain digits for the counter and for paper, never with an exponent.

    :param places: decimals to show; ``None`` shows those that the number has, without idle zeros

    >>> text(Decimal("1E+2")), text(Decimal("182.3800")), text(Decimal("5"), 2)
    ('100', '182.38', '5.00')
    >>> text(Decimal("0.0000")), text(Decimal("-0.00"), 2)
    ('0', '0.00')
    """
    if places is not None:
        number = round_places(number, places)
    written = format(number + 0 if number else abs(number), "f")
    if places is None and "." in written:
        written = written.rstrip("0").rstrip(".")
    return written
