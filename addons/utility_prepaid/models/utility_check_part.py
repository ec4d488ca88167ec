from odoo import models
from odoo.tools import SQL

# Sales, and journal entries of no sale, are carried forward in parts of so many ids (a power of 2).
PART_BITS = 12
TABLES = (
    "utility_check_paid", "utility_check_sold", "utility_check_apart", "utility_check_touch",
    "utility_check_part",
)  # fmt: skip
# What changes a part: table, when, what of it was there before and what is there now. A row that
# is written without being changed touches nothing.
CHANGED = "OLD.* IS DISTINCT FROM NEW.*"


class UtilityCheckPart(models.AbstractModel):
    """What is carried forward from settled days, and how every change behind them is noticed.

    A part is the sales with so many neighbouring ids, with all that undid them and all journal
    entries of theirs, or the entries of no sale with so many neighbouring ids. `utility_check_part`
    says from when to when something happened in it; its sums are in `utility_check_paid` and
    `utility_check_sold`, what still differs or may still change its owner is in
    `utility_check_apart` and not in the sums.

    Triggers of the database write a line into `utility_check_touch`, in the same transaction, for
    whatever changes in what a part was summed from, by whichever way: a part that was touched is
    not used. So a stale sum is impossible as long as only what was seen is wiped from that list
    when a part is summed again.
    """

    _name = "utility.check.part"
    _description = "What Checks Carry Forward"

    def init(self):
        # once the tables of all other models are there
        self.pool.post_init(self._watch)

    def _watch(self):
        """The tables, and the triggers on what parts are summed from."""
        self.env.cr.execute(TABLES_SQL)
        self.env.cr.execute(FUNCTIONS_SQL)
        for table, events in TRIGGERS.items():
            for number, (event, condition) in enumerate(events, 1):
                self.env.cr.execute(
                    SQL(
                        """
                        DROP TRIGGER IF EXISTS %(name)s ON %(table)s;
                        CREATE TRIGGER %(name)s AFTER %(event)s ON %(table)s
                        FOR EACH ROW %(condition)s EXECUTE FUNCTION %(function)s()
                        """,
                        name=SQL.identifier(f"utility_check_touch_{number}"),
                        table=SQL.identifier(table),
                        event=SQL(event),
                        condition=SQL(condition),
                        function=SQL.identifier(f"utility_check_{table}"),
                    )
                )

    def _drop(self):
        """Leave nothing in Odoo's own tables when the desk is uninstalled."""
        for table in TRIGGERS:
            function = SQL.identifier(f"utility_check_{table}")
            self.env.cr.execute(SQL("DROP FUNCTION IF EXISTS %s() CASCADE", function))
        self.env.cr.execute(
            SQL(
                """
                DROP FUNCTION IF EXISTS utility_check_touch_sale(integer);
                DROP FUNCTION IF EXISTS utility_check_touch_move(integer);
                DROP TABLE IF EXISTS %s
                """,
                SQL(", ").join(map(SQL.identifier, TABLES)),
            )
        )


# No models: nobody ever writes or reads single rows of them.
TABLES_SQL = """
CREATE TABLE IF NOT EXISTS utility_check_part (
    id serial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES res_company ON DELETE CASCADE,
    account_id integer NOT NULL,
    sale boolean NOT NULL,
    number integer NOT NULL,
    -- the first and the last thing that happened in it: moments (UTC) and local dates
    first_at timestamp, last_at timestamp, first_on date, last_on date,
    UNIQUE (company_id, sale, number)
);
CREATE TABLE IF NOT EXISTS utility_check_paid (
    part_id integer NOT NULL REFERENCES utility_check_part ON DELETE CASCADE,
    of_sale boolean NOT NULL, site_id integer, utility varchar, own_id integer,
    journal_id integer, contract_id integer, partner_id integer, since date,
    money_in numeric NOT NULL, money_out numeric NOT NULL, booked numeric NOT NULL
);
CREATE INDEX IF NOT EXISTS utility_check_paid_part_idx ON utility_check_paid (part_id);
CREATE TABLE IF NOT EXISTS utility_check_sold (
    part_id integer NOT NULL REFERENCES utility_check_part ON DELETE CASCADE,
    contract_id integer, site_id integer, utility varchar, journal_id integer,
    sold numeric NOT NULL, back numeric NOT NULL, fees numeric NOT NULL,
    carried numeric NOT NULL, arrears numeric NOT NULL, lent numeric NOT NULL,
    given numeric NOT NULL, drawn numeric NOT NULL
);
CREATE INDEX IF NOT EXISTS utility_check_sold_part_idx ON utility_check_sold (part_id);
CREATE TABLE IF NOT EXISTS utility_check_apart (
    part_id integer NOT NULL REFERENCES utility_check_part ON DELETE CASCADE,
    vend_id integer, move_id integer
);
CREATE INDEX IF NOT EXISTS utility_check_apart_part_idx ON utility_check_apart (part_id);
CREATE TABLE IF NOT EXISTS utility_check_touch (
    id bigserial PRIMARY KEY,
    sale boolean NOT NULL,
    number integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS utility_check_touch_part_idx ON utility_check_touch (sale, number);
"""

# Each row is looked at as it was and as it is: both of their parts are touched.
FUNCTIONS_SQL = f"""
CREATE OR REPLACE FUNCTION utility_check_touch_sale(sale_id integer) RETURNS void AS $$
BEGIN
    INSERT INTO utility_check_touch (sale, number)
    SELECT true, COALESCE(v.reversed_vend_id, v.id) >> {PART_BITS}
      FROM utility_vend v WHERE v.id = sale_id;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_touch_move(entry_id integer) RETURNS void AS $$
BEGIN
    INSERT INTO utility_check_touch (sale, number)
    SELECT false, entry_id >> {PART_BITS} WHERE entry_id IS NOT NULL
     UNION
    SELECT true, COALESCE(v.reversed_vend_id, v.id) >> {PART_BITS}
      FROM (SELECT m.utility_vend_id AS id FROM account_move m WHERE m.id = entry_id
             UNION
            SELECT p.utility_vend_id
              FROM account_move m JOIN account_payment p ON p.id = m.origin_payment_id
             WHERE m.id = entry_id
             UNION
            SELECT b.vend_id FROM utility_payment_return b WHERE b.move_id = entry_id) s
      JOIN utility_vend v ON v.id = s.id;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_utility_vend() RETURNS trigger AS $$
BEGIN
    INSERT INTO utility_check_touch (sale, number)
    SELECT DISTINCT true, COALESCE(v.reversed_vend_id, v.id) >> {PART_BITS}
      FROM (VALUES (OLD.id, OLD.reversed_vend_id), (NEW.id, NEW.reversed_vend_id))
           v(id, reversed_vend_id)
     WHERE v.id IS NOT NULL;
    RETURN NULL;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_account_move() RETURNS trigger AS $$
BEGIN
    PERFORM utility_check_touch_move(OLD.id);
    PERFORM utility_check_touch_sale(OLD.utility_vend_id);
    PERFORM utility_check_touch_sale(p.utility_vend_id)
       FROM account_payment p WHERE p.id = OLD.origin_payment_id;
    RETURN NULL;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_account_move_line() RETURNS trigger AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM res_company c
                WHERE c.utility_account_id IN (OLD.account_id, NEW.account_id)) THEN
        PERFORM utility_check_touch_move(m.id)
           FROM (SELECT OLD.move_id AS id UNION SELECT NEW.move_id) m;
    END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_account_payment() RETURNS trigger AS $$
BEGIN
    PERFORM utility_check_touch_move(m.id)
       FROM account_move m WHERE m.origin_payment_id = OLD.id;
    PERFORM utility_check_touch_sale(OLD.utility_vend_id);
    PERFORM utility_check_touch_sale(v.id) FROM utility_vend v WHERE v.refund_payment_id = OLD.id;
    RETURN NULL;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_utility_incoming() RETURNS trigger AS $$
BEGIN
    PERFORM utility_check_touch_move(m.id)
       FROM (SELECT OLD.move_id AS id UNION SELECT NEW.move_id) m;
    RETURN NULL;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_utility_payment_return() RETURNS trigger AS $$
BEGIN
    PERFORM utility_check_touch_move(m.id)
       FROM (SELECT OLD.move_id AS id UNION SELECT NEW.move_id) m;
    PERFORM utility_check_touch_sale(v.id) FROM utility_vend v
      WHERE v.id IN (OLD.vend_id, NEW.vend_id)
         OR v.payment_id IN (OLD.payment_id, NEW.payment_id);
    RETURN NULL;
END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION utility_check_account_journal() RETURNS trigger AS $$
BEGIN
    INSERT INTO utility_check_touch (sale, number)
    SELECT DISTINCT sale, number FROM utility_check_part;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
"""


def _differs(*columns):
    return " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)


ANY_CHANGE = (("INSERT OR DELETE", ""), ("UPDATE", f"WHEN ({CHANGED})"))
TRIGGERS = {
    "utility_vend": ANY_CHANGE,
    "utility_incoming": (
        ("INSERT OR DELETE", ""),
        ("UPDATE", f"WHEN ({_differs('move_id', 'journal_id')})"),
    ),
    "utility_payment_return": ANY_CHANGE,
    "account_move": (
        ("DELETE", ""),
        (
            "UPDATE",
            f"WHEN ({_differs('utility_vend_id', 'utility_contract_id', 'origin_payment_id')})",
        ),
    ),
    "account_move_line": (
        ("INSERT", "WHEN (NEW.parent_state = 'posted')"),
        ("DELETE", "WHEN (OLD.parent_state = 'posted')"),
        (
            "UPDATE",
            "WHEN ((OLD.parent_state = 'posted' OR NEW.parent_state = 'posted') AND ("
            + _differs(
                "account_id", "company_id", "parent_state", "date", "balance", "partner_id",
                "journal_id", "move_id",
            )
            + "))",
        ),
    ),
    "account_payment": (
        ("DELETE", ""),
        ("UPDATE", f"WHEN ({_differs('utility_vend_id', 'utility_contract_id', 'date')})"),
    ),
    "account_journal": (("UPDATE", f"WHEN ({_differs('type')})"),),
}  # fmt: skip
