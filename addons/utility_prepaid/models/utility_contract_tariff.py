from datetime import datetime, time, timedelta
from decimal import Decimal

import pytz

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from ..tools.decimals import dec
from ..tools.tariff_steps import price_at
from ..tools.tariff_terms import Owed, Terms

# Sold at the price of the steps, so that it fills them; what is free or moved does not. Given up by
# a manager, and charged although its money went back (then it is posted), it counts as supplied.
SOLD = Domain("kind", "in", ("sale", "emergency")) & (
    Domain("state", "in", ("accepted", "delivered", "disputed", "written_off"))
    | (Domain("state", "=", "refunded") & Domain("posted_at", "!=", False))
)


class UtilityContract(models.Model):
    """What a contract is sold at."""

    _inherit = "utility.contract"

    tariff_id = fields.Many2one(
        compute="_compute_tariff_id", store=True, readonly=False, precompute=True
    )
    units_bought = fields.Float(
        "Bought in this period",
        digits=(16, 4),
        min_display_digits=2,
        compute="_compute_prices_now",
        help="Units that count for the steps: of this month or this year.",
    )
    price_now = fields.Float(
        "Price of the next unit", digits=(16, 4), compute="_compute_prices_now"
    )
    fees_owed = fields.Monetary(
        "Monthly fees owed",
        compute="_compute_prices_now",
        help="Taken from the next sale, before anything else.",
    )

    @api.depends("meter_id", "class_id")
    def _compute_tariff_id(self):
        """A draft gets the default of its utility and class; a choice that fits is kept."""
        for contract in self:
            tariff = contract.tariff_id
            utility = contract.meter_id.utility
            fits = tariff.utility == utility and contract.class_id in (
                tariff.class_id,
                contract.class_id.browse(),
            )
            if contract.state == "draft" and utility and not fits:
                company = contract.meter_id.company_id
                contract.tariff_id = (
                    tariff._default_for(company, utility, contract.class_id) or tariff
                )
            else:
                contract.tariff_id = tariff

    @api.depends("tariff_id", "state", "date_open", "fee_from")
    def _compute_prices_now(self):
        for contract in self:
            contract.units_bought = contract.price_now = contract.fees_owed = 0
            today = (contract.company_id or self.env.company)._utility_today()
            version = contract.tariff_id._price_row(today)
            saved = contract._origin
            if version and saved:
                steps, bought = saved._steps(version, today)
                contract.units_bought = bought
                contract.price_now = price_at(steps, bought)
                contract.fees_owed = sum(fee for __, fee in saved._fees(today))

    @api.constrains("tariff_id", "class_id")
    def _check_class(self):
        for contract in self:
            tariff = contract.tariff_id
            if tariff.class_id and contract.class_id and tariff.class_id != contract.class_id:
                raise ValidationError(
                    self.env._(
                        "Tariff %(tariff)s is for customers of class %(name)s.",
                        tariff=tariff.name,
                        name=tariff.class_id.name,
                    )
                )

    def _terms(self, date):
        """What a sale on a local date is priced with.

        :return: `tools.tariff_terms.Terms`; keys of fees are months, of arrears the open items
        :raises UserError: no price is in force on that day
        """
        self.ensure_one()
        tariff = self.tariff_id
        version = tariff._version(date)
        steps, bought = self._steps(version, date)
        return Terms(
            steps=steps,
            bought=bought,
            fees=tuple(Owed(month, amount) for month, amount in self._fees(date)),
            arrears=tuple(Owed(line, amount) for line, amount in self._arrears()),
            arrears_percent=dec(tariff.arrears_percent, 2),
            arrears_amount=dec(tariff.arrears_amount),
            service=dec(version.service_percent, 2),
            minimum=dec(tariff.amount_min),
            maximum=dec(tariff.amount_max),
        )

    def _steps(self, version, date):
        """The steps of a version of the tariff, and where the contract stands on them.

        :return: (tuple of `tools.tariff_steps.Step`, Decimal units bought in their period)
        """
        steps = version._steps()
        if len(steps) == 1:
            return steps, Decimal(0)
        return steps, self._units_bought(version._period_start(date), date)

    def _price_now(self, date):
        """What the next unit costs on a local date.

        :rtype: Decimal
        :raises UserError: no price is in force on that day
        """
        return price_at(*self._steps(self.tariff_id._version(date), date))

    def _units_bought(self, start, end):
        """Units on paper sold under this contract; reversed and refunded sales are not among them.

        :param start: first local day
        :param end: last local day
        :rtype: Decimal
        """
        self.ensure_one()
        zone = pytz.timezone(self.company_id.utility_tz or "UTC")

        def midnight(day):
            local = zone.localize(datetime.combine(day, time()))
            return local.astimezone(pytz.utc).replace(tzinfo=None)

        [(units,)] = (
            self.env["utility.vend"]
            .sudo()
            ._read_group(
                SOLD
                & Domain("contract_id", "=", self.id)
                & Domain("accepted_at", ">=", midnight(start))
                & Domain("accepted_at", "<", midnight(end + timedelta(days=1))),
                aggregates=["units:sum"],
            )
        )
        return dec(units)
