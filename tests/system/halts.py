"""Moments at which a transaction stops, with all its work done and nothing committed, to be killed.

A trigger waits there for an advisory lock that the test holds. So a kill falls between two states
of the books at a place that was chosen, however fast or slow the machine is.
"""

from processes import until

SPACE = 20261125  # of these advisory locks, and of nobody else's
WAITING = """
    SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = %s
       AND l.classid = %s AND l.objid = %s
"""
TRIGGER = """
    CREATE FUNCTION halt_{number}() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared({space}, {number}); RETURN NEW; END $$;
    CREATE TRIGGER halt_{number} BEFORE {event} ON {table} FOR EACH ROW WHEN ({when})
        EXECUTE FUNCTION halt_{number}();
"""


class Halts:
    """The moments of one desk.

    :param desk: `Desk`, nobody on it yet
    :param moments: {name: (table, INSERT or UPDATE, condition on OLD and NEW)}
    """

    def __init__(self, desk, moments):
        self.desk, self._numbers, self._held = desk, {}, {}
        for number, (name, (table, event, when)) in enumerate(moments.items()):
            self._numbers[name] = number
            desk.sql(
                TRIGGER.format(number=number, space=SPACE, table=table, event=event, when=when)
            )

    def arm(self, *names):
        """Whoever comes to one of these moments from now on stops there."""
        for name in names:
            connection = self.desk.cluster.connect(self.desk.database)
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s, %s)", (SPACE, self._numbers[name]))
            self._held[name] = connection

    def reached(self, name, seconds=150):
        """Wait until somebody stands there.

        Odoo lets a scheduled action whose last three runs were killed wait for a minute.
        """
        place = (self.desk.database, SPACE, self._numbers[name])
        until(
            lambda: self.desk.value(WAITING, place),
            seconds, f"somebody is at “{name}”", self.desk.report,
        )  # fmt: skip

    def disarm(self):
        """Everybody may pass again; a killed PostgreSQL has let them pass already."""
        for connection in self._held.values():
            connection.close()
        self._held = {}
