from decimal import Decimal

from odoo import models

from ..tools.decimals import dec


class UtilityContract(models.Model):
    """What the customer owes under this contract, and what stands to the customer's credit."""

    _inherit = "utility.contract"

    def _customers_items(self, *domain):
        """Open posted items of these contracts on the customers' account, oldest first."""
        accounts = self.company_id.sudo().utility_account_id
        return (
            self.env["account.move.line"]
            .sudo()
            .search(
                [
                    ("account_id", "in", accounts.ids),
                    ("parent_state", "=", "posted"),
                    ("reconciled", "=", False),
                    ("move_id.utility_contract_id", "in", self.ids),
                    *domain,
                ],
                order="date, id",
            )
        )

    def _arrears(self):
        """What the customer owes: open debits of the contract on the customers' account.

        What sales that are not posted yet will settle is not offered to a second sale. Use into
        the overdraft is not among them: the meter itself takes it out of the next credit, until
        the contract is settled in money.

        :return: list of (`account.move.line`, Decimal still open), oldest first
        """
        self.ensure_one()
        lines = self._customers_items(
            ("balance", ">", 0), ("move_id.utility_overdraft", "=", False)
        )
        if not lines:
            return []
        promised = dict.fromkeys(lines.ids, Decimal(0))
        for line in (
            self.env["utility.vend.line"]
            .sudo()
            .search(
                [
                    ("arrears_line_id", "in", lines.ids),
                    ("vend_id.kind", "=", "sale"),
                    ("vend_id.state", "in", ("accepted", "disputed", "delivered")),
                    ("vend_id.posted_at", "=", False),
                ]
            )
        ):
            promised[line.arrears_line_id.id] += dec(line.amount, 2)
        found = [(line, dec(line.amount_residual, 2) - promised[line.id]) for line in lines]
        return [(line, amount) for line, amount in found if amount > 0]

    def _open_credit_lines(self):
        """Open credits of the contract on the customers' account, however old: money that is not
        on the meter yet, or not spent, or not paid out.

        :return: `account.move.line` records, oldest first
        """
        return self._customers_items(("balance", "<", 0))
