from odoo import fields, models
from odoo.exceptions import UserError


class UtilityGoLiveDecide(models.TransientModel):
    """A person decides about a meter of the old desk that does not agree, or does not answer."""

    _name = "utility.go.live.decide"
    _description = "Decide about a Go-Live Row"

    line_id = fields.Many2one(
        "utility.go.live.line", required=True, readonly=True, ondelete="cascade"
    )
    state = fields.Selection(related="line_id.state")
    difference = fields.Text(related="line_id.difference")
    decision = fields.Selection(
        [
            ("accept", "The meter is right"),
            ("typed", "Enter what the meter's display shows"),
            ("aside", "Set aside: compare it later"),
            ("withdraw", "Take the row out again"),
        ],
        required=True,
    )
    balance = fields.Float("Balance on the display", digits=(16, 4))
    number = fields.Integer("Purchase number on the display")
    total = fields.Float("Totaliser on the display", digits=(16, 4))
    customer_number = fields.Char("Customer number on the display")
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Do it.

        :raises AccessError: not the right for this decision
        :raises UserError: no reason, or it is not possible in this row's state
        """
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        if self.decision == "accept":
            self.line_id._accept(reason)
        elif self.decision == "aside":
            self.line_id._set_aside(reason)
        elif self.decision == "withdraw":
            self.line_id._withdraw(reason)
        else:
            self._typed(reason)
        return {"type": "ir.actions.act_window_close"}

    def _typed(self, reason):
        """A meter on no line: a person read it. It is compared like an answer of the meter."""
        line = self.line_id
        line._check_judge()
        if line.state not in ("waiting", "differs"):
            raise UserError(self.env._("This row is settled already."))
        if line.meter_id._is_connected():
            raise UserError(self.env._("This meter is on a line: ask it there."))
        values = {"balance": self.balance, "purchase_number": self.number}
        if self.total:
            values["total"] = self.total
        if self.customer_number:
            values["customer_number"] = self.customer_number
        line.sudo().reason = reason
        self.env["utility.meter.state"].sudo()._store(
            line.meter_id.id, fields.Datetime.now(), **values
        )
