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
        if self.up:
            ids = sorted(self.up)
            cr.execute(
                """
                UPDATE meter_port p
                   SET reachable = true, unreachable_since = NULL, last_error = NULL,
                       last_seen = u.at
                  FROM unnest(%(ids)s, %(times)s::timestamp[]) AS u(id, at)
                 WHERE p.id = u.id
                   AND (p.reachable IS NOT true OR p.last_seen IS NULL
                        OR p.last_seen < u.at - interval '30 seconds')
                """,
                {"ids": ids, "times": [self.up[port_id] for port_id in ids]},
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
