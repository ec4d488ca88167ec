from odoo import models
from odoo.exceptions import AccessError, UserError


class UtilityIncoming(models.Model):
    """What a person decides about money that is not sold by itself."""

    _inherit = "utility.incoming"

    def _check_person(self):
        user = self.env.user
        if not (
            user.has_group("utility_prepaid.group_supervisor")
            or user.has_group("utility_prepaid.group_accountant")
        ):
            raise AccessError(self.env._("Supervisors and accountants decide about this money."))
        self.check_access("read")

    def _sell_on(self, meter, reason):
        """A person says for which meter this money is, or that it may be tried again.

        :raises AccessError: not a supervisor or accountant
        :raises UserError: no reason, the money is not waiting, or the meter has no contract
        """
        self._check_person()
        reason = self._check_reason(reason)
        meter.check_access("read")
        # Both meters before this row.
        for one in (self.meter_id | meter).sorted("id"):
            one._lock_row()
        self._lock()
        if self.state not in ("waiting", "held"):
            raise UserError(self.env._("This money does not wait any more."))
        if meter.company_id != self.company_id:
            raise UserError(self.env._("This meter belongs to another company."))
        contract = meter.contract_id
        if not contract:
            raise UserError(
                self.env._(
                    "Meter %(meter)s has no contract: open one first.", meter=meter.vending_id
                )
            )
        self.sudo().write(
            {
                "meter_id": meter.id,
                "contract_id": contract.id,
                "partner_id": contract.partner_id.id,
                "attempts": 0,
            }
        )
        self._move_to("waiting", reason=reason, next_try_at=False)
        return self._work()

    def _give_back(self, journal, reason):
        """Pay the money out.

        :param journal: a payment method of the counter
        :raises AccessError: not a supervisor or accountant
        :raises UserError: no reason, or the money is not waiting
        """
        self._check_person()
        reason = self._check_reason(reason)
        self._lock()
        if self.state == "given_back":
            return
        if self.state not in ("waiting", "held"):
            raise UserError(self.env._("This money does not wait any more."))
        self.company_id._utility_check_open(journal)
        self._place_money()
        if not self._stands_open():
            self._settled_otherwise()
            return
        payment = self._pay_out(journal)
        self._move_to("given_back", reason=reason, refund_payment_id=payment.id, next_try_at=False)

    def _check_reason(self, reason):
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        return reason

    def action_settle(self):
        """Open the form in which a person decides about this money."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Decide"),
            "res_model": "utility.incoming.settle",
            "view_mode": "form",
            "target": "new",
            "context": {"default_incoming_id": self.id, "default_meter_id": self.meter_id.id},
        }
