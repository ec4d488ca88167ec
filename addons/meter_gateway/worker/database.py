"""What a run needs of its database connection, and nothing else of it."""

import itertools
import logging
import select
from contextlib import contextmanager, nullcontext

from psycopg2.errors import DeadlockDetected, SerializationFailure
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from odoo.tools import SQL

from odoo.addons.utility_prepaid.tools.prepared import planned_ahead

_logger = logging.getLogger(__name__)

CHANNEL = "utility_command"
# First half of every advisory lock key of this addon; the second half is the worker's id.
LOCK_SPACE = 0x6D657465
RETRIES = 5


class Book:
    """What one transaction leaves to be done once it is committed."""

    def __init__(self):
        self.answers = []
        self.deferred = []
        self.ended = set()
        self.jobs = []
        self.news = 0


class RunDatabase:
    """The connection that claims and records, and that owns the worker's lines.

    The row lock on the scheduled action is held by another connection and can be lost while the
    run goes on; only a session lock on this very connection lives exactly as long as the run can
    write.

    :param env: environment of the run; its cursor is committed and rolled back here
    """

    #: whether there can be a second connection that sees what this one commits
    second = True

    def __init__(self, env):
        self.env = env
        self.cr = env.cr

    def lock(self, worker_id):
        """Take the worker's session lock; False when another run has it."""
        self.cr.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_SPACE, worker_id))
        locked = self.cr.fetchone()[0]
        self.commit()
        return locked

    def unlock(self, worker_id):
        """Give the lock back; the connection is closed when that fails.

        A pooled connection that keeps the lock would lock the worker out until it is dropped.
        """
        try:
            self.rollback()
            self.cr.execute("UNLISTEN *")
            self.cr.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK_SPACE, worker_id))
            released = self.cr.fetchone()[0]
            self.commit()
        except Exception:  # noqa: BLE001 - whatever it was, the connection must not survive
            released = False
        if not released:
            _logger.info("The lock of worker %s could not be released: closing", worker_id)
            self.cr._cnx.close()

    def not_durable(self):
        """Settings that are off although a commit must outlive a power cut.

        :return: list of names, empty when PostgreSQL keeps what it committed
        """
        self.cr.execute(
            "SELECT name FROM pg_settings WHERE setting = 'off'"
            " AND name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name"
        )
        return [name for (name,) in self.cr.fetchall()]

    def begin(self):
        """Start a transaction that sees what others commit meanwhile; nothing was read before."""
        self.cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def commit(self, processed=0):
        """Commit; `remaining` stays 0, or the scheduled action would call the run again at once."""
        if processed:
            self.env["ir.cron"]._commit_progress(processed)
        else:
            self.cr.commit()  # pylint: disable=invalid-commit

    def rollback(self):
        self.cr.rollback()

    def transact(self, work):
        """One transaction.

        :param work: called with an empty ``Book``; again, when it met another transaction
        :return: the ``Book``: what is to be done now that it is committed
        """
        for attempt in itertools.count(1):
            book = Book()
            try:
                self.begin()
                work(book)
                self.commit(book.news)
                return book
            except (SerializationFailure, DeadlockDetected):
                if attempt == RETRIES:
                    raise
                self.rollback()

    def planned_ahead(self):
        """Within this the statements of every tick are planned once: a context manager."""
        return planned_ahead(self.cr) if self.second else nullcontext()

    @contextmanager
    def apart(self):
        """A connection of its own, for what must not make this one wait."""
        with self.env.registry.cursor() as cr:
            # For all its transactions; the next user of the connection sets its own.
            cr._cnx.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
            with planned_ahead(cr):
                yield PlanDatabase(self.env(cr=cr, context={}))

    def listen(self):
        self.cr.execute(SQL("LISTEN %s", SQL.identifier(CHANNEL)))
        self.commit()

    def wait(self, wake_fd, seconds):
        """Sleep until a sale or the engine wakes us, outside any transaction.

        :param wake_fd: file descriptor of the engine
        :param seconds: at most so long
        :return: whether somebody has told of new work
        """
        connection = self.cr._cnx
        poll = select.poll()
        poll.register(wake_fd, select.POLLIN)
        poll.register(connection.fileno(), select.POLLIN)
        # Rounded up: waking a moment early would only mean waking twice.
        ready = dict(poll.poll(int(seconds * 1000) + 1))
        if connection.fileno() not in ready:
            return False
        connection.poll()
        connection.notifies.clear()
        return True


class PlanDatabase(RunDatabase):
    """A connection beside the one of the run: it owns nothing, reports no progress, and writes
    nothing that could not be asked again."""

    def begin(self):
        """Start a transaction that the disk is not waited for.

        What a power cut takes of the last second is due again, since its plan is lost with it. Said
        for each transaction, so that nobody who has the connection later inherits it.
        """
        self.cr.execute("SET LOCAL synchronous_commit = off")

    def commit(self, processed=0):
        self.cr.commit()  # pylint: disable=invalid-commit
