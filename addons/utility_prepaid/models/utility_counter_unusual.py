from datetime import timedelta

from odoo import api, fields, models

from ..tools.decimals import dec

# A second sale of the same money to the same meter within this time is asked about.
AGAIN = timedelta(minutes=10)


class UtilityCounter(models.AbstractModel):
    """What a cashier is asked to confirm by a key that routine never needs."""

    _inherit = "utility.counter"

    @api.model
    def quote(self, meter_id, amount, units=None):
        """Also `unusual`: list of words on what is odd about this sale; mostly empty."""
        found = super().quote(meter_id, amount, units)
        if found["ok"]:
            found["unusual"] = self._unusual(self._meter(meter_id), dec(found["amount"], 2))
        return found

    def _unusual(self, meter, amount):
        _ = self.env._
        currency = meter.company_id.currency_id
        words = []
        since = fields.Datetime.now() - AGAIN
        again = self.env["utility.vend"].search_count(
            [
                ("meter_id", "=", meter.id),
                ("kind", "=", "sale"),
                ("amount", "=", amount),
                ("create_date", ">=", since),
                ("state", "in", ("accepted", "delivered", "disputed")),
            ],
            limit=1,
        )
        money = currency.format(float(amount))
        if again:
            words.append(_("The same money was sold to this meter within ten minutes: %s.", money))
        limit = dec(meter.company_id.utility_unusual_amount, 2)
        if limit and amount > limit:
            words.append(
                _(
                    "%(money)s is more than the %(limit)s that are usual.",
                    money=money,
                    limit=currency.format(float(limit)),
                )
            )
        return words
