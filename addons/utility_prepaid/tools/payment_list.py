"""Lists of payments that are to become sales: a row for each payment."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from .decimals import is_multiple
from .spreadsheet import TableError, day, number, read_table, text

MAX_ROWS = 5000
MAX_BYTES = 5 * 1024 * 1024
CENT = Decimal("0.01")
# The first row names the columns; callers add the words of other languages.
COLUMNS = {
    "meter": ("vending id", "meter address", "contract number", "meter", "address", "contract"),
    "amount": ("amount",),
    "date": ("date",),
    "reference": ("reference",),
    "name": ("name", "customer"),
}


class Row(NamedTuple):
    """One payment.

    ``row``: of the file, from 1
    ``error``: "" or what is wrong: meter, amount, cents, date, identity
    """

    row: int
    meter: str
    amount: Decimal
    date: date | None
    reference: str
    name: str
    error: str


def read_payments(content, words=None):
    """Read a list of payments.

    :param content: bytes of an .xlsx or a CSV file
    :param words: column -> further headings that mean it
    :return: list of `Row`, in the file's order
    :raises TableError: the file is of no use; ``rows`` and ``big`` by the limits of this module

    >>> rows = read_payments(b"Meter,Amount,Reference\\n00000001,100.00,A1\\n\\n2,1e3,\\n3,5,\\n")
    >>> [(row.row, row.meter, row.amount, row.reference, row.error) for row in rows[:2]]
    [(2, '00000001', Decimal('100.00'), 'A1', ''), (4, '2', Decimal('0'), '', 'amount')]
    >>> rows[2].error
    'identity'
    """
    if len(content) > MAX_BYTES:
        raise TableError("big")
    columns = {name: (*own, *(words or {}).get(name, ())) for name, own in COLUMNS.items()}
    table = read_table(content, columns, ("meter", "amount"))
    if len(table) > MAX_ROWS:
        raise TableError("rows")
    return [_row(at, cells) for at, cells in table]


def _row(at, cells):
    meter = text(cells.get("meter"))
    errors = [] if meter else ["meter"]
    amount = number(cells.get("amount"))
    if amount is None or amount <= 0:
        amount = Decimal(0)
        errors.append("amount")
    elif not is_multiple(amount, CENT):
        errors.append("cents")
    try:
        paid_on = day(cells.get("date"))
    except ValueError:
        paid_on = None
        errors.append("date")
    reference = text(cells.get("reference"))
    if not reference and not paid_on:
        # Without either, the same payment in another file could not be known again.
        errors.append("identity")
    return Row(
        at, meter, amount, paid_on, reference, text(cells.get("name")), errors[0] if errors else ""
    )
