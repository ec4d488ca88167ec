from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.decimals import dec, text
from ..tools.tariff_steps import Step
from .utility_tariff_slot import RATES

# DL/T 645: a day table holds so many.
MAX_SLOTS = 14


class UtilityTariffPrice(models.Model):
    """One version of a tariff, in force from its date until the next one: prices, steps, fees."""

    _name = "utility.tariff.price"
    _description = "Tariff Price"
    _inherit = "utility.tariff.part"
    _order = "tariff_id, date_from desc, id"
    _rec_name = "date_from"

    tariff_id = fields.Many2one("utility.tariff", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="tariff_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_from = fields.Date(
        "In force from", required=True, default=lambda self: fields.Date.context_today(self)
    )
    price = fields.Float(
        digits=(16, 4),
        required=True,
        help="Money per unit, tax included, four decimals. With steps: the price of the first.",
    )
    step_period = fields.Selection(
        [("month", "Calendar month"), ("year", "Calendar year")],
        "Steps count by",
        required=True,
        default="month",
        help="What a contract has bought since the month or the year began counts for the steps, "
        "also what was bought at earlier prices.",
    )
    step_ids = fields.One2many("utility.tariff.step", "version_id", "Steps", copy=True)
    fee = fields.Monetary(
        "Monthly fee",
        help="Fixed, tax included; taken at the first sale of a month, with the months owed.",
    )
    service_percent = fields.Float(
        "Service fee (%)",
        digits=(5, 2),
        help="Of the money that is left after monthly fees and arrears.",
    )
    price_sharp = fields.Float("Sharp price", digits=(16, 4))
    price_peak = fields.Float("Peak price", digits=(16, 4))
    price_flat = fields.Float("Flat price", digits=(16, 4))
    price_valley = fields.Float("Valley price", digits=(16, 4))
    slot_ids = fields.One2many("utility.tariff.slot", "version_id", "Time slots", copy=True)

    _date_uniq = models.Constraint(
        "UNIQUE(tariff_id, date_from)", "This tariff already has a price from that day on."
    )
    _price_positive = models.Constraint("CHECK(price > 0)", "A price must be above zero.")
    _fee_positive = models.Constraint("CHECK(fee >= 0)", "A monthly fee cannot be negative.")
    _service_range = models.Constraint(
        "CHECK(service_percent >= 0 AND service_percent < 100)",
        "A service fee is at least 0 and less than 100 %.",
    )
    _rates_positive = models.Constraint(
        "CHECK(price_sharp >= 0 AND price_peak >= 0 AND price_flat >= 0 AND price_valley >= 0)",
        "A price cannot be negative.",
    )

    @api.constrains("slot_ids", *(f"price_{rate}" for rate, __ in RATES))
    def _check_time_of_use(self):
        """What a meter could not be told is refused here, not when it is sent."""
        for version in self:
            slots = version.slot_ids
            if len(slots) > MAX_SLOTS:
                raise ValidationError(
                    self.env._("A day has at most %(count)s time slots.", count=MAX_SLOTS)
                )
            if slots and min(slots.mapped("start")) > 0:
                raise ValidationError(self.env._("The first time slot begins at 00:00."))
            without = slots.filtered(lambda slot: not slot.version_id[f"price_{slot.rate}"])
            if without:
                raise ValidationError(
                    self.env._("A time slot uses a rate without a price: %s.", without[0]._words())
                )

    def action_copy_from_today(self):
        """Add a version that begins today, with the same prices, steps, fees and slots."""
        for version in self:
            version.copy({"date_from": version.company_id._utility_today()})
        return True

    def _tariff(self):
        return self.tariff_id

    def _summary(self):
        """Date and prices; steps and slots tell their own changes."""
        parts = [
            self.env._(
                "%(date)s: %(price)s, by %(period)s",
                date=self.date_from,
                price=text(dec(self.price)),
                period=self.step_period,
            )
        ]
        for name in ("fee", "service_percent", *(f"price_{rate}" for rate, __ in RATES)):
            if self[name]:
                label = self._fields[name].get_description(self.env, ["string"])["string"]
                parts.append(f"{label} {text(dec(self[name]))}")
        return ", ".join(parts)

    def _steps(self):
        """The prices of this version for `tools.tariff`: a plain price is one step.

        :return: tuple of `tools.tariff_steps.Step`, ascending from zero
        """
        self.ensure_one()
        steps = [Step(dec(step.above), dec(step.price)) for step in self.step_ids]
        return (Step(dec(0), dec(self.price)), *sorted(steps))

    def _period_start(self, date):
        """The first day of the month or year that steps count in on a date."""
        return date.replace(day=1, month=1 if self.step_period == "year" else date.month)

    def _time_of_use(self):
        """Prices and slots as meters hold them.

        :return: {"prices": {rate: Decimal}, "slots": [("HH:MM", rate)]}; without slots both empty
        """
        self.ensure_one()
        slots = [(slot._clock(), slot.rate) for slot in self.slot_ids.sorted("start")]
        rates = [rate for rate, __ in RATES if slots and self[f"price_{rate}"]]
        return {"prices": {rate: dec(self[f"price_{rate}"]) for rate in rates}, "slots": slots}
