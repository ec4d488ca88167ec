from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityLedger(models.AbstractModel):
    """The desk's documents in the books: all of Odoo's own kinds, posted, and never changed after.

    Every document bears its contract and, where there is one, its movement of credit. Callers have
    checked the right to do what they do: everything here runs as superuser.
    """

    _name = "utility.ledger"
    _description = "Postings of the Utility Desk"

    # -------------------------------------------------------------- documents

    @api.model
    def _invoice(self, contract, lines, date, ref, vend=None):
        """Post a customer invoice whose total is the sum of its lines' amounts, exactly.

        :param contract: `utility.contract`, maybe empty when there is a vend with a customer
        :param lines: list of dictionaries: product (`product.product`), name, quantity (Decimal),
            price (Decimal, tax included), amount (Decimal, tax included); and, where it is not the
            product's, the income account
        :param date: local day
        :param ref: the customer's reference on the document
        :param vend: `utility.vend`
        :return: posted `account.move`
        :raises UserError: the taxes do not let the total be that sum
        """
        return self._documents([self._document("out_invoice", contract, lines, date, ref, vend)])

    @api.model
    def _credit_note(self, contract, lines, date, ref, vend=None):
        """Post a customer credit note; parameters as of `_invoice`."""
        return self._documents([self._document("out_refund", contract, lines, date, ref, vend)])

    @api.model
    def _document(self, move_type, contract, lines, date, ref, vend=None):
        """What `_documents` posts: (values of the move, its lines' amounts, its company)."""
        company = contract.company_id or vend.company_id
        journal = company.sudo().utility_sale_journal_id
        date = self._date(company, date, journal)
        values = {
            "move_type": move_type,
            "partner_id": (vend._owner() if vend else contract.partner_id).id,
            "invoice_date": date,
            "date": date,
            "journal_id": journal.id,
            "company_id": company.id,
            "currency_id": company.currency_id.id,
            "ref": ref,
            "utility_contract_id": contract.id,
            "utility_vend_id": vend.id if vend else False,
            "invoice_payment_term_id": False,
            "invoice_line_ids": [fields.Command.create(self._document_line(x)) for x in lines],
        }
        return values, [line["amount"] for line in lines], company

    @api.model
    def _document_line(self, line):
        quantity, price, amount = line["quantity"], line["price"], line["amount"]
        if dec(quantity * price, 2) != amount:
            # Rounded otherwise, as between price steps: the quantity counts, the price follows.
            price = amount / quantity if quantity else amount
            quantity = quantity or Decimal(1)
        values = {
            "product_id": line["product"].id,
            "name": line["name"],
            "quantity": float(quantity),
            "price_unit": float(price),
        }
        if line.get("account"):
            values["account_id"] = line["account"].id
        return values

    @api.model
    def _documents(self, documents):
        """Post invoices, credit notes and entries of one company in one go.

        :param documents: list of what `_document` and `_entry_document` return
        :return: posted `account.move` records, in that order
        :raises UserError: one of them cannot be posted; then none is
        """
        moves = self.env["account.move"].sudo()
        if not documents:
            return moves
        company = documents[0][2]
        moves = moves.with_company(company).create([values for values, __, __ in documents])
        for move, (__, amounts, __) in zip(moves, documents, strict=True):
            if amounts is not None:
                self._fit(move, amounts)
        moves._post(soft=False)
        return moves

    @api.model
    def _fit(self, move, amounts):
        """Where a company rounds a document as a whole, prices follow from the lines' amounts.

        What Odoo makes of a line has its share of the document's rounding in it by then.
        """
        total = sum(amounts, Decimal(0))
        if dec(move.amount_total, 2) == total:
            return
        for line, amount in zip(move.invoice_line_ids.sorted("id"), amounts, strict=True):
            # The quantity stays: tax invoices are issued with it.
            line.price_unit = float(amount / dec(line.quantity))
        if dec(move.amount_total, 2) != total:
            raise UserError(
                self.env._(
                    "The invoice would be %(total)s instead of %(wanted)s. "
                    "The product's taxes must be included in the price.",
                    total=move.amount_total,
                    wanted=total,
                )
            )

    @api.model
    def _entry(self, company, date, ref, items, contract=None, vend=None):
        """Post a miscellaneous entry.

        :param items: list of (account, Decimal debit less credit, partner or none, name) and, where
            there is a tax, a dictionary of further fields
        :return: posted `account.move`
        """
        return self._documents([self._entry_document(company, date, ref, items, contract, vend)])

    @api.model
    def _entry_document(self, company, date, ref, items, contract=None, vend=None):
        """As `_document`, of a miscellaneous entry."""
        company = company.sudo()
        journal = company.utility_entry_journal_id
        for account, *__ in items:
            if not (account and journal):
                raise UserError(
                    self.env._(
                        "An account or journal of the utility desk is missing. Ask an accountant "
                        "to open Configuration / Settings of the utility desk."
                    )
                )
        values = {
            "move_type": "entry",
            "date": self._date(company, date, journal),
            "journal_id": journal.id,
            "company_id": company.id,
            "ref": ref,
            "utility_contract_id": contract.id if contract else False,
            "utility_vend_id": vend.id if vend else False,
            "line_ids": [
                fields.Command.create(
                    {
                        "account_id": account.id,
                        "balance": float(balance),
                        "partner_id": partner.id if partner else False,
                        "name": name,
                        # an account may bring a tax of its own: the amounts are final here
                        "tax_ids": [fields.Command.clear()],
                        **(further[0] if further else {}),
                    }
                )
                for account, balance, partner, name, *further in items
                if balance
            ],
        }
        return values, None, company

    @api.model
    def _pay(self, contract, amount, journal, payment_type, ref, vend=None, **values):
        """Post money that is taken or given back, on the customers' account, dated today.

        :param contract: `utility.contract`, maybe empty when there is a vend with a customer
        :param amount: Decimal, above zero
        :param journal: `account.journal` of the payment method
        :param payment_type: "inbound" or "outbound"
        :param values: further fields of the payment, such as another customer or account
        :return: posted `account.payment`
        :raises UserError: no journal entry came of it, with the reason
        """
        journal = journal.sudo()
        company = contract.company_id or (vend or journal).company_id
        lines = (
            journal.inbound_payment_method_line_ids
            if payment_type == "inbound"
            else journal.outbound_payment_method_line_ids
        )
        payment = (
            self.env["account.payment"]
            .sudo()
            .with_company(company)
            .create(
                {
                    "payment_type": payment_type,
                    "partner_type": "customer",
                    "partner_id": (vend._owner() if vend else contract.partner_id).id,
                    "amount": float(amount),
                    "currency_id": company.currency_id.id,
                    "journal_id": journal.id,
                    "payment_method_line_id": lines[:1].id,
                    "date": company._utility_today(),
                    "memo": ref,
                    "destination_account_id": company.sudo().utility_account_id.id,
                    "utility_vend_id": vend.id if vend else False,
                    "utility_contract_id": contract.id,
                    **values,
                }
            )
        )
        payment.action_post()
        if payment.move_id.state != "posted":
            raise UserError(
                self.env._(
                    "The payment method %s has no account to post to. Ask an accountant.",
                    journal.name,
                )
            )
        return payment

    # ------------------------------------------------------------ reconciling

    @api.model
    def _open(self, lines):
        """What of some journal items is open on their companies' customers' account."""
        return self._customers(lines).filtered(
            lambda line: line.parent_state == "posted" and not line.reconciled
        )

    @api.model
    def _customers(self, lines):
        """Those of some journal items that are on their companies' customers' account."""
        return lines.sudo().filtered(
            lambda line: line.account_id == line.company_id.utility_account_id
        )

    @api.model
    def _reconcile(self, lines):
        """Reconcile what of some journal items is open on the customers' account."""
        lines = self._open(lines)
        if len(lines) > 1:
            lines.reconcile()

    @api.model
    def _reconcile_part(self, debit, credit, amount):
        """Settle one open item by exactly so much of another.

        Odoo would take as much as both leave open; a recovery of arrears may have a cap, and what
        is carried to the next sale must stay open.

        :param Decimal amount: at most what is open of both is taken
        :return: Decimal, what was settled
        """
        open_debit, open_credit = dec(debit.amount_residual, 2), -dec(credit.amount_residual, 2)
        amount = min(amount, open_debit, open_credit)
        if amount <= 0:
            return Decimal(0)
        if amount in (open_debit, open_credit):
            (debit | credit).reconcile()
        else:
            self.env["account.partial.reconcile"].sudo().create(
                {
                    "debit_move_id": debit.id,
                    "credit_move_id": credit.id,
                    "amount": float(amount),
                    "debit_amount_currency": float(amount),
                    "credit_amount_currency": float(amount),
                }
            )
        return amount

    # ------------------------------------------------------------------ dates

    @api.model
    def _date(self, company, date, journal):
        """The day itself; today where that day is locked.

        :param date: local day
        :return: local day
        """
        company = company.sudo()
        if company._get_violated_lock_dates(date, True, journal.sudo()):
            return company._utility_today()
        return date
