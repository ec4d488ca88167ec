from uuid import uuid4

from odoo import fields, models

from ..tools.decimals import dec


class UtilityCashMoveCreate(models.TransientModel):
    """Put cash into a drawer, take it out for a reason, or bring it to the bank."""

    _name = "utility.cash.move.create"
    _description = "Move Cash"

    uuid = fields.Char(
        "Movement id", required=True, readonly=True, default=lambda self: str(uuid4())
    )
    session_id = fields.Many2one("utility.cash.session", required=True, readonly=True)
    company_id = fields.Many2one(related="session_id.company_id")
    currency_id = fields.Many2one(related="session_id.currency_id")
    kind = fields.Selection(
        [("in", "Cash in"), ("out", "Cash out"), ("deposit", "Deposit to the bank")],
        required=True,
        default="out",
    )
    amount = fields.Monetary(required=True)
    reason_id = fields.Many2one(
        "utility.cash.reason",
        domain="[('company_id', '=', company_id), ('direction', 'in', (kind, 'both'))]",
    )
    note = fields.Char(help="Number of the voucher, name of the shop ...")
    bank = fields.Selection(lambda self: self.env.company._utility_banks())

    def action_confirm(self):
        """Post the movement.

        :raises UserError: in words why not
        """
        self.ensure_one()
        moves = self.env["utility.cash.move"]
        amount = dec(self.amount, 2)
        if self.kind == "deposit":
            bank = self.env["account.journal"].sudo().browse(int(self.bank or 0)).exists()
            moves._deposit(self.uuid, self.session_id, amount, bank)
        else:
            moves._cash(self.uuid, self.session_id, self.kind, amount, self.reason_id, self.note)
        return {"type": "ir.actions.act_window_close"}
