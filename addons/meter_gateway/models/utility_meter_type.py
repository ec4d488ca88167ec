from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .meter_dialect import STANDARDS

ADDRESS_DIGITS = {"dlt645_1997": 12, "dlt645_2007": 12, "cjt188": 14}


class UtilityMeterType(models.Model):
    """In which dialect the meters of a type are spoken to."""

    _inherit = "utility.meter.type"

    dialect_id = fields.Many2one(
        "meter.dialect",
        index=True,
        ondelete="restrict",
        help="How these meters are spoken to over a line; a single meter may have another one.",
    )
    evidence = fields.Selection(related="dialect_id.evidence")

    @api.constrains("dialect_id", "protocol", "address_length")
    def _check_dialect(self):
        labels = dict(self._fields["protocol"]._description_selection(self.env))
        for kind in self.filtered("dialect_id"):
            standard = STANDARDS[kind.dialect_id.protocol]
            if kind.protocol != standard:
                raise ValidationError(
                    self.env._(
                        "%(type)s: meters of this type speak %(ours)s, the dialect %(dialect)s is "
                        "one of %(theirs)s.",
                        type=kind.name,
                        ours=labels[kind.protocol],
                        dialect=kind.dialect_id.name,
                        theirs=labels[standard],
                    )
                )
            if kind.address_length != ADDRESS_DIGITS[standard]:
                raise ValidationError(
                    self.env._(
                        "%(type)s: an address of %(standard)s has %(digits)s digits.",
                        type=kind.name,
                        standard=labels[standard],
                        digits=ADDRESS_DIGITS[standard],
                    )
                )

    def write(self, vals):
        if "dialect_id" in vals:
            self.env["utility.meter"]._check_money_settled(
                [("type_id", "in", self.ids), ("dialect_id", "=", False)]
            )
        return super().write(vals)
