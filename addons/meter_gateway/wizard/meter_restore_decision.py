from odoo import fields, models
from odoo.exceptions import AccessError, UserError


class MeterRestoreDecision(models.TransientModel):
    """What a person found out about meters that do not say what the restored books say."""

    _name = "meter.restore.decision"
    _description = "Decision after a Restored Backup"

    meter_ids = fields.Many2many("utility.meter", string="Meters", required=True)
    decision = fields.Selection(
        [
            ("accept", "What the meter shows is right: it becomes the base of the books"),
            ("books", "The books are right: the meter was looked at"),
            ("investigate", "Not known yet: it stays barred"),
        ],
        required=True,
    )
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Decide; meters that were not asked since cannot be accepted.

        :raises AccessError: not an engineer
        :raises UserError: no reason, or the meter has not told its number since
        """
        self.ensure_one()
        if not self.env.user.has_group("utility_prepaid.group_engineer"):
            raise AccessError(self.env._("Only an engineer decides about a meter's number."))
        if not self.reason.strip():
            raise UserError(self.env._("Say why."))
        self.meter_ids.check_access("write")
        meters = self.meter_ids.filtered("restored_at")
        if self.decision == "investigate":
            meters.sudo().restore_note = self.reason
            return True
        if self.decision == "accept":
            if waiting := meters.filtered(lambda meter: meter.restore_state == "waiting"):
                raise UserError(
                    self.env._(
                        "Meter %s has not told its number since the books were restored.",
                        waiting[0].vending_id,
                    )
                )
            for meter in meters:
                meter._accept_number()
        meters._restore_release(self.reason)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
