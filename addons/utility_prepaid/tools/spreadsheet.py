"""Tables that other programs hand over: the first sheet of a workbook, or a CSV file."""

import csv
import io
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal

from openpyxl import load_workbook

from .decimals import dec

MAX_ROWS = 20000
MAX_BYTES = 10 * 1024 * 1024
# A workbook is a compressed archive: what it says to be small may fill the memory.
MAX_UNPACKED = 200 * 1024 * 1024
# Banks and payment providers put a preamble above the row that names the columns.
PREAMBLE = 40
DATES = (
    re.compile(r"(?P<year>\d{4})([-/])(?P<month>\d{1,2})\2(?P<day>\d{1,2})"),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"),
    re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"),
)


class TableError(ValueError):
    """The whole file is of no use.

    ``code``: big, format, rows (too many), empty, columns (``missing`` names them)
    """

    def __init__(self, code, missing=()):
        super().__init__(f"{code} {', '.join(missing)}".strip())
        self.code = code
        self.missing = tuple(missing)


def read_table(content, columns, required):
    """Read the rows below the row that names the columns.

    :param content: bytes of an .xlsx, or of a CSV (comma, semicolon or tab; UTF-8 or GB 18030)
    :param columns: {name: headings that mean it}, compared without case and idle blanks
    :param required: names without which the file is of no use
    :return: list of (row number from 1, {name: cell}); empty rows are left out
    :raises TableError: not one row can be read

    >>> read_table(b"Bill of May\\n\\nNo;Sum;x\\nA1;1.50;\\n;;\\nA2;2;",
    ...            {"ref": ("no", "number"), "sum": ("sum",), "day": ("day",)}, ("ref", "sum"))
    [(4, {'ref': 'A1', 'sum': '1.50'}), (6, {'ref': 'A2', 'sum': '2'})]
    >>> try:
    ...     read_table(b"No,Total\\n1,2", {"ref": ("no",), "sum": ("sum",)}, ("ref", "sum"))
    ... except TableError as error:
    ...     print(error)
    columns sum
    """
    if len(content) > MAX_BYTES:
        raise TableError("big")
    cells = _workbook(content) if content.startswith(b"PK\x03\x04") else _csv(content)
    places, missing, found = None, tuple(required), []
    for number, row in enumerate(cells, start=1):
        if not any(text(cell) for cell in row):
            continue
        if places is None:
            heads = _places(row, columns)
            lacking = tuple(name for name in required if name not in heads)
            if not lacking:
                places = heads
            elif len(lacking) < len(missing):
                # the row that comes nearest tells best what is missing
                missing = lacking
            if places is None and number >= PREAMBLE:
                break
            continue
        if len(found) == MAX_ROWS:
            raise TableError("rows")
        found.append((number, {name: row[at] for name, at in places.items() if at < len(row)}))
    if places is None:
        raise TableError("columns", missing)
    if not found:
        raise TableError("empty")
    return found


def _workbook(content):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED:
                raise TableError("big")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
    except TableError:
        raise
    except Exception as error:
        # A damaged file shows itself in the archive, the XML or a cell, at any row.
        raise TableError("format") from error


def _csv(content):
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            written = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise TableError("format")
    if "\x00" in written:
        raise TableError("format")
    delimiter = max(",;\t", key=written.count)
    try:
        yield from csv.reader(io.StringIO(written, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise TableError("format") from error


def _places(row, columns):
    """Column name -> place in the row that names them."""
    heads = [_heading(cell) for cell in row]
    places = {}
    for name, words in columns.items():
        known = {_heading(word) for word in words}
        at = next((at for at, head in enumerate(heads) if head and head in known), None)
        if at is not None:
            places[name] = at
    return places


def _heading(cell):
    return " ".join(text(cell).lower().split())


def text(cell):
    """A cell as it would be read aloud: whole numbers without ".0", no marks of text cells.

    >>> text(12.0), text(202611000001), text(" `A1\\t"), text(None), text(datetime(2026, 5, 1))
    ('12', '202611000001', 'A1', '', '2026-05-01')
    """
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(" ") if cell.time() != datetime.min.time() else str(cell.date())
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    # Providers put ` before numbers so that spreadsheets do not round them.
    return str(cell).strip().lstrip("`'").strip()


def number(cell):
    """The number in a cell, signed, or None for what is none; an empty cell is zero.

    >>> number("1,234.50"), number("-5"), number(99.9), number(""), number("¥ 3.00")
    (Decimal('1234.50'), Decimal('-5'), Decimal('99.9'), Decimal('0'), Decimal('3.00'))
    >>> number("1,23"), number("12,5"), number("1e5"), number(True), number("NaN")
    (None, None, None, None, None)
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        try:
            return dec(cell, None)
        except ValueError:
            return None
    written = re.sub(r"^[¥￥$€£]\s*", "", text(cell))
    if not written:
        return Decimal(0)
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", written):
        written = written.replace(",", "")
    return Decimal(written) if re.fullmatch(r"[-+]?\d{1,12}(\.\d{1,6})?", written) else None


def day(cell):
    """The date in a cell, None for an empty one; a time of day behind it is left out.

    :raises ValueError: something else stands there

    >>> str(day("2026-11-25 09:30:00")), str(day(datetime(2026, 11, 25, 9))), day(None)
    ('2026-11-25', '2026-11-25', None)
    >>> str(day("20261125")), str(day("2026/1/5")), str(day("2026-11-25T09:30:00"))
    ('2026-11-25', '2026-01-05', '2026-11-25')
    >>> day("2026-02-30")
    Traceback (most recent call last):
    ...
    ValueError: 2026-02-30
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    written = text(cell)
    if not written:
        return None
    first = re.split(r"[ T]", written, maxsplit=1)[0]
    for form in DATES:
        if match := form.fullmatch(first):
            try:
                return date(**{name: int(value) for name, value in match.groupdict().items()})
            except ValueError:
                break
    raise ValueError(written)
