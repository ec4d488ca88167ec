from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class UtilityCheckDifference(models.Model):
    """What can be done about a difference: each deed keeps the rights that it has elsewhere."""

    _inherit = "utility.check.difference"

    can_retry = fields.Boolean(compute="_compute_deeds")
    can_refund = fields.Boolean(compute="_compute_deeds")
    can_settle = fields.Boolean(compute="_compute_deeds")
    can_post = fields.Boolean(compute="_compute_deeds")

    @api.depends("vend_id", "state")
    def _compute_deeds(self):
        for difference in self:
            vend = difference.vend_id.sudo()
            there = difference.state != "resolved"
            difference.can_retry = there and bool(vend) and vend._can_retry()
            difference.can_refund = there and bool(vend) and vend._can_refund()
            difference.can_settle = there and difference._held_order().can_settle
            difference.can_post = (
                there and vend.state in ("delivered", "reversed") and not vend.posted_at
            )

    def _held_order(self):
        """The meter's order that a person can settle: the sale's own, or its reversal's."""
        vend = self.vend_id.sudo()
        orders = vend.command_id | vend.reversal_ids.command_id
        return orders.filtered("can_settle")[:1]

    # ------------------------------------------------------------- the records

    def _open_record(self, record):
        self.ensure_one()
        if not record:
            raise UserError(self.env._("There is no such record for this difference."))
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }

    def action_open_vend(self):
        return self._open_record(self.vend_id)

    def action_open_contract(self):
        return self._open_record(self.contract_id)

    def action_open_meter(self):
        return self._open_record(self.meter_id)

    def _entries(self):
        """The journal entries of the sale, else of the contract with all its sales.

        One relation after the other: in one condition, all items of the account are gone through.
        """
        vends = self.vend_id.sudo() or self.contract_id.sudo().vend_ids
        moves = self.env["account.move"].sudo()
        payments = self.env["account.payment"].sudo()
        payments = payments.search([("utility_vend_id", "in", vends.ids)])
        found = moves.search([("utility_vend_id", "in", vends.ids)])
        found |= moves.search([("origin_payment_id", "in", payments.ids)])
        if not self.vend_id:
            found |= moves.search([("utility_contract_id", "=", self.contract_id.id)])
        return found

    def action_open_items(self):
        """The journal items of the customers' account behind the difference."""
        self.ensure_one()
        domain = [
            ("account_id", "=", self.company_id.sudo().utility_account_id.id),
            ("parent_state", "=", "posted"),
        ]
        if self.vend_id or self.contract_id:
            domain.append(("move_id", "in", self._entries().ids))
        else:
            domain += [
                ("partner_id", "=", self.partner_id.id),
                ("move_id.utility_vend_id", "=", False),
                ("move_id.utility_contract_id", "=", False),
                "|",
                ("move_id.origin_payment_id", "=", False),
                ("move_id.origin_payment_id.utility_vend_id", "=", False),
            ]
            if self.journal_id:
                domain += [("journal_id", "=", self.journal_id.id)]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Customers' account"),
            "res_model": "account.move.line",
            "view_mode": "list,form",
            "domain": domain,
        }

    # ---------------------------------------------------------------- the deeds

    def action_retry(self):
        """Send the sale again; for cashiers, as at the counter."""
        for difference in self:
            self.env["utility.counter"].retry(difference.vend_id.id)
        return True

    def action_refund(self):
        """Ask for the reason, then give the money back as at the counter."""
        return self._ask_reason("refund", self.env._("Give the money back"))

    def action_explain(self):
        """Ask why the difference may stand."""
        self._check_right()
        return self._ask_reason("explain", self.env._("Explain"))

    def _ask_reason(self, deed, title):
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": "utility.check.reason",
            "view_mode": "form",
            "target": "new",
            "context": {"default_difference_ids": self.ids, "default_deed": deed},
        }

    def action_settle(self):
        """Settle the meter's order by hand."""
        self.ensure_one()
        order = self._held_order()
        if not order:
            raise UserError(self.env._("No order of this sale waits for a person."))
        return order.with_env(self.env).action_resolve()

    def action_read(self):
        """Ask the meters for what they count; the answer is seen by the next check.

        :raises AccessError: the user is neither cashier nor engineer
        """
        user = self.env.user
        if not (
            user.has_group("utility_prepaid.group_cashier")
            or user.has_group("utility_prepaid.group_engineer")
        ):
            raise AccessError(self.env._("Meters are asked by cashiers and engineers."))
        self.check_access("read")
        self.meter_id._ask_number()
        return True

    def action_accept_number(self):
        """Accept what the meter says as the new base; for engineers."""
        return self.meter_id.action_accept_number()

    def action_post_again(self):
        """Post at once what waits for its next attempt; for accountants."""
        if not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Only accountants have sales posted again."))
        self.check_access("read")
        self.vend_id.sudo().filtered(lambda vend: not vend.posted_at).post_after = False
        self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()
        return True

    def action_bill(self):
        """Bill credit that a meter has although its money went back.

        The customer owes it from now on, and the next sale recovers it.

        :raises AccessError: the user is no accountant
        :raises UserError: there is nothing to bill
        """
        if not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Only accountants bill credit that was not paid."))
        self.check_access("read")
        for difference in self:
            vend = difference.vend_id.sudo()
            if difference.code != "charged_not_paid" or not vend:
                raise UserError(self.env._("There is nothing to bill in this difference."))
            vend.meter_id._lock_row()
            vend.invalidate_recordset(["posted_at"])
            if vend.posted_at:
                raise UserError(self.env._("%s was billed already.", vend.name))
            vend._post_charged_not_paid()
            self.env["utility.operation"]._log(
                self.env._("Charged, not paid: billed"),
                vend,
                meter=vend.meter_id,
                vend=vend,
                after=vend.move_id.name or "",
            )
        return True

    def action_look_again(self):
        """Compare now: what is gone is resolved, without waiting for the next check."""
        self._check_right()
        for company in self.company_id:
            self.env["utility.check"]._look_again(company)
        return True
