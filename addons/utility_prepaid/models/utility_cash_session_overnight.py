from odoo import api, fields, models


class UtilityCashSession(models.Model):
    """A shift that nobody closed before the company's day ended: a supervisor is told, once."""

    _name = "utility.cash.session"
    _inherit = ["utility.cash.session", "mail.thread", "mail.activity.mixin"]

    overnight_at = fields.Datetime(
        "Left open overnight",
        readonly=True,
        copy=False,
        help="The company's day ended, the shift was not closed, and a supervisor was told.",
    )

    def _give_float(self, counted, pieces=None):
        given = super()._give_float(counted, pieces)
        cron = self.env.ref("utility_prepaid.ir_cron_overnight_shifts").sudo()
        cron._trigger(at=self._day_end())
        return given

    def _began(self):
        """When this shift began, on the company's clock."""
        zone = self.with_context(tz=self.company_id.utility_tz)
        return fields.Datetime.context_timestamp(zone, self.opened_at)

    def _day_end(self):
        """When the company's day ends on which this shift began, naive UTC."""
        return self.company_id._utility_midnight(fields.Date.add(self._began().date(), days=1))

    @api.model
    def _cron_overnight(self):
        """Tell supervisors of the shifts whose day has ended; one commit each."""
        cron = self.env["ir.cron"]
        domain = [("state", "!=", "closed"), ("overnight_at", "=", False)]
        now = fields.Datetime.now()
        late = self.search(domain).filtered(lambda session: session._day_end() <= now)
        cron._commit_progress(remaining=len(late))
        for session in late:
            # A shift in which something happens just now has its turn in an hour.
            session.try_lock_for_update().filtered_domain(domain)._left_open(now)
            if not cron._commit_progress(1):
                break

    def _left_open(self, now):
        """Mark these shifts, and give each to a supervisor other than its cashier.

        :param now: naive UTC
        """
        for session in self:
            session.overnight_at = now
            words = self.env._(
                "%(cashier)s has shift %(name)s open on drawer %(drawer)s since %(since)s.",
                cashier=session.user_id.name,
                name=session.name,
                drawer=session.drawer,
                since=session._began().strftime("%Y-%m-%d %H:%M"),
            )
            session.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Shift left open overnight"),
                note=words,
                user_id=session.company_id._utility_person("supervisor", but=session.user_id).id,
            )
            session._log(self.env._("Shift left open overnight"), note=words)

    def _update_state(self, sources, target, note="", **values):
        changed = super()._update_state(sources, target, note, **values)
        if changed and target == "closed":
            self.sudo().activity_unlink(["mail.mail_activity_data_todo"])
        return changed
