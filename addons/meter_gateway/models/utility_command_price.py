from odoo import models


class UtilityCommand(models.Model):
    """Whoever follows a meter's prices hears of the end of what it asked for."""

    _inherit = "utility.command"

    def _end_without_money(self, target, **values):
        result = super()._end_without_money(target, **values)
        prices = self.env["meter.price"].sudo()
        if prices.search_count([("command_id", "=", self.id)], limit=1):
            prices._wake()
        return result
