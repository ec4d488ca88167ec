from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec

RESULTS = frozenset(("result", "matched_by", "item_id", "own_item_id", "resolved", "reason"))


class UtilityAcquirerSettlementLine(models.Model):
    """A row of the acquirer's list, or an item of ours that the list should name and does not.

    What differs stands open on the clearing account until a person resolves it.
    """

    _name = "utility.acquirer.settlement.line"
    _description = "Acquirer Settlement Row"
    _order = "settlement_id, row, id"

    settlement_id = fields.Many2one(
        "utility.acquirer.settlement", required=True, index=True, ondelete="cascade"
    )
    acquirer_id = fields.Many2one(related="settlement_id.acquirer_id", store=True, index=True)
    company_id = fields.Many2one(related="settlement_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="settlement_id.currency_id")
    state = fields.Selection(related="settlement_id.state")
    row = fields.Integer(help="Row of the spreadsheet.")
    reference = fields.Char()
    date = fields.Date()
    amount = fields.Monetary(help="As the acquirer says; below zero for money given back.")
    fee = fields.Monetary()
    result = fields.Selection(
        [
            ("matched", "Matched"),
            ("amount", "Amount differs"),
            ("again", "Settled before"),
            ("unknown", "Unknown in the books"),
            ("missing", "Missing in the list"),
        ],
        required=True,
        readonly=True,
        default="unknown",
        index=True,
    )
    matched_by = fields.Selection(
        [("reference", "Reference"), ("day", "Amount and day"), ("person", "By hand")],
        "Matched by",
        readonly=True,
    )
    item_id = fields.Many2one("account.move.line", "Item in the books", readonly=True, index=True)
    item_amount = fields.Monetary(related="item_id.balance", string="Amount in the books")
    own_item_id = fields.Many2one("account.move.line", "Settling item", readonly=True)
    resolved = fields.Boolean(readonly=True, index=True)
    reason = fields.Char("Resolved because", readonly=True)
    is_difference = fields.Boolean(
        "Difference", compute="_compute_is_difference", search="_search_is_difference"
    )

    @api.depends("result", "resolved")
    def _compute_is_difference(self):
        for line in self:
            line.is_difference = line.result != "matched" and not line.resolved

    @api.model
    def _search_is_difference(self, operator, value):
        if operator != "in":
            return NotImplemented
        return [("result", "!=", "matched"), ("resolved", "=", False)]

    @api.depends("settlement_id.name", "reference", "row")
    def _compute_display_name(self):
        for line in self:
            about = line.reference or (str(line.row) if line.row else "")
            line.display_name = " · ".join(filter(None, (line.settlement_id.name, about)))

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._check_draft(set().union(*vals_list))
        return lines

    def write(self, vals):
        self._check_draft(vals)
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        self._check_draft(())

    def action_resolve(self):
        """Open the form in which an accountant resolves this difference."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Resolve the difference"),
            "res_model": "utility.acquirer.resolve",
            "view_mode": "form",
            "target": "new",
            "context": {"default_line_id": self.id},
        }

    def _check_draft(self, names):
        """People write rows of drafts; what became of them follows from the books."""
        if self.env.su:
            return
        if RESULTS.intersection(names) or self.filtered(lambda line: line.state != "draft"):
            raise UserError(self.env._("A posted settlement is not changed."))

    def _resolve_match(self, item, reason):
        """Say by hand which item an unknown or repeated row is."""
        self._check_resolvable(("unknown", "again"))
        own = self.sudo().own_item_id
        if item.account_id != own.account_id or item.reconciled or item == own:
            raise UserError(self.env._("Choose an open item of the same clearing account."))
        if dec(item.amount_residual, 2) != -dec(own.amount_residual, 2):
            raise UserError(self.env._("The amounts differ: choose an item of the same amount."))
        (item.sudo() | own).reconcile()
        self.sudo().write({"item_id": item.id, "matched_by": "person"})
        self.settlement_id._resolve_missing(item)
        self._resolved(reason)

    def _resolve_write_off(self, account, reason):
        """Book what is left open of this row, or of the missing item, on an account."""
        self._check_resolvable(("unknown", "again", "amount", "missing"))
        line = self.sudo()
        item = line.own_item_id if line.result in ("unknown", "again") else line.item_id
        left = dec(item.amount_residual, 2)
        if not left:
            # of a row with more than the item, the row's own item is what stays open
            item = line.own_item_id
            left = dec(item.amount_residual, 2)
        if not left:
            raise UserError(self.env._("Nothing is left open of this row."))
        ledger = self.env["utility.ledger"].sudo()
        company = line.company_id
        move = ledger._entry(
            company,
            company._utility_today(),
            line.settlement_id.name,
            [(account, left, None, reason), (item.account_id, -left, None, reason)],
        )
        (move.line_ids.filtered(lambda m: m.account_id == item.account_id) | item).reconcile()
        self._resolved(reason)

    def _check_resolvable(self, results):
        self.ensure_one()
        self.env["utility.acquirer"]._check_accountant()
        self.sudo().lock_for_update()
        self.invalidate_recordset(["resolved"])
        if self.settlement_id.state == "draft":
            raise UserError(self.env._("Post the settlement first: its differences stay open."))
        if self.resolved or self.result not in results:
            raise UserError(self.env._("There is nothing to resolve in this row."))

    def _resolved(self, reason):
        self.sudo().write({"resolved": True, "reason": reason})
        self.env["utility.operation"]._log(
            self.env._("Settlement difference resolved"),
            self.settlement_id,
            before=self.result,
            note=f"{self.reference or ''} {reason}".strip(),
        )
