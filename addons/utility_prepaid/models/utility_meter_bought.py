from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.decimals import dec

ASK_SECONDS = 60


class UtilityMeter(models.Model):
    """What a meter counts as bought against the orders that the books have proved."""

    _inherit = "utility.meter"

    bought_base = fields.Float(
        "Bought elsewhere",
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        copy=False,
        help="What the meter counted as bought above the books when its purchase number was "
        "accepted; it holds until the meter is cleared.",
    )
    bought_base_epoch = fields.Integer(readonly=True, copy=False)

    def _accept_number(self):
        """Accepting the meter's number accepts what it counts as bought, by name."""
        super()._accept_number()
        said = self.sudo().state_ids
        if not said.cumulative_seen_at:
            return
        ahead = dec(said.cumulative) - self._bought()[self.id]
        before = dec(self.bought_base) if self.bought_base_epoch == self.epoch else Decimal(0)
        self.sudo().write({"bought_base": ahead, "bought_base_epoch": self.epoch})
        if ahead != before:
            self.env["utility.operation"]._log(
                self.env._("Credit from elsewhere accepted"),
                self,
                meter=self,
                before=f"{before:.4f}",
                after=f"{ahead:.4f}",
            )

    def _bought(self):
        """Credit of the orders that were proved in the meters' present epoch.

        :return: {meter id: Decimal}, in what the meters count
        """
        bought = dict.fromkeys(self.ids, Decimal(0))
        for meter_id, credit in self.env.execute_query(self._bought_sql(self.ids)):
            bought[meter_id] = Decimal(credit)
        return bought

    @api.model
    def _bought_sql(self, ids):
        self.env["utility.command"].flush_model()
        self.flush_model(["epoch"])
        return SQL(
            """
            SELECT c.meter_id, sum(CASE WHEN c.kind = 'reverse' THEN -c.credit
                                        WHEN c.kind = 'clear' THEN 0 ELSE c.credit END)::text
              FROM utility_command c JOIN utility_meter m ON m.id = c.meter_id
             WHERE c.money AND c.state = 'done' AND c.epoch = m.epoch AND c.meter_id = ANY(%s)
             GROUP BY c.meter_id
            """,
            ids,
        )

    def _ask_number(self):
        """Have the meters asked what they count; a driver of meters knows what to ask for."""
        for meter in self:
            self.env["utility.command"]._enqueue(
                meter,
                "read",
                expires_at=fields.Datetime.add(fields.Datetime.now(), seconds=ASK_SECONDS),
            )
