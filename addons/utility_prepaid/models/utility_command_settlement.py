from odoo import fields, models


class UtilityCommand(models.Model):
    """Tells the step of a settlement how its command ended."""

    _inherit = "utility.command"

    settlement_step_id = fields.Many2one(
        "utility.settlement.step", "Step of a settlement", readonly=True, index="btree_not_null"
    )

    def _prove(self, values):
        changed = super()._prove(values)
        if changed:
            if self.kind == "clear":
                self.meter_id.sudo().to_clear = False
            self.settlement_step_id.sudo()._command_done(self, values)
        return changed

    def _changed(self):
        result = super()._changed()
        if self.state in ("failed", "cancelled", "expired"):
            self.settlement_step_id.sudo()._command_ended(self)
        return result

    def _end_without_money(self, target, **values):
        before = self.state
        super()._end_without_money(target, **values)
        step = self.settlement_step_id.sudo()
        if not step or self.state == before:
            return
        if target == "done":
            step._command_done(self, self.result or {})
        else:
            step._command_ended(self)
