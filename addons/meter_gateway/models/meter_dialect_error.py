from odoo import api, fields, models


class MeterDialectError(models.Model):
    """What a maker means by a refusal that the standard leaves open."""

    _name = "meter.dialect.error"
    _description = "Dialect Refusal"
    _order = "dialect_id, control, code, id"
    _rec_name = "words"

    dialect_id = fields.Many2one("meter.dialect", required=True, index=True, ondelete="cascade")
    control = fields.Char(
        "Control byte", required=True, help="Of the refusal, in hex: D4 a write, DC a relay, C3."
    )
    code = fields.Char(required=True, help="The error that the meter gives.")
    words = fields.Char("Meaning", required=True)

    _code_uniq = models.Constraint(
        "UNIQUE(dialect_id, control, code)", "This refusal has its words already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        errors = super().create(vals_list)
        errors.dialect_id._check_changeable()
        return errors

    def write(self, vals):
        self.dialect_id._check_changeable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_use(self):
        self.dialect_id._check_changeable()
