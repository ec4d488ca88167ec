from odoo import models


class UtilityMeter(models.Model):
    _inherit = "utility.meter"

    def _board_alarms(self, state, now):
        found = super()._board_alarms(state, now)
        line = self.sudo().port_id.line_id
        if line and not line.reachable:
            found.insert(0, self.env._("Line is down"))
        return found
