from odoo import api, models
from odoo.modules import Manifest
from odoo.tools.convert import convert_file


class UtilitySite(models.Model):
    """A small site to try the desk on: two buildings, forty meters, tenants, prices, users."""

    _inherit = "utility.site"

    @api.model
    def _load_demo_site(self):
        """Load the demo site into the main company, once, and make its books ready.

        Further addons extend this with what they add to the site, and must keep a second call
        harmless.

        :return: list of (login, password, role label) of the demo users
        """
        company = self.env.ref("base.main_company")
        self._demo_books(company)
        if not self.env.ref("utility_prepaid.demo_site", raise_if_not_found=False):
            loader = self.env(su=True, context={**self.env.context, "install_mode": True})
            idref = {}
            for name in Manifest.for_addon("utility_prepaid")["demo"]:
                convert_file(loader, "utility_prepaid", name, idref, mode="init", noupdate=True)
        roles = (
            ("cashier", self.env._("Cashier")),
            ("supervisor", self.env._("Supervisor")),
            ("accountant", self.env._("Accountant")),
            ("engineer", self.env._("Engineer")),
            ("manager", self.env._("Manager")),
            ("reader", self.env._("Read only")),
        )
        return [(login, login, label) for login, label in roles]

    @api.model
    def _demo_books(self, company):
        """A chart of accounts where there is none, and the desk's own accounts and journals."""
        if not company.chart_template:
            chinese = self.env["ir.module.module"]._get("l10n_cn").state == "installed"
            charts = self.env["account.chart.template"].sudo()
            charts.try_loading("cn" if chinese else "generic_coa", company)
        company._utility_setup()
