from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from .utility_settlement import OPEN_STATES

# What a settlement that is given up may have done already.
HARMLESS = ("read", "wipe")


class UtilitySettlement(models.Model):
    """What people do to a settlement that is under way, and who may."""

    _inherit = "utility.settlement"

    def action_retry(self):
        """Try the step again that failed.

        :raises AccessError: no right to open and close contracts
        """
        for settlement in self:
            settlement.contract_id.check_access("write")
            settlement = settlement.sudo()
            settlement.meter_id._lock_row()
            for step in settlement._steps_left().filtered(lambda step: step.state == "failed"):
                step._update_state("waiting")
            settlement._advance()
        return True

    def action_cancel(self):
        """Give it up, while the meter was not changed for good.

        :raises AccessError: no right to open and close contracts
        :raises UserError: an order is on its way, or a step was proved that cannot be undone
        """
        for settlement in self:
            settlement.contract_id.check_access("write")
            settlement.sudo()._cancel()
        return True

    def action_read_by_hand(self):
        """Open the form in which a person enters what the meter shows."""
        return self._open_form("utility.settlement.reading", self.env._("Reading by hand"))

    def action_pay(self):
        """Open the form in which the payment method is chosen."""
        return self._open_form("utility.settlement.payment", self.env._("Payment"))

    def action_confirm_cleared(self):
        """An engineer has cleared the old meter on the spot."""
        return self.meter_id.action_confirm_cleared()

    def _open_form(self, model, name):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {"default_settlement_id": self.id},
        }

    def _cancel(self):
        self.ensure_one()
        self.meter_id._lock_row()
        if self.state not in OPEN_STATES:
            raise UserError(self.env._("Nothing is under way in %s.", self.name))
        done = self.step_ids.filtered(lambda s: s.state == "done" and s.kind not in HARMLESS)
        if done or self.by_hand:
            raise UserError(
                self.env._(
                    "%(name)s cannot be given up: “%(step)s” is done and stays.",
                    name=self.name,
                    step=(done[:1] or self._step("clear"))._label(),
                )
            )
        self.step_ids._stop_commands()
        self.meter_busy = False
        self._update_state("cancelled", done_at=fields.Datetime.now(), due_at=False)
        self.contract_id._settlement_cancelled(self)

    def _check_group(self, *groups):
        """Refuse whoever has none of these rights.

        :raises AccessError: with words
        """
        if not any(self.env.user.has_group(f"utility_prepaid.group_{group}") for group in groups):
            labels = [
                self.env.ref(f"utility_prepaid.group_{group}").sudo().name for group in groups
            ]
            raise AccessError(self.env._("Only these roles may do this: %s.", ", ".join(labels)))
