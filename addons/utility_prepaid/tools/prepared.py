"""SQL that a connection which runs it again and again has planned ahead.

PostgreSQL looks for a plan anew whenever a statement comes. For a batch of readings that takes as
long as the work itself; and for the arrays of one batch it may choose to read whole tables, where
a plan for arrays of any length takes each row by its index.
"""

import time
from contextlib import contextmanager
from weakref import WeakKeyDictionary

# A plan is used for so many seconds: what is right for tables that are empty yet is not for long.
KEPT = 2.0
# Connection -> {name of a statement that it has prepared: until when, by the monotonic clock}.
_prepared = WeakKeyDictionary()


class Statement:
    """One statement; plain on any cursor, prepared on one that is inside ``planned_ahead``.

    :param name: what a connection knows it by
    :param text: SQL with ``%(parameter)s``
    :param types: {parameter: PostgreSQL's type}
    :param first: SQL without parameters that is executed before it, in the same round trip
    """

    def __init__(self, name, text, types, first=""):
        self.name = name
        places = {parameter: f"${place}" for place, parameter in enumerate(types, 1)}
        values = {parameter: f"%({parameter})s::{kind}" for parameter, kind in types.items()}
        self._plain = f"{first} {text % values}"
        # No parameters come with this one, so that its signs of per cent stay as they are.
        self._prepare = f"PREPARE {name} ({', '.join(types.values())}) AS {text % places}"
        self._forget = f"DEALLOCATE {name}"
        self._execute = f"{first} EXECUTE {name} ({', '.join(values.values())})"

    def run(self, cr, values):
        """Execute it.

        :param cr: cursor; what it returns is fetched from it
        :param values: {parameter: value}; an array as its own text is quicker than a list
        """
        plans = _prepared.get(cr._cnx)
        if plans is None:
            cr.execute(self._plain, values)
            return
        now = time.monotonic()
        if plans.get(self.name, now) <= now:
            if self.name in plans:
                cr.execute(self._forget)
                del plans[self.name]
            cr.execute(self._prepare)
            plans[self.name] = now + KEPT
        cr.execute(self._execute, values)


@contextmanager
def planned_ahead(cr):
    """Within this, the connection of a cursor prepares every ``Statement`` that it meets.

    :param cr: cursor of a connection that nobody else has meanwhile; committed
    """
    # Plans for any values: what a batch is like does not differ. The pool resets the setting.
    cr.execute("DEALLOCATE ALL; SET plan_cache_mode = force_generic_plan")
    cr.commit()  # pylint: disable=invalid-commit
    _prepared[cr._cnx] = {}
    try:
        yield
    finally:
        del _prepared[cr._cnx]
