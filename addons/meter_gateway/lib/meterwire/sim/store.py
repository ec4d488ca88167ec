"""Where the books live: one SQLite file that survives a kill at any moment.

A commit returns after the log file is on the disk (WAL, ``synchronous=FULL``), and a meter replies
only after the commit. Consumption needs no commit: it follows from the stored time and the load.
"""

import fcntl
import json
import os
import sqlite3

from .books import Books, Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS books (address TEXT PRIMARY KEY, books TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL,
    kind TEXT NOT NULL, amount INTEGER NOT NULL, reference INTEGER NOT NULL,
    balance_before INTEGER NOT NULL, balance_after INTEGER NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_address ON orders (address, id);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# The fields of Record, in their order.
COLUMNS = "epoch, number, kind, amount, reference, balance_before, balance_after, at"


class StoreError(Exception):
    """The state directory cannot be used; the text says why."""


class Store:
    """Books and executed orders of all meters.

    :param directory: made when missing; one simulator at a time may use it.
    :raise StoreError: not a directory, no rights, or in use.
    """

    def __init__(self, directory):
        try:
            os.makedirs(directory, exist_ok=True)
            self._lock = open(os.path.join(directory, "lock"), "w")  # noqa: SIM115 held for life
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{directory}: another simulator is using it") from error
        except OSError as error:
            raise StoreError(f"{directory}: {error.strerror}") from error
        path = os.path.join(directory, "meters.sqlite3")
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error

    def addresses(self):
        """Return the addresses of the meters that have books."""
        return {address for (address,) in self._db.execute("SELECT address FROM books")}

    def load(self, address):
        """Return the books of one meter."""
        row = self._db.execute("SELECT books FROM books WHERE address = ?", (address,)).fetchone()
        return Books.from_dict(json.loads(row[0]))

    def save(self, books, records=()):
        """Commit books (``{address: Books}``, or pairs) and log records (``[(address, Record)]``)
        as one."""
        pairs = books.items() if isinstance(books, dict) else books
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT OR REPLACE INTO books VALUES (?, ?)",
                ((address, json.dumps(item.to_dict())) for address, item in pairs),
            )
            self._db.executemany(
                f"INSERT INTO orders (address, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(address, *record.to_dict().values()) for address, record in records],
            )
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def orders(self, address):
        """Return the executed orders of a meter, oldest first."""
        rows = self._db.execute(
            f"SELECT {COLUMNS} FROM orders WHERE address = ? ORDER BY id", (address,)
        )
        return [Record(*row) for row in rows]

    def fact(self, name):
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row and row[0]

    def set_fact(self, name, value):
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def close(self):
        self._db.close()
        self._lock.close()
