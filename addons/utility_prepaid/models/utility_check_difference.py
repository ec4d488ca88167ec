from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.check import CLASSES

# What people may change of a difference; the rest follows from what is found.
OWN = frozenset(("user_id", "activity_ids", "message_follower_ids", "message_ids"))
GROUPS = ("accountant", "manager", "supervisor")
# Explained by what they are: the customers' own debts are worked on elsewhere.
BY_NATURE = ("debt",)


class UtilityCheckDifference(models.Model):
    """One difference between money, meters and ledger, from when it was found until it is gone."""

    _name = "utility.check.difference"
    _description = "Difference"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "state, since, id"
    _rec_name = "code"
    _check_company_auto = True

    code = fields.Selection(
        [
            ("not_proved", "Paid, not proved yet"),
            ("not_charged", "Paid, proved not charged, money not given back"),
            ("disputed", "Paid, disputed"),
            ("not_paid_out", "Reversed, money not paid out"),
            ("paid_out", "Money paid out before the proof"),
            ("payment_differs", "Payment differs from the sale"),
            ("not_posted", "Charged, not posted"),
            ("wrong_amount", "Posted with another amount"),
            ("no_proof", "Posted without proof"),
            ("debt", "Owed by the customer"),
            ("credit", "Money of the customer, not used"),
            ("payment_alone", "Payment without a sale"),
            ("entry_alone", "Entry that is not the desk's"),
            ("remainder", "Carried credit differs"),
            ("meter_ahead", "Meter ahead of the books"),
            ("charged_not_paid", "Charged, not paid"),
            ("meter_behind", "Meter behind the books"),
            ("session", "Cash of a shift differs"),
            ("unexplained", "Unexplained"),
        ],
        "Class",
        required=True,
        readonly=True,
        tracking=True,
    )
    key = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary(
        readonly=True, help="What is at stake; above zero the desk has too much, below too little."
    )
    since = fields.Datetime(required=True, readonly=True)
    age = fields.Integer("Age in days", compute="_compute_age", search="_search_age")
    # open -> explained | resolved      explained -> open | resolved      resolved -> open
    state = fields.Selection(
        [("open", "Not explained"), ("explained", "Explained"), ("resolved", "Resolved")],
        required=True,
        readonly=True,
        default="open",
        index=True,
        tracking=True,
    )
    user_id = fields.Many2one(
        "res.users", "Owner", tracking=True, index=True, domain=[("share", "=", False)]
    )
    note = fields.Text("Explanation", readonly=True)
    ended_at = fields.Datetime("Gone since", readonly=True)
    site_id = fields.Many2one("utility.site", readonly=True, index=True)
    utility = fields.Selection([("electricity", "Electricity"), ("water", "Water")], readonly=True)
    journal_id = fields.Many2one("account.journal", "Payment method", readonly=True)
    vend_id = fields.Many2one("utility.vend", "Sale", readonly=True, index=True)
    contract_id = fields.Many2one("utility.contract", readonly=True, index=True)
    meter_id = fields.Many2one("utility.meter", readonly=True, index=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    session_id = fields.Many2one("utility.cash.session", "Shift", readonly=True)
    units = fields.Float(
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        help="What the meter counts as bought above what the books have charged.",
    )
    number_seen = fields.Integer(related="meter_id.number_seen")
    number_booked = fields.Integer(
        related="meter_id.purchase_number", string="Purchase number in the books"
    )
    finding_ids = fields.One2many("utility.check.finding", "difference_id", "Days", readonly=True)

    _key_uniq = models.Constraint(
        "UNIQUE(company_id, key)", "This difference is already on the list."
    )

    @api.depends("since", "ended_at")
    def _compute_age(self):
        now = fields.Datetime.now()
        for difference in self:
            difference.age = ((difference.ended_at or now) - difference.since).days

    def _search_age(self, operator, value):
        if operator not in ("<", "<=", ">", ">="):
            return NotImplemented
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[operator]
        return [("since", turned, fields.Datetime.subtract(fields.Datetime.now(), days=value))]

    @api.depends(
        "code", "vend_id.name", "contract_id.name", "meter_id.vending_id", "session_id.name"
    )
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["code"]._description_selection(self.env))
        for difference in self:
            about = (
                difference.vend_id.name
                or difference.contract_id.name
                or difference.meter_id.vending_id
                or difference.session_id.name
                or difference.partner_id.name
            )
            difference.display_name = " · ".join(filter(None, (labels[difference.code], about)))

    def write(self, vals):
        if not self.env.su and not OWN.issuperset(vals):
            raise UserError(
                self.env._("A difference follows from what is found; only its owner is chosen.")
            )
        return super().write(vals)

    # ------------------------------------------------------------------ finding

    @api.model
    def _find(self, company, finding, found, over=False):
        """The record of something that was found.

        :param finding: `tools.check.Finding`, as it stands now
        :param found: its record from before, maybe empty
        :param over: it belongs to the past, and is there no more
        :return: the difference (sudo)
        """
        if found:
            if not over:
                found._update_from(finding)
            return found
        nature = finding.code in BY_NATURE
        vend = self.env["utility.vend"].sudo().browse(finding.values.get("vend_id"))
        shift = self.env["utility.cash.session"].sudo().browse(finding.values.get("session_id"))
        return self.sudo().create(
            {
                **self._values_of(finding),
                "key": finding.key,
                "company_id": company.id,
                "since": finding.since or fields.Datetime.now(),
                "user_id": company._utility_person(
                    CLASSES[finding.code], but=vend.user_id or shift.user_id
                ).id,
                "state": "explained" if nature else "open",
                "note": self.env._("An open debt of the customer.") if nature else False,
            }
        )

    def _values_of(self, finding):
        site, utility, journal = finding.place
        return {
            "code": finding.code,
            "amount": float(finding.amount),
            "site_id": site,
            "utility": utility,
            "journal_id": journal,
            **finding.values,
        }

    def _update_from(self, finding):
        """It is there (again): what it is now, and open when that is not what was explained."""
        self.ensure_one()
        values = {
            name: value
            for name, value in self._values_of(finding).items()
            if self._differs(name, value)
        }
        nature = finding.code in BY_NATURE
        if self.state == "resolved":
            values |= {
                "state": "explained" if nature else "open",
                "ended_at": False,
                "since": finding.since or fields.Datetime.now(),
            }
        elif self.state == "explained" and not nature and {"code", "amount"} & set(values):
            values |= {"state": "open"}
        if values:
            self.write(values)

    @api.model
    def _follow(self, company, now, keep=()):
        """Bring what is on the list to what is found now; what is not found now is resolved.

        :param now: {key: Finding}
        :param keep: classes that were not looked for
        """
        domain = [("company_id", "=", company.id), ("state", "!=", "resolved")]
        for difference in self.sudo().search(domain):
            if finding := now.get(difference.key):
                difference._update_from(finding)
            elif difference.code not in keep:
                difference._resolve()

    def _differs(self, name, value):
        old = self[name]
        return (old.id if isinstance(old, models.BaseModel) else old) != (value or False)

    def _resolve(self):
        """What is found no more is resolved; its days stay."""
        gone = self.filtered(lambda difference: difference.state != "resolved")
        gone.sudo().write({"state": "resolved", "ended_at": fields.Datetime.now()})
        gone.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    @api.model
    def _remind(self, company):
        """An activity for the owner of each difference that is open for longer than it should."""
        days = company.utility_check_days
        if days <= 0:
            return
        since = fields.Datetime.subtract(fields.Datetime.now(), days=days)
        todo = self.env.ref("mail.mail_activity_data_todo")
        late = self.sudo().search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "open"),
                ("since", "<=", since),
                ("user_id", "!=", False),
            ]
        )
        for difference in late:
            if difference.user_id not in difference.activity_ids.user_id:
                difference.activity_schedule(
                    activity_type_id=todo.id,
                    summary=difference.display_name,
                    note=self.env._("Open for %s days.", difference.age),
                    user_id=difference.user_id.id,
                )

    # ------------------------------------------------------------------ actions

    def _check_right(self):
        """:raises AccessError: for whom these differences are not there to be worked on"""
        user = self.env.user
        if not any(user.has_group(f"utility_prepaid.group_{name}") for name in GROUPS):
            raise AccessError(
                self.env._("Differences are for accountants, managers and supervisors.")
            )
        self.check_access("read")

    def _explain(self, reason):
        """Say why a difference may stand; it stays on the list until it is gone."""
        self._check_right()
        for difference in self:
            if difference.state == "resolved":
                raise UserError(self.env._("This difference is gone already."))
            before = difference.state
            difference.sudo().write({"state": "explained", "note": reason})
            self.env["utility.operation"]._log(
                self.env._("Difference explained"),
                difference,
                meter=difference.meter_id,
                vend=difference.vend_id,
                before=before,
                after="explained",
                note=reason,
            )
            difference.sudo().activity_unlink(["mail.mail_activity_data_todo"])
