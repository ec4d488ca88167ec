from odoo import models


class UtilityBoard(models.AbstractModel):
    _inherit = "utility.board"

    def _acts(self):
        acts = super()._acts()
        if self.env.ref("meter_gateway.command_type_read").allowed:
            acts.append({"method": "action_read", "label": self.env._("Read now")})
        if self.env["meter.command.type"].search_count(
            [("allowed", "=", True), ("kind", "!=", "raw")], limit=1
        ):
            acts.append(
                {
                    "method": "action_remote_operation",
                    "label": self.env._("Remote operations"),
                }
            )
        return acts
