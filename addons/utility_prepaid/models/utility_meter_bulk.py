from odoo import api, fields, models
from odoo.exceptions import ValidationError


class UtilityMeter(models.Model):
    """Bulk meters: what they count is what the meters behind them count, and the loss."""

    _inherit = "utility.meter"

    bulk_meter_id = fields.Many2one(
        "utility.meter",
        "Bulk meter",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="The meter in front of this one; it may itself stand behind another.",
    )
    sub_meter_ids = fields.One2many("utility.meter", "bulk_meter_id", "Sub-meters")
    sub_meter_count = fields.Integer("Sub-meters (count)", compute="_compute_sub_meter_count")

    @api.depends("sub_meter_ids")
    def _compute_sub_meter_count(self):
        counts = self.env["utility.room"]._count_by("utility.meter", "bulk_meter_id", self)
        for meter in self:
            meter.sub_meter_count = counts.get(meter.id, 0)

    @api.constrains("bulk_meter_id", "type_id")
    def _check_bulk_meter(self):
        if self._has_cycle("bulk_meter_id"):
            raise ValidationError(self.env._("A meter cannot stand behind itself."))
        for meter in self | self.sub_meter_ids:
            bulk = meter.bulk_meter_id
            if bulk and bulk.utility != meter.utility:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s and its bulk meter %(bulk)s are not of the same utility.",
                        meter=meter.vending_id,
                        bulk=bulk.vending_id,
                    )
                )

    def action_view_sub_meters(self):
        return self.env["utility.room"]._action_meters([("bulk_meter_id", "in", self.ids)])
