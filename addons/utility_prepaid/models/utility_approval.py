from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec
from .utility_limit import ACTS

VALID_HOURS = 12
APPROVERS = ("utility_prepaid.group_supervisor", "utility_prepaid.group_manager")


class UtilityApproval(models.Model):
    """What one operator may not do alone, and the second person's answer to it.

    The second person answers from a session of his own, or at the operator's counter with a PIN. An
    approval holds for exactly what was asked, once, for some hours.
    """

    _name = "utility.approval"
    _description = "Approval"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _rec_name = "words"

    act = fields.Selection(ACTS, required=True, readonly=True)
    key = fields.Char(required=True, readonly=True, index=True)
    arguments = fields.Json(readonly=True, required=True)
    # asked -> approved -> used        asked | approved -> refused
    state = fields.Selection(
        [
            ("asked", "Asked for"),
            ("approved", "Approved"),
            ("used", "Carried out"),
            ("refused", "Refused"),
        ],
        required=True,
        readonly=True,
        default="asked",
        index=True,
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one("res.users", "Asked by", required=True, readonly=True, index=True)
    approver_id = fields.Many2one("res.users", "Second person", readonly=True, index=True)
    by_pin = fields.Boolean("By PIN", readonly=True)
    meter_id = fields.Many2one("utility.meter", required=True, readonly=True)
    vend_id = fields.Many2one(
        "utility.vend", "Sale", readonly=True, help="What is to be reversed or paid back."
    )
    result_id = fields.Many2one("utility.vend", "Became", readonly=True, index="btree_not_null")
    amount = fields.Monetary(readonly=True)
    quantity = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    words = fields.Char("What for", required=True, readonly=True)
    reason = fields.Char(readonly=True)
    valid_until = fields.Datetime("Valid until", required=True, readonly=True)
    decided_at = fields.Datetime("Decided at", readonly=True)
    may_decide = fields.Boolean(compute="_compute_may")
    may_carry_out = fields.Boolean(compute="_compute_may")

    @api.depends("state", "valid_until", "user_id")
    @api.depends_context("uid")
    def _compute_may(self):
        approver = any(self.env.user.has_group(group) for group in APPROVERS)
        for approval in self:
            fresh = approval.valid_until and approval.valid_until >= fields.Datetime.now()
            own = approval.user_id == self.env.user
            approval.may_decide = approver and not own and fresh and approval.state == "asked"
            approval.may_carry_out = own and fresh and approval.state == "approved"

    # --------------------------------------------------------------- asking

    @api.model
    def _ask(self, act, key, arguments, **values):
        """Ask for a second person; asked twice is asked once.

        :param values: company_id, meter_id, words ...
        :return: the approval (sudo)
        """
        open_one = (
            self.sudo()
            .search(
                [
                    ("act", "=", act),
                    ("key", "=", key),
                    ("user_id", "=", self.env.uid),
                    ("state", "in", ("asked", "approved")),
                    ("valid_until", ">=", fields.Datetime.now()),
                ]
            )
            .filtered(lambda approval: approval.arguments == arguments)[:1]
        )
        if open_one:
            return open_one
        approval = self.sudo().create(
            {
                "act": act,
                "key": key,
                "arguments": arguments,
                "user_id": self.env.uid,
                "valid_until": fields.Datetime.add(fields.Datetime.now(), hours=VALID_HOURS),
                **values,
            }
        )
        approval._log(self.env._("Approval asked for"), None)
        return approval

    def _call_approvers(self):
        """An activity for everybody who may decide; the first answer ends them all."""
        self.ensure_one()
        for user in self._approvers(self.company_id) - self.user_id:
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Approve or refuse"),
                note=self.words,
                user_id=user.id,
            )

    @api.model
    def _approvers(self, company):
        """Active users of a company who may decide."""
        users = self.env["res.users"].sudo()
        for group in APPROVERS:
            users |= self.env.ref(group).sudo().all_user_ids
        root = self.env.ref("base.user_root")
        return (users - root).filtered(lambda user: user.active and company in user.company_ids)

    @api.model
    def _granted(self, act, key, arguments):
        """The approval that the current user got for exactly this and did not use yet.

        :return: an approval (sudo), maybe empty
        """
        return (
            self.sudo()
            .search(
                [
                    ("act", "=", act),
                    ("key", "=", key),
                    ("user_id", "=", self.env.uid),
                    ("state", "=", "approved"),
                    ("valid_until", ">=", fields.Datetime.now()),
                ]
            )
            .filtered(lambda approval: approval.arguments == arguments)[:1]
        )

    def _use(self, vend):
        """The act was carried out: an approval is used once."""
        for approval in self:
            approval._move(("approved",), "used", result_id=vend.id)

    # ------------------------------------------------------------- deciding

    def action_approve(self):
        """Say yes, in a session of one's own.

        :raises AccessError: no right, or the asker himself
        """
        for approval in self:
            approval._decide(self.env.user, "approved")
        return True

    def action_refuse(self):
        """Say no, in a session of one's own.

        :raises AccessError: no right, or the asker himself
        """
        for approval in self:
            approval._decide(self.env.user, "refused")
        return True

    def action_carry_out(self):
        """Do what was approved: the asker's act, with his rights.

        :return: action that shows what it became
        :raises UserError: it is not approved, or cannot be done any more
        """
        self._check_carry_out()
        vend = self._carry_out()
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.vend",
            "res_id": vend.id,
            "view_mode": "form",
        }

    def _check_carry_out(self):
        self.ensure_one()
        self.check_access("read")
        if not self.may_carry_out:
            raise UserError(self.env._("Nothing is approved that you could carry out here."))

    def _carry_out(self):
        vends = self.env["utility.vend"]
        if self.act == "reversal":
            return self.vend_id._reverse(f"approval-{self.id}", self.reason)
        if self.act == "refund":
            self.vend_id._refund(self.reason)
            return self.vend_id
        return vends._issue_by_hand(
            self.key,
            self.arguments["kind"],
            self.meter_id,
            dec(self.arguments["quantity"]),
            self.reason,
            dec(self.arguments["cost"], 2),
        )

    def _decide(self, approver, answer, by_pin=False):
        """The second person's answer.

        :param approver: `res.users`, not the asker
        :param answer: approved or refused
        :raises AccessError: no right, or the asker himself
        """
        self.ensure_one()
        if approver not in self._approvers(self.company_id):
            raise AccessError(self.env._("Only supervisors and managers approve."))
        if approver == self.user_id:
            raise AccessError(self.env._("Someone other than the asker must decide."))
        if self.valid_until < fields.Datetime.now():
            raise UserError(self.env._("This was asked too long ago: it must be asked again."))
        changed = self._move(
            ("asked",),
            answer,
            approver_id=approver.id,
            by_pin=by_pin,
            decided_at=fields.Datetime.now(),
        )
        if changed:
            self.sudo().activity_unlink(["mail.mail_activity_data_todo"])
            if not by_pin:
                self.sudo().activity_schedule(
                    "mail.mail_activity_data_todo",
                    summary=self.env._("Carry it out")
                    if answer == "approved"
                    else self.env._("It was refused"),
                    user_id=self.user_id.id,
                )

    def _move(self, sources, target, **values):
        """The one gate between the states.

        :return: True when the state changed, False for the same answer once more
        :raises UserError: it was answered otherwise
        """
        self.ensure_one()
        approval = self.sudo()
        approval.lock_for_update()
        before = approval.state
        if before == target:
            return False
        if before not in sources:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._("This approval is in state “%(state)s”.", state=labels[before])
            )
        approval.write({"state": target, **values})
        approval._log(self.env._("Approval"), before)
        if target == "used":
            approval.activity_unlink(["mail.mail_activity_data_todo"])
        return True

    def _log(self, action, before):
        self.env["utility.operation"]._log(
            action,
            self,
            meter=self.meter_id,
            vend=self.result_id or self.vend_id,
            before=before,
            after=self.state,
            note=" · ".join(filter(None, (self.words, self.approver_id.name, self.reason))),
        )
