from odoo import models

from ..tools.decimals import dec
from ..tools.lots import Lot


class UtilityVend(models.Model):
    _inherit = "utility.vend"

    def _lot(self):
        """This movement as a `tools.lots.Lot`."""
        self.ensure_one()
        credit, units = dec(self.credit), dec(self.units)
        if self.meter_id.credit == "money":
            units = credit
        # Units on paper for one unit that the meter counted then.
        ratio = units / credit if credit else dec(self.meter_id.ct_ratio)
        before = dec(self.balance_before) * ratio if self.state == "delivered" else None
        if self.kind == "transfer":
            # The same credit on another meter: what is left of the lots, and no lot of its own.
            return Lot(self.id, dec(0), dec(0, 2), free=True, before=units)
        amount = dec(self.cost, 2)
        free = self.kind in ("quota", "temporary") or not amount
        return Lot(self.id, units, dec(0, 2) if free else amount, free=free, before=before)
