from odoo import fields, models


class MeterDialectError(models.Model):
    """What a maker means by a refusal that the standard leaves open."""

    _name = "meter.dialect.error"
    _inherit = "meter.dialect.entry"
    _description = "Dialect Refusal"
    _order = "dialect_id, control, code, id"
    _rec_name = "words"

    control = fields.Char(
        "Control byte", required=True, help="Of the refusal, in hex: D4 a write, DC a relay, C3."
    )
    code = fields.Char(required=True, help="The error that the meter gives.")
    words = fields.Char("Meaning", required=True)

    _code_uniq = models.Constraint(
        "UNIQUE(dialect_id, control, code)", "This refusal has its words already."
    )
