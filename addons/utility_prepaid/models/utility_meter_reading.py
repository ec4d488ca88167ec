from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class UtilityMeter(models.Model):
    """How often a meter is read, and what it said."""

    _inherit = "utility.meter"

    read_interval = fields.Integer(
        "Own reading interval",
        help="Minutes between two automatic readings of this meter; zero means as its type says.",
    )
    t1 = fields.Float(related="state_ids.t1", string="Sharp", min_display_digits=2)
    t2 = fields.Float(related="state_ids.t2", string="Peak", min_display_digits=2)
    t3 = fields.Float(related="state_ids.t3", string="Flat", min_display_digits=2)
    t4 = fields.Float(related="state_ids.t4", string="Valley", min_display_digits=2)
    multi_tariff = fields.Boolean(related="type_id.multi_tariff")
    battery_low = fields.Boolean(related="state_ids.battery_low", string="Battery low")

    _read_interval_positive = models.Constraint(
        "CHECK(read_interval >= 0)", "The reading interval cannot be negative."
    )

    @api.constrains("read_interval", "type_id")
    def _check_read_interval(self):
        for meter in self:
            if 0 < meter.read_interval < meter.type_id.min_interval:
                raise ValidationError(
                    self.env._(
                        "%(type)s: the maker allows a reading every %(minutes)s minutes at most.",
                        type=meter.type_id.name,
                        minutes=meter.type_id.min_interval,
                    )
                )

    def write(self, vals):
        changed = self.browse()
        if "address" in vals:
            changed = self.filtered(lambda meter: meter.address != vals["address"])
        result = super().write(vals)
        # Another device, whose totaliser has nothing to do with that of the one before.
        changed.sudo().state_ids.write({"restart": True})
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_read(self):
        self.env.cr.execute(
            "SELECT meter_id FROM utility_reading_raw WHERE meter_id = ANY(%s) LIMIT 1",
            (self.ids,),
        )
        if row := self.env.cr.fetchone():
            raise UserError(
                self.env._(
                    "Meter %s has readings, which are kept: archive it instead.",
                    self.browse(row[0]).vending_id,
                )
            )

    def _reading_minutes(self):
        """Minutes between two automatic readings: 0 for none, never shorter than allowed."""
        self.ensure_one()
        kind = self.type_id
        minutes = self.read_interval or kind.read_interval
        if not (self.active and self.auto_read and minutes):
            return 0
        return max(minutes, kind.min_interval)

    def action_view_readings(self):
        return self._action_business("utility_reading_action", [("meter_id", "in", self.ids)])

    def action_view_use(self):
        action = self._action_business("utility_reading_day_action", [("meter_id", "in", self.ids)])
        views = sorted(action["views"], key=lambda view: view[1] != "graph")
        return {**action, "views": views, "view_mode": "graph,list,pivot"}
