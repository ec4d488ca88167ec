from odoo import models
from odoo.exceptions import UserError


class UtilityCounter(models.AbstractModel):
    """The second person for what a settlement pays back: act "payout", values settlement_id."""

    _inherit = "utility.counter"

    def _approval(self, act, values):
        if act != "payout":
            return super()._approval(act, values)
        self._check_cashier()
        reason = (values.get("reason") or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        settlement = self._settlement(values.get("settlement_id") or 0)
        due = settlement.sudo()._due()
        if due < 0:
            raise UserError(self.env._("There is nothing to pay in %s.", settlement.name))
        key, arguments = settlement._payout(due)
        return self.env["utility.approval"]._ask(
            "refund",
            key,
            arguments,
            company_id=settlement.company_id.id,
            meter_id=settlement.meter_id.id,
            settlement_id=settlement.id,
            amount=due,
            quantity=settlement.units_left,
            words=self.env._(
                "Money back: %(settlement)s, %(amount)s",
                settlement=settlement.name,
                amount=settlement.currency_id.format(float(due)),
            ),
            reason=reason,
        )
