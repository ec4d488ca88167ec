from odoo import fields, models


class UtilityIssueCancel(models.TransientModel):
    """A person gives up credit without money that did not reach the meter."""

    _name = "utility.issue.cancel"
    _description = "Cancel Credit Without Money"

    vend_id = fields.Many2one("utility.vend", "Movement", required=True, readonly=True)
    message = fields.Text(related="vend_id.command_id.message", string="What the meter said")
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Give it up.

        :raises AccessError: no right
        :raises UserError: it may be on the meter
        """
        self.ensure_one()
        self.env["utility.counter"].cancel_issue(self.vend_id.id, self.reason)
        return {"type": "ir.actions.act_window_close"}
