from odoo import api, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec
from .utility_vend_issue import ISSUES
from .utility_vend_limit import LIMIT_OF


class UtilityCounter(models.AbstractModel):
    """Credit without money, and the second person, at the counter."""

    _inherit = "utility.counter"

    @api.model
    def get_config(self):
        return {**super().get_config(), "issues": self._issue_kinds()}

    def _issue_kinds(self):
        """Kinds of credit without money that the user may give: [{"kind", "name"}]."""
        vends = self.env["utility.vend"]
        labels = dict(vends._fields["kind"]._description_selection(self.env))
        return [{"kind": kind, "name": labels[kind]} for kind in ISSUES if vends._may_issue(kind)]

    def _check_desk(self):
        """Whoever works at the counter, or may give any kind of credit without money."""
        if not (self.env.user.has_group("utility_prepaid.group_cashier") or self._issue_kinds()):
            raise AccessError(self.env._("Only cashiers work at the counter."))

    def _issue_kind(self, kind):
        if kind not in ISSUES:
            raise UserError(self.env._("There is no credit of kind “%s”.", kind))
        return kind

    # ------------------------------------------------- credit without money

    @api.model
    def issue(self, uuid, kind, meter_id, quantity, reason, cost="0"):
        """Give credit without money; the same id twice is the same movement.

        :param uuid: made when the form opened
        :param kind: emergency, temporary or adjustment
        :param quantity: text: money of an emergency credit, else what the meter counts; an
            adjustment below zero takes off
        :param reason: why
        :param cost: text, value at which an adjustment is booked; zero changes the meter only
        :return: status of the movement
        :raises AccessError: no right to this kind
        :raises ApprovalNeeded: above the user's limits: ask for a second person
        """
        self._check_desk()
        self._check_uuid(uuid)
        return (
            self.env["utility.vend"]
            ._issue_by_hand(
                uuid,
                self._issue_kind(kind),
                self._meter(meter_id),
                self._amount(quantity),
                reason,
                self._amount(cost),
            )
            ._status()
        )

    @api.model
    def cancel_issue(self, vend_id, reason):
        """Give up credit without money that certainly did not reach the meter.

        :return: status of the movement
        """
        self._check_desk()
        vend = self._vend(vend_id)
        vend._check_settle_right()
        vend._cancel_issue(reason)
        return vend._status()

    @api.model
    def retry(self, vend_id):
        vend = self._vend(vend_id)
        if vend.kind not in ISSUES:
            return super().retry(vend_id)
        vend.action_retry_issue()
        return vend._status()

    # ---------------------------------------------------- the second person

    @api.model
    def approvers(self):
        """Who can approve here with a PIN: [{"id", "name"}]."""
        self._check_desk()
        users = self.env["utility.approval"]._approvers(self.env.company) - self.env.user
        with_pin = users.sudo().filtered("utility_pin_hash").sorted("name")
        return [{"id": user.id, "name": user.name} for user in with_pin]

    @api.model
    def ask_approval(self, act, values):
        """Ask for a second person, who answers in a session of his own.

        :param act: reversal, refund, issue or payout (of a settlement)
        :param values: dictionary of texts: vend_id or settlement_id, and reason; or what
            ``issue`` takes
        :return: {"id", "state", "words"}
        """
        approval = self._approval(act, values)
        approval._call_approvers()
        return self._approval_status(approval)

    @api.model
    def approval_status(self, approval_id):
        """How far an approval is: {"id", "state", "words"}; then the act itself is asked again."""
        self._check_desk()
        approval = self.env["utility.approval"].browse(int(approval_id)).exists()
        approval.check_access("read")
        return self._approval_status(approval)

    @api.model
    def approve_with_pin(self, act, values, approver_id, pin):
        """A second person approves at this counter; then the act itself is asked again.

        A wrong PIN is an answer and no error, so that it is counted.

        :param act: as of ``ask_approval``
        :param values: as of ``ask_approval``
        :param approver_id: one of ``approvers``
        :param pin: his PIN
        :return: {"ok": bool, "error": words}
        """
        approver = self.env["res.users"].sudo().browse(int(approver_id)).exists()
        approval = self._approval(act, values)
        if approver not in approval._approvers(approval.company_id) - self.env.user:
            raise AccessError(self.env._("Someone other than the asker must decide."))
        words = approver.with_user(self.env.user)._check_utility_pin(str(pin or ""))
        if not words:
            approval._decide(approver, "approved", by_pin=True)
        return {"ok": not words, "error": words}

    def _approval_status(self, approval):
        return {"id": approval.id, "state": approval.state, "words": approval.words}

    def _approval(self, act, values):
        """The open approval of an act, asked for anew where there is none.

        :raises UserError: there is no such act, or it cannot be asked for
        """
        self._check_desk()
        vends = self.env["utility.vend"]
        reason = (values.get("reason") or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        labels = dict(self.env["utility.approval"]._fields["act"]._description_selection(self.env))
        if act == "issue":
            kind = self._issue_kind(values.get("kind"))
            vends._check_issue_right(kind)
            self._check_uuid(values.get("uuid"))
            meter = self._meter(values.get("meter_id"))
            quantity = self._amount(values.get("quantity"))
            cost = self._amount(values.get("cost") or "0")
            vends._check_issuable(meter, kind, quantity)
            worth = quantity if kind == "emergency" else vends._worth(meter, quantity)
            kinds = dict(vends._fields["kind"]._description_selection(self.env))
            words = f"{kinds[kind]} {vends._units_text(quantity)}, {meter.display_name}"
            return self.env["utility.approval"]._ask(
                LIMIT_OF[kind],
                values["uuid"],
                vends._issue_arguments(kind, meter, quantity, cost),
                company_id=meter.company_id.id,
                meter_id=meter.id,
                amount=max(worth, abs(cost)),
                quantity=quantity,
                words=words,
                reason=reason,
            )
        if act not in ("reversal", "refund"):
            raise UserError(self.env._("There is nothing to approve like “%s”.", act))
        vend = self._vend(values.get("vend_id") or 0)
        refusal = vend._reversal_refusal() if act == "reversal" else ""
        if refusal:
            raise UserError(refusal)
        key, arguments = vend._voiding(act)
        return self.env["utility.approval"]._ask(
            act,
            key,
            arguments,
            company_id=vend.company_id.id,
            meter_id=vend.meter_id.id,
            vend_id=vend.id,
            amount=dec(vend.amount, 2),
            quantity=vend.units,
            words=f"{labels[act]}: {vend.name}, {vend._money_text(vend.amount)}",
            reason=reason,
        )
