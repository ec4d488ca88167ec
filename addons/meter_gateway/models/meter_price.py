from datetime import timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..lib.meterwire.jobs import Meter

# What a person should look at, or what is on its way.
OPEN = ("unfit", "unread", "differs", "writing", "waiting", "refused")
ENDED = ("done", "failed", "cancelled", "expired")
# Meters are looked at in the night's first hours, not all at midnight.
SPREAD_MINUTES = 180


class MeterPrice(models.Model):
    """Prices and periods that a meter holds itself, against the tariff of its contract.

    One row for each meter that holds some. What the meter holds is what it was last read to hold;
    nothing is taken as written before it was read back from the live tables. The scheduled action
    looks at a row when ``look_at`` has come, or when the command that it waits for has ended:
    ``meter_price_follow`` says what comes next, ``meter_price_tables`` what should be there.
    """

    _name = "meter.price"
    _description = "Prices in a Meter"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _mail_post_access = "read"
    _order = "meter_id"
    _rec_name = "meter_id"

    meter_id = fields.Many2one(
        "utility.meter", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="meter_id.company_id", store=True, index=True)
    site_id = fields.Many2one(related="meter_id.site_id", store=True, index=True)
    type_id = fields.Many2one(related="meter_id.type_id", store=True)
    tariff_id = fields.Many2one(related="meter_id.contract_id.tariff_id", store=True, index=True)
    partner_id = fields.Many2one(related="meter_id.partner_id")
    # none <-> unread -> differs -> writing -> waiting -> current     any -> unfit
    # writing -> current (tables without a standby) | refused | differs (not carried out)
    # current -> differs, when the tariff or the meter changed
    state = fields.Selection(
        [
            ("none", "Nothing to hold"),
            ("unfit", "Cannot hold the tariff"),
            ("unread", "Not compared yet"),
            ("differs", "To write"),
            ("writing", "Being written"),
            ("waiting", "In standby"),
            ("current", "Up to date"),
            ("refused", "Refused"),
        ],
        required=True,
        readonly=True,
        default="none",
        index=True,
    )
    price_differs = fields.Boolean(
        "Price differs",
        readonly=True,
        index=True,
        help="The meter counts money, and was read to count at another price than its tariff's.",
    )
    meter_figures = fields.Char("Price in the meter", compute="_compute_words")
    tariff_figures = fields.Char("Price of the tariff", compute="_compute_words")
    difference_words = fields.Text("Differences", compute="_compute_words")
    words = fields.Text("Last try", readonly=True)
    live = fields.Json(readonly=True, help="What the meter was read to hold, by register.")
    live_at = fields.Datetime("Read", readonly=True)
    wanted = fields.Json(readonly=True, help="What the tariff wants it to hold, by register.")
    writing = fields.Json(
        readonly=True, help="What was last sent: values by register, and the moment (local)."
    )
    standby = fields.Json(
        readonly=True, help="What was last proved to stand in the standby set, as in `writing`."
    )
    switch_at = fields.Datetime("In force from", readonly=True)
    written_at = fields.Datetime("Written", readonly=True, help="When it was proved to be live.")
    clock_ahead = fields.Integer(
        "Clock ahead (s)",
        readonly=True,
        aggregator=None,
        help="How far the meter's clock was ahead of the desk's time, when it was last read.",
    )
    asked_id = fields.Many2one(
        "res.users", "Asked by", readonly=True, help="Who asked for the tables to be written."
    )
    read_due = fields.Boolean(readonly=True)
    command_id = fields.Many2one("utility.command", "On its way", readonly=True, index=True)
    failures = fields.Integer("Failures in a row", readonly=True, aggregator="max")
    retry_at = fields.Datetime("Tried again", readonly=True)
    look_at = fields.Datetime(readonly=True, index=True)

    _meter_uniq = models.Constraint("UNIQUE(meter_id)", "The prices of a meter are kept once.")

    @api.depends("live", "wanted", "meter_id")
    @api.depends_context("lang")
    def _compute_words(self):
        for price in self:
            live, wanted = price.live or {}, price.wanted or {}
            price.meter_figures = price._figures(live)
            price.tariff_figures = price._figures(wanted)
            price.difference_words = "\n".join(
                self.env._(
                    "%(label)s: is %(live)s, should be %(wanted)s",
                    label=price._label(name),
                    live=price._typed(live[name]) or self.env._("nothing"),
                    wanted=price._typed(wanted[name]),
                )
                for name in price._different(wanted, live)
                if name in live
            )

    # ------------------------------------------------------------------ people

    def action_write(self):
        """Bring what these meters hold to their tariffs: read, written where it differs, proved.

        :raises AccessError: the catalogue does not give the command to the user
        """
        self._write_type()._enqueue_check(self.meter_id)
        self._log(self.env._("Prices to be written"))
        self._look_now(asked_id=self.env.uid)
        return self._told()

    def action_read_prices(self):
        """Read what these meters hold, and compare it; nothing is changed.

        :raises AccessError: the catalogue does not give the command to the user
        """
        self._read_type()._enqueue_check(self.meter_id)
        self._look_now()
        return self._told()

    def action_leave(self):
        """What is not on its way yet is not written any more, unless the company does it itself.

        :raises AccessError: the catalogue does not give the command to the user
        """
        self._write_type()._enqueue_check(self.meter_id)
        self._log(self.env._("Prices are left as they are"))
        self.sudo().write({"asked_id": False, "look_at": fields.Datetime.now()})
        self._wake()
        return True

    def _look_now(self, **values):
        self.sudo().write(
            {
                "read_due": True,
                "failures": 0,
                "retry_at": False,
                "look_at": fields.Datetime.now(),
                **values,
            }
        )
        self._wake()

    def _told(self):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Meters to be read: %s. The list shows how they get on.", len(self)
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _log(self, action, note=""):
        for price in self:
            self.env["utility.operation"]._log(action, price, meter=price.meter_id, note=note)

    # ------------------------------------------------------------- the catalogue

    def _write_type(self):
        return self.env.ref("meter_gateway.command_type_tariff")

    def _read_type(self):
        return self.env.ref("meter_gateway.command_type_read_registers")

    def _label(self, name):
        """The catalogue's word for a register."""
        fields_ = self._write_type().sudo().field_ids
        return fields_.filtered(lambda field: field.register == name).name or name

    # ---------------------------------------------------------- scheduled action

    @api.model
    def _wake(self):
        self.env.ref("meter_gateway.ir_cron_prices").sudo()._trigger()

    @api.model
    def _mark(self, domain, **values):
        """Something changed by which meters should hold other prices: they are looked at.

        :param domain: of `meter.price`
        :param values: further fields to write
        """
        prices = self.sudo().search(domain)
        if prices:
            prices.write({"look_at": fields.Datetime.now(), **values})
            self._wake()

    @api.model
    def _cron_follow(self, limit=500):
        """Look at every row whose time has come, each in a transaction of its own."""
        self.sudo()._add_missing()
        prices = self.sudo().search(self._due(), limit=limit, order="look_at, id")
        self.env["ir.cron"]._utility_work_off(
            prices,
            lambda price: price._look_if_due(),
            lambda price, error: price._put_aside(error),
        )
        if len(prices) == limit:
            self._wake()

    @api.model
    def _due(self):
        return [
            "|",
            ("look_at", "<=", fields.Datetime.now()),
            ("command_id.state", "in", ENDED),
        ]

    @api.model
    def _add_missing(self):
        """A row for each connected meter with a contract that holds tables and has no row yet."""
        meters = self.env["utility.meter"].search(
            [
                ("price_ids", "=", False),
                ("port_id", "!=", False),
                ("contract_id", "!=", False),
                "|",
                ("type_id.multi_tariff", "=", True),
                ("credit", "=", "money"),
            ]
        )
        meters._price_rows()

    def _look_if_due(self):
        """Once more with the row locked: somebody may have looked at it meanwhile."""
        price = self.try_lock_for_update().filtered_domain(self._due())
        if price:
            lang = price.company_id.partner_id.lang or self.env.lang
            price.with_context(lang=lang)._look()

    def _put_aside(self, error):
        """After an error that nobody foresaw, with what was waited for: it is asked anew."""
        self.command_id = False
        self._failed(str(error))

    # ------------------------------------------------------------------ time

    def _zone(self):
        return pytz.timezone(self.company_id.utility_tz or Meter._field_defaults["zone"])

    def _local(self, at):
        """The time that the meter's clock should show.

        :param at: naive UTC
        """
        return pytz.utc.localize(at).astimezone(self._zone()).replace(tzinfo=None)

    def _utc(self, local):
        return self._zone().localize(local).astimezone(pytz.utc).replace(tzinfo=None)

    def _tomorrow(self):
        """When a row is looked at next, if nothing happens: its own minute of the night."""
        day = self._local(fields.Datetime.now()).replace(hour=0, minute=5, second=0, microsecond=0)
        return self._utc(day + timedelta(days=1, minutes=self.id % SPREAD_MINUTES))

    def _check_reachable(self):
        """:raises UserError: nothing can be said to the meter from here"""
        meter = self.meter_id
        if not meter._is_connected():
            raise UserError(
                self.env._(
                    "Meter %s is not connected to a port of a concentrator.", meter.vending_id
                )
            )
