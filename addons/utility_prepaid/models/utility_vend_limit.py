from odoo import api, fields, models

from ..tools.decimals import dec
from .utility_limit import ApprovalNeeded

ENDED = ("refunded", "cancelled", "written_off")
# the limit that a kind of credit without money counts against
LIMIT_OF = {"emergency": "emergency", "temporary": "free", "adjustment": "free"}


class UtilityVend(models.Model):
    """Who may do alone what loses money, and who did it."""

    _inherit = "utility.vend"

    ended_at = fields.Datetime("Ended at", readonly=True, help="When it was paid back or given up.")
    ended_by_id = fields.Many2one("res.users", "Ended by", readonly=True, index="btree_not_null")
    ended_reason = fields.Char("Ended reason", readonly=True)

    def _update_state(self, sources, target, **values):
        if target in ENDED:
            values = {
                "ended_at": fields.Datetime.now(),
                "ended_by_id": self.env.uid,
                "ended_reason": values.get("reason"),
                **values,
            }
        return super()._update_state(sources, target, **values)

    @api.model
    def _check_alone(self, act, company, amount, key, arguments):
        """Let the user go on alone, or with the approval that a second person gave for this act.

        :param act: a limit of `utility.limit`
        :param amount: Decimal, what the act may lose
        :param key: what the act is known by
        :param arguments: dictionary of texts, all that was approved
        :return: the approval to be marked as used, maybe empty
        :raises ApprovalNeeded: with the words of the limit
        """
        approvals = self.env["utility.approval"]
        if self.env.su:
            return approvals
        words = self.env["utility.limit"]._excess(company, act, amount)
        if not words:
            return approvals
        approval = approvals._granted(act, key, arguments)
        if not approval:
            raise ApprovalNeeded(words)
        return approval

    def _check_voiding_alone(self, act):
        """``_check_alone`` for a reversal or for money back of this sale."""
        self.ensure_one()
        if act == "reversal" and not self.env.su:
            limit = dec(self.company_id.utility_reversal_limit, 2)
            supervisor = self.env.user.has_group("utility_prepaid.group_supervisor")
            if limit and dec(self.amount, 2) > limit and not supervisor:
                approval = self.env["utility.approval"]._granted(act, *self._voiding(act))
                if not approval:
                    raise ApprovalNeeded(
                        self.env._(
                            "Reversals above %s need a supervisor.",
                            self._money_text(float(limit)),
                        )
                    )
                return approval
        return self._check_alone(act, self.company_id, dec(self.amount, 2), *self._voiding(act))

    def _voiding(self, act):
        """Key and arguments of a reversal or of money back."""
        return f"{act}-{self.id}", {"vend_id": str(self.id)}

    @api.model
    def _issue_by_hand(self, uuid, kind, meter, quantity, reason, cost=0):
        """``_issue`` by the current user, within his rights and limits.

        :raises AccessError: no right to this kind
        :raises ApprovalNeeded: above the limits, and nobody approved it
        :raises UserError: as of ``_issue``
        """
        self._check_issue_right(kind)
        meter._lock_row()
        approval = self.env["utility.approval"]
        if not self.sudo().search_count([("uuid", "=", uuid)], limit=1):
            worth = quantity if kind == "emergency" else self._worth(meter, quantity)
            arguments = self._issue_arguments(kind, meter, quantity, cost)
            approval = self._check_alone(
                LIMIT_OF[kind], meter.company_id, max(worth, abs(cost)), uuid, arguments
            )
        vend = self._issue(uuid, kind, meter, quantity, reason, cost)
        approval._use(vend)
        return vend

    @api.model
    def _issue_arguments(self, kind, meter, quantity, cost):
        """What an approval of credit without money is given for."""
        return {
            "kind": kind,
            "meter_id": str(meter.id),
            "quantity": f"{dec(quantity):f}",
            "cost": f"{dec(cost, 2):f}",
        }
