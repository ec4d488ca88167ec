from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityContract(models.Model):
    """How much a customer may owe for credit that was given without money."""

    _inherit = "utility.contract"

    emergency_limit = fields.Monetary(
        "Emergency credit up to",
        tracking=True,
        help="How much emergency credit may be unpaid at a time; zero: as the company says.",
    )

    _emergency_limit_positive = models.Constraint(
        "CHECK(emergency_limit >= 0)", "The emergency credit cannot be negative."
    )

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("emergency_limit") for vals in vals_list):
            self._check_emergency_right()
        return super().create(vals_list)

    def write(self, vals):
        if "emergency_limit" in vals:
            self._check_emergency_right()
        return super().write(vals)

    @api.model
    def _check_emergency_right(self):
        user = self.env.user
        if self.env.su or any(
            user.has_group(f"utility_prepaid.{group}")
            for group in ("group_supervisor", "group_manager")
        ):
            return
        raise UserError(
            self.env._("Only supervisors and managers set the emergency credit of a contract.")
        )

    def _emergency_open(self):
        """Emergency credit of this contract that is not paid yet, on its way included.

        :rtype: Decimal
        """
        self.ensure_one()
        vends = (
            self.env["utility.vend"]
            .sudo()
            .search(
                [
                    ("contract_id", "=", self.id),
                    ("state", "in", ("accepted", "disputed", "delivered")),
                ]
            )
        )
        places = self.currency_id.decimal_places
        last_sale = max(
            vends.filtered(lambda v: v.kind == "sale" and v.state == "delivered").ids, default=0
        )
        unpaid = Decimal(0)
        for vend in vends.filtered(lambda v: v.kind == "emergency"):
            if vend.move_id:
                unpaid += dec(vend.move_id.amount_residual, places)
            elif not vend.posted_at or vend.id > last_sale:
                # Booked when it is used: the next sale's money is what pays it.
                unpaid += dec(vend.amount, places)
        return unpaid

    def _check_emergency(self, amount):
        """Refuse emergency credit above what the contract, or else the company, allows.

        :param amount: Decimal, price of the units
        :raises UserError: with limit and what is unpaid
        """
        self.ensure_one()
        _ = self.env._
        company = self.company_id.sudo()
        limit = dec(self.emergency_limit or company.utility_emergency_limit, 2)
        money = self.currency_id.format
        if not limit:
            raise UserError(_("Emergency credit is not offered: no limit is set for it."))
        unpaid = self._emergency_open()
        if unpaid + amount > limit:
            raise UserError(
                _(
                    "Emergency credit goes up to %(limit)s, and %(unpaid)s is unpaid: a sale pays "
                    "it first.",
                    limit=money(float(limit)),
                    unpaid=money(float(unpaid)),
                )
            )
