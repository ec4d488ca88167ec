from odoo import fields, models
from odoo.exceptions import UserError


class UtilityCheckReason(models.TransientModel):
    """The reason that a person gives for what is done about differences."""

    _name = "utility.check.reason"
    _description = "Reason for a Difference"

    difference_ids = fields.Many2many("utility.check.difference", required=True, readonly=True)
    deed = fields.Selection(
        [("explain", "Explain"), ("refund", "Give the money back")], required=True, readonly=True
    )
    reason = fields.Text(required=True)

    def action_confirm(self):
        """Explain the differences, or give the money of their sales back.

        :raises AccessError: no right to the deed
        :raises UserError: the reason is missing, or the deed is not possible
        """
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        if self.deed == "explain":
            self.difference_ids._explain(reason)
        else:
            for vend in self.difference_ids.vend_id:
                self.env["utility.counter"].refund(vend.id, reason)
            self.difference_ids.action_look_again()
        return {"type": "ir.actions.act_window_close"}
