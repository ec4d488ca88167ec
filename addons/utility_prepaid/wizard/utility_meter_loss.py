from datetime import timedelta

import pytz

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..tools.decimals import dec, round_places

GROUPS = ("accountant", "manager", "supervisor", "engineer")


class UtilityMeterLoss(models.TransientModel):
    """Bulk meters against the meters behind them, over some local days."""

    _name = "utility.meter.loss"
    _description = "Loss behind Bulk Meters"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    date_from = fields.Date(
        "From",
        required=True,
        default=lambda self: fields.Date.start_of(
            fields.Date.subtract(self.env.company._utility_today(), months=1), "month"
        ),
    )
    date_to = fields.Date(
        "To",
        required=True,
        default=lambda self: fields.Date.subtract(
            fields.Date.start_of(self.env.company._utility_today(), "month"), days=1
        ),
        help="The last day, included.",
    )
    tolerance = fields.Integer(
        "Hours to the next reading",
        required=True,
        default=24,
        help="A meter counts as read at an end of the period when it was read within so many hours "
        "before or after.",
    )
    meter_ids = fields.Many2many(
        "utility.meter", string="Bulk meters", help="None means all of the company."
    )
    line_ids = fields.One2many("utility.meter.loss.line", "loss_id", readonly=True)

    def action_compute(self):
        """Work the losses out, and show them.

        :raises AccessError: no right to this report
        :raises UserError: the period is none
        """
        self.ensure_one()
        user = self.env.user
        if not any(user.has_group(f"utility_prepaid.group_{name}") for name in GROUPS):
            raise AccessError(self.env._("Losses are shown to those who answer for them."))
        if self.date_from > self.date_to or self.tolerance <= 0:
            raise UserError(self.env._("The period has no days, or the hours are none."))
        self.line_ids.unlink()
        self.env["utility.meter.loss.line"].create(self._lines())
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_meter_loss_line_action"
        )
        return {**action, "domain": [("loss_id", "=", self.id)]}

    def _lines(self):
        """Values of the lines: one for each bulk meter, against those directly behind it."""
        meters = self.env["utility.meter"]
        domain = [("company_id", "=", self.company_id.id), ("bulk_meter_id", "!=", False)]
        bulks = meters.search(domain).bulk_meter_id
        if self.meter_ids:
            bulks &= self.meter_ids
        everyone = bulks | bulks.sub_meter_ids
        start, end = self._moment(self.date_from), self._moment(self.date_to + timedelta(days=1))
        used = self.env["utility.reading"]._use(everyone, start, end)
        missing = everyone - (self._read_at(everyone, start) & self._read_at(everyone, end))
        anew = self._counted_anew(everyone, start, end)
        return [
            self._line(bulk, used, missing, anew)
            for bulk in bulks.sorted(lambda meter: (meter.site_id.id, meter.vending_id))
        ]

    def _line(self, bulk, used, missing, anew):
        subs = bulk.sub_meter_ids
        family = bulk | subs
        behind = sum((used[meter.id] for meter in subs), dec(0))
        values = {
            "loss_id": self.id,
            "meter_id": bulk.id,
            "sub_count": len(subs),
            "missing_ids": [fields.Command.set((family & missing).ids)],
            "missing_count": len(family & missing),
            "anew_count": len(family & anew),
        }
        if family & missing:
            # What is not known is not zero: no figure at all.
            return {**values, "state": "missing"}
        loss = dec(used[bulk.id] - behind)
        price = self._price(bulk, used)
        return {
            **values,
            "state": "anew" if family & anew else "complete",
            "used": float(used[bulk.id]),
            "used_behind": float(behind),
            "loss": float(loss),
            "loss_percent": float(round_places(100 * loss / used[bulk.id], 2))
            if used[bulk.id]
            else 0,
            "price": float(price),
            "amount": float(round_places(loss * price, 2)),
        }

    def _price(self, bulk, used):
        """The bulk meter's own price, else that of the units behind it, on the last day."""
        weight, worth = dec(0), dec(0)
        own = bulk.contract_id
        for meter in own.meter_id or bulk.sub_meter_ids.filtered("contract_id"):
            try:
                price = meter.contract_id.sudo().tariff_id._price_at(self.date_to)
            except UserError:
                continue
            units = dec(1) if own else used[meter.id]
            weight += units
            worth += units * price
        return dec(worth / weight) if weight else dec(0)

    # ---------------------------------------------------------------- readings

    def _moment(self, date):
        zone = pytz.timezone(self.company_id.utility_tz or "UTC")
        return self.env["utility.reading"]._midnight(zone, date)

    def _read_at(self, meters, moment):
        """Those meters whose totaliser was read around a moment; old readings live on in days."""
        hours = timedelta(hours=self.tolerance)
        first, last = moment - hours, moment + hours
        query = SQL(
            """
            SELECT m.id FROM unnest(%(meters)s) AS m(id)
             WHERE EXISTS (SELECT 1 FROM utility_reading_raw r
                            WHERE r.meter_id = m.id AND r.total IS NOT NULL
                              AND r.at BETWEEN %(first)s AND %(last)s)
                OR EXISTS (SELECT 1 FROM utility_reading_day d
                            WHERE d.meter_id = m.id AND d.last_total IS NOT NULL
                              AND d.start > %(first)s - interval '2 days' AND d.start <= %(last)s
                              AND (d.first_at BETWEEN %(first)s AND %(last)s
                                   OR d.last_at BETWEEN %(first)s AND %(last)s))
            """,
            meters=meters.ids,
            first=first,
            last=last,
        )
        return meters.browse(meter_id for (meter_id,) in self.env.execute_query(query))

    def _counted_anew(self, meters, start, end):
        """Those meters that were cleared or changed: the use of just then is not known."""
        days = self.env["utility.reading.day"].search(
            [
                ("meter_id", "in", meters.ids),
                ("start", ">=", start),
                ("start", "<", end),
                ("restarts", ">", 0),
            ]
        )
        return days.meter_id


class UtilityMeterLossLine(models.TransientModel):
    _name = "utility.meter.loss.line"
    _description = "Loss behind a Bulk Meter"
    _order = "id"
    _rec_name = "meter_id"

    loss_id = fields.Many2one(
        "utility.meter.loss", "Report", required=True, readonly=True, index=True, ondelete="cascade"
    )
    date_from = fields.Date(related="loss_id.date_from", string="From")
    date_to = fields.Date(related="loss_id.date_to", string="To")
    company_id = fields.Many2one(related="loss_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    meter_id = fields.Many2one(
        "utility.meter", "Bulk meter", required=True, readonly=True, ondelete="cascade"
    )
    bulk_meter_id = fields.Many2one(related="meter_id.bulk_meter_id", string="Stands behind")
    site_id = fields.Many2one(related="meter_id.site_id", store=True)
    utility = fields.Selection(related="meter_id.utility", store=True)
    uom_id = fields.Many2one(related="meter_id.uom_id")
    state = fields.Selection(
        [
            ("complete", "Complete"),
            ("anew", "A meter counted anew"),
            ("missing", "Readings are missing"),
        ],
        "Readings",
        required=True,
        readonly=True,
    )
    sub_count = fields.Integer("Sub-meters", readonly=True)
    missing_count = fields.Integer("Not read", readonly=True)
    anew_count = fields.Integer("Counted anew", readonly=True)
    missing_ids = fields.Many2many("utility.meter", string="Meters not read", readonly=True)
    used = fields.Float(
        "Use of the bulk meter", digits=(16, 4), min_display_digits=2, readonly=True
    )
    used_behind = fields.Float("Use behind it", digits=(16, 4), min_display_digits=2, readonly=True)
    loss = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    loss_percent = fields.Float("Loss in %", digits=(16, 2), readonly=True, aggregator="avg")
    price = fields.Float(digits=(16, 4), readonly=True, aggregator=None)
    amount = fields.Monetary("Loss in money", readonly=True)

    def action_view_missing(self):
        """The meters that were not read at an end of the period."""
        self.ensure_one()
        return self.env["utility.room"]._action_meters([("id", "in", self.missing_ids.ids)])
