"""What every exchange leaves behind: the masked bytes, and whether its line works."""

from datetime import UTC, datetime


def utc(seconds):
    """Naive UTC of seconds since the epoch, as the ORM keeps times."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def frames(held, event):
    """Rows of `meter.frame` for the exchanges of an event.

    :param held: what the run knows of the job
    """
    return [
        {
            "at": utc(exchange.started),
            "duration": round((exchange.ended - exchange.started) * 1000),
            "tx": exchange.tx_masked,
            "rx": exchange.rx_masked,
            "outcome": exchange.outcome,
            "words": exchange.words,
            "command_id": held.command_id,
            "meter_id": held.meter_id,
            "port_id": held.port_id,
            "user_id": held.user_id,
            "company_id": held.company_id,
        }
        for exchange in event.exchanges
    ]


class LineNews:
    """What the events of one tick say about the lines; written once per tick, and only changes."""

    def __init__(self):
        self.up = {}
        self.down = {}

    def take(self, held, event):
        for exchange in event.exchanges:
            if exchange.outcome == "link_lost":
                self._lost(held.line_id, exchange.ended, exchange.words)
            else:
                self.down.pop(held.line_id, None)
                self.up[held.line_id] = utc(exchange.ended)
        if getattr(event, "code", "") == "link_down":
            self._lost(held.line_id, event.at, event.words)

    def _lost(self, port_id, at, words):
        self.up.pop(port_id, None)
        self.down[port_id] = (utc(at), words)

    def store(self, cr):
        """Store the news; a line that simply goes on working is noted every 30 s only."""
        for port_id, at in sorted(self.up.items()):
            cr.execute(
                """
                UPDATE meter_port
                   SET reachable = true, unreachable_since = NULL, last_error = NULL,
                       last_seen = %(at)s
                 WHERE id = %(id)s
                   AND (reachable IS NOT true OR last_seen IS NULL
                        OR last_seen < %(at)s - interval '30 seconds')
                """,
                {"at": at, "id": port_id},
            )
        for port_id, (at, words) in sorted(self.down.items()):
            cr.execute(
                """
                UPDATE meter_port
                   SET reachable = false, unreachable_since = COALESCE(unreachable_since, %(at)s),
                       last_error = %(words)s
                 WHERE id = %(id)s
                   AND (reachable IS NOT false OR last_error IS DISTINCT FROM %(words)s)
                """,
                {"at": at, "id": port_id, "words": words},
            )
