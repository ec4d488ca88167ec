from uuid import uuid4

from odoo import fields, models


class UtilityVendWrongRoom(models.TransientModel):
    """The form in which a sale to the wrong room is put right."""

    _name = "utility.vend.wrong.room"
    _description = "Sold to the Wrong Room"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid4()))
    vend_id = fields.Many2one("utility.vend", "Sale", required=True, readonly=True)
    from_meter_id = fields.Many2one(related="vend_id.meter_id", string="Sold on meter")
    amount = fields.Monetary(related="vend_id.amount")
    currency_id = fields.Many2one(related="vend_id.currency_id")
    meter_id = fields.Many2one(
        "utility.meter",
        "Meant for meter",
        required=True,
        domain="[('contract_id', '!=', False), ('id', '!=', from_meter_id)]",
    )
    partner_id = fields.Many2one(related="meter_id.partner_id", string="Customer")
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Begin: the first meter is asked to give the credit back.

        :raises UserError: in words what stands against it; then nothing was begun
        """
        self.ensure_one()
        self.env["utility.counter"].sell_elsewhere(
            self.uuid, self.vend_id.id, self.meter_id.id, self.reason
        )
        return {"type": "ir.actions.act_window_close"}
