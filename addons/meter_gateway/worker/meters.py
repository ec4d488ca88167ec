"""How the engine knows a meter."""

from ..lib.meterwire.errors import BadJob
from ..lib.meterwire.jobs import Meter


class Meters:
    """Makes the engine's meters of claimed rows.

    :param env: of the connection that claimed them
    """

    def __init__(self, env):
        self._env = env
        self._dialects = {}

    def forget(self):
        """An engineer may change a dialect at any time: call it between two transactions."""
        self._dialects.clear()

    def of(self, row, envelopes):
        """The meter of a row.

        :param row: mapping with address, dialect_id, key_version, algorithm and port_id; zone where
            its clock matters: the IANA name of the company's time zone
        :param envelopes: {port: what its box wants around a frame}
        :raises BadJob: nobody said how it is spoken to
        """
        dialect_id = row["dialect_id"]
        dialect = self._dialects.get(dialect_id)
        if dialect is None:
            dialect = self._env["meter.dialect"].browse(dialect_id or ())._dialect()
            self._dialects[dialect_id] = dialect
        if dialect is None:
            raise BadJob("no dialect is chosen for its type")
        return Meter(
            row["address"],
            dialect,
            row["key_version"],
            row["algorithm"],
            envelopes.get(row["port_id"]),
            row.get("zone") or Meter._field_defaults["zone"],
        )
