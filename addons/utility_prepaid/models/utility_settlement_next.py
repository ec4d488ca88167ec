from uuid import uuid4

from odoo import fields, models

from ..tools.decimals import dec


class UtilitySettlementStep(models.Model):
    """The steps that need no meter, and the charge of the meter that takes the old one's place."""

    _inherit = "utility.settlement.step"

    vend_id = fields.Many2one("utility.vend", "Movement of credit", readonly=True, index=True)

    def _begin_settle(self):
        self.settlement_id._settle()
        self._update_state("done")

    def _begin_move(self):
        """From here on the contract stands on the new meter, with all its history."""
        settlement = self.settlement_id
        contract, new = settlement.contract_id, settlement.new_meter_id
        new._lock_row()
        contract._check_free(new, but=settlement)
        if not new.room_id:
            new.room_id = settlement.meter_id.room_id
        contract.meter_id = new
        settlement._log(
            self.env._("Contract moved to another meter"),
            before=settlement.meter_id.vending_id,
            after=new.vending_id,
        )
        self._update_state("done")

    def _begin_transfer(self):
        """What was left goes on, in whole steps of the new meter; the settlement has the rest."""
        settlement, meter = self.settlement_id, self.meter_id
        vends = self.env["utility.vend"].with_user(settlement.user_id).sudo()
        vend = self.vend_id.with_env(vends.env)
        if vend.state in ("accepted", "disputed"):
            vend._retry()
            self._follow(vend.command_id)
            return
        quantity = dec(settlement.units_left) - dec(settlement.rest_units)
        if quantity <= 0:
            words = self.env._("Nothing was left.")
            if settlement.rest_units:
                words = self.env._("What was left fills no step of the new meter.")
            self._update_state("skipped", message=words)
            return
        self.vend_id = vends._issue(
            str(uuid4()),
            "transfer",
            meter.with_env(vends.env),
            quantity,
            reason=self.env._(
                "%(settlement)s: from meter %(meter)s",
                settlement=settlement.name,
                meter=settlement.meter_id.vending_id,
            ),
        )
        self._follow(self.vend_id.command_id)

    def _follow(self, command):
        """Hear of the end of a command that the sale has queued."""
        command.sudo().settlement_step_id = self
        self.command_id = command

    def _begin_next(self):
        """The next tenant's contract, on a meter that is as new."""
        settlement = self.settlement_id
        contract = settlement.next_contract_id
        reading = None
        old = settlement._step("read")
        if old.has_total and not self.meter_id._is_connected():
            reading = {
                "total": dec(old.total),
                "balance": dec(0),
                "note": self.env._("As at the end of %s", settlement.contract_id.name),
            }
        contract.with_user(settlement.user_id)._open(reading)
        self._update_state("done")
