from datetime import timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.decimals import dec

# column -> how a caller's value becomes the column's
_VALUES = {
    "balance": dec,
    "total": dec,
    "cumulative": dec,
    "purchase_number": int,
    "epoch": int,
    "customer_number": str,
    "supply": str,
    "control": str,
    "t1": dec,
    "t2": dec,
    "t3": dec,
    "t4": dec,
    "battery_low": bool,
    "restart": bool,
}
_EMPTY = {
    "balance": Decimal(0),
    "total": Decimal(0),
    "cumulative": Decimal(0),
    "purchase_number": 0,
    "epoch": 0,
    "supply": "unknown",
    "control": "unknown",
}


class UtilityMeterState(models.Model):
    """What a meter last said: one row per meter, apart from the archive.

    The archive row is thereby never locked by readings, and an exchange that is older than the one
    already stored changes nothing.
    """

    _name = "utility.meter.state"
    _description = "Meter State"
    _rec_name = "meter_id"
    _order = "meter_id"

    meter_id = fields.Many2one(
        "utility.meter", required=True, readonly=True, index=True, ondelete="cascade"
    )
    balance = fields.Float(
        digits=(16, 4), min_display_digits=2, readonly=True, help="Signed: below zero is owed."
    )
    total = fields.Float("Totaliser", digits=(16, 4), min_display_digits=2, readonly=True)
    t1 = fields.Float("Sharp", digits=(16, 4), min_display_digits=2, readonly=True)
    t2 = fields.Float("Peak", digits=(16, 4), min_display_digits=2, readonly=True)
    t3 = fields.Float("Flat", digits=(16, 4), min_display_digits=2, readonly=True)
    t4 = fields.Float("Valley", digits=(16, 4), min_display_digits=2, readonly=True)
    battery_low = fields.Boolean("Battery low", readonly=True)
    restart = fields.Boolean(
        "Counts anew",
        readonly=True,
        help="Another meter stands behind this record since the last reading.",
    )
    purchase_number = fields.Integer("Purchase number", readonly=True)
    epoch = fields.Integer(readonly=True)
    cumulative = fields.Float("Total bought", digits=(16, 4), min_display_digits=2, readonly=True)
    customer_number = fields.Char("Customer number", readonly=True)
    supply = fields.Selection(
        [("unknown", "Unknown"), ("on", "On"), ("off", "Off")],
        required=True,
        default="unknown",
        readonly=True,
    )
    control = fields.Selection(
        [("unknown", "Unknown"), ("local", "Local"), ("remote", "Remote")],
        required=True,
        default="unknown",
        readonly=True,
    )
    seen_at = fields.Datetime("Seen at", required=True, readonly=True)
    number_seen_at = fields.Datetime(
        readonly=True, help="When the meter last told its purchase number; readings do not."
    )

    cumulative_seen_at = fields.Datetime(
        readonly=True, help="When the meter last told its total bought; some meters never do."
    )

    _meter_uniq = models.Constraint("UNIQUE(meter_id)", "A meter has one state.")

    def init(self):
        # Every reading changes its meter's row: with room on its page no index is touched.
        self.env.cr.execute("ALTER TABLE utility_meter_state SET (fillfactor = 40)")

    @api.model
    def _store(self, meter_id, seen_at, **values):
        """Keep what a meter said at a time, unless something newer is known already.

        :param int meter_id: id of the `utility.meter`
        :param datetime seen_at: when the meter said it: naive UTC, or with a time zone
        :param values: any of balance, total, cumulative, t1 to t4 (Decimal or a number),
            purchase_number, epoch (int), customer_number, supply, control (str), battery_low,
            restart (bool); what is not given stays as it is
        :return: True when stored, False when a newer exchange had been stored before
        :raises KeyError: for a value that is not a column of the state
        """
        if seen_at.tzinfo:
            seen_at = seen_at.astimezone(timezone.utc).replace(tzinfo=None)
        given = {name: _VALUES[name](value) for name, value in values.items()}
        if "purchase_number" in given:
            given["number_seen_at"] = seen_at
        if "cumulative" in given:
            given["cumulative_seen_at"] = seen_at
        row = {**_EMPTY, **given, "meter_id": meter_id, "seen_at": seen_at}
        updates = [
            SQL("%(col)s = EXCLUDED.%(col)s", col=SQL.identifier(name))
            for name in (*given, "seen_at")
        ]
        self.flush_model()
        self.env["utility.meter"].flush_model(["address"])
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO utility_meter_state (%(columns)s) VALUES (%(row)s)
                ON CONFLICT (meter_id) DO UPDATE SET %(updates)s,
                       write_date = now() AT TIME ZONE 'UTC', write_uid = %(uid)s
                 WHERE utility_meter_state.seen_at <= EXCLUDED.seen_at
                """,
                columns=SQL(", ").join(map(SQL.identifier, row)),
                row=SQL(", ").join(SQL("%s", value) for value in row.values()),
                updates=SQL(", ").join(updates),
                uid=self.env.uid,
            )
        )
        stored = bool(self.env.cr.rowcount)
        self._forget()
        return stored

    @api.model
    def _forget(self):
        """The rows were written by SQL: what the cache says of them is old."""
        self.invalidate_model()
        self.env["utility.meter"].invalidate_model(
            [
                "state_ids",
                "balance",
                "total",
                "seen_at",
                "supply",
                "control",
                "balance_low",
                "t1",
                "t2",
                "t3",
                "t4",
                "battery_low",
                "number_seen",
                "number_differs",
            ],
            flush=False,
        )
