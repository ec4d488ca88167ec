"""Years of a desk's sales, written by SQL: copies of a few that the desk itself made.

Run in `odoo shell` by `shell_check.py`. What is copied is whole: the sale, its order, its payment
and invoice with their items, and how they are reconciled.
"""

PARENTS = {
    "utility.contract": "contract",
    "utility.meter": "meter",
    "res.partner": "partner",
    "utility.room": "room",
    "utility.site": "site",
}
# One text is one record's alone.
UNIQUE = ("name", "uuid", "utility_uuid", "vending_id", "address", "code", "customer_number")
# Of the desk's clock before UTC.
EAST = "8 hours"


class Copier:
    """Copies groups of records that belong together, many times, each for another contract.

    :param env: superuser's environment
    :param at: naive UTC moment at which the originals were made
    """

    def __init__(self, env, at):
        self.cr, self.at, self.indexes = env.cr, at, {}

    def copy(self, originals, gen, own=()):
        """Copy records as often as `gen` has rows.

        :param originals: list of recordsets
        :param gen: SELECT of n, at (naive UTC) and, for links to what is not copied, PARENTS
        :param own: {"table.field": SQL of its value} where it is not the original's
        """
        cr = self.cr
        cr.execute(f"CREATE TEMP TABLE bench_gen AS {gen}")
        cr.execute("ANALYZE bench_gen")
        cr.execute("SELECT count(*), min(n) FROM bench_gen")
        count, first = cr.fetchone()
        cr.execute("SELECT * FROM bench_gen LIMIT 0")
        self.given = [column.name for column in cr.description]
        places, starts = {}, {}
        for records in originals:
            self._free(records._table)
            cr.execute(f"SELECT COALESCE(max(id), 0) + 1 FROM {records._table}")
            starts[records._name] = cr.fetchone()[0]
            places[records._name] = {id_: place for place, id_ in enumerate(records.ids)}
        self.places, self.starts, self.first, self.own = places, starts, first, dict(own)
        for records in originals:
            for record in records:
                self._copy_record(record)
            last = starts[records._name] + count * len(records)
            cr.execute(f"SELECT setval('{records._table}_id_seq', {last})")
        cr.execute("DROP TABLE bench_gen")

    def _free(self, table):
        """Nothing that slows the writing down until `finish`.

        Copies are whole, but some of them name each other: their foreign keys never come back, the
        database is thrown away.
        """
        if table in self.indexes:
            return
        self.cr.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
            (table,),
        )
        for (name,) in self.cr.fetchall():
            self.cr.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        self.cr.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " WHERE i.indrelid = %s::regclass AND NOT i.indisunique",
            (table,),
        )
        self.indexes[table] = self.cr.fetchall()
        for name, __ in self.indexes[table]:
            self.cr.execute(f"DROP INDEX {name}")
        # nothing that is there already is changed, so there are no news
        self.cr.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")

    def finish(self):
        """Indexes again, and what the server's own upkeep would have done by the next morning."""
        for table, dropped in self.indexes.items():
            self.cr.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            for __, definition in dropped:
                self.cr.execute(definition)
        self.cr.commit()
        self.cr._cnx.autocommit = True
        for table in self.indexes:
            self.cr.execute(f"VACUUM ANALYZE {table}")
        self.cr._cnx.autocommit = False
        self.indexes = {}

    def _copy_record(self, record):
        columns = [
            field
            for field in record._fields.values()
            if field.store and field.column_type and field.name != "id"
        ]
        names = ", ".join(f'"{field.name}"' for field in columns)
        values = ", ".join(self._value(record, field) for field in columns)
        self.cr.execute(
            f"INSERT INTO {record._table} (id, {names}) SELECT {self._id(record)}, {values}"
            f" FROM {record._table} o CROSS JOIN bench_gen g WHERE o.id = {record.id}"
            " ORDER BY g.n"
        )

    def _id(self, record):
        places = self.places[record._name]
        start = self.starts[record._name] + places[record.id]
        return f"{start} + {len(places)} * (g.n - {self.first})"

    def _value(self, record, field):
        old = f'o."{field.name}"'
        if own := self.own.get(f"{record._table}.{field.name}"):
            return own
        if field.type == "many2one":
            link = record[field.name]
            if link and link.id in self.places.get(link._name, ()):
                return self._id(link)
            if link and PARENTS.get(link._name) in self.given:
                return f"g.{PARENTS[link._name]}"
        elif field.type == "datetime":
            return f"g.at + ({old} - '{self.at}'::timestamp)"
        elif field.type == "date":
            there = f"({{}} + interval '{EAST}')::date"
            now = there.format(f"'{self.at}'::timestamp")
            return f"{there.format('g.at')} + ({old} - {now})"
        elif field.type == "char" and field.name in UNIQUE and not field.translate:
            return f"{old} || '-' || g.n"
        return old
