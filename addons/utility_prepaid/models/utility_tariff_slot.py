from odoo import fields, models

RATES = [("sharp", "Sharp"), ("peak", "Peak"), ("flat", "Flat"), ("valley", "Valley")]


class UtilityTariffSlot(models.Model):
    """From a time of the day on, a meter that holds prices counts at this rate."""

    _name = "utility.tariff.slot"
    _description = "Tariff Time Slot"
    _inherit = "utility.tariff.part"
    _order = "version_id, start, id"
    _rec_name = "rate"

    version_id = fields.Many2one(
        "utility.tariff.price", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="version_id.company_id", store=True, index=True)
    start = fields.Float("From", required=True, help="Time of the day; lasts until the next slot.")
    rate = fields.Selection(RATES, required=True)

    _start_uniq = models.Constraint(
        "UNIQUE(version_id, start)", "Two time slots begin at the same time."
    )
    _start_in_day = models.Constraint(
        "CHECK(start >= 0 AND start < 24)", "A time slot begins between 00:00 and 23:59."
    )

    def _tariff(self):
        return self.version_id.tariff_id

    def _summary(self):
        return f"{self.version_id.date_from}, {self._words()}"

    def _words(self):
        labels = dict(self._fields["rate"]._description_selection(self.env))
        return f"{self._clock()} {labels[self.rate]}"

    def _clock(self):
        """The beginning as HH:MM; a form holds it as hours and a part of an hour."""
        hours, minutes = divmod(round(self.start * 60), 60)
        return f"{hours:02d}:{minutes:02d}"
