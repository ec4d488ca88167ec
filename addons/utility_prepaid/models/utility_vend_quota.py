from odoo import fields, models


class UtilityVend(models.Model):
    """The month that a quota is for."""

    _inherit = "utility.vend"

    quota_month = fields.Date(
        "Quota month", readonly=True, copy=False, help="First day of the quota's month."
    )

    # Whatever became of it: a month that was given up is not given again by itself.
    _quota_once = models.UniqueIndex(
        "(meter_id, quota_month) WHERE quota_month IS NOT NULL",
        "This meter was given this month's quota already.",
    )

    _quota_once_contract = models.UniqueIndex(
        "(contract_id, quota_month) WHERE quota_month IS NOT NULL",
        "This contract was given this month's quota already.",
    )

    def _on_delivered(self, command):
        result = super()._on_delivered(command)
        self._wake_quota()
        return result

    def _on_not_charged(self, command):
        result = super()._on_not_charged(command)
        self._wake_quota()
        return result

    def _wake_quota(self):
        """A quota that waited for this meter's order, or an earlier month's, comes next."""
        if self.meter_id.quota_wait or self.quota_month:
            self.env.ref("utility_prepaid.ir_cron_issue_quotas").sudo()._trigger()
