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
        return self._documents(documents)

    @api.model
    def _bill_debt(self, contract, units, date, ref):
        """Bill what was used beyond the credit when a contract ends, at the price of that day.

        :param contract: `utility.contract`
        :param units: Decimal above zero, in what the meter counts, on paper
        :param date: local day
        :param ref: reference on the document
        :return: `account.move` records; none when the monthly run billed it already
        """
        contract.sudo().units_at_close = -units
        units -= contract._overdraft_billed()
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
