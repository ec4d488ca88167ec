from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

PAID = ("accepted", "disputed")


class UtilityVend(models.Model):
    """ "Paid, not charged" decides itself: charged, sent again after a pause, or a person's.

    ``decide_at`` is when the sale is looked at next: the end of a pause after a proved failure, or
    the time by which it should have been on the meter.
    """

    _inherit = "utility.vend"

    decide_at = fields.Datetime("Decided at", readonly=True, copy=False)
    retry_count = fields.Integer("Sent again", readonly=True, copy=False)
    handed_over_at = fields.Datetime("Handed to a person", readonly=True, copy=False)

    _decide_idx = models.Index("(decide_at) WHERE decide_at IS NOT NULL")

    # ------------------------------------------------------------------ news

    def _update_state(self, sources, target, **values):
        if target == "accepted" and self.kind != "quota":
            # Free units of a month may wait for a meter that is offline: nobody paid for them.
            values["decide_at"] = self._overdue_at(
                values.get("accepted_at") or fields.Datetime.now()
            )
        elif target not in PAID:
            values["decide_at"] = False
        changed = super()._update_state(sources, target, **values)
        if changed and target not in PAID and self.handed_over_at:
            self.sudo().activity_unlink(["mail.mail_activity_data_todo"])
        return changed

    def _on_not_charged(self, command):
        result = super()._on_not_charged(command)
        if self.state == "accepted":
            # Only noted here: this is the transaction of the news from the meter.
            again = self._may_be_sent_again()
            self._decide_after(self._pause() if again else 0)
            if again:
                self._notify_customer_hook("waits")
        return result

    def _command_disputed(self, command):
        result = super()._command_disputed(command)
        for vend in self:
            vend._decide_after(0)
        return result

    def _retry(self):
        result = super()._retry()
        overdue = self._overdue_at(self.accepted_at)
        self.sudo().decide_at = overdue if overdue > fields.Datetime.now() else False
        return result

    # -------------------------------------------------------------- decision

    @api.model
    def _cron_decide(self, limit=200):
        """Look at every paid sale whose time has come, each in a transaction of its own."""
        domain = [("decide_at", "<=", fields.Datetime.now()), ("state", "in", PAID)]
        self.env["ir.cron"]._utility_work_off(
            self.search(domain, limit=limit, order="decide_at, id"),
            lambda vend: vend._decide(),
            lambda vend, error: vend._decide_after(vend._pause()),
        )

    def _decide(self):
        """Send the sale again, or hand it to a person; repeats are harmless."""
        self.ensure_one()
        # The meter row first: the cashier may give the money back in this moment.
        self.meter_id._lock_row()
        self.invalidate_recordset()
        now = fields.Datetime.now()
        if self.state not in PAID or not self.decide_at or self.decide_at > now:
            return
        if self._can_retry() and self._may_be_sent_again():
            self._send_again()
        else:
            self._hand_over()

    def _may_be_sent_again(self):
        """Whether sending again is worth it by the policy of the company."""
        return (
            not self.handed_over_at
            and self._can_retry()
            and self.command_id._may_succeed_later()
            and self.retry_count < self.company_id.utility_retry_count
            and self._overdue_at(self.accepted_at) > fields.Datetime.now()
        )

    def _send_again(self):
        vend = self.sudo()
        vend.retry_count += 1
        try:
            with self.env.cr.savepoint():
                self._retry()
        except UserError as error:
            # The meter may not be charged at the moment (an emergency stop, another order).
            self._log_decision(self.env._("Not sent again"), str(error))
            self._decide_after(self._pause())
            return
        self._log_decision(
            self.env._("Sent again"), self.env._("Attempt %s by itself", self.retry_count)
        )

    def _hand_over(self):
        """Put the facts before a supervisor, once."""
        vend = self.sudo()
        vend.write({"decide_at": False, "handed_over_at": fields.Datetime.now()})
        words = self._status_words()
        self._log_decision(self.env._("Handed to a person"), words)
        self._give_to_person(*self._facts(words))
        self._notify_customer_hook("handed_over")

    def _facts(self, words):
        """What the person who decides must know: (summary, note).

        :param words: where the sale stands
        """
        if self.kind == "reversal":
            return (
                self.env._("Reversal not proved"),
                self.env._(
                    "%(name)s of %(amount)s on meter %(meter)s is not certain. %(words)s",
                    name=self.name,
                    amount=self._money_text(self.amount),
                    meter=self.meter_id.vending_id,
                    words=words,
                ),
            )
        return (
            self.env._("Paid, not on the meter"),
            self.env._(
                "%(amount)s of %(customer)s, room %(room)s, was taken at %(at)s and is not on "
                "meter %(meter)s. Sent again by itself: %(count)s times. %(words)s",
                amount=self._money_text(self.amount),
                customer=self.partner_id.name or "",
                room=self.room_id.display_name or "",
                at=fields.Datetime.context_timestamp(
                    self.with_context(tz=self.company_id.utility_tz), self.accepted_at
                ).strftime("%Y-%m-%d %H:%M"),
                meter=self.meter_id.vending_id,
                count=self.retry_count,
                words=words,
            ),
        )

    def _give_to_person(self, summary, note, role="supervisor"):
        """An activity for someone other than the seller."""
        self.sudo().activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            note=note,
            user_id=self.company_id._utility_person(role, but=self.user_id).id,
        )

    def _decide_after(self, minutes):
        at = fields.Datetime.add(fields.Datetime.now(), minutes=minutes)
        self.sudo().decide_at = at
        self.env.ref("utility_prepaid.ir_cron_decide_vends").sudo()._trigger(at=at)

    def _pause(self):
        """Minutes until the next attempt."""
        return self.company_id.utility_retry_minutes * 2**self.retry_count

    def _overdue_at(self, accepted_at):
        return fields.Datetime.add(accepted_at, hours=self.company_id.utility_retry_hours)

    def _log_decision(self, action, note):
        self.env["utility.operation"]._log(
            action, self, meter=self.meter_id, vend=self, after=self.state, note=note
        )

    def _notify_customer_hook(self, event):
        """Hook: tell the customer, by SMS for instance.

        :param event: "waits" (not charged yet, it is sent again), "handed_over" (a person looks at
            it)
        """

    def _status_words(self):
        words = super()._status_words()
        vend = self.sudo()
        if vend.state == "accepted" and vend.decide_at and vend._may_be_sent_again():
            zone = self.with_context(tz=vend.company_id.utility_tz or self.env.user.tz)
            at = fields.Datetime.context_timestamp(zone, vend.decide_at).strftime("%H:%M")
            return self.env._("%(words)s It is sent again by itself at %(at)s.", words=words, at=at)
        return words

    # ------------------------------------------------------------- write off

    def _write_off(self, reason):
        """Give a disputed sale up: its money stays, nothing more is expected of the meter.

        :raises AccessError: not a manager, or the seller himself
        :raises UserError: it is not disputed, or the reason is missing
        """
        self.ensure_one()
        if not self.env.user.has_group("utility_prepaid.group_manager"):
            raise AccessError(self.env._("Only managers write a sale off."))
        if self.user_id == self.env.user:
            raise AccessError(self.env._("Someone other than the seller must decide."))
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why the sale is written off."))
        self.meter_id._lock_row()
        self.invalidate_recordset()
        if self.state == "written_off":
            return
        if self.kind != "sale" or self.state != "disputed":
            raise UserError(self.env._("Only a disputed sale is written off."))
        command = self.command_id
        if command.state == "disputed":
            command._judge_by_person(False, reason)
        self._update_state(
            ("disputed",), "written_off", reason=reason, delivered_at=fields.Datetime.now()
        )
        self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()

    def action_write_off(self):
        """Open the form in which a manager gives a disputed sale up."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Write off"),
            "res_model": "utility.vend.write.off",
            "view_mode": "form",
            "target": "new",
            "context": {"default_vend_id": self.id},
        }
