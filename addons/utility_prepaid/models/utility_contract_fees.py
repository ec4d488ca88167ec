from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..tools.decimals import dec
from .utility_contract_tariff import SOLD


class UtilityContract(models.Model):
    """The fixed monthly fees that a contract owes."""

    _inherit = "utility.contract"

    fee_from = fields.Date(
        "Fees count from",
        copy=False,
        tracking=True,
        help="Monthly fees are owed from this day's month on; empty: from the opening.",
    )

    def write(self, vals):
        if "fee_from" not in vals:
            return super().write(vals)
        begun = self.filtered(lambda contract: contract.state != "draft")
        if (
            begun
            and not self.env.su
            and not self.env.user.has_group("utility_prepaid.group_manager")
        ):
            raise UserError(
                self.env._("Only a manager may change from when an opened contract owes fees.")
            )
        before = {contract: contract.fee_from for contract in self}
        result = super().write(vals)
        for contract, date in before.items():
            if contract.fee_from != date:
                self.env["utility.operation"]._log(
                    self.env._("Fees count from"),
                    contract,
                    meter=contract.meter_id,
                    before=str(date or ""),
                    after=str(contract.fee_from or ""),
                )
        return result

    def _fee_months(self, until):
        """Months whose fee is not taken yet, from the opening or after the last month taken.

        :param until: local date; its month is the last one
        :return: list of the months' first days, oldest first
        """
        self.ensure_one()
        start = self.fee_from or self.date_open
        if not start or self.is_test:
            return []
        [(taken,)] = (
            self.env["utility.vend.line"]
            .sudo()
            ._read_group(
                Domain("kind", "=", "fee")
                & Domain("vend_id", "any", SOLD & Domain("contract_id", "=", self.id)),
                aggregates=["month:max"],
            )
        )
        month = start.replace(day=1)
        if taken:
            month = max(month, fields.Date.add(taken, months=1))
        months = []
        while month <= until:
            months.append(month)
            month = fields.Date.add(month, months=1)
        return months

    def _fees(self, until):
        """The monthly fees that are owed, each at the price of its own month.

        A month costs what was in force on its first day; the first month, on the day from which
        fees count.

        :param until: local date; its month is the last one
        :return: list of (first day of the month, Decimal above zero), oldest first
        """
        self.ensure_one()
        tariff = self.tariff_id
        if not any(tariff.price_ids.mapped("fee")):
            return []
        start = self.fee_from or self.date_open
        places = tariff.currency_id.decimal_places
        fees = [
            (month, dec(tariff._price_row(max(month, start)).fee, places))
            for month in self._fee_months(until)
        ]
        return [(month, fee) for month, fee in fees if fee]
