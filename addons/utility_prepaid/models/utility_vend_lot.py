from odoo import models

from ..tools.decimals import dec
from ..tools.lots import lot_of, on_paper


class UtilityVend(models.Model):
    _inherit = "utility.vend"

    def _lot(self):
        """This movement as a `tools.lots.Lot`."""
        self.ensure_one()
        return lot_of(
            self.id,
            self.kind,
            dec(self.units),
            dec(self.credit),
            dec(self.cost, 2),
            dec(self.balance_before) if self.state == "delivered" else None,
            self._paper_ratio(),
        )

    def _on_paper(self, counted):
        """What the meter counted, as on paper: times the CT ratio of this movement.

        :param counted: credit or balance of the meter, a field's value
        :return: Decimal; money on a meter that counts money
        """
        return on_paper(dec(counted), dec(self.units), dec(self.credit), self._paper_ratio())

    def _paper_ratio(self):
        meter = self.meter_id
        return None if meter.credit == "money" else dec(meter.ct_ratio)
