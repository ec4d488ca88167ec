from odoo import api, models

from ..tools import lots as lot_tools
from ..tools.decimals import dec


class UtilityLedger(models.AbstractModel):
    """What the end of a contract writes in the books."""

    _inherit = "utility.ledger"

    @api.model
    def _give_back_left(self, contract, left, date, ref):
        """Book back what is left on the meter, lots first in first out, at the price paid.

        The value becomes open credit of the customer: paying it out, or setting it against what is
        owed, is the caller's. Each lot goes back by the policy it was sold under.

        :param contract: `utility.contract`
        :param left: Decimal, zero or more, in what the meter counts, on paper
        :param date: local day
        :param ref: reference on the documents
        :return: `account.move` records, none when nothing of value is left
        """
        contract.sudo().units_at_close = left
        taken_back = self._take_overdraft_back(contract, date, ref)
        pieces = lot_tools.left(contract._lots(), left)
        names = self.env._("Left at closing"), self.env._("Left at closing, of %(sale)s")
        return taken_back | self._give_back(contract, pieces, date, ref, *names)

    @api.model
    def _give_back_rest(self, contract, left, rest, date, ref):
        """Book back what cannot go on to another meter; parameters as of `_give_back_left`.

        :param left: Decimal, what the old meter held, on paper
        :param rest: Decimal, what of it fills no step of the new meter
        """
        pieces = lot_tools.taken_off(contract._lots(), left, rest)
        names = (
            self.env._("Too little for a step of the new meter"),
            self.env._("Too little for a step of the new meter, of %(sale)s"),
        )
        return self._give_back(contract, pieces, date, ref, *names)

    @api.model
    def _give_back(self, contract, pieces, date, ref, name, name_of_sale):
        """Book credit back that the customer paid for and that no meter has any longer.

        :param pieces: list of (`tools.lots.Lot`, Decimal units, Decimal amount)
        :param name: of the items of an entry
        :param name_of_sale: of a line of a credit note, with %(sale)s in it
        :return: `account.move` records
        """
        vends = self.env["utility.vend"].sudo()
        pieces = [(vends.browse(lot.key), units, amount) for lot, units, amount in pieces if amount]
        pieces = [piece for piece in pieces if piece[0]._is_booked()]
        invoiced = [piece for piece in pieces if piece[0].policy in ("sale", "tax_at_sale")]
        entered = [piece for piece in pieces if piece not in invoiced]
        documents = []
        if invoiced:
            lines = [self._returned_line(name_of_sale, *piece) for piece in invoiced]
            documents.append(self._document("out_refund", contract, lines, date, ref))
        if entered:
            items = self._returned_items(contract, entered, name)
            documents.append(
                self._entry_document(contract.company_id, date, ref, items, contract=contract)
            )
        moves = self._documents(documents)
        notes = moves.filtered(lambda move: move.is_invoice()).invoice_line_ids
        for (vend, __, amount), line in zip(invoiced, notes, strict=True):
            vend._given_back(amount, dec(line.balance, 2))
        return moves

    @api.model
    def _returned_line(self, name_of_sale, vend, units, amount):
        return {
            "product": vend._units_product(),
            "name": name_of_sale % {"sale": vend.name},
            "quantity": units,
            "price": dec(vend.price),
            "amount": amount,
            "account": vend.deferred_account_id or vend._credit_account(),
        }

    @api.model
    def _returned_items(self, contract, pieces, name):
        """Items of the entry that makes advances, or the utility's money, the customer's again."""
        sums = {}
        for vend, __, amount in pieces:
            key = (vend.deferred_account_id or vend._credit_account(), vend._credit_partner())
            sums[key] = sums.get(key, 0) + amount
        items = [(account, amount, who, name) for (account, who), amount in sums.items()]
        customers = contract.company_id.sudo().utility_account_id
        return [*items, (customers, -sum(sums.values()), contract.partner_id, name)]

    @api.model
    def _take_overdraft_back(self, contract, date, ref):
        """Credit bills for use into an overdraft that the meter has taken out of later credit."""
        units, amount = contract._overdraft_settle()
        if not amount:
            return self.env["account.move"]
        line = {**contract._overdraft_line(units, date), "amount": amount}
        values, amounts, company = self._document("out_refund", contract, [line], date, ref)
        values["utility_overdraft"] = True
        move = self._documents([(values, amounts, company)])
        self._reconcile(move.line_ids | contract._overdraft_items())
        return move

    @api.model
    def _bill_debt(self, contract, units, date, ref):
        """Bill what was used beyond the credit when a contract, or its meter, ends.

        The price is that of the day. What monthly runs billed of it is owed in money from now on.

        :param contract: `utility.contract`
        :param units: Decimal above zero, in what the meter counts, on paper
        :param date: local day
        :param ref: reference on the document
        :return: `account.move` records; none when the monthly run billed it already
        """
        contract.sudo().units_at_close = -units
        contract._overdraft_items().move_id.utility_overdraft = False
        units -= contract._overdraft_settle()[0]
        if units <= 0:
            return self.env["account.move"]
        company = contract.company_id
        line = contract._overdraft_line(units, date)
        policy = company._utility_policy(contract.utility, date)
        if policy != "agency":
            return self._invoice(contract, [line], date, ref)
        items = [
            (company.sudo().utility_account_id, line["amount"], contract.partner_id, line["name"]),
            (
                company.sudo().utility_payable_account_id,
                -line["amount"],
                company._utility_collected_for(contract.utility, date),
                line["name"],
            ),
        ]
        return self._entry(company, date, ref, items, contract=contract)
