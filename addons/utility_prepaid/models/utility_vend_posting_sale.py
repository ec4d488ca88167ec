from odoo import fields, models

from ..tools.decimals import dec, round_places


class UtilityVend(models.Model):
    """What a sale and its reversal write in the books, by the policy that stays with the sale.

    ================ =====================================================================
    sale             invoice: customers / revenue and tax
    tax_at_sale      invoice: customers / contract liability and tax
    on_use           entry: customers / customer advances; fees are invoiced
    agency           entry: customers / collected for the utility; fees are invoiced
    ================ =====================================================================
    """

    _inherit = "utility.vend"

    deferred_amount = fields.Monetary(
        "Deferred",
        readonly=True,
        copy=False,
        help="What its documents put on the account of credit that is not used yet.",
    )
    deferred_account_id = fields.Many2one("account.account", "Deferred on", readonly=True)
    returned_cost = fields.Monetary(
        "Given back",
        readonly=True,
        copy=False,
        help="What of its price went back to the customer when a meter or a contract ended.",
    )
    returned_deferred = fields.Monetary(
        "Given back of the deferred", readonly=True, copy=False, help="The same without tax."
    )

    # ------------------------------------------------------------- its parts

    def _units_product(self):
        return self.contract_id.tariff_id.product_id or self.company_id._utility_product(
            self.utility
        )

    def _line_product(self, line):
        """What an invoice line of a line of this sale sells."""
        company = self.company_id.sudo()
        if line.product_id:
            return line.product_id
        if line.kind == "fee":
            return company.utility_fee_product_id
        if line.kind == "service":
            return company.utility_service_product_id
        return self._units_product()

    def _credit_account(self):
        """Where the value of the units is booked, besides tax; empty for the product's income."""
        company = self.company_id.sudo()
        field = {
            "tax_at_sale": "utility_liability_account_id",
            "on_use": "utility_advance_account_id",
            "agency": "utility_payable_account_id",
        }.get(self.policy)
        return company[field] if field else self.env["account.account"].sudo()

    def _credit_partner(self):
        """Whose item it is there: the customer's, or the utility's."""
        if self.policy == "agency":
            return self.company_id._utility_collected_for(
                self.utility, self._local_date(self.accepted_at)
            )
        return self.partner_id

    def _revenue_of(self, used):
        """What of its deferred amount is revenue when so much of its price was used.

        :param used: Decimal, tax included
        :return: Decimal; nothing when revenue is not what use makes of it
        """
        deferred, cost = dec(self.deferred_amount, 2), dec(self.cost, 2)
        if self.policy != "tax_at_sale" or not cost:
            return dec(0, 2)
        if used == cost - dec(self.returned_cost, 2):
            # The last of it takes what rounding left, so that nothing stays deferred for ever.
            return deferred - dec(self.returned_deferred, 2)
        return round_places(deferred * used / cost, 2)

    def _given_back(self, amount, net):
        """Remember what of its price, and of what it deferred, went back to the customer.

        :param amount: Decimal, tax included
        :param net: Decimal, without tax
        """
        self.returned_cost = dec(self.returned_cost, 2) + amount
        self.returned_deferred = dec(self.returned_deferred, 2) + net

    def _is_booked(self):
        """Whether the value of its units is in the books by the time it is used."""
        return not (self.kind == "emergency" and self.policy == "on_use")

    def _invoice_lines(self, kinds):
        """Lines of an invoice of this sale, as `utility.ledger` takes them.

        :param kinds: kinds of `utility.vend.line`
        """
        return [
            {
                "product": self._line_product(line),
                "name": self._units_words(line) if line.kind == "units" else line.name,
                "quantity": dec(line.quantity) or dec(1),
                "price": dec(line.price) if line.quantity else dec(line.amount, 2),
                "amount": dec(line.amount, 2),
                "account": self._credit_account() if line.kind == "units" else None,
            }
            for line in self.line_ids
            if line.kind in kinds
        ]

    def _units_words(self, line):
        return self.env._(
            "%(utility)s %(meter)s, %(units)s %(unit)s, order %(number)s",
            utility=line.name,
            meter=self.meter_id.vending_id,
            units=self._units_text(line.quantity),
            unit=self.meter_id.type_id.uom_id.name or "",
            number=self.purchase_number,
        )

    def _sale_documents(self):
        """What is posted when the meter has the credit, before it is reconciled.

        :return: list of documents of `utility.ledger`
        """
        ledger = self.env["utility.ledger"].sudo()
        date = self._posting_date()
        own = ("units",) if self.policy in ("sale", "tax_at_sale") else ()
        lines = self._invoice_lines((*own, "fee", "service"))
        documents = []
        if lines:
            documents.append(
                ledger._document("out_invoice", self.contract_id, lines, date, self.name, self)
            )
        cost = dec(self.cost, 2)
        if not own and cost and self._is_booked():
            documents.append(self._value_document(cost, date))
        return documents

    def _value_document(self, value, date):
        """The entry that makes money of the customer's an advance, or the utility's."""
        name = self.line_ids.filtered(lambda line: line.kind == "units")[:1].name or self.name
        customers = self.company_id.sudo().utility_account_id
        return self.env["utility.ledger"]._entry_document(
            self.company_id,
            date,
            self.name,
            [
                (customers, value, self._owner(), name),
                (self._credit_account(), -value, self._credit_partner(), name),
            ],
            contract=self.contract_id,
            vend=self,
        )

    # ------------------------------------------------------------------ sale

    def _post_sale(self):
        self._post_sales()

    def _post_sales(self):
        """Post sales of one company together; nothing of any is posted when one cannot be."""
        ledger = self.env["utility.ledger"].sudo()
        owners, documents = [], []
        for vend in self:
            for document in vend._sale_documents():
                owners.append(vend)
                documents.append(document)
        moves = dict.fromkeys(self, self.env["account.move"].sudo())
        for vend, move in zip(owners, ledger._documents(documents), strict=True):
            moves[vend] |= move
        self._settle_sales(moves)
        for vend in self:
            vend._posted(moves[vend])

    def _defer(self, moves):
        """Remember what waits for use, and where: accounts may be chosen anew meanwhile."""
        account = self._credit_account()
        if account and self.policy != "agency":
            items = moves.line_ids.filtered(lambda line: line.account_id == account)
            self.sudo().write(
                {
                    "deferred_account_id": account.id,
                    "deferred_amount": float(-dec(sum(items.mapped("balance")), 2)),
                }
            )

    def _settle_sales(self, moves):
        """Settle what the customers owe by the money they paid, what they carried over last.

        :param moves: {sale: `account.move` records}
        """
        ledger = self.env["utility.ledger"].sudo()
        for vend in self:
            if vend.arrears_amount:
                # Before the rest: Odoo would take more of the old debt than the sale recovers.
                vend._settle_arrears()
        plan = [ledger._open(moves[vend].line_ids | vend._money_lines()) for vend in self]
        items = self.env["account.move.line"].sudo()
        items._reconcile_plan([lines for lines in plan if len(lines) > 1])
        plan = []
        for vend in self:
            rest = ledger._open(moves[vend].line_ids)
            if rest:
                # The part bought with what was carried over.
                plan.append(rest | vend.contract_id._open_credit_lines())
        if plan:
            items._reconcile_plan(plan)

    def _settle_arrears(self):
        ledger = self.env["utility.ledger"].sudo()
        money = ledger._open(self._money_lines())
        if not money:
            return
        missed = dec(self.arrears_amount, 2)
        for line in self.line_ids:
            if line.kind == "arrears":
                for credit in money:
                    missed -= ledger._reconcile_part(
                        line.arrears_line_id.sudo(), credit, dec(line.amount, 2)
                    )
        if missed:
            self._ask_accountant(
                self.env._("Arrears settled otherwise"),
                self.env._(
                    "%(amount)s of %(sale)s was to settle arrears that were settled meanwhile. "
                    "It stands to the customer's credit.",
                    amount=self._money_text(float(missed)),
                    sale=self.name,
                ),
            )

    # -------------------------------------------------------------- reversal

    def _post_reversal(self):
        """Undo the documents of a sale by documents of the reversal, and pay the money back."""
        sale = self.reversed_vend_id
        moves = sale._own_moves()
        credit = self.env["account.move"].sudo()
        for move in moves:
            date = self.env["utility.ledger"]._date(
                self.company_id, self._posting_date(), move.journal_id
            )
            credit |= move._reverse_moves(
                [
                    {
                        "date": date,
                        "invoice_date": date if move.is_invoice() else False,
                        "ref": self.name,
                        "utility_vend_id": self.id,
                        "utility_contract_id": self.contract_id.id,
                    }
                ],
                cancel=True,
            )
        # Arrears that the money settled are open again, and all of it goes back.
        self.env["utility.ledger"]._customers(sale._money_lines()).remove_move_reconcile()
        self._pay_back(sale)
        self._posted(credit)

    def _own_moves(self):
        """Posted documents of this movement, without those of its money."""
        return (
            self.env["account.move"]
            .sudo()
            .search(
                [
                    ("utility_vend_id", "=", self.id),
                    ("origin_payment_id", "=", False),
                    ("statement_line_id", "=", False),
                    ("state", "=", "posted"),
                    ("reversed_entry_id", "=", False),
                ],
                order="id",
            )
        )
