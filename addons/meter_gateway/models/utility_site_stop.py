from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

STOP = frozenset(("stopped", "stop_reason", "stopped_at", "stopped_by_id"))
# Who stops a site; going on is decided by fewer.
STOPPERS = ("supervisor", "engineer", "manager")
STARTERS = ("engineer", "manager")


class UtilitySite(models.Model):
    """Emergency stop and pilot list: what may leave for the meters of a site.

    Neither ever holds a question: orders that were sent are asked about and settled, and readings
    go on. The worker looks at ``stopped`` and ``pilot`` when it claims, and again when it arms.
    """

    _inherit = "utility.site"

    stopped = fields.Boolean(
        "Emergency stop",
        readonly=True,
        copy=False,
        help="Nothing that changes a meter of this site is sent. Orders that were sent already are "
        "asked about, and readings go on.",
    )
    stop_reason = fields.Char("Stop reason", readonly=True, copy=False)
    stopped_at = fields.Datetime("Stopped since", readonly=True, copy=False)
    stopped_by_id = fields.Many2one("res.users", "Stopped by", readonly=True, copy=False)
    pilot = fields.Boolean(
        copy=False,
        help="While this is set, only the meters on the pilot list are charged, switched or set. "
        "The counter refuses the others before money is taken.",
    )
    pilot_meter_count = fields.Integer("Pilot meters", compute="_compute_pilot_meter_count")

    @api.depends_context("uid")
    def _compute_pilot_meter_count(self):
        count = self.env["utility.room"]._count_by
        counts = count("utility.meter", "site_id", self, [("pilot", "=", True)])
        for site in self:
            site.pilot_meter_count = counts.get(site.id, 0)

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(STOP.intersection(vals) for vals in vals_list):
            self._refuse_stop()
        return super().create(vals_list)

    def write(self, vals):
        if STOP.intersection(vals) and not self.env.su:
            self._refuse_stop()
        turned = (
            self.filtered(lambda site: site.pilot != bool(vals["pilot"]))
            if "pilot" in vals
            else self.browse()
        )
        result = super().write(vals)
        for site in turned:
            self.env["utility.operation"]._log(
                self.env._("Pilot list used") if site.pilot else self.env._("Pilot list ended"),
                site,
            )
        return result

    def action_stop(self):
        return self._action_stop_form("stop")

    def action_go_on(self):
        return self._action_stop_form("go_on")

    def action_view_pilot_meters(self):
        """The meters of the site; the list of pilots is made there."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_meter_action"
        )
        return {
            **action,
            "domain": [("site_id", "=", self.id)],
            "context": {"search_default_pilot": 1},
        }

    def _action_stop_form(self, decision):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Emergency stop") if decision == "stop" else self.env._("Go on"),
            "res_model": "utility.site.stop",
            "view_mode": "form",
            "target": "new",
            "context": {"default_site_ids": self.ids, "default_decision": decision},
        }

    def _stop(self, reason):
        """Nothing that changes a meter leaves any more.

        :raises AccessError: no right
        :raises UserError: no reason given
        """
        self._check_stop_right(STOPPERS, reason)
        for site in self.filtered(lambda site: not site.stopped):
            site._set_stop(
                self.env._("Emergency stop"),
                reason,
                {
                    "stopped": True,
                    "stop_reason": reason,
                    "stopped_at": fields.Datetime.now(),
                    "stopped_by_id": self.env.uid,
                },
            )

    def _go_on(self, reason):
        """What waits may leave again; switching that is out of time never does.

        :raises AccessError: no right
        :raises UserError: no reason given
        """
        self._check_stop_right(STARTERS, reason)
        stopped = self.filtered("stopped")
        for site in stopped:
            site._set_stop(
                self.env._("Emergency stop ended"),
                reason,
                {
                    "stopped": False,
                    "stop_reason": False,
                    "stopped_at": False,
                    "stopped_by_id": False,
                },
            )
        boxes = self.env["meter.concentrator"].sudo().search([("site_id", "in", stopped.ids)])
        boxes.worker_id.action_run()

    def _set_stop(self, action, reason, values):
        self.env["utility.operation"]._log(action, self, note=reason)
        self.sudo().write(values)

    def _check_stop_right(self, roles, reason):
        self.check_access("read")
        if not any(self.env.user.has_group(f"utility_prepaid.group_{role}") for role in roles):
            raise AccessError(self.env._("You may not do that: ask an engineer or a manager."))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why."))

    def _refuse_stop(self):
        raise UserError(
            self.env._("A site is stopped, and goes on, by its buttons, with a reason.")
        )

    def _stop_words(self):
        """What everybody is told of a stopped site."""
        self.ensure_one()
        since = fields.Datetime.context_timestamp(self, self.stopped_at)
        return self.env._(
            "Site %(site)s is stopped since %(since)s: nothing is charged, switched or set there. "
            "Reason: %(reason)s",
            site=self.name,
            since=since.strftime("%Y-%m-%d %H:%M"),
            reason=self.stop_reason,
        )
