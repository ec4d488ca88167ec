from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec


class UtilityCommandResolve(models.TransientModel):
    """A person decides a disputed order with the proof fields of the meter in hand."""

    _name = "utility.command.resolve"
    _description = "Decide a Disputed Order"

    command_id = fields.Many2one("utility.command", required=True, readonly=True)
    message = fields.Text(related="command_id.message")
    decision = fields.Selection(
        [("charged", "The meter was charged"), ("not_charged", "The meter was not charged")],
        required=True,
    )
    number = fields.Integer("Purchase number shown by the meter")
    balance_before = fields.Float(digits=(16, 4))
    balance_after = fields.Float(digits=(16, 4))
    reason = fields.Text(required=True)

    def action_confirm(self):
        """Settle the order; its seller may not decide about it.

        :raises AccessError: no right, or the user's own sale
        :raises UserError: the reason is missing
        """
        self.ensure_one()
        command = self.command_id
        if not (
            self.env.user.has_group("utility_prepaid.group_supervisor")
            or self.env.user.has_group("utility_prepaid.group_engineer")
        ):
            raise AccessError(self.env._("Only supervisors and engineers decide disputed orders."))
        if command.user_id == self.env.user and command.vend_id:
            raise AccessError(self.env._("Someone other than the seller must decide."))
        if not self.reason.strip():
            raise UserError(self.env._("Say why."))
        command._judge_by_person(
            self.decision == "charged",
            self.reason.strip(),
            {
                "number": self.number or command.number,
                "epoch": command.epoch,
                "balance_before": dec(self.balance_before),
                "balance_after": dec(self.balance_after),
            },
        )
        return {"type": "ir.actions.act_window_close"}
