from odoo import fields, models


class UtilityVendWriteOff(models.TransientModel):
    """A manager gives a disputed sale up."""

    _name = "utility.vend.write.off"
    _description = "Write off a Sale"

    vend_id = fields.Many2one("utility.vend", "Sale", required=True, readonly=True)
    amount = fields.Monetary(related="vend_id.amount")
    currency_id = fields.Many2one(related="vend_id.currency_id")
    message = fields.Text(related="vend_id.command_id.message", string="What the meter said")
    reason = fields.Text(required=True)

    def action_confirm(self):
        """Write the sale off.

        :raises AccessError: not a manager, or the user's own sale
        :raises UserError: the sale is not disputed
        """
        self.ensure_one()
        self.vend_id.check_access("read")
        self.vend_id._write_off(self.reason)
        return {"type": "ir.actions.act_window_close"}
