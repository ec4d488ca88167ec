from odoo import fields, models
from odoo.exceptions import UserError


class UtilitySettlement(models.Model):
    """Whoever holds a settlement's paper knows whether it is the only one."""

    _inherit = "utility.settlement"

    print_count = fields.Integer(readonly=True, copy=False)

    def _count_print(self, paper):
        """Count and log one print; from the second one on it is marked as a copy.

        :param paper: a4 or 80mm
        :raises UserError: somebody else is changing the settlement
        """
        self.ensure_one()
        settlement = self.sudo().try_lock_for_update()
        if not settlement:
            raise UserError(self.env._("The settlement is being changed: try again."))
        settlement.print_count += 1
        copy = settlement.print_count - 1
        self._log(
            self.env._("Settlement printed"),
            after=paper,
            note=self.env._("Copy %s", copy) if copy else self.env._("Original"),
        )
