from odoo import models

from ..tools.decimals import dec


class UtilityVend(models.Model):
    """What movements of credit other than sales and reversals write in the books."""

    _inherit = "utility.vend"

    def _post_emergency(self):
        """Credit sold without money: the customer owes it; the next sale recovers it.

        Under "all on use" its units are owed when they are used, not before.
        """
        self._posted(self.env["utility.ledger"].sudo()._documents(self._sale_documents()))

    def _post_quota(self):
        self._post_free()

    def _post_temporary(self):
        self._post_free()

    def _post_transfer(self):
        """The same credit on another meter: no revenue, nothing in the books."""
        self._posted()

    # ------------------------------------------------------------ given away

    def _post_free(self):
        """Free units: nothing, an expense, or a deemed sale, as the company has set."""
        booking = self.company_id.sudo().utility_free_booking
        value = self._free_value() if booking != "none" else 0
        if not value:
            self._posted()
        elif booking == "expense":
            self._posted(self._post_free_expense(value))
        else:
            account = self.company_id.sudo().utility_free_account_id
            self._posted(self._post_borne(value, account, self._value_documents(value, "sale")))

    def _free_value(self):
        """What the free units would have cost, tax included; zero where there is no price."""
        return dec(self.cost, 2) or dec(self.value, 2)

    def _post_free_expense(self, value):
        company = self.company_id.sudo()
        product = self._units_product().sudo().with_company(company)
        net = dec(product.taxes_id.compute_all(float(value))["total_excluded"], 2)
        name = self._free_words()
        return self.env["utility.ledger"]._entry(
            company,
            self._posting_date(),
            self.name,
            [
                (company.utility_free_account_id, net, self.partner_id, name),
                (product._utility_income_account(), -net, self.partner_id, name),
            ],
            contract=self.contract_id,
            vend=self,
        )

    def _free_words(self):
        return self.env._(
            "%(kind)s %(meter)s, %(units)s %(unit)s",
            kind=dict(self._fields["kind"]._description_selection(self.env))[self.kind],
            meter=self.meter_id.vending_id,
            units=self._units_text(self.units),
            unit=self.meter_id.type_id.uom_id.name or "",
        )

    # ------------------------------------------- borne by the company itself

    def _post_adjustment(self):
        """Credit that a person put on the meter, or took off it, at the company's cost."""
        value = dec(self.cost, 2)
        if not value:
            self._posted()
            return
        account = self.company_id.sudo().utility_adjustment_account_id
        self._posted(self._post_borne(value, account, self._value_documents(value, self.policy)))

    def _post_charged_not_paid(self):
        """The meter has the credit although its money went back: the customer owes it."""
        if not self.posted_at:
            self._post_sales()

    def _post_written_off(self):
        """A person gave the movement up: it counts as supplied, and what is owed is a loss.

        Money that was taken and not given back pays for it, so of a paid sale nothing is lost.
        """
        ledger = self.env["utility.ledger"].sudo()
        self._post_charged_not_paid()
        owed = ledger._open(self._own_moves().line_ids)
        value = dec(sum(owed.mapped("amount_residual")), 2)
        if value > 0:
            account = self.company_id.sudo().utility_loss_account_id
            ledger._reconcile(owed | self._bear(value, account).line_ids)

    def _value_documents(self, value, policy):
        """Documents by which so much credit is booked as if it were sold.

        :param value: Decimal, tax included; below zero it is taken back
        """
        date = self._posting_date()
        if policy in ("on_use", "agency"):
            return [self._value_document(value, date)]
        units = abs(dec(self.units)) or dec(1)
        line = {
            "product": self._units_product(),
            "name": self._free_words(),
            "quantity": units,
            "price": abs(value) / units,
            "amount": abs(value),
            # What is given away is sold at once under any policy: no run books its use.
            "account": self._credit_account() if policy == self.policy else None,
        }
        move_type = "out_invoice" if value > 0 else "out_refund"
        return [
            self.env["utility.ledger"]._document(
                move_type, self.contract_id, [line], date, self.name, self
            )
        ]

    def _post_borne(self, value, account, documents):
        """Post documents, and who bears them instead of the customer."""
        ledger = self.env["utility.ledger"].sudo()
        moves = ledger._documents(documents)
        moves |= self._bear(value, account)
        ledger._reconcile(moves.line_ids)
        return moves

    def _bear(self, value, account):
        """The entry: an account of the company bears what the customer would owe."""
        customers = self.company_id.sudo().utility_account_id
        return self.env["utility.ledger"]._entry(
            self.company_id,
            self._posting_date(),
            self.name,
            [
                (account, value, self._owner(), self._free_words()),
                (customers, -value, self._owner(), self._free_words()),
            ],
            contract=self.contract_id,
            vend=self,
        )

    def _owner(self):
        """Who the documents are made out to: temporary supply may have no customer yet."""
        return self.partner_id or self.contract_id.partner_id or self.company_id.partner_id
