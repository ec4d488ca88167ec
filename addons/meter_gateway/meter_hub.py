"""The program behind ``odoo meter_hub``: the hub, with the boxes of a database.

It reads which DTUs may call and writes back which are there, by plain SQL in short transactions of
its own that wait for nobody: no model, no lock on a meter. While PostgreSQL is away the DTUs and
workers that are connected go on.
"""

import argparse
import asyncio
import logging
import os
import sys
from datetime import datetime, timezone

import psycopg2
from psycopg2.extras import execute_values

from odoo.sql_db import connection_info_for
from odoo.tools import config

from .lib.meterwire.errors import WireError
from .lib.meterwire.hub.dtu import Dtu
from .lib.meterwire.hub.limits import Limits
from .lib.meterwire.hub.program import AddressError, address, serve
from .lib.meterwire.recharge.keys import KeyRing

_logger = logging.getLogger(__name__)

LISTEN, WORKERS = "0.0.0.0:7100", "127.0.0.1:7101"
_REFRESH_SECONDS = 3.0
_SEEN_SECONDS = 60.0  # "last seen" is not written more often than this
_TELL_SECONDS = 600.0
_NO_LONG_WAITS = {
    "application_name": "meter_hub",
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "options": "-c lock_timeout=1s -c statement_timeout=10s",
}


def main(args):
    """Serve the DTUs of a database until SIGTERM.

    :param args: command line behind the name
    :return: 0 after a clean end, 2 when an address or the secret cannot be used
    """
    parser = argparse.ArgumentParser(prog="odoo meter_hub", description=__doc__)
    parser.add_argument("-d", "--database", required=True, metavar="DB")
    parser.add_argument(
        "--listen",
        action="append",
        metavar="HOST:PORT",
        help=f"for DTUs, may be repeated (METER_HUB_LISTEN, by commas; default {LISTEN})",
    )
    parser.add_argument(
        "--workers",
        metavar="HOST:PORT",
        default=os.environ.get("METER_HUB_WORKERS") or WORKERS,
        help=f"for workers: loopback or a private network (METER_HUB_WORKERS; default {WORKERS})",
    )
    options = parser.parse_args(args)
    config.parse_config(["-d", options.database], setup_logging=True)
    listen = options.listen or (os.environ.get("METER_HUB_LISTEN") or LISTEN).split(",")
    try:
        places = [address(text.strip()) for text in listen]
        workers = address(options.workers)
        secret = KeyRing.from_env().secret("hub")
        asyncio.run(serve(secret, Limits(), places, workers, Desk(options.database).tend))
    except (WireError, AddressError, OSError) as error:
        sys.stderr.write(f"meter_hub: {error}\n")
        return 2
    return 0


class Desk:
    """Between the hub and a database.

    :param str database: its name
    """

    def __init__(self, database):
        self._database = database
        self._written = {}  # id -> Status as the database has it, None where that is not known
        self._known = None  # rows as they were read last
        self._connection = None
        self._down = False

    async def tend(self, hub, addresses, ending):
        """Refresh the hub and the database every few seconds, until the end."""
        *listen, workers = addresses
        _logger.info("DTUs may call %s; workers %s", ", ".join(listen), workers)
        told = hub.loop.time()
        while not ending.is_set():
            await self._refresh(hub)
            if hub.loop.time() - told > _TELL_SECONDS:
                told = hub.loop.time()
                _logger.info("%s", hub.summary())
            try:
                await asyncio.wait_for(ending.wait(), _REFRESH_SECONDS)
            except asyncio.TimeoutError:
                continue
        offline = {name: status._replace(online=False) for name, status in hub.statuses().items()}
        await asyncio.to_thread(self._safely, self._write, offline)

    async def _refresh(self, hub):
        rows = await asyncio.to_thread(self._safely, self._read)
        if rows is None:
            return
        if rows != self._known:
            self._known = rows
            hub.configure(dtus_of(rows))
        await asyncio.to_thread(self._safely, self._write, hub.statuses())

    def _safely(self, function, *args):
        """What ``function`` returns, or None while the database cannot be used."""
        try:
            if self._connection is None:
                _name, settings = connection_info_for(self._database)
                self._connection = psycopg2.connect(**{**settings, **_NO_LONG_WAITS})
            with self._connection, self._connection.cursor() as cr:
                result = function(cr, *args)
        except psycopg2.Error as error:
            if not self._down:
                _logger.info("The database cannot be used, relaying goes on: %s", error)
            self._down = True
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self._written.clear()
            return None
        if self._down:
            _logger.info("The database is back")
        self._down = False
        return result

    def _read(self, cr):
        cr.execute(
            """
            SELECT dtu_id, registration, registration_pattern, heartbeat_hex,
                   heartbeat_reply_hex, idle_seconds, prefix_hex
              FROM meter_concentrator
             WHERE link = 'dialin' AND active AND dtu_id IS NOT NULL
          ORDER BY id
            """
        )
        rows = cr.fetchall()
        if not self._written:
            # Those that the database believes to be there: their first status is always written.
            cr.execute("SELECT dtu_id FROM meter_concentrator WHERE dtu_online")
            self._written = {name: None for (name,) in cr.fetchall()}
        return rows

    def _write(self, cr, statuses):
        changed = {
            name: status
            for name, status in statuses.items()
            if differs(self._written.get(name, _NEVER), status)
        }
        if not changed:
            return
        # A row that somebody is writing is written the next time.
        cr.execute(
            "SELECT id, dtu_id FROM meter_concentrator WHERE link = 'dialin' AND dtu_id = ANY(%s)"
            " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
            [list(changed)],
        )
        rows = cr.fetchall()
        execute_values(
            cr,
            """
            UPDATE meter_concentrator box
               SET dtu_online = seen.online,
                   dtu_seen_at = COALESCE(seen.seen_at, box.dtu_seen_at),
                   dtu_address = COALESCE(seen.address, box.dtu_address),
                   dtu_signal = COALESCE(seen.signal, box.dtu_signal)
              FROM (VALUES %s) AS seen (id, online, seen_at, address, signal)
             WHERE box.id = seen.id
            """,
            [(box_id, *_values(changed[name])) for box_id, name in rows],
            template="(%s, %s, %s::timestamp, %s::text, %s::int)",
            page_size=len(rows) or 1,
        )
        self._written.update((name, changed[name]) for _id, name in rows)


_NEVER = (False, None, "", None)


def differs(stored, status):
    """Whether ``status`` is worth a write; ``stored`` is None where only a write can tell.

    >>> differs(None, (False, None, "", None)), differs(_NEVER, _NEVER)
    (True, False)
    >>> differs((True, 100.0, "a:1", 7), (True, 130.0, "a:1", 7))
    False
    >>> differs((True, 100.0, "a:1", 7), (True, 161.0, "a:1", 7))
    True
    >>> differs((True, 100.0, "a:1", 7), (True, 101.0, "a:2", 7))
    True
    """
    if stored is None:
        return True
    (online, seen_at, *place), (new_online, new_seen_at, *new_place) = stored, status
    if (online, place) != (new_online, new_place):
        return True
    return new_online and (seen_at is None or new_seen_at - seen_at > _SEEN_SECONDS)


def dtus_of(rows):
    """The DTUs of rows as ``_read`` gives them; one that makes no sense is left out and named."""
    names = ("id", "registration", "pattern", "heartbeat", "heartbeat_reply", "idle_seconds",
             "prefix")  # fmt: skip
    dtus = []
    for row in rows:
        try:
            dtus.append(Dtu.from_json(dict(zip(names, row, strict=True))))
        except WireError as error:
            _logger.info("%s", error.words)
    return dtus


def _values(status):
    """Online, last seen, address and signal as columns have them; None where nothing is known."""
    seen_at = status.seen_at and datetime.fromtimestamp(status.seen_at, timezone.utc).replace(
        tzinfo=None
    )
    return status.online, seen_at, status.address or None, status.signal
