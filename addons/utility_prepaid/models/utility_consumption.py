from datetime import timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec, round_places
from ..tools.lots import consume

DEFERRED = ("tax_at_sale", "on_use")
# Lines of documents that stand for good.
FIXED = ("posting", "posted")


class UtilityConsumption(models.Model):
    """What customers used of their credit up to the end of a month, and its revenue.

    A run books the difference between all that was used by then and what earlier runs booked, so
    an estimate, a late reading or a reversed sale is set right by the next one. A posted run is
    never changed: a correction is another document for the same month.
    """

    _name = "utility.consumption"
    _description = "Consumption Run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "month desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        readonly=True, required=True, copy=False, default=lambda self: self.env._("New")
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    utility = fields.Selection(
        [("electricity", "Electricity"), ("water", "Water")], required=True, default="electricity"
    )
    month = fields.Date(
        required=True,
        default=lambda self: (
            self.env.company._utility_today().replace(day=1) - relativedelta(months=1)
        ),
        help="Any day of it.",
    )
    corrects_id = fields.Many2one(
        "utility.consumption", readonly=True, copy=False, check_company=True
    )
    # draft -> posting -> posted
    state = fields.Selection(
        [("draft", "Preview"), ("posting", "Being posted"), ("posted", "Posted")],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        index=True,
        tracking=True,
    )
    previewed_at = fields.Datetime("Previewed at", readonly=True, copy=False)
    posted_at = fields.Datetime("Posted at", readonly=True, copy=False)
    posting_error = fields.Text("Why it is not posted", readonly=True, copy=False)
    line_ids = fields.One2many(
        "utility.consumption.line", "consumption_id", readonly=True, copy=False
    )
    move_ids = fields.One2many("account.move", "utility_consumption_id", readonly=True)
    amount = fields.Monetary("Value", compute="_compute_totals", help="Tax included.")
    revenue = fields.Monetary("Liability to revenue", compute="_compute_totals")
    estimated_count = fields.Integer("Estimated contracts", compute="_compute_totals")
    move_count = fields.Integer("Documents", compute="_compute_totals")

    _once = models.UniqueIndex(
        "(company_id, utility, month) WHERE state IN ('posting', 'posted') AND corrects_id IS NULL",
        "This month is posted already: make a correction.",
    )

    @api.depends("line_ids.amount", "line_ids.revenue", "line_ids.estimated", "move_ids")
    def _compute_totals(self):
        for run in self:
            run.amount = sum(run.line_ids.mapped("amount"))
            run.revenue = sum(run.line_ids.mapped("revenue"))
            run.estimated_count = len(run.line_ids.filtered("estimated").contract_id)
            run.move_count = len(run.move_ids)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("month"):
                vals["month"] = fields.Date.to_date(vals["month"]).replace(day=1)
            if not self.env.su:
                for name in ("state", "corrects_id", "name", "previewed_at", "posted_at"):
                    vals.pop(name, None)
            vals["name"] = self.env["ir.sequence"].sudo().next_by_code("utility.consumption")
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            if {"state", "corrects_id", "name", "previewed_at", "posted_at"}.intersection(vals):
                raise UserError(self.env._("The state of a run follows what is posted."))
            if {"company_id", "utility", "month"}.intersection(vals) and self.filtered(
                lambda run: run.state != "draft" or run.corrects_id
            ):
                raise UserError(self.env._("What a run is for is fixed once it is posted."))
        if vals.get("month"):
            vals["month"] = fields.Date.to_date(vals["month"]).replace(day=1)
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_previews(self):
        if self.filtered(lambda run: run.state != "draft"):
            raise UserError(self.env._("Only a preview can be deleted: what is posted stays."))

    # ---------------------------------------------------------------- actions

    def action_preview(self):
        """Work out what was used, contract by contract; nothing is posted."""
        self._check_accountant()
        for run in self:
            run._check_month()
            run._write_lines(run._find_lines())
        return True

    def action_post(self):
        """Post what the preview shows.

        :return: a notice instead when something changed since the preview, which is made anew
        """
        self.ensure_one()
        self._check_accountant()
        # Two people, or two clicks: the second one waits, and finds it posted.
        self.lock_for_update()
        self.invalidate_recordset()
        if self.state != "draft":
            return True
        self._check_month()
        lines = self._find_lines()
        if not self.previewed_at or self._key(lines) != self._key(self._shown()):
            self._write_lines(lines)
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {
                    "type": "warning",
                    "message": self.env._("Something changed since the preview: look again."),
                    "next": {"type": "ir.actions.client", "tag": "soft_reload"},
                },
            }
        self.sudo().write({"state": "posting"})
        self._log("posting", before="draft")
        self.env.ref("utility_prepaid.ir_cron_post_consumption").sudo()._trigger()
        return True

    def action_correct(self):
        """Make the preview of a correction of this month."""
        self.ensure_one()
        self._check_accountant()
        if self.state != "posted":
            raise UserError(self.env._("Only a posted run is corrected."))
        correction = self.sudo().create(
            {
                "company_id": self.company_id.id,
                "utility": self.utility,
                "month": self.month,
                "corrects_id": (self.corrects_id or self).id,
            }
        )
        correction.with_env(self.env).action_preview()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": correction.id,
            "view_mode": "form",
        }

    def action_view_moves(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Journal entries"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("utility_consumption_id", "=", self.id)],
        }

    def _check_accountant(self):
        if not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Consumption is booked by an accountant."))
        self.check_access("write")

    def _check_month(self):
        """Refuse a month that is not over, or that later runs stand upon.

        :raises UserError: in words
        """
        self.ensure_one()
        if self.state != "draft":
            raise UserError(self.env._("%s is posted: make a correction.", self.name))
        if self._cut_off() > fields.Datetime.now():
            raise UserError(self.env._("The month is not over yet."))
        last = self._posted_runs()[:1]
        if last.state == "posting":
            raise UserError(self.env._("%s is still being posted.", last.name))
        if not last or last.month < self.month:
            return
        if last.month > self.month:
            raise UserError(
                self.env._(
                    "%(name)s of a later month is posted. What is to be set right goes into the "
                    "next month's run, or into a correction of the last one.",
                    name=last.name,
                )
            )
        if not self.corrects_id:
            raise UserError(self.env._("%s has this month already: make a correction.", last.name))

    def _posted_runs(self):
        """Runs of this company and utility that stand, the newest first."""
        return self.sudo().search(
            [
                ("company_id", "=", self.company_id.id),
                ("utility", "=", self.utility),
                ("state", "in", FIXED),
                ("id", "!=", self.id),
            ],
            order="month desc, id desc",
        )

    def _cut_off(self):
        """The first moment after the month, naive UTC."""
        return self.company_id._utility_midnight(self.month + relativedelta(months=1))

    def _last_day(self):
        return self.month + relativedelta(months=1) - timedelta(days=1)

    # ------------------------------------------------------------ the reckoning

    def _find_lines(self):
        """What is to be booked: list of values of lines, by contract and lot."""
        self.ensure_one()
        run = self.sudo()
        moment = run._cut_off()
        contracts = run._contracts(moment)
        lots = contracts._lots_by_contract(moment)
        left = contracts._left_at(moment)
        booked = run._booked(contracts)
        on_use = run.company_id._utility_policy(run.utility, run._last_day()) == "on_use"
        vends = self.env["utility.vend"].sudo()
        lines = []
        for contract in contracts:
            state, past = left[contract.id], booked.get(contract.id, {})
            beyond = (Decimal(0), Decimal(0))
            if past.pop(False, None):
                beyond = contract._overdraft_booked()
            common = {
                "contract_id": contract.id,
                "meter_id": contract.meter_id.id,
                "left": state.units,
                "left_at": state.at,
                "estimated": state.estimated,
            }
            used = consume(
                lots[contract.id],
                {key: (units, amount) for key, (units, amount, __) in past.items()},
                state.units,
            )
            for key, (__, amount, revenue) in past.items():
                if key not in used and vends.browse(key)._revenue_of(amount) != revenue:
                    # Nothing more was used, but what went back since rounds by itself.
                    used[key] = (Decimal(0), Decimal(0))
            for key, (units, amount) in used.items():
                vend = vends.browse(key)
                if vend.policy not in DEFERRED:
                    continue
                __, old_amount, old_revenue = past.get(key, (Decimal(0),) * 3)
                lines.append(
                    {
                        **common,
                        "vend_id": key,
                        "policy": vend.policy,
                        "units": units,
                        "amount": amount,
                        "revenue": vend._revenue_of(old_amount + amount) - old_revenue,
                    }
                )
            if on_use or beyond[0]:
                # What is owed when a contract ends is billed then.
                ended = contract.state == "closed"
                owed = Decimal(0) if ended else max(-state.units, Decimal(0))
                lines += run._beyond(contract, common, owed, beyond)
        return lines

    def _contracts(self, moment):
        """Contracts with credit that is not revenue by the time it is sold."""
        groups = self.env["utility.vend"]._read_group(
            [
                ("company_id", "=", self.company_id.id),
                ("utility", "=", self.utility),
                ("policy", "in", DEFERRED),
                ("delivered_at", "<", moment),
                ("contract_id", "!=", False),
            ],
            groupby=["contract_id"],
        )
        contracts = self.env["utility.contract"].browse([contract.id for (contract,) in groups])
        # What ended before the last run's cut-off was booked to its end by that run.
        last = self._posted_runs().filtered(lambda run: run.month < self.month)[:1]
        ended = last and last._last_day()
        return contracts.filtered(
            lambda contract: not (ended and contract.date_close and contract.date_close <= ended)
        ).sorted("id")

    def _booked(self, contracts):
        """What runs booked so far.

        :return: {contract id: {vend id, or False beyond all lots: (units, amount, revenue)}}
        """
        groups = self.env["utility.consumption.line"]._read_group(
            [
                ("contract_id", "in", contracts.ids),
                ("consumption_id.state", "in", FIXED),
            ],
            groupby=["contract_id", "vend_id"],
            aggregates=["units:sum", "amount:sum", "revenue:sum"],
        )
        found = {}
        for contract, vend, units, amount, revenue in groups:
            found.setdefault(contract.id, {})[vend.id or False] = (
                dec(round(units, 4)),
                dec(round(amount, 2), 2),
                dec(round(revenue, 2), 2),
            )
        return found

    def _beyond(self, contract, common, owed, booked):
        """Use that no lot covers yet: a line, or none when it was booked before."""
        units = owed - booked[0]
        if not units:
            return []
        if not owed:
            amount = -booked[1]
        elif units < 0:
            amount = round_places(booked[1] * units / booked[0], 2)
        else:
            amount = contract._overdraft_line(units, self._last_day())["amount"]
        return [
            {
                **common,
                "vend_id": False,
                "policy": "on_use",
                "units": units,
                "amount": amount,
                "revenue": Decimal(0),
            }
        ]

    def _write_lines(self, lines):
        run = self.sudo()
        run.line_ids.unlink()
        self.env["utility.consumption.line"].sudo().create(
            [{"consumption_id": run.id, **line} for line in lines]
        )
        run.write({"previewed_at": fields.Datetime.now(), "posting_error": False})

    def _shown(self):
        return [
            {
                "contract_id": line.contract_id.id,
                "vend_id": line.vend_id.id,
                **{name: dec(line[name]) for name in ("units", "amount", "revenue")},
            }
            for line in self.sudo().line_ids
        ]

    @api.model
    def _key(self, lines):
        """What makes two reckonings the same."""
        return sorted(
            (
                line["contract_id"], line["vend_id"] or 0, dec(line["units"]), dec(line["amount"]),
                dec(line["revenue"]),
            )
            for line in lines
        )  # fmt: skip

    def _log(self, after, before="posting"):
        self.env["utility.operation"]._log(
            self.env._("Consumption run"),
            self,
            before=before,
            after=after,
            note=f"{self.name} {self.utility} {self.month} {dec(self.amount, 2)}",
        )
