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
        vends = self.env["utility.vend"].sudo()
        lines, entries = [], {}
        for lot, units, amount in lot_tools.left(contract._lots(), left):
            vend = vends.browse(lot.key)
            if not amount or not vend._is_booked():
                continue
            account = vend.deferred_account_id or vend._credit_account()
            if vend.policy in ("sale", "tax_at_sale"):
                lines.append(
                    {
                        "product": vend._units_product(),
                        "name": self.env._("Left at closing, of %(sale)s", sale=vend.name),
                        "quantity": units,
                        "price": dec(vend.price),
                        "amount": amount,
                        "account": account,
                    }
                )
            else:
                key = (account, vend._credit_partner())
                entries[key] = entries.get(key, 0) + amount
        documents = []
        if lines:
            documents.append(self._document("out_refund", contract, lines, date, ref))
        if entries:
            name = self.env._("Left at closing")
            items = [(account, amount, who, name) for (account, who), amount in entries.items()]
            customers = contract.company_id.sudo().utility_account_id
            items.append((customers, -sum(entries.values()), contract.partner_id, name))
            documents.append(
                self._entry_document(contract.company_id, date, ref, items, contract=contract)
            )
        return taken_back | self._documents(documents)

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
