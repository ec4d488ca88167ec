from odoo import api, fields, models
from odoo.exceptions import UserError


class UtilityPolicy(models.Model):
    """From which day on a company books a utility in which way.

    What was accepted before keeps the policy of its day: a new policy never touches old sales.
    """

    _name = "utility.policy"
    _description = "Accounting Policy"
    _order = "company_id, utility, date_from desc"
    _rec_name = "policy"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    utility = fields.Selection(
        [("electricity", "Electricity"), ("water", "Water")], required=True, default="electricity"
    )
    date_from = fields.Date(
        "In force from",
        required=True,
        default=lambda self: fields.Date.add(self.env.company._utility_today(), days=1),
    )
    policy = fields.Selection(
        lambda self: self.env["utility.vend"]._fields["policy"]._description_selection(self.env),
        required=True,
        default="sale",
    )
    partner_id = fields.Many2one(
        "res.partner",
        "Collected for",
        check_company=True,
        ondelete="restrict",
        help="The utility to which the money is owed under the policy “Agency”.",
    )

    _date_uniq = models.Constraint(
        "UNIQUE(company_id, utility, date_from)",
        "This utility already has a policy from that day on.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        policies = super().create(vals_list)
        policies._check_not_begun()
        policies._log_change(self.env._("Accounting policy set"))
        return policies

    def write(self, vals):
        self._check_not_begun()
        result = super().write(vals)
        self._check_not_begun()
        self._log_change(self.env._("Accounting policy changed"))
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_not_begun(self):
        self._check_not_begun()
        self._log_change(self.env._("Accounting policy deleted"))

    def _check_not_begun(self):
        """Refuse what would book two sales of one day differently.

        :raises UserError: something was accepted under this policy, or on a day it would govern
        """
        for policy in self:
            later = (
                self.env["utility.vend"]
                .sudo()
                .search(
                    [
                        ("company_id", "=", policy.company_id.id),
                        ("utility", "=", policy.utility),
                        ("state", "!=", "draft"),
                        ("accepted_at", "!=", False),
                    ],
                    order="accepted_at desc",
                    limit=1,
                )
            )
            if later and later._local_date(later.accepted_at) >= policy.date_from:
                raise UserError(
                    self.env._(
                        "%(sale)s was accepted on %(date)s already. A policy begins on a later "
                        "day, and one that has begun stays.",
                        sale=later.name,
                        date=later._local_date(later.accepted_at),
                    )
                )

    def _log_change(self, action):
        for policy in self:
            self.env["utility.operation"]._log(
                action,
                policy,
                after=policy.policy,
                note=f"{policy.utility} {policy.date_from}",
            )

    @api.model
    def _in_force(self, company, utility, date):
        """The policy of a company for a utility on a local date; maybe none."""
        return self.sudo().search(
            [
                ("company_id", "=", company.id),
                ("utility", "=", utility),
                ("date_from", "<=", date),
            ],
            order="date_from desc",
            limit=1,
        )
