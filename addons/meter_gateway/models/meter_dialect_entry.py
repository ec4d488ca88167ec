from odoo import api, fields, models


class MeterDialectEntry(models.AbstractModel):
    """What belongs to a dialect is guarded against changes as the dialect is."""

    _name = "meter.dialect.entry"
    _description = "Dialect Entry"

    dialect_id = fields.Many2one("meter.dialect", required=True, index=True, ondelete="cascade")

    @api.model_create_multi
    def create(self, vals_list):
        entries = super().create(vals_list)
        entries.dialect_id._check_changeable()
        return entries

    def write(self, vals):
        self.dialect_id._check_changeable()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_use(self):
        self.dialect_id._check_changeable()
