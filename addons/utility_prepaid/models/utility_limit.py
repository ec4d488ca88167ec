from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..tools.decimals import dec

ACTS = [
    ("reversal", "Reversals"),
    ("refund", "Money back"),
    ("free", "Free issue and adjustments"),
    ("emergency", "Emergency credit"),
]


class ApprovalNeeded(UserError):
    """The act itself is allowed, but not to one person alone: a second one must approve it."""


class UtilityLimit(models.Model):
    """How much of what loses money one operator may do on a day; above it a second person decides.

    An operator's own line counts before those of his roles, the most generous of which holds, and
    these before the company's line, which names neither operator nor role.
    """

    _name = "utility.limit"
    _description = "Daily Limit"
    _order = "act, user_id, group_id, id"
    _rec_name = "act"
    _check_company_auto = True

    act = fields.Selection(ACTS, required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one("res.users", "Operator", ondelete="cascade", index=True)
    group_id = fields.Many2one(
        "res.groups",
        "Role",
        ondelete="cascade",
        domain=lambda self: [
            ("privilege_id", "=", self.env.ref("utility_prepaid.privilege_utility_desk").id)
        ],
    )
    count_max = fields.Integer("Times a day", help="Zero means no limit.")
    amount_max = fields.Monetary("Amount a day", help="Zero means no limit.")

    _positive = models.Constraint(
        "CHECK(count_max >= 0 AND amount_max >= 0)", "A limit cannot be negative."
    )
    _one_for_each = models.UniqueIndex(
        "(company_id, act, COALESCE(user_id, 0), COALESCE(group_id, 0))",
        "There is such a limit already.",
    )

    @api.constrains("user_id", "group_id")
    def _check_one_subject(self):
        if self.filtered(lambda limit: limit.user_id and limit.group_id):
            raise ValidationError(
                self.env._("A limit is for an operator or for a role, not for both.")
            )

    @api.model
    def _of_user(self, company, act):
        """The current user's limits of a day.

        :return: (count, Decimal amount); zero means no limit
        """
        lines = self.sudo().search([("company_id", "=", company.id), ("act", "=", act)])
        user = self.env.user
        chosen = (
            lines.filtered(lambda line: line.user_id == user)
            or lines.filtered(lambda line: line.group_id and line.group_id in user.all_group_ids)
            or lines.filtered(lambda line: not line.user_id and not line.group_id)
        )
        counts = chosen.mapped("count_max")
        amounts = [dec(line.amount_max, 2) for line in chosen]
        return (
            max(counts, default=0) if all(counts) else 0,
            max(amounts, default=Decimal(0)) if all(amounts) else Decimal(0),
        )

    @api.model
    def _used_today(self, company, act):
        """What the current user did today, what was given up not counted.

        :return: (count, Decimal amount)
        """
        since = company._utility_midnight(company._utility_today())
        domain = [("company_id", "=", company.id)]
        if act == "refund":
            domain += [
                ("state", "=", "refunded"),
                ("ended_by_id", "=", self.env.uid),
                ("ended_at", ">=", since),
            ]
        else:
            kinds = {"free": ("temporary", "adjustment")}.get(act, (act,))
            domain += [
                ("kind", "in", kinds),
                ("state", "not in", ("draft", "cancelled")),
                ("user_id", "=", self.env.uid),
                ("accepted_at", ">=", since),
            ]
        vends = self.env["utility.vend"].sudo().search(domain)
        worth = "value" if act in ("free", "emergency") else "amount"
        return len(vends), sum((dec(vend[worth], 2) for vend in vends), Decimal(0))

    @api.model
    def _excess(self, company, act, amount):
        """Words why the current user may not do this alone any more today, or an empty text.

        :param act: one of ACTS
        :param amount: Decimal, of the act to be done
        """
        count_max, amount_max = self._of_user(company, act)
        if not (count_max or amount_max):
            return ""
        # Two at a time would each find the limit unused: whoever comes second looks again.
        self.env.cr.execute(
            SQL("UPDATE res_users SET active = active WHERE id = %s", self.env.uid),
            log_exceptions=False,
        )
        count, before = self._used_today(company, act)
        label = dict(self._fields["act"]._description_selection(self.env))[act]
        if count_max and count >= count_max:
            return self.env._(
                "%(act)s: %(count)s a day are yours, and they are used up. A second person must "
                "approve this one.",
                act=label,
                count=count_max,
            )
        if amount_max and before + amount > amount_max:
            money = company.currency_id.format
            return self.env._(
                "%(act)s: %(limit)s a day are yours, %(used)s are used. A second person must "
                "approve this one.",
                act=label,
                limit=money(float(amount_max)),
                used=money(float(before)),
            )
        return ""
