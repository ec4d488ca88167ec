from odoo import models


class UtilityContract(models.Model):
    """The customer's quota goes with the contract when it moves to another meter."""

    _inherit = "utility.contract"

    def write(self, vals):
        if "meter_id" not in vals:
            return super().write(vals)
        before = {contract: contract.meter_id for contract in self if contract.state != "draft"}
        result = super().write(vals)
        for contract, old in before.items():
            contract._take_quota_along(old.sudo(), contract.meter_id.sudo())
        return result

    def _take_quota_along(self, old, new):
        if old == new or not old.quota_plan_id or new.quota_plan_id or new.utility != old.utility:
            return
        new.write({"quota_plan_id": old.quota_plan_id.id, "quota_since": old.quota_since})
        old.quota_plan_id = False
