from odoo import fields, models
from odoo.exceptions import UserError


class UtilityVend(models.Model):
    """A transfer tells the replacement that waits for it."""

    _inherit = "utility.vend"

    settlement_step_ids = fields.One2many("utility.settlement.step", "vend_id", readonly=True)

    def _on_delivered(self, command):
        result = super()._on_delivered(command)
        for step in self.sudo().settlement_step_ids.filtered(lambda s: s.state != "done"):
            step._update_state(
                "done",
                source="proof",
                balance=command.balance_after,
                has_balance=True,
                number=command.number,
                message=False,
            )
            step._go_on()
        return result

    def _cancel_issue(self, reason):
        if self.kind == "transfer":
            raise UserError(
                self.env._("What was left on the old meter is the customer's: send it again.")
            )
        return super()._cancel_issue(reason)
