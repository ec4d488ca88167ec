from odoo import api, fields, models

from ..tools.decimals import dec


class UtilitySettlementReading(models.TransientModel):
    """What a person read on a meter that does not answer."""

    _name = "utility.settlement.reading"
    _description = "Reading by Hand"

    settlement_id = fields.Many2one("utility.settlement", required=True, readonly=True)
    meter_id = fields.Many2one("utility.meter", compute="_compute_meter_id")
    has_total = fields.Boolean("Totaliser is known", default=True)
    total = fields.Float("Totaliser", digits=(16, 4), min_display_digits=2)
    has_balance = fields.Boolean("Balance is known", default=True)
    balance = fields.Float(
        digits=(16, 4), min_display_digits=2, help="What the meter counts; below zero it is owed."
    )
    note = fields.Char("Reason", required=True)

    @api.depends("settlement_id")
    def _compute_meter_id(self):
        for form in self:
            form.meter_id = form.settlement_id.step_id.meter_id

    def action_confirm(self):
        self.ensure_one()
        self.settlement_id._read_by_hand(
            dec(self.total) if self.has_total else None,
            dec(self.balance) if self.has_balance else None,
            self.note,
        )
        return {"type": "ir.actions.act_window_close"}
