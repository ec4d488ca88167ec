from odoo import models

from ..tools.decimals import dec
from ..tools.lots import Lot


class UtilityVend(models.Model):
    _inherit = "utility.vend"

    def _lot(self):
        """This movement as a `tools.lots.Lot`."""
        self.ensure_one()
        units = self._on_paper(self.credit)
        before = self._on_paper(self.balance_before) if self.state == "delivered" else None
        if self.kind == "transfer":
            # The same credit on another meter: what is left of the lots, and no lot of its own.
            return Lot(self.id, dec(0), dec(0, 2), free=True, before=units)
        amount = dec(self.cost, 2)
        free = self.kind in ("quota", "temporary") or not amount
        return Lot(self.id, units, dec(0, 2) if free else amount, free=free, before=before)

    def _on_paper(self, counted):
        """What the meter counted, as on paper: times the CT ratio of this movement.

        :param counted: credit or balance of the meter, a field's value
        :return: Decimal; money on a meter that counts money
        """
        counted = dec(counted)
        if self.meter_id.credit == "money":
            return counted
        if self.credit:
            return counted * dec(self.units) / dec(self.credit)
        return counted * dec(self.meter_id.ct_ratio)
