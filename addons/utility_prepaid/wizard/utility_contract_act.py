from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityContractAct(models.TransientModel):
    """Close, replace, hand over or pause: what it would come to is shown before it is done."""

    _name = "utility.contract.act"
    _description = "Act on a Contract"

    contract_id = fields.Many2one("utility.contract", required=True, readonly=True)
    act = fields.Selection(
        [
            ("close", "Close the contract"),
            ("hand_over", "Hand over to the next tenant"),
            ("replace", "Replace the meter"),
            ("pause", "Pause"),
        ],
        required=True,
        default="close",
    )
    currency_id = fields.Many2one(related="contract_id.currency_id")
    company_id = fields.Many2one(related="contract_id.company_id")
    utility = fields.Selection(related="contract_id.utility")
    meter_id = fields.Many2one(related="contract_id.meter_id")
    seen_at = fields.Datetime(related="meter_id.seen_at")
    reason = fields.Char()
    by_hand = fields.Boolean(
        "Read by hand",
        help="For a meter that does not answer, or is dead: a supervisor enters what was read, or "
        "decides. The contract then does not wait for the meter.",
    )
    has_total = fields.Boolean("Totaliser is known", default=True)
    total = fields.Float("Totaliser", digits=(16, 4), min_display_digits=2)
    balance = fields.Float(
        digits=(16, 4),
        min_display_digits=2,
        compute="_compute_balance",
        store=True,
        readonly=False,
        help="What the meter counts; below zero it is owed.",
    )
    note = fields.Char("Reason for the reading by hand")
    partner_id = fields.Many2one("res.partner", "Next tenant", check_company=True)
    tariff_id = fields.Many2one(
        "utility.tariff", "Price of the next tenant", domain="[('utility', '=', utility)]"
    )
    new_meter_id = fields.Many2one(
        "utility.meter",
        "New meter",
        domain="[('prepaid', '=', True), ('utility', '=', utility), ('contract_id', '=', False)]",
    )
    switch_off = fields.Boolean("Cut the supply")
    line_ids = fields.One2many("utility.contract.act.line", "act_id", compute="_compute_lines")
    amount_due = fields.Monetary("To pay back", compute="_compute_lines")

    @api.depends("contract_id", "by_hand")
    def _compute_balance(self):
        for form in self:
            form.balance = form.contract_id.meter_id.balance

    @api.depends("contract_id", "balance", "act", "new_meter_id")
    def _compute_lines(self):
        for form in self:
            lines = []
            if form.act in ("close", "hand_over") and form.contract_id:
                lines = form.contract_id._settlement_lines(dec(form.balance))
            elif form.act == "replace" and form.contract_id and form.new_meter_id:
                left = form.contract_id._on_paper(dec(form.balance))
                rest = form.contract_id._rest(left, form.new_meter_id)
                lines = form.contract_id._rest_lines(left, rest)
            form.line_ids = [
                fields.Command.clear(),
                *(fields.Command.create(dict(line)) for line in lines),
            ]
            form.amount_due = sum(line["amount"] for line in lines)

    def action_confirm(self):
        """Do it, and show the settlement."""
        self.ensure_one()
        contract = self.contract_id
        if self.act == "pause":
            contract._pause(self.reason, self.switch_off)
            return {"type": "ir.actions.act_window_close"}
        if self.act == "close":
            settlement = contract._close(self._reading(), self.reason)
        elif self.act == "replace":
            settlement = contract._replace(self.new_meter_id, self.reason, self._reading())
        else:
            if not self.partner_id:
                raise UserError(self.env._("Who is the next tenant?"))
            settlement = contract._hand_over(
                self.partner_id, self.tariff_id, self._reading(), self.reason
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.settlement",
            "res_id": settlement.id,
            "view_mode": "form",
        }

    def _reading(self):
        if not self.by_hand:
            return None
        return {
            "total": dec(self.total) if self.has_total else None,
            "balance": dec(self.balance),
            "note": self.note,
        }


class UtilityContractActLine(models.TransientModel):
    _name = "utility.contract.act.line"
    _description = "Line of a Preview"

    act_id = fields.Many2one("utility.contract.act", ondelete="cascade")
    currency_id = fields.Many2one(related="act_id.currency_id")
    kind = fields.Char()
    name = fields.Char()
    quantity = fields.Float(digits=(16, 4), min_display_digits=2)
    price = fields.Float(digits=(16, 4))
    amount = fields.Monetary()
