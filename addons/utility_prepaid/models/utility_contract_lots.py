from odoo import fields, models
from odoo.fields import Domain

from ..tools.decimals import dec, round_places

LOT_KINDS = ("sale", "emergency", "quota", "temporary", "adjustment", "transfer")
LAST = fields.Datetime.to_datetime("9999-01-01")


class UtilityContract(models.Model):
    """The credit that the meter received under a contract, movement by movement."""

    _inherit = "utility.contract"

    units_at_close = fields.Float(
        "Left at closing",
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        copy=False,
        help="What the meter held when the contract ended, in what the meter counts; below zero it "
        "was owed.",
    )

    overdraft_settled_units = fields.Float(digits=(16, 4), readonly=True, copy=False)
    overdraft_settled_amount = fields.Monetary(readonly=True, copy=False)

    def _lots(self, until=None):
        """What the meter received under this contract and was not reversed.

        Units are what the meter counts, on paper: money on a meter that counts money.

        :param until: naive UTC; only what was proved before it
        :return: list of `tools.lots.Lot`, oldest first; keys of what came are ids of `utility.vend`
        """
        self.ensure_one()
        return self._lots_by_contract(until)[self.id]

    def _overdraft_billed(self):
        """Units used into the overdraft that monthly runs have billed, and that the meter is still
        to take out of the next credit (Decimal)."""
        return self._overdraft_booked()[0]

    def _overdraft_booked(self):
        """As `_overdraft_billed`: (units, amount)."""
        self.ensure_one()
        ((units, amount),) = (
            self.env["utility.consumption.line"]
            .sudo()
            ._read_group(
                [
                    ("contract_id", "=", self.id),
                    ("vend_id", "=", False),
                    ("consumption_id.state", "in", ("posting", "posted")),
                ],
                aggregates=["units:sum", "amount:sum"],
            )
        )
        return (
            dec(round(units, 4)) - dec(self.overdraft_settled_units),
            dec(round(amount, 2), 2) - dec(self.overdraft_settled_amount, 2),
        )

    def _overdraft_settle(self):
        """From here on what runs billed as overdraft is no longer taken back by the meter.

        :return: (units, amount) that it was, Decimals
        """
        units, amount = self._overdraft_booked()
        self.sudo().write(
            {
                "overdraft_settled_units": dec(self.overdraft_settled_units) + units,
                "overdraft_settled_amount": dec(self.overdraft_settled_amount, 2) + amount,
            }
        )
        return units, amount

    def _overdraft_items(self):
        """Open items of bills for use into the overdraft."""
        return self._customers_items(("move_id.utility_overdraft", "=", True))

    def _advance_items(self, account):
        """Open items of the contract on the account of advances, oldest first."""
        return (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("account_id", "=", account.id),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                    ("move_id.utility_contract_id", "=", self.id),
                ],
                order="date, id",
            )
        )

    def _overdraft_line(self, units, date):
        """An invoice line for units used beyond the credit, at the price of a local day.

        :param units: Decimal, in what the meter counts, on paper; below zero takes them back
        """
        self.ensure_one()
        money = self.meter_id.credit == "money"
        price = dec(1) if money else self._price_now(date)
        company = self.company_id.sudo()
        return {
            "product": self.tariff_id.product_id or company._utility_product(self.utility),
            "name": self.env._("Used beyond the credit, meter %s", self.meter_id.vending_id),
            "quantity": units,
            "price": price,
            "amount": round_places(units * price, 2),
        }

    def _lots_by_contract(self, until=None):
        """As `_lots`, of many contracts: {contract id: list of Lots}."""
        # A credit that was written off, or whose money went back although it came, is on the meter.
        domain = Domain("contract_id", "in", self.ids) & Domain("kind", "in", LOT_KINDS)
        domain &= Domain("state", "in", ("delivered", "written_off")) | (
            Domain("state", "=", "refunded") & Domain("posted_at", "!=", False)
        )
        if until:
            domain &= Domain("delivered_at", "<", until) | Domain("delivered_at", "=", False)
        vends = self.env["utility.vend"].sudo().search(domain, order="delivered_at, id")
        # Within a second: first what came, then what the old meter keeps, then the new one's.
        came = [
            ((vend.delivered_at or LAST, 2 if vend.kind == "transfer" else 0), vend._lot(), vend)
            for vend in vends
        ]
        came += [((rest.settled_at, 1), rest._rest_lot(), rest) for rest in self._rests(until)]
        found = {contract.id: [] for contract in self}
        for __, lot, record in sorted(came, key=lambda row: row[0]):
            found[record.contract_id.id].append(lot)
        return found

    def _rests(self, until=None):
        """Replacements of these contracts whose new meter could not take all that was left.

        :param until: naive UTC; only what was settled before it
        """
        domain = Domain("contract_id", "in", self.ids) & Domain("rest_units", ">", 0)
        if until:
            domain &= Domain("settled_at", "<", until)
        return self.env["utility.settlement"].sudo().search(domain, order="id")
