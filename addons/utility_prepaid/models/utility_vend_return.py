from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityVend(models.Model):
    """A sale whose money the bank took back."""

    _inherit = "utility.vend"

    payment_return_ids = fields.One2many("utility.payment.return", "vend_id", "Returns")

    def action_view_payment_returns(self):
        """The payments of this sale that the bank took back."""
        return self.env["utility.meter"]._action_business(
            "utility_payment_return_action", [("vend_id", "in", self.ids)]
        )

    def _money_return(self):
        """The posted return of this sale's payment, or none."""
        return self.sudo().payment_return_ids.filtered(lambda back: back.state == "posted")

    @api.model
    def _due_domain(self):
        # what the bank paid back itself is due to nobody
        gone = ("reversed_vend_id.payment_return_ids.state", "=", "posted")
        return [*super()._due_domain(), "!", gone]

    def _money_is_gone(self, reason):
        """End a sale whose credit the meter has not received: there is no money to give back.

        :raises UserError: it is not known yet whether the meter was charged
        """
        self.ensure_one()
        if not self._can_refund():
            raise UserError(
                self.env._(
                    "It is not known yet whether the meter received %s: settle the sale first.",
                    self.name,
                )
            )
        if self.command_id.state == "queued":
            self.command_id._cancel(self.env._("The bank took the money back."))
        contract = self.contract_id
        contract.remainder = (
            dec(contract.remainder, 2)
            + dec(self.remainder_before, 2)
            - dec(self.remainder_after, 2)
        )
        self._update_state(("accepted", "disputed"), "refunded", reason=reason)

    def _on_delivered(self, command):
        back = self.reversed_vend_id and self.reversed_vend_id._money_return()
        if back:
            # What the sale had carried over went with its money already.
            contract = self.contract_id
            contract.remainder = dec(contract.remainder, 2) + dec(back.unspent, 2)
            back.unspent = 0
        return super()._on_delivered(command)

    def _pay_back(self, sale):
        back = sale._money_return()
        if not back:
            return super()._pay_back(sale)
        # The bank paid it back already: the return settles the payment again.
        self.env["utility.ledger"]._reconcile(sale._money_lines() | back.move_id.line_ids)
        return None
