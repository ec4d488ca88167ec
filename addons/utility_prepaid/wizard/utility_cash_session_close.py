from odoo import api, fields, models

from ..tools.decimals import dec


class UtilityCashSessionClose(models.TransientModel):
    """Say what stays in the drawer and which bank the rest goes to, and end the shift."""

    _name = "utility.cash.session.close"
    _description = "Close a Shift"

    session_id = fields.Many2one("utility.cash.session", required=True, readonly=True)
    currency_id = fields.Many2one(related="session_id.currency_id")
    cash_counted = fields.Monetary(related="session_id.cash_counted")
    cash_difference = fields.Monetary(related="session_id.cash_difference")
    float_left = fields.Monetary("Left for the next shift", required=True)
    deposit = fields.Monetary("Deposit to the bank", compute="_compute_deposit")
    bank = fields.Selection(lambda self: self.env.company._utility_banks())

    @api.depends("float_left", "cash_counted")
    def _compute_deposit(self):
        for close in self:
            close.deposit = dec(close.cash_counted, 2) - dec(close.float_left, 2)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        session = self.env["utility.cash.session"].browse(values.get("session_id", 0))
        values.setdefault("float_left", session.cash_counted)
        return values

    def action_confirm(self):
        """Close the shift.

        :raises UserError: in words what is missing
        """
        self.ensure_one()
        bank = self.env["account.journal"].sudo().browse(int(self.bank or 0)).exists()
        self.session_id._close(dec(self.float_left, 2), bank)
        return {"type": "ir.actions.act_window_close"}
