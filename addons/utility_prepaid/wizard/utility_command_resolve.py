from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec


class UtilityCommandResolve(models.TransientModel):
    """A person settles an order with the proof fields of the meter in hand.

    Either the order is disputed, or the meter is on no line and was served with a handheld.
    """

    _name = "utility.command.resolve"
    _description = "Settle an Order by Hand"

    command_id = fields.Many2one("utility.command", required=True, readonly=True)
    state = fields.Selection(related="command_id.state")
    message = fields.Text(related="command_id.message")
    decision = fields.Selection(
        [("charged", "The meter was charged"), ("not_charged", "The meter was not charged")],
        required=True,
    )
    number = fields.Integer("Purchase number shown by the meter")
    balance_before = fields.Float("Balance before", digits=(16, 4))
    balance_after = fields.Float("Balance after", digits=(16, 4))
    reason = fields.Text(required=True)

    def action_confirm(self):
        """Settle the order; its seller may not decide about it.

        :raises AccessError: no right, or the user's own sale
        :raises UserError: the reason is missing, or the number is not the next one
        """
        self.ensure_one()
        command = self.command_id
        engineer = self.env.user.has_group("utility_prepaid.group_engineer")
        supervisor = self.env.user.has_group("utility_prepaid.group_supervisor")
        if not (supervisor or engineer):
            raise AccessError(self.env._("Only supervisors and engineers settle orders by hand."))
        vend = command.vend_id
        sellers = command.user_id | vend.user_id | vend.reversed_vend_id.user_id
        if self.env.user in sellers and vend:
            raise AccessError(self.env._("Someone other than the seller must decide."))
        if not self.reason.strip():
            raise UserError(self.env._("Say why."))
        if command.state == "queued":
            self._confirm_handheld(engineer)
        else:
            command._judge_by_person(
                self.decision == "charged", self.reason.strip(), self._proof(command.epoch)
            )
        return {"type": "ir.actions.act_window_close"}

    def _proof(self, epoch):
        return {
            "number": self.number,
            "epoch": epoch,
            "balance_before": dec(self.balance_before),
            "balance_after": dec(self.balance_after),
        }

    def _confirm_handheld(self, engineer):
        """An order for a meter on no line: carried out with a handheld, or given up."""
        command = self.command_id
        meter = command.meter_id
        if not engineer:
            raise AccessError(self.env._("Only engineers serve meters with a handheld."))
        if meter._is_connected():
            raise UserError(
                self.env._("This meter is on a line: it is served and asked through that line.")
            )
        if self.decision == "not_charged":
            command._cancel(self.reason.strip())
            if command.vend_id.kind != "sale":
                # A sale keeps its money and waits for the cashier; nobody waits for these.
                command.vend_id.sudo()._command_failed(command)
            return
        cleared = command.kind == "clear"
        expected = 0 if cleared else meter.purchase_number + 1
        if self.number != expected:
            raise UserError(
                self.env._(
                    "The meter must show purchase number %(expected)s after this order, not "
                    "%(number)s. Nothing was confirmed.",
                    expected=expected,
                    number=self.number,
                )
            )
        if not command._arm(meter.purchase_number + 1, meter.epoch, False, 0):
            raise UserError(self.env._("This order waits for another decision first."))
        command._prove(self._proof(meter.epoch + cleared))
