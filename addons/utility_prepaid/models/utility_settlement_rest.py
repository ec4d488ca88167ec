from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec
from ..tools.lots import Lot


class UtilitySettlement(models.Model):
    """What a replacement cannot put on the new meter: too little for one step of it.

    It is the customer's money from then on. The next sale uses it as it uses what a sale left over,
    or it is paid back.
    """

    _inherit = "utility.settlement"

    rest_units = fields.Float(
        "Too little for a step of the new meter",
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        help="On paper; the new meter was not charged with it.",
    )
    rest_amount = fields.Monetary(
        "Worth of what fills no step", readonly=True, help="At the price paid; carried as money."
    )

    def _settle_replacement(self, paper):
        """Bill what the old meter was owed, or carry what the new one cannot take.

        :param paper: Decimal, what was left, signed, on paper
        """
        contract = self.contract_id
        rest = contract._rest(paper, self.new_meter_id)
        moves = self.env["account.move"]
        if not contract.is_test:
            if paper < 0:
                moves = self._bill(-paper)
            elif rest:
                moves = self.env["utility.ledger"]._give_back_rest(
                    contract, paper, rest, self._date(), self.name
                )
        lines = contract._rest_lines(paper, rest)
        amount = sum((line["amount"] for line in lines), dec(0, 2))
        self._write_lines(
            lines,
            moves,
            rest_units=float(rest),
            rest_amount=amount,
            amount_due=amount,
            payout="kept" if amount else "nothing" if rest else False,
        )
        if amount:
            contract.remainder = dec(contract.remainder, 2) + amount
            self._log(self.env._("Carried to the next sale"), after=f"{amount:f}")

    def _rest_lot(self):
        """What was taken off as a `tools.lots.Lot`."""
        self.ensure_one()
        return Lot(None, -dec(self.rest_units), dec(0, 2), before=dec(self.units_left))

    def _rest_due(self):
        """What of the carried money may still be paid back: all of it, or nothing.

        :return: Decimal
        :raises UserError: a sale is under way, or has used it
        """
        contract, amount = self.contract_id, dec(self.rest_amount, 2)
        unsettled = contract.vend_ids.filtered(
            lambda vend: vend.kind == "sale" and vend.state in ("accepted", "disputed")
        )
        if unsettled:
            raise UserError(
                self.env._("A sale of this contract is not settled yet: settle it first.")
            )
        if dec(contract.remainder, 2) < amount:
            raise UserError(
                self.env._("What %s carried was used, or settled, meanwhile.", self.name)
            )
        return amount

    def _reconcile_rest(self, payment):
        """Settle a payment by what was carried; or by older credit that was used in its place."""
        ledger = self.env["utility.ledger"]
        items = payment.sudo().move_id.line_ids
        ledger._reconcile(items | self.move_ids.line_ids)
        if ledger._open(items):
            ledger._reconcile(items | self.contract_id._open_credit_lines())
