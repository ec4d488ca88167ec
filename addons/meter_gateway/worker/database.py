"""What a run needs of its database connection, and nothing else of it."""

import logging
import select

from odoo.tools import SQL

_logger = logging.getLogger(__name__)

CHANNEL = "utility_command"
# First half of every advisory lock key of this addon; the second half is the worker's id.
LOCK_SPACE = 0x6D657465


class RunDatabase:
    """The connection that claims and records, and that owns the worker's lines.

    The row lock on the scheduled action is held by another connection and can be lost while the
    run goes on; only a session lock on this very connection lives exactly as long as the run can
    write.

    :param env: environment of the run; its cursor is committed and rolled back here
    """

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

    def listen(self):
        self.cr.execute(SQL("LISTEN %s", SQL.identifier(CHANNEL)))
        self.commit()

    def wait(self, wake_fd, seconds):
        """Sleep until a sale or the engine wakes us, outside any transaction.

        :param wake_fd: file descriptor of the engine
        :param seconds: at most so long
        """
        connection = self.cr._cnx
        poll = select.poll()
        poll.register(wake_fd, select.POLLIN)
        poll.register(connection.fileno(), select.POLLIN)
        # Rounded up: waking a moment early would only mean waking twice.
        ready = dict(poll.poll(int(seconds * 1000) + 1))
        if connection.fileno() in ready:
            connection.poll()
            connection.notifies.clear()
