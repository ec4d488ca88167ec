from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models

from .utility_contract_left import NEAR


class UtilityConsumption(models.Model):
    """The preview of last month stands ready, with an owner, before anybody asks for it."""

    _inherit = "utility.consumption"

    @api.model
    def _cron_prepare_consumption(self):
        """Make the preview of last month where use is booked and nobody made it yet."""
        cron = self.env["ir.cron"]
        for company, utility in self._deferring():
            month = (company._utility_today() - relativedelta(months=1)).replace(day=1)
            over = company._utility_midnight(month + relativedelta(months=1)) + NEAR
            # Readings of the next morning belong to it as well.
            if over <= fields.Datetime.now() and not self._made(company, utility, month):
                self._prepare(company, utility, month)
            if not cron._commit_progress(1):
                return

    @api.model
    def _deferring(self):
        """Companies and utilities with credit whose revenue, or tax, comes with its use."""
        return self.env["utility.vend"]._read_group(
            [
                ("policy", "in", ("tax_at_sale", "on_use")),
                ("delivered_at", ">=", fields.Datetime.now() - timedelta(days=400)),
            ],
            groupby=["company_id", "utility"],
        )

    @api.model
    def _made(self, company, utility, month):
        return self.search_count(
            [
                ("company_id", "=", company.id),
                ("utility", "=", utility),
                ("month", ">=", month),
            ],
            limit=1,
        )

    @api.model
    def _prepare(self, company, utility, month):
        run = self.create({"company_id": company.id, "utility": utility, "month": month})
        run.action_preview()
        run._ask_accountant(
            self.env._("Consumption of the month"),
            self.env._("The preview stands ready: look at it and post it."),
        )
