from odoo import fields, models
from odoo.exceptions import UserError

# Changes by which a meter should hold other prices.
MOVERS = frozenset(("type_id", "dialect_id", "ct_ratio", "port_id"))


class UtilityMeter(models.Model):
    """The meter's own prices and periods."""

    _inherit = "utility.meter"

    price_ids = fields.One2many("meter.price", "meter_id")
    price_state = fields.Selection(related="price_ids.state", string="Prices in the meter")
    price_differs = fields.Boolean(related="price_ids.price_differs")
    price_words = fields.Text(related="price_ids.words", string="Last try")
    price_written_at = fields.Datetime(related="price_ids.written_at", string="Prices written")
    price_switch_at = fields.Datetime(related="price_ids.switch_at", string="Prices in force from")
    price_in_meter = fields.Char(related="price_ids.meter_figures")
    price_in_tariff = fields.Char(related="price_ids.tariff_figures")
    price_read_at = fields.Datetime(related="price_ids.live_at", string="Prices read")

    def write(self, vals):
        result = super().write(vals)
        if MOVERS.intersection(vals):
            self.env["meter.price"]._mark([("meter_id", "in", self.ids)], read_due=True)
        return result

    def action_write_prices(self):
        """Bring what these meters hold to their tariffs.

        :raises AccessError: the catalogue does not give the command to the user
        :raises UserError: none of them holds prices or periods
        """
        prices = self.env["meter.price"]
        prices._write_type()._enqueue_check(self)
        holding = self.filtered(lambda meter: meter.contract_id and meter._holds_prices())
        if not holding:
            raise UserError(
                self.env._("None of these meters has a contract and holds prices or periods.")
            )
        holding._price_rows()
        prices = prices.search([("meter_id", "in", holding.ids)])
        return prices.action_write()

    def action_view_prices(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Prices in meters"),
            "res_model": "meter.price",
            "view_mode": "list,form",
            "domain": [("meter_id", "in", self.ids)],
        }

    def _holds_prices(self):
        return self.type_id.multi_tariff or self.credit == "money"

    def _price_rows(self):
        """A row for each of these meters that has none."""
        now = fields.Datetime.now()
        missing = self.filtered(lambda meter: not meter.sudo().price_ids)
        self.env["meter.price"].sudo().create(
            [{"meter_id": meter.id, "look_at": now} for meter in missing]
        )

    def _sell_warning(self):
        warning = super()._sell_warning()
        words = self.sudo().price_ids._differs_words() if self.sudo().price_differs else ""
        return "\n".join(filter(None, (warning, words)))

    def _check_sellable(self):
        result = super()._check_sellable()
        meter = self.sudo()
        if meter.price_differs and meter.company_id.meter_price_sale == "hold":
            raise UserError(
                self.env._(
                    "%s Nothing is sold to it before that is mended.",
                    meter.price_ids._differs_words(),
                )
            )
        return result
