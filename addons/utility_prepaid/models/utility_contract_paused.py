from odoo import api, fields, models
from odoo.exceptions import UserError


class UtilityContract(models.Model):
    """Pause and resume: the contract stays, and costs nothing while it is not used."""

    _inherit = "utility.contract"

    pause_ids = fields.One2many("utility.contract.pause", "contract_id", readonly=True)
    paused = fields.Boolean(compute="_compute_paused", store=True)

    @api.depends("pause_ids.date_to")
    def _compute_paused(self):
        for contract in self:
            contract.paused = any(not pause.date_to for pause in contract.pause_ids)

    def _pause(self, reason, switch_off=False):
        """Stop sales and the fixed fee from today on.

        :param reason: why; needed
        :param switch_off: cut the supply as well, by the meter's relay or valve
        :raises AccessError: no right; to cut the supply takes more than a cashier
        :raises UserError: the contract is not active, or a sale is not settled
        """
        self.ensure_one()
        _ = self.env._
        self.check_access("write")
        self._lock()
        if self.state != "active":
            raise UserError(_("Only an active contract can be paused."))
        if self.paused:
            raise UserError(_("Contract %s is already paused.", self.name))
        if not (reason or "").strip():
            raise UserError(_("Say why the contract is paused."))
        self._check_settled()
        if switch_off:
            self.env["utility.settlement"]._check_group("supervisor", "engineer", "manager")
        pause = (
            self.env["utility.contract.pause"]
            .sudo()
            .create(
                {
                    "contract_id": self.id,
                    "date_from": self.company_id._utility_today(),
                    "reason": reason.strip(),
                    "user_id": self.env.uid,
                }
            )
        )
        if switch_off:
            pause.switch_off_id = self._switch("off")
        self._log_pause(_("Contract paused"), reason.strip())

    def _resume(self):
        """Let it go on; supply that the pause cut is given back.

        :raises AccessError: no right
        :raises UserError: the contract is not paused
        """
        self.ensure_one()
        self.check_access("write")
        self._lock()
        if not self.paused:
            raise UserError(self.env._("Contract %s is not paused.", self.name))
        pause = self.sudo().pause_ids.filtered(lambda pause: not pause.date_to)
        pause.write(
            {
                "date_to": self.company_id._utility_today(),
                "resumed_by_id": self.env.uid,
            }
        )
        if pause.switch_off_id.state == "done":
            pause.switch_on_id = self._switch("on")
        elif pause.switch_off_id.state == "queued":
            pause.switch_off_id._cancel(self.env._("The contract goes on."))
        self._log_pause(self.env._("Contract resumed"))

    def _move(self, target, command=None, **values):
        result = super()._move(target, command, **values)
        if target == "closed" and self.paused:
            pause = self.sudo().pause_ids.filtered(lambda pause: not pause.date_to)
            pause.date_to = self.date_close
        return result

    def _fee_months(self, until):
        """Without the months in which nobody was there on any day."""
        pauses = self.sudo().pause_ids
        return [month for month in super()._fee_months(until) if not pauses._covers(month)]

    def action_resume(self):
        for contract in self:
            contract._resume()
        return True

    def _switch(self, action):
        """Queue a switching command of this contract's meter.

        :param action: "on" or "off"
        :raises UserError: the meter has neither relay nor valve
        """
        meter = self.meter_id
        if meter.type_id.actuator == "none":
            raise UserError(
                self.env._("Meter %s has nothing to cut the supply with.", meter.vending_id)
            )
        return self.env["utility.command"]._enqueue(
            meter, "switch", arguments={"action": action}, contract_id=self.id
        )

    def _log_pause(self, action, note=""):
        self.env["utility.operation"]._log(action, self, meter=self.meter_id, note=note)
