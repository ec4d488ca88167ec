from datetime import datetime, time

import pytz

from odoo import fields, models
from odoo.exceptions import UserError


class ResCompany(models.Model):
    _inherit = "res.company"

    utility_account_id = fields.Many2one(
        "account.account",
        "Prepaid utility customers",
        domain=[("account_type", "=", "asset_receivable"), ("reconcile", "=", True)],
        check_company=True,
        help="All money of utility customers that is not yet on a meter stands here.",
    )
    utility_sale_journal_id = fields.Many2one(
        "account.journal",
        "Utility sales journal",
        domain=[("type", "=", "sale")],
        check_company=True,
    )
    utility_electricity_product_id = fields.Many2one(
        "product.product", "Electricity", check_company=True
    )
    utility_water_product_id = fields.Many2one("product.product", "Water", check_company=True)
    utility_tz = fields.Selection(
        lambda self: [(tz, tz) for tz in sorted(pytz.common_timezones)],
        "Utility desk time zone",
        help="Days on paper and in the books are days of this zone.",
    )
    utility_reversal_limit = fields.Monetary(
        "Reversals by cashiers up to", help="Above it a supervisor is needed; 0 means no limit."
    )

    def _utility_today(self):
        """Today's date where the company sells."""
        self.ensure_one()
        zone = pytz.timezone(self.utility_tz or self.env.user.tz or "UTC")
        return pytz.utc.localize(fields.Datetime.now()).astimezone(zone).date()

    def _utility_midnight(self, date):
        """The first moment of a local day.

        :return: naive UTC
        """
        self.ensure_one()
        zone = pytz.timezone(self.utility_tz or self.env.user.tz or "UTC")
        local = zone.localize(datetime.combine(date, time()))
        return local.astimezone(pytz.utc).replace(tzinfo=None)

    def _utility_product(self, utility):
        self.ensure_one()
        return (
            self.utility_water_product_id
            if utility == "water"
            else self.utility_electricity_product_id
        )

    def _utility_check_open(self, journal):
        """Refuse money that could not be posted.

        :param journal: the payment method chosen, maybe empty
        :raises UserError: in words what is missing
        """
        self.ensure_one()
        company = self.sudo()
        journal = journal.sudo()
        if not (company.utility_account_id and company.utility_sale_journal_id):
            raise UserError(
                self.env._(
                    "The accounts of the utility desk are not set up. Ask an accountant to open "
                    "Configuration / Settings of the utility desk."
                )
            )
        if not journal or not journal.active or not journal.utility_counter:
            raise UserError(
                self.env._(
                    "No open payment method: choose one, or ask an accountant to allow a cash or "
                    "bank journal at the utility counter."
                )
            )
        if journal.company_id != company:
            raise UserError(self.env._("The payment method belongs to another company."))
        company._utility_check_locks(journal)

    def _utility_check_locks(self, journal):
        """:raises UserError: today is locked, so nothing can be posted in a journal"""
        company = self.sudo()
        today = company._utility_today()
        locks = company._get_violated_lock_dates(today, False, journal)
        if locks:
            raise UserError(
                self.env._(
                    "The books are locked up to %(date)s, so today's money cannot be posted. "
                    "Ask an accountant.",
                    date=max(date for date, __ in locks),
                )
            )

    # ----------------------------------------------------------------- set-up

    def _utility_setup(self):
        """Create what the desk needs in the books; what is there already stays as it is."""
        for company in self:
            company = company.with_company(company).sudo()
            if not company.chart_template:
                continue
            if not company.utility_tz:
                company.utility_tz = company.partner_id.tz or self.env.user.tz or "UTC"
            if not company.utility_account_id:
                company.utility_account_id = company._utility_create_account()
            if not company.utility_sale_journal_id:
                company.utility_sale_journal_id = self.env["account.journal"].create(
                    {
                        "name": self.env._("Utility sales"),
                        "code": company._utility_journal_code("UTIL"),
                        "type": "sale",
                        "company_id": company.id,
                    }
                )
            company._utility_setup_methods()
            company._utility_setup_products()

    def _utility_create_account(self):
        default = self.env["ir.default"]._get_model_defaults("res.partner")
        receivable = self.env["account.account"].browse(
            default.get("property_account_receivable_id")
        ) or self.env["account.account"].search(
            [
                *self.env["account.account"]._check_company_domain(self),
                ("account_type", "=", "asset_receivable"),
            ],
            limit=1,
        )
        return self.env["account.account"].create(
            {
                "name": self.env._("Prepaid utility customers"),
                "code": self.env["account.account"]._search_new_account_code(receivable.code),
                "account_type": "asset_receivable",
                "reconcile": True,
                "company_ids": [fields.Command.link(self.id)],
            }
        )

    def _utility_journal_code(self, wanted):
        taken = set(
            self.env["account.journal"]
            .with_context(active_test=False)
            .search([("company_id", "=", self.id)])
            .mapped("code")
        )
        return next(
            code
            for code in (wanted, *(f"{wanted[:4]}{n}" for n in range(1, 10)))
            if code not in taken
        )

    def _utility_setup_methods(self):
        """A cash desk of its own (some charts have none); the first bank journal for transfers."""
        journals = self.env["account.journal"].search(
            [("company_id", "=", self.id), ("type", "in", ("cash", "bank"))]
        )
        if journals.filtered("utility_counter"):
            return
        cash = self.env["account.journal"].create(
            {
                "name": self.env._("Counter cash"),
                "code": self._utility_journal_code("UCASH"),
                "type": "cash",
                "company_id": self.id,
                "utility_counter": True,
            }
        )
        # Cash in the drawer is cash at once: no outstanding account between.
        lines = cash.inbound_payment_method_line_ids | cash.outbound_payment_method_line_ids
        lines.payment_account_id = cash.default_account_id
        bank = journals.filtered(lambda journal: journal.type == "bank")[:1]
        bank.utility_counter = True

    def _utility_setup_products(self):
        for utility, name, uom in (
            ("electricity", self.env._("Electricity"), "uom.product_uom_kwh"),
            ("water", self.env._("Water"), "uom.product_uom_cubic_meter"),
        ):
            field = f"utility_{utility}_product_id"
            if self[field]:
                continue
            self[field] = self._utility_new_product(
                name, self.env.ref(uom), self._utility_tax(utility)
            )

    def _utility_tax(self, utility):
        """The tax inside the price: China's 13 % and 9 %, elsewhere the chart's own sales tax.

        Prices of the desk include tax, charts mostly exclude it: an included copy is made.
        """
        tax = self.env["account.tax"]
        domain = [
            *tax._check_company_domain(self),
            ("type_tax_use", "=", "sale"),
            ("amount_type", "=", "percent"),
        ]
        base = self.account_sale_tax_id
        if self.account_fiscal_country_id.code == "CN":
            rate = 9 if utility == "water" else 13
            base = tax.search([*domain, ("amount", "=", rate)], limit=1) or base
        if not base or base.price_include:
            return base
        name = self.env._("%s, in the price", base.name)
        included = tax.search([*domain, ("name", "=", name)], limit=1)
        return included or base.copy(
            {"name": name, "price_include_override": "tax_included", "sequence": base.sequence + 1}
        )
