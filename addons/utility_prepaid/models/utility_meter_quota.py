from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError, ValidationError
from odoo.fields import Domain

BUSY = (SerializationFailure, DeadlockDetected, LockNotAvailable, LockError)


class UtilityMeter(models.Model):
    """Which meters get free units on the first of a month, and the scheduled action that gives.

    A meter is entitled to a month when it had a plan and an active contract on its first day. The
    month stands on the movement under a unique index, so that neither a second run nor a clock that
    was put back gives a month twice.
    """

    _inherit = "utility.meter"

    quota_plan_id = fields.Many2one(
        "utility.quota.plan",
        "Monthly quota plan",
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        tracking=True,
        domain="[('utility', '=', utility)]",
        help="Free units that the meter gets on the first of each month.",
    )
    quota_since = fields.Date(
        "Quota since",
        tracking=True,
        copy=False,
        help="Months that begin on this day or later are given.",
    )
    quota_wait = fields.Char(
        "Quota waits", readonly=True, copy=False, help="Why this month's quota is not on its way."
    )

    @api.constrains("quota_plan_id", "type_id")
    def _check_quota_plan(self):
        for meter in self.filtered("quota_plan_id"):
            if not meter.prepaid or meter.quota_plan_id.utility != meter.utility:
                raise ValidationError(
                    self.env._(
                        "Quota plan %(plan)s is not for meter %(meter)s.",
                        plan=meter.quota_plan_id.name,
                        meter=meter.vending_id,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        meters = super().create(vals_list)
        meters.filtered("quota_plan_id")._quota_begins()
        return meters

    def write(self, vals):
        if "quota_plan_id" not in vals:
            return super().write(vals)
        before = {meter: meter.quota_plan_id for meter in self}
        result = super().write(vals)
        begun = self.browse()
        for meter, plan in before.items():
            if plan == meter.quota_plan_id:
                continue
            self.env["utility.operation"]._log(
                self.env._("Monthly quota plan"),
                meter,
                meter=meter,
                before=plan.name,
                after=meter.quota_plan_id.name,
            )
            if meter.quota_plan_id and not plan:
                begun |= meter
        begun._quota_begins(anew="quota_since" not in vals)
        return result

    def _quota_begins(self, anew=False):
        """Entitled from today: a month that began before is not given afterwards."""
        for meter in self:
            if anew or not meter.quota_since:
                meter.quota_since = meter.company_id._utility_today()

    # -------------------------------------------------- the scheduled action

    @api.model
    def _cron_issue_quotas(self):
        """Give what entitled meters miss, one meter a commit: an error holds up only its own."""
        cron = self.env["ir.cron"]
        companies = self.search([("quota_plan_id", "!=", False)]).company_id
        todo = []
        for company in companies.filtered(lambda company: company._quota_clock_agrees()):
            todo += self._missed_quotas(company)
        cron._commit_progress(remaining=len(todo))
        # Those that waited before come last: they would keep the others from their turn.
        for meter, month in sorted(todo, key=lambda row: bool(row[0].quota_wait)):
            meter._issue_quota_alone(month)
            if not cron._commit_progress(1):
                break

    @api.model
    def _missed_quotas(self, company):
        """What entitled meters of a company miss: the oldest month of each.

        :return: list of (meter, first day of the month)
        """
        months = company._quota_months()
        vends = self.env["utility.vend"].sudo()
        domain = [("company_id", "=", company.id), ("quota_month", "in", months)]
        # by both: a contract may have moved to another meter, a meter to another contract
        given = set(vends._read_group(domain, ["meter_id", "quota_month:month"]))
        given |= set(vends._read_group(domain, ["contract_id", "quota_month:month"]))
        meters = self.search(
            Domain("company_id", "=", company.id)
            & Domain("quota_plan_id", "!=", False)
            & Domain("contract_id.state", "=", "active")
            & Domain("contract_id.is_test", "=", False),
            order="id",
        )
        missed = []
        for meter in meters:
            contract = meter.contract_id
            for month in months:
                if (
                    meter._entitled(month)
                    and (meter, month) not in given
                    and (contract, month) not in given
                ):
                    missed.append((meter, month))
                    break
        return missed

    def _entitled(self, month):
        """Whether the meter had its plan, and an active contract, on the first of a month."""
        self.ensure_one()
        contract = self.contract_id
        since = max(filter(None, (self.quota_since, contract.date_open)), default=None)
        paused = contract.sudo().pause_ids.filtered(
            lambda pause: pause.date_from <= month <= (pause.date_to or month)
        )
        return bool(since and since <= month and not paused and self.quota_plan_id._units(month))

    def _issue_quota_alone(self, month):
        """Give one month to one meter in the transaction that was just begun."""
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                self._issue_quota(month)
        except BUSY:
            # Somebody sells to this meter right now: only a new transaction sees what he wrote.
            self.env.cr.rollback()
            self.env.ref("utility_prepaid.ir_cron_issue_quotas").sudo()._trigger()
        except (UserError, ValidationError) as error:
            self.quota_wait = str(error)

    def _issue_quota(self, month):
        """Give a month's free units.

        :param month: first day of the month
        :return: the movement (`utility.vend`), none when the meter lost its right meanwhile
        :raises UserError: why it waits
        """
        self.ensure_one()
        self._lock_row()
        self.invalidate_recordset(["quota_plan_id", "quota_since"])
        vends = self.env["utility.vend"]
        if not (self.contract_id and self.quota_plan_id and self._entitled(month)):
            # taken away since the run looked
            return vends
        units = self.quota_plan_id._units(month)
        values = {"units": units} if self.credit == "money" else {}
        vend = vends._issue(
            f"quota-{self.id}-{month:%Y-%m}",
            "quota",
            self,
            vends._quota_quantity(self, units),
            origin="automatic",
            quota_month=month,
            reason=self.quota_plan_id.name,
            **values,
        )
        self.quota_wait = False
        return vend
