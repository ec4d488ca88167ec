from odoo import fields, models


class UtilitySiteStop(models.TransientModel):
    """Stop sites, or let them go on, with the reason that everybody will read."""

    _name = "utility.site.stop"
    _description = "Emergency Stop"

    site_ids = fields.Many2many("utility.site", string="Sites", required=True)
    decision = fields.Selection([("stop", "Stop"), ("go_on", "Go on")], required=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        if self.decision == "stop":
            self.site_ids._stop(self.reason)
        else:
            self.site_ids._go_on(self.reason)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
