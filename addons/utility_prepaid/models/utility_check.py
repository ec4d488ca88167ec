import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.check import CONTROLS, FLOWS, STOCKS, ZERO

_logger = logging.getLogger(__name__)
# Days that are caught up when the scheduled action did not run.
CATCH_UP = 31
TOTALS = (*FLOWS, *STOCKS, "gap_before", "gap_after", "ledger_gap")


class UtilityCheck(models.Model):
    """One local day of a company: money in, credit proved by meters, and the ledger."""

    _name = "utility.check"
    _description = "Daily Check"
    _inherit = ["mail.thread"]
    _order = "date desc, id desc"
    _rec_name = "date"

    date = fields.Date("Day", required=True, readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    run_at = fields.Datetime("Checked at", readonly=True)
    runs = fields.Integer("Times checked", readonly=True)
    state = fields.Selection(
        [
            ("agreed", "All agree"),
            ("named", "Differences, all named"),
            ("unexplained", "Something unexplained"),
        ],
        "Result",
        readonly=True,
    )
    line_ids = fields.One2many("utility.check.line", "check_id", "Figures", readonly=True)
    finding_ids = fields.One2many("utility.check.finding", "check_id", "Differences", readonly=True)
    finding_count = fields.Integer("Count of differences", readonly=True)
    money_in = fields.Monetary("Money in", readonly=True)
    money_out = fields.Monetary("Money out", readonly=True)
    other_method = fields.Monetary("By another method", readonly=True)
    credit_sold = fields.Monetary("Credit sold", readonly=True)
    credit_back = fields.Monetary("Credit taken back", readonly=True)
    fees = fields.Monetary(readonly=True)
    carried = fields.Monetary("Carried over", readonly=True)
    documents = fields.Monetary("Other documents", readonly=True)
    posted = fields.Monetary(readonly=True)
    gap_before = fields.Monetary("Differences before", readonly=True)
    gap_after = fields.Monetary("Differences after", readonly=True)
    open_credit = fields.Monetary("Open credit", readonly=True)
    carried_credit = fields.Monetary("Carried credit", readonly=True)
    ledger_gap = fields.Monetary("Differences in the ledger", readonly=True)

    _day_uniq = models.Constraint("UNIQUE(company_id, date)", "This day has its check already.")

    @api.depends("date")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for check in self:
            check.display_name = check.date and fields.Date.to_string(check.date)

    # --------------------------------------------------------------------- run

    @api.model
    def _cron_check(self):
        """Check the days that ended since the last check, company by company; then remind."""
        cron = self.env["ir.cron"]
        companies = self.env["res.company"].search([("utility_account_id", "!=", False)])
        base = self.env["utility.check.base"].sudo()
        for company in companies:
            while base._carry_forward(company):
                if not cron._commit_progress(remaining=1):
                    return
        base._forget_news()
        days = [(company, day) for company in companies for day in self._days_due(company)]
        cron._commit_progress(remaining=len(days))
        for company, day in days:
            self._run(company, day)
            if not cron._commit_progress(1):
                return
        for company in companies:
            self.env["utility.check.difference"]._remind(company)
        cron._commit_progress()

    @api.model
    def _days_due(self, company):
        """Local days that ended and were not checked since, oldest first; not before the first."""
        today = company._utility_today()
        domain = [("company_id", "=", company.id)]
        first = self.search(domain, order="date", limit=1).date or today - timedelta(days=1)
        first = max(first, today - timedelta(days=CATCH_UP))
        # A day that was looked at while it went on is checked once more after its end.
        day_end = self.env["utility.check.position"]._day_end
        done = {
            check.date
            for check in self.search([*domain, ("date", ">=", first)])
            if check.run_at >= day_end(company, check.date)
        }
        days = [first + timedelta(days=count) for count in range((today - first).days)]
        return [day for day in days if day not in done]

    @api.model
    def _run(self, company, date):
        """Check a day, or check it again.

        Figures are frozen as they are found now. What is found for the first time is added, what is
        not found again is marked, and a figure that changed is noted: nothing is lost.

        :param company: `res.company`
        :param date: local date, today at the latest
        :return: the check (sudo)
        """
        company = company.sudo()
        today = company._utility_today()
        if date > today:
            raise UserError(self.env._("A day that has not begun cannot be checked."))
        position = self.env["utility.check.position"].sudo()
        before, found_before = position._at(company, date - timedelta(days=1))
        after, found = position._at(company, date)
        live = found if date == today else position._at(company, today)[1]
        if date >= today - timedelta(days=1):
            controls = self._controls(company)
            found, live = [*found, *controls], [*live, *controls]
        check = self.sudo().search([("company_id", "=", company.id), ("date", "=", date)])
        if not check:
            check = self.sudo().create({"company_id": company.id, "date": date})
        else:
            check.lock_for_update(allow_referencing=True)
        check._keep_figures(before, found_before, after, found)
        check._keep_findings(found, live)
        return check

    @api.model
    def _look_again(self, company):
        """Bring the list of differences to what is there now, without freezing a day."""
        company = company.sudo()
        found = self.env["utility.check.position"].sudo()._at(company, company._utility_today())[1]
        now = {finding.key: finding for finding in [*found, *self._controls(company)]}
        self.env["utility.check.difference"].sudo()._follow(company, now)

    @api.model
    def _controls(self, company):
        """What is compared beside the sums, as it is now: parts add theirs.

        :return: list of `tools.check.Finding` of the classes CONTROLS
        """
        return []

    def _keep_figures(self, before, found_before, after, found):
        empty = dict.fromkeys((*FLOWS, *STOCKS), ZERO)
        places = {
            *before,
            *after,
            *(finding.place for finding in [*found_before, *found] if finding.money),
        }
        rows = []
        for place in sorted(places, key=lambda place: [str(part or "") for part in place]):
            now, then = after.get(place, empty), before.get(place, empty)
            row = {name: now[name] - then[name] for name in FLOWS}
            row |= {name: now[name] for name in STOCKS}
            for name, findings in (("gap_before", found_before), ("gap_after", found)):
                row[name] = sum((f.money for f in findings if f.place == place), ZERO)
            if any(row.values()):
                site, utility, journal = place
                rows.append({**row, "site_id": site, "utility": utility, "journal_id": journal})
        totals = {
            name: sum((row[name] for row in rows), ZERO) for name in TOTALS if name != "ledger_gap"
        }
        totals["ledger_gap"] = sum((finding.ledger for finding in found), ZERO)
        self._note_changes(totals)
        self.line_ids.unlink()
        self.env["utility.check.line"].sudo().create(
            [self._floats({**row, "check_id": self.id}) for row in rows]
        )
        unexplained = any(finding.code == "unexplained" for finding in found)
        self.write(
            {
                **self._floats(totals),
                "run_at": fields.Datetime.now(),
                "runs": self.runs + 1,
                "finding_count": len(found),
                "state": "unexplained" if unexplained else "named" if found else "agreed",
            }
        )

    def _floats(self, values):
        """Decimals become the ORM's floats here and nowhere before."""
        return {name: float(value) if name in TOTALS else value for name, value in values.items()}

    def _note_changes(self, totals):
        """A figure of a day that was checked before and is another one now."""
        if not self.runs:
            return
        words = [
            f"{self._fields[name]._description_string(self.env)}: "
            f"{self.currency_id.format(self[name])} → {self.currency_id.format(float(value))}"
            for name, value in totals.items()
            if self.currency_id.compare_amounts(self[name], float(value))
        ]
        if words:
            self.message_post(body=self.env._("Checked again, other figures: %s", "; ".join(words)))

    def _keep_findings(self, found, live):
        differences = self.env["utility.check.difference"].sudo()
        now = {finding.key: finding for finding in live}
        domain = [("company_id", "=", self.company_id.id), ("key", "in", [f.key for f in found])]
        known = {difference.key: difference for difference in differences.search(domain)}
        kept = {finding.difference_id.key: finding for finding in self.finding_ids}
        past = self.date < self.company_id._utility_today() - timedelta(days=1)
        for finding in found:
            difference = differences._find(
                self.company_id,
                now.get(finding.key, finding),
                known.get(finding.key, differences),
                finding.key not in now,
            )
            values = {
                "code": finding.code,
                "amount": float(finding.amount),
                "money": float(finding.money),
                "ledger": float(finding.ledger),
                "site_id": finding.place[0],
                "utility": finding.place[1],
                "journal_id": finding.place[2],
                "gone": False,
            }
            if old := kept.pop(finding.key, None):
                old.write(values)
            else:
                self.env["utility.check.finding"].sudo().create(
                    {**values, "check_id": self.id, "difference_id": difference.id}
                )
        for old in kept.values():
            if not (past and old.code in CONTROLS):
                old.gone = True
        differences._follow(self.company_id, now, keep=CONTROLS if past else ())

    # ----------------------------------------------------------------- actions

    def _check_right(self):
        self.env["utility.check.difference"]._check_right()

    def action_run(self):
        """Check these days again.

        :raises AccessError: the user is neither accountant nor manager nor supervisor
        """
        self._check_right()
        self.check_access("read")
        for check in self:
            self._run(check.company_id, check.date)
        return True

    def action_check_today(self):
        """Check the day as far as it went, and show it.

        :raises AccessError: the user is neither accountant nor manager nor supervisor
        """
        self._check_right()
        company = self.env.company
        if not company.sudo().utility_account_id:
            raise UserError(self.env._("The accounts of the utility desk are not set up."))
        check = self._run(company, company._utility_today())
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.check",
            "res_id": check.id,
            "view_mode": "form",
        }

    def action_open_items(self):
        """The customers' account up to the end of this day."""
        self.ensure_one()
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Journal items are shown to accountants."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Customers' account"),
            "res_model": "account.move.line",
            "view_mode": "list",
            "domain": [
                ("account_id", "=", self.company_id.sudo().utility_account_id.id),
                ("parent_state", "=", "posted"),
                ("date", "<=", self.date),
            ],
        }
