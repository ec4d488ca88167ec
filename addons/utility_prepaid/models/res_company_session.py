from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..tools.decimals import dec
from .res_company_books import Wanted

# China: 5301 and 6301 income outside the operations, 5711 and 6711 expenses outside them, 1012
# other money.
NEW_ACCOUNTS = {
    "default_cash_difference_income_account_id": Wanted("income_other", False, ("5301", "6301")),
    "default_cash_difference_expense_account_id": Wanted("expense", False, ("5711", "6711")),
    "transfer_account_id": Wanted("asset_current", True, ("1012",)),
}


class ResCompany(models.Model):
    """Rules of shifts, and the accounts that cash differences and deposits need."""

    _inherit = "res.company"

    utility_session_required = fields.Boolean(
        "Cash only in an open shift",
        help="Cashiers open a shift with the float they counted before they take or give cash.",
    )
    utility_cash_move_limit = fields.Monetary(
        "Cash in and out by cashiers up to",
        help="Above it a supervisor is needed; 0 means no limit.",
    )
    utility_difference_limit = fields.Monetary(
        "Cash differences without a supervisor up to",
        help="A float or a count that differs by more needs a supervisor; 0 means no limit.",
    )
    utility_denominations = fields.Char(
        "Notes and coins",
        default="100 50 20 10 5 1 0.5 0.1",
        help="Values that a drawer is counted by, with spaces between.",
    )

    @api.constrains("utility_denominations")
    def _check_utility_denominations(self):
        for company in self:
            company._utility_denominations()

    def _utility_denominations(self):
        """:return: list of Decimals, from the largest"""
        try:
            values = {dec(word, 2) for word in (self.utility_denominations or "").split()}
        except ValueError as error:
            raise ValidationError(
                self.env._("Notes and coins are numbers with spaces between: %s", error)
            ) from None
        if values and min(values) <= 0:
            raise ValidationError(self.env._("Notes and coins are worth more than nothing."))
        return sorted(values, reverse=True)

    def _utility_drawers(self):
        """Cash journals of the counter as choices: [(id as text, name)]."""
        return self._utility_journals([("type", "=", "cash"), ("utility_counter", "=", True)])

    def _utility_banks(self):
        """Banks that cash can be brought to as choices: [(id as text, name)]."""
        acquirers = self.env["utility.acquirer"].sudo().with_context(active_test=False)
        return self._utility_journals(
            [
                ("type", "=", "bank"),
                ("currency_id", "in", (False, self.currency_id.id)),
                ("id", "not in", acquirers.search([("company_id", "=", self.id)]).journal_id.ids),
            ]
        )

    def _utility_journals(self, domain):
        # Cashiers have no right to journals, but they choose by name.
        journals = self.env["account.journal"].sudo()
        return [
            (str(journal.id), journal.name)
            for journal in journals.search([("company_id", "=", self.id), *domain])
        ]

    def _utility_check_drawer(self, journal):
        """Refuse a shift on a drawer whose money the books could not show.

        :raises UserError: in words what an accountant must set
        """
        self.ensure_one()
        journal = journal.sudo()
        if journal.type != "cash":
            raise UserError(self.env._("A shift needs a cash journal as its drawer."))
        if journal.currency_id not in (journal.currency_id.browse(), self.currency_id):
            raise UserError(
                self.env._("%s is kept in another currency than the desk's.", journal.name)
            )
        lines = journal.inbound_payment_method_line_ids | journal.outbound_payment_method_line_ids
        account = journal.default_account_id
        if (
            not account
            or lines.payment_account_id != account
            or len(lines.filtered("payment_account_id")) != len(lines)
        ):
            raise UserError(
                self.env._(
                    "Payments of %s do not reach its cash account at once: set that account on its "
                    "payment methods. Ask an accountant.",
                    journal.name,
                )
            )
        shared = journal.search_count(
            [("default_account_id", "=", account.id), ("id", "!=", journal.id)]
        )
        if shared:
            raise UserError(
                self.env._(
                    "%s shares its cash account with another journal: each drawer needs its own.",
                    journal.name,
                )
            )

    # ----------------------------------------------------------------- set-up

    def _utility_setup(self):
        """Also what shifts post to: cash over and short, money on its way to the bank."""
        result = super()._utility_setup()
        for company in self:
            if company.chart_template:
                company.with_company(company).sudo()._utility_setup_shifts()
        return result

    def _utility_setup_shifts(self):
        names = {
            "default_cash_difference_income_account_id": self.env._("Cash over"),
            "default_cash_difference_expense_account_id": self.env._("Cash short"),
            "transfer_account_id": self.env._("Cash in transit"),
        }
        for field, name in names.items():
            if not self[field]:
                self[field] = self._utility_new_account(name, NEW_ACCOUNTS[field])
        if not self.transfer_account_id.reconcile:
            self.transfer_account_id.reconcile = True
        drawers = self.env["account.journal"].search(
            [("company_id", "=", self.id), ("type", "=", "cash"), ("utility_counter", "=", True)]
        )
        for drawer in drawers:
            if not drawer.profit_account_id:
                drawer.profit_account_id = self.default_cash_difference_income_account_id
            if not drawer.loss_account_id:
                drawer.loss_account_id = self.default_cash_difference_expense_account_id
            lines = drawer.inbound_payment_method_line_ids | drawer.outbound_payment_method_line_ids
            empty = lines.filtered(lambda line: not line.payment_account_id)
            empty.payment_account_id = drawer.default_account_id
        reasons = self.env["utility.cash.reason"].with_context(active_test=False)
        if not reasons.search_count([("company_id", "=", self.id)]):
            reasons.create(
                {
                    "name": self.env._("Change from or to the bank"),
                    "company_id": self.id,
                    "account_id": self.transfer_account_id.id,
                }
            )
