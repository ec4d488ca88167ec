from uuid import uuid4

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityCashCount(models.TransientModel):
    """Count a drawer without knowing what it should hold: the float, or the end of a shift."""

    _name = "utility.cash.count"
    _description = "Count a Drawer"

    uuid = fields.Char("Count id", required=True, readonly=True, default=lambda self: str(uuid4()))
    session_id = fields.Many2one("utility.cash.session", readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    state = fields.Selection(related="session_id.state")
    drawer = fields.Selection(lambda self: self.env.company._utility_drawers())
    pieces_ids = fields.One2many(
        "utility.cash.count.pieces",
        "count_id",
        "Notes and coins",
        default=lambda self: [
            fields.Command.create({"value": value})
            for value in self.env.company._utility_denominations()
        ],
    )
    slip_ids = fields.One2many("utility.cash.count.slip", "count_id", "Slips")
    pieces_total = fields.Monetary("Notes and coins make", compute="_compute_pieces_total")
    by_total = fields.Boolean("Only type the total")
    total = fields.Monetary("Total counted")

    @api.depends("company_id")
    def _compute_currency_id(self):
        for count in self:
            count.currency_id = count.company_id.currency_id

    @api.depends("pieces_ids.value", "pieces_ids.pieces")
    def _compute_pieces_total(self):
        for count in self:
            count.pieces_total = count._pieces_sum()

    def _pieces_sum(self):
        return sum((dec(line.value, 2) * line.pieces for line in self.pieces_ids), dec(0, 2))

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        session = self.env["utility.cash.session"].browse(values.get("session_id", 0))
        if session.state == "counting" and "slip_ids" in fields_list:
            values["slip_ids"] = [
                fields.Command.create({"journal_key": key, "method": name})
                for key, name in session._slip_methods()
            ]
        if "drawer" in fields_list and not session:
            drawers = self.env.company._utility_drawers()
            if len(drawers) == 1:
                values["drawer"] = drawers[0][0]
        return values

    def action_confirm(self):
        """Give the count to the shift; a new shift begins with it.

        :raises UserError: in words why not
        """
        self.ensure_one()
        if self.by_total:
            counted, pieces = dec(self.total, 2), None
        else:
            counted = self._pieces_sum()
            pieces = {dec(line.value, 2): line.pieces for line in self.pieces_ids if line.pieces}
        session = self.session_id
        if not session:
            if not self.drawer:
                raise UserError(self.env._("Choose the drawer."))
            journal = self.env["account.journal"].sudo().browse(int(self.drawer))
            return session._open(self.uuid, journal, counted, pieces)._action_form()
        if session.state == "opening":
            session._give_float(counted, pieces)
        else:
            journals = self.env["account.journal"].sudo()
            slips = {
                journals.browse(int(line.journal_key)): dec(line.amount, 2)
                for line in self.slip_ids
            }
            session._give_count(self.uuid, counted, slips, pieces)
        return {"type": "ir.actions.act_window_close"}


class UtilityCashCountPieces(models.TransientModel):
    _name = "utility.cash.count.pieces"
    _description = "Count a Drawer: Notes and Coins"
    _order = "value desc, id"

    count_id = fields.Many2one("utility.cash.count", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="count_id.currency_id")
    value = fields.Monetary(required=True)
    pieces = fields.Integer()
    amount = fields.Monetary(compute="_compute_amount")

    @api.depends("value", "pieces")
    def _compute_amount(self):
        for line in self:
            line.amount = dec(line.value, 2) * line.pieces


class UtilityCashCountSlip(models.TransientModel):
    _name = "utility.cash.count.slip"
    _description = "Count a Drawer: Slips of a Method"

    count_id = fields.Many2one("utility.cash.count", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="count_id.currency_id")
    journal_key = fields.Char(required=True)
    method = fields.Char("Payment method", required=True)
    amount = fields.Monetary("Total of the slips")
