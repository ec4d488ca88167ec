from uuid import uuid4

from odoo import api, fields, models

from ..models.utility_limit import ApprovalNeeded


class UtilityIssue(models.TransientModel):
    """The form in which credit without money is given."""

    _name = "utility.issue"
    _description = "Give Credit Without Money"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid4()))
    kind = fields.Selection(
        [
            ("emergency", "Emergency credit"),
            ("temporary", "Temporary supply"),
            ("adjustment", "Adjustment"),
        ],
        required=True,
    )
    meter_id = fields.Many2one("utility.meter", required=True)
    company_id = fields.Many2one(related="meter_id.company_id")
    currency_id = fields.Many2one(related="meter_id.currency_id")
    contract_id = fields.Many2one(related="meter_id.contract_id")
    unit = fields.Char(compute="_compute_unit")
    quantity = fields.Float(
        digits=(16, 4),
        min_display_digits=2,
        help="Money of an emergency credit, else what the meter counts; an adjustment below zero "
        "takes off.",
    )
    valued = fields.Boolean(
        "Booked at a value",
        help="The company bears it: booked as if it were sold, against the account of adjustments. "
        "Else only the meter changes.",
    )
    cost = fields.Monetary("Value", help="Without a sign: which way follows from the quantity.")
    reason = fields.Char(required=True)
    approval_words = fields.Char(readonly=True)

    @api.depends("kind", "meter_id")
    def _compute_unit(self):
        for issue in self:
            money = issue.kind == "emergency" or issue.meter_id.credit == "money"
            issue.unit = issue.currency_id.name if money else issue.meter_id.uom_id.name

    @api.onchange("quantity", "valued", "meter_id")
    def _onchange_cost(self):
        vends = self.env["utility.vend"]
        if self.kind == "adjustment" and self.valued and self.meter_id:
            self.cost = vends._worth(self.meter_id, self._decimals()[0])
        else:
            self.cost = 0

    def _decimals(self):
        """Quantity and cost as Decimals."""
        counter = self.env["utility.counter"]
        return counter._amount(repr(self.quantity)), counter._amount(repr(self.cost))

    def action_confirm(self):
        """Give it, or say that a second person is needed.

        :return: action that shows the movement, or this form again
        """
        self.ensure_one()
        quantity, cost = self._decimals()
        meter = self.env["utility.counter"]._meter(self.meter_id.id)
        try:
            with self.env.cr.savepoint():
                vend = self.env["utility.vend"]._issue_by_hand(
                    self.uuid,
                    self.kind,
                    meter,
                    quantity,
                    self.reason,
                    cost if self.kind == "adjustment" and self.valued else 0,
                )
        except ApprovalNeeded as needed:
            self.approval_words = str(needed)
            return self._again()
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.vend",
            "res_id": vend.id,
            "view_mode": "form",
        }

    def action_ask(self):
        """Ask for a second person; the approval carries it out."""
        self.ensure_one()
        quantity, cost = self._decimals()
        status = self.env["utility.counter"].ask_approval(
            "issue",
            {
                "uuid": self.uuid,
                "kind": self.kind,
                "meter_id": self.meter_id.id,
                "quantity": f"{quantity:f}",
                "cost": f"{cost if self.kind == 'adjustment' and self.valued else 0:f}",
                "reason": self.reason,
            },
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.approval",
            "res_id": status["id"],
            "view_mode": "form",
        }

    def _again(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
