from odoo import api, fields, models
from odoo.exceptions import UserError


class UtilityAcquirerResolve(models.TransientModel):
    """An accountant says what a difference between an acquirer and the books is."""

    _name = "utility.acquirer.resolve"
    _description = "Resolve a Settlement Difference"

    line_id = fields.Many2one(
        "utility.acquirer.settlement.line", required=True, readonly=True, ondelete="cascade"
    )
    result = fields.Selection(related="line_id.result")
    clearing_account_id = fields.Many2one(related="line_id.acquirer_id.clearing_account_id")
    company_id = fields.Many2one(related="line_id.company_id")
    decision = fields.Selection(
        [("match", "It is this item"), ("write_off", "Book it on an account")],
        required=True,
        default="write_off",
    )
    item_id = fields.Many2one(
        "account.move.line",
        "Open item",
        domain="[('account_id', '=', clearing_account_id), ('reconciled', '=', False),"
        " ('parent_state', '=', 'posted')]",
    )
    account_id = fields.Many2one(
        "account.account",
        compute="_compute_account_id",
        store=True,
        readonly=False,
        domain="[('company_ids', 'in', company_id)]",
    )
    reason = fields.Char(required=True)

    @api.depends("line_id")
    def _compute_account_id(self):
        for resolve in self:
            resolve.account_id = resolve.line_id.acquirer_id.fee_account_id

    def action_confirm(self):
        """Do it.

        :raises AccessError: no accountant
        :raises UserError: no reason, nothing chosen, or amounts that differ
        """
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        if self.decision == "match":
            self.line_id._resolve_match(self.item_id, reason)
        else:
            if not self.account_id:
                raise UserError(self.env._("Choose the account."))
            self.line_id._resolve_write_off(self.account_id, reason)
        return {"type": "ir.actions.act_window_close"}
