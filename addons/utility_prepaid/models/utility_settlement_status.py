from odoo import models

from ..tools.decimals import dec, text


class UtilitySettlement(models.Model):
    _inherit = "utility.settlement"

    def _status(self):
        """What the counter shows of a settlement; money and units as texts."""
        self.ensure_one()
        settlement = self.sudo()
        labels = dict(
            self.env["utility.settlement.step"]._fields["state"]._description_selection(self.env)
        )
        counter = self.env["utility.counter"]
        return {
            "id": settlement.id,
            "name": settlement.name,
            "kind": settlement.kind,
            "state": settlement.state,
            "words": settlement.words or "",
            "contract_state": settlement.contract_id.state,
            "steps": [
                {
                    "kind": step.kind,
                    "name": step._label(),
                    "state": step.state,
                    "state_name": labels[step.state],
                    "message": step.message or "",
                }
                for step in settlement._steps()
            ],
            "lines": [counter._settlement_line(line) for line in settlement.line_ids],
            "due": text(dec(settlement.amount_due, 2), 2) if settlement.payout else "",
            "payout": settlement.payout or "",
        }
