from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .meter_dialect import STANDARDS

OPEN_STATES = ("queued", "sent", "unknown", "disputed")


class UtilityMeter(models.Model):
    """In which dialect one meter is spoken to."""

    _inherit = "utility.meter"

    dialect_id = fields.Many2one(
        "meter.dialect",
        "Own dialect",
        index=True,
        ondelete="restrict",
        tracking=True,
        help="Only where this meter is spoken to otherwise than its type.",
    )

    @api.constrains("dialect_id", "type_id")
    def _check_dialect(self):
        for meter in self.filtered("dialect_id"):
            if STANDARDS[meter.dialect_id.protocol] != meter.type_id.protocol:
                raise ValidationError(
                    self.env._(
                        "%(meter)s: the dialect %(dialect)s is of another standard than the type "
                        "%(type)s, and so are its addresses.",
                        meter=meter.display_name,
                        dialect=meter.dialect_id.name,
                        type=meter.type_id.name,
                    )
                )

    def write(self, vals):
        if {"dialect_id", "type_id"} & set(vals):
            self._check_money_settled([("id", "in", self.ids)])
        return super().write(vals)

    @api.model
    def _check_money_settled(self, domain):
        """An order on its way was made in a dialect, and is judged in the same one.

        :param domain: meters that are about to be spoken to in another way
        :raises UserError: one of them has an open money command
        """
        meters = self.sudo().with_context(active_test=False)._search(domain)
        command = (
            self.env["utility.command"]
            .sudo()
            .search(
                [
                    ("money", "=", True),
                    ("state", "in", OPEN_STATES),
                    ("meter_id", "in", meters),
                ],
                limit=1,
            )
        )
        if command:
            raise UserError(
                self.env._(
                    "Not now: meter %s has an order on its way that was made in the present "
                    "dialect. Wait until it is settled.",
                    command.meter_id.vending_id,
                )
            )

    def _dialect(self):
        """How this meter is spoken to.

        :return: ``meterwire.dialect.Dialect``, or None where nobody said it
        """
        self.ensure_one()
        meter = self.sudo()
        return (meter.dialect_id or meter.type_id.dialect_id)._dialect()
