from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..tools.decimals import dec


class UtilityQuotaPlan(models.Model):
    """Free units month by month: what each meter of the plan gets on the first of a month."""

    _name = "utility.quota.plan"
    _description = "Monthly Quota Plan"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "utility, name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    utility = fields.Selection(
        [("electricity", "Electricity"), ("water", "Water")], required=True, default="electricity"
    )
    line_ids = fields.One2many(
        "utility.quota.line", "plan_id", "Months", default=lambda self: self._default_lines()
    )
    meter_ids = fields.One2many("utility.meter", "quota_plan_id", "Meters")
    meter_count = fields.Integer("Meters (count)", compute="_compute_meter_count")

    clock_words = fields.Text(related="company_id.utility_quota_clock")

    @api.model
    def _default_lines(self):
        return [fields.Command.create({"month": str(month)}) for month in range(1, 13)]

    @api.depends_context("uid")
    def _compute_meter_count(self):
        count = self.env["utility.room"]._count_by("utility.meter", "quota_plan_id", self)
        for plan in self:
            plan.meter_count = count.get(plan.id, 0)

    @api.constrains("utility", "meter_ids")
    def _check_meters(self):
        self.meter_ids._check_quota_plan()

    def action_confirm_clock(self):
        """A person found the clock right: quotas go on from here.

        :raises AccessError: only managers
        """
        if not self.env.user.has_group("utility_prepaid.group_manager"):
            raise AccessError(self.env._("Only managers say that the clock is right."))
        self.check_access("write")
        for company in self.company_id.sudo():
            self.env["utility.operation"]._log(
                self.env._("Clock confirmed"), company, note=company.utility_quota_clock
            )
            company.write(
                {"utility_quota_run": fields.Datetime.now(), "utility_quota_clock": False}
            )
            plans = self.sudo().search([("company_id", "=", company.id)])
            plans.activity_unlink(["mail.mail_activity_data_todo"])
        self.env.ref("utility_prepaid.ir_cron_issue_quotas").sudo()._trigger()
        return True

    def action_view_meters(self):
        return self.env["utility.room"]._action_meters([("quota_plan_id", "in", self.ids)])

    def _units(self, month):
        """Free units of a month, kWh or m3.

        :param month: date, any day of the month
        :rtype: Decimal
        """
        self.ensure_one()
        line = self.line_ids.filtered(lambda row: row.month == str(month.month))
        return dec(line.units)
