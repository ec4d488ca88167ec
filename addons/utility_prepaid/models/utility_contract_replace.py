from odoo import models
from odoo.exceptions import UserError


class UtilityContract(models.Model):
    """Another meter for the same contract, and another customer for the same meter."""

    _inherit = "utility.contract"

    def _replace(self, meter, reason, reading=None):
        """Begin to put this contract on another meter.

        The contract goes on: its prices, steps used, fees, debts and history stay with it.

        :param meter: the new `utility.meter`
        :param reason: why the old one goes
        :param reading: what a person read on the old meter, or decided where it is dead, see
            ``utility.settlement._read_by_hand``
        :return: the settlement
        :raises AccessError: no right
        :raises UserError: in words what stands against it
        """
        self.ensure_one()
        _ = self.env._
        self.env["utility.settlement"]._check_group("engineer", "supervisor", "manager")
        self.check_access("write")
        self._lock()
        old = self.meter_id
        if self.state != "active":
            raise UserError(_("Only the meter of an active contract can be replaced."))
        if not (reason or "").strip():
            raise UserError(_("Say why the meter is replaced."))
        self._check_settled()
        if meter == old:
            raise UserError(_("This is the meter that the contract has."))
        if (meter.company_id, meter.utility) != (old.company_id, old.utility) or not meter.prepaid:
            raise UserError(
                _(
                    "Meter %(meter)s cannot take the place of meter %(old)s: it is not a prepaid "
                    "meter of the same utility.",
                    meter=meter.vending_id,
                    old=old.vending_id,
                )
            )
        if meter.credit != old.credit:
            raise UserError(
                _(
                    "One of the meters counts units and the other money: close the contract and "
                    "open another on the new meter."
                )
            )
        meter._lock_row()
        self._check_free(meter)
        self._check_line_free(old)
        self._check_line_free(meter)
        settlement = self.env["utility.settlement"]._start(
            "replacement", self, new_meter_id=meter.id, reason=reason.strip()
        )
        if reading:
            settlement.with_env(self.env)._read_by_hand(**reading)
        return settlement

    def _hand_over(self, partner, tariff=None, reading=None, reason=""):
        """Close this contract and open one for the next tenant, in one act.

        :param partner: `res.partner` of the next tenant
        :param tariff: `utility.tariff`; the present one where none is given
        :param reading: what a person read, see ``utility.settlement._read_by_hand``
        :return: the settlement; its ``next_contract_id`` is opened once the meter was cleared
        """
        self.ensure_one()
        self.check_access("write")
        if partner == self.partner_id:
            raise UserError(self.env._("The next tenant is the present one."))
        tariff = tariff or self.tariff_id
        tariff._price_at(self.company_id._utility_today())
        contract = self.create(
            {
                "partner_id": partner.id,
                "meter_id": self.meter_id.id,
                "tariff_id": tariff.id,
                "class_id": (tariff.class_id or self.class_id).id,
            }
        )
        return self._close(reading, reason, next_contract=contract)
