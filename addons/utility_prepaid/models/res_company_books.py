from typing import NamedTuple

from odoo import fields, models


class Wanted(NamedTuple):
    """An account that the desk makes when nobody chose one.

    :param beside: codes of China's charts, the first one that is there becomes its parent
    :param kind: account type, by which a parent is found in other charts
    """

    kind: str
    reconcile: bool
    beside: tuple = ()


# China: 2203 advances from customers, 2204 contract liabilities (large enterprises only), 2241
# other payables, 5711 and 6711 expenses outside the operations, 5601 and 6601 costs of selling.
ACCOUNTS = {
    "utility_liability_account_id": Wanted("liability_current", False, ("2204", "2203")),
    "utility_advance_account_id": Wanted("liability_current", True, ("2203",)),
    "utility_payable_account_id": Wanted("liability_current", True, ("2241",)),
    "utility_adjustment_account_id": Wanted("expense", False, ("5711", "6711")),
    "utility_free_account_id": Wanted("expense", False, ("5601", "6601")),
    "utility_loss_account_id": Wanted("expense", False, ("5711", "6711")),
}


class ResCompany(models.Model):
    """Accounts, journals, products and taxes that the desk's policies book on."""

    _inherit = "res.company"

    utility_entry_journal_id = fields.Many2one(
        "account.journal",
        "Utility entries journal",
        domain=[("type", "=", "general")],
        check_company=True,
    )
    utility_liability_account_id = fields.Many2one(
        "account.account",
        "Contract liability",
        check_company=True,
        help="Sold, taxed and not used yet: policy “Tax at sale, revenue on use”.",
    )
    utility_advance_account_id = fields.Many2one(
        "account.account",
        "Customer advances",
        domain=[("reconcile", "=", True)],
        check_company=True,
        help="On the meter and not used yet: policy “All on use”.",
    )
    utility_payable_account_id = fields.Many2one(
        "account.account",
        "Collected for the utility",
        check_company=True,
        help="What is owed to the utility: policy “Agency”.",
    )
    utility_adjustment_account_id = fields.Many2one(
        "account.account",
        "Credit adjustments",
        check_company=True,
        help="Bears the value of credit that a person put on a meter or took off it.",
    )
    utility_free_account_id = fields.Many2one(
        "account.account", "Free credit", check_company=True, help="Bears quota and temporary use."
    )
    utility_loss_account_id = fields.Many2one(
        "account.account",
        "Written off",
        check_company=True,
        help="Bears what a person decided not to collect.",
    )
    utility_free_booking = fields.Selection(
        [
            ("none", "Nothing in the books"),
            ("expense", "Expense against revenue"),
            ("deemed_sale", "Deemed sale: with output tax"),
        ],
        "Quota and temporary supply",
        required=True,
        default="none",
    )
    utility_fee_product_id = fields.Many2one("product.product", "Monthly fee", check_company=True)
    utility_service_product_id = fields.Many2one(
        "product.product", "Service fee", check_company=True
    )

    def _utility_policy(self, utility, date):
        """How credit that is accepted on a local date is booked.

        :return: a policy of `utility.vend`
        """
        self.ensure_one()
        return self.env["utility.policy"]._in_force(self, utility, date).policy or "sale"

    def _utility_collected_for(self, utility, date):
        """The utility that money taken on a local date belongs to; maybe an empty partner."""
        self.ensure_one()
        return self.env["utility.policy"]._in_force(self, utility, date).partner_id

    def _utility_setup(self):
        result = super()._utility_setup()
        for company in self.filtered("chart_template"):
            company.with_company(company).sudo()._utility_setup_books()
        return result

    def _utility_setup_books(self):
        for field, wanted in ACCOUNTS.items():
            if not self[field]:
                self[field] = self._utility_new_account(self._utility_account_name(field), wanted)
        if not self.utility_entry_journal_id:
            self.utility_entry_journal_id = self.env["account.journal"].create(
                {
                    "name": self.env._("Utility entries"),
                    "code": self._utility_journal_code("UMISC"),
                    "type": "general",
                    "company_id": self.id,
                }
            )
        fee, service = self.env._("Monthly fee"), self.env._("Service fee")
        names = {"utility_fee_product_id": fee, "utility_service_product_id": service}
        for field, name in names.items():
            if not self[field]:
                self[field] = self._utility_new_product(
                    name, self.env.ref("uom.product_uom_unit"), self._utility_tax("electricity")
                )
        if self.account_fiscal_country_id.code == "CN":
            self._utility_offer_simplified_tax()

    def _utility_account_name(self, field):
        """The account's name in the company's books."""
        return {
            "utility_liability_account_id": self.env._("Utility credit sold, not used"),
            "utility_advance_account_id": self.env._("Utility customers' advances"),
            "utility_payable_account_id": self.env._("Collected for the utility"),
            "utility_adjustment_account_id": self.env._("Utility credit adjustments"),
            "utility_free_account_id": self.env._("Free utility credit"),
            "utility_loss_account_id": self.env._("Utility debts written off"),
        }[field]

    def _utility_new_account(self, name, wanted):
        account = self.env["account.account"]
        domain = account._check_company_domain(self)
        start = False
        if self.account_fiscal_country_id.code == "CN":
            for code in wanted.beside:
                parent = account.search([*domain, ("code", "=like", f"{code}%")], limit=1)
                if parent:
                    # an account below it: 2203, or 220300 as Odoo pads it -> 220301
                    start = f"{code}00"
                    break
        if not start:
            start = account.search([*domain, ("account_type", "=", wanted.kind)], limit=1).code
        return account.create(
            {
                "name": name,
                "code": account._search_new_account_code(start or "100000"),
                "account_type": wanted.kind,
                "reconcile": wanted.reconcile,
                "company_ids": [fields.Command.link(self.id)],
            }
        )

    def _utility_new_product(self, name, uom, tax):
        return self.env["product.product"].create(
            {
                "name": name,
                "type": "service",
                "uom_id": uom.id,
                "sale_ok": False,
                "purchase_ok": False,
                "company_id": self.id,
                "taxes_id": [fields.Command.set(tax.ids)],
                "supplier_taxes_id": [fields.Command.clear()],
            }
        )

    def _utility_offer_simplified_tax(self):
        """China's simplified rate of 3 %, in the price: for small taxpayers, and for water by
        choice. Nothing uses it until it is put on a product."""
        tax = self.env["account.tax"]
        domain = [*tax._check_company_domain(self), ("type_tax_use", "=", "sale")]
        if tax.search([*domain, ("amount", "=", 3), ("price_include", "=", True)], limit=1):
            return
        base = tax.search([*domain, ("amount", "=", 9)], limit=1)
        if not base:
            return
        group = self.env["account.tax.group"]
        name = self.env._("VAT 3%")
        own = [("company_id", "=", self.id), ("name", "=", name)]
        base.copy(
            {
                "name": self.env._("%s, in the price", "3%"),
                "description": name,
                "invoice_label": "3%",
                "amount": 3,
                "price_include_override": "tax_included",
                "sequence": base.sequence + 1,
                "tax_group_id": (
                    group.search(own, limit=1)
                    or base.tax_group_id.copy({"name": name, "company_id": self.id})
                ).id,
            }
        )
