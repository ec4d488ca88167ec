from decimal import Decimal

from odoo import models
from odoo.tools import format_date

from ..tools import lots
from ..tools.decimals import dec, floor_to, round_places

NOTHING = Decimal(0)


class UtilityContract(models.Model):
    """What a contract would be settled at; the settlement itself counts by the same code."""

    _inherit = "utility.contract"

    def _on_paper(self, balance):
        """What the meter counts, in units on paper (money on a meter that counts money)."""
        meter = self.meter_id
        return balance if meter.credit == "money" else balance * dec(meter.ct_ratio)

    def _left(self, balance):
        """What of the credit sold under this contract is still on the meter.

        :param balance: Decimal, what the meter shows, signed
        :return: (list of (lot, units, amount) at the price paid, Decimal units worth nothing)
        """
        self.ensure_one()
        units = max(self._on_paper(balance), NOTHING)
        return self._paid_for([] if self.is_test else lots.left(self._lots(), units), units)

    def _paid_for(self, pieces, units):
        """What of pieces of lots the books know as paid.

        :param pieces: list of (lot, units, amount)
        :param units: Decimal, all that there is, whether a lot explains it or not
        :return: (those of them, Decimal units worth nothing)
        """
        vends = self.env["utility.vend"].sudo()
        paid = [piece for piece in pieces if piece[2] and vends.browse(piece[0].key)._is_booked()]
        return paid, units - sum((quantity for __, quantity, __ in paid), NOTHING)

    def _settlement_lines(self, balance):
        """What a closing at this balance would pay back, line by line.

        :param balance: Decimal, what the meter shows, signed, as it counts
        :return: list of dictionaries kind, name, quantity, price, amount (Decimals); the amounts
            sum to what is paid back, below zero to what the customer owes
        """
        self.ensure_one()
        left, free = self._left(balance)
        vends = self.env["utility.vend"].sudo()
        lines = []
        for lot, quantity, amount in left:
            name = self.env._("Left of %s", vends.browse(lot.key).name or "")
            lines.append(self._settlement_line("left", name, quantity, amount))
        lines += self._free_lines(free)
        debt = max(-self._on_paper(balance), NOTHING)
        if debt and not self.is_test:
            amount = self._debt_amount(debt)
            name = self.env._("Used beyond what was bought")
            lines.append(self._settlement_line("debt", name, debt, -amount))
        for fee in self._fees_owed():
            line = self._settlement_line("fee", fee["name"], NOTHING, -fee["amount"])
            lines.append(line)
        carried = dec(self.remainder, 2)
        if carried:
            name = self.env._("Carried credit")
            lines.append(self._settlement_line("carried", name, NOTHING, carried))
        for item, amount in self._arrears():
            name = self.env._("Arrears: %s", item.move_id.name)
            lines.append(self._settlement_line("arrears", name, NOTHING, -amount))
        return lines

    def _rest(self, left, meter):
        """What of the credit left fills no step of another meter.

        :param left: Decimal, signed, on paper
        :param meter: the new `utility.meter`
        :return: Decimal, zero or more, on paper
        """
        step = dec(meter.type_id.step)
        if meter.credit != "money":
            step *= dec(meter.ct_ratio)
        return left - floor_to(left, step) if left > 0 else NOTHING

    def _rest_lines(self, left, rest):
        """What a replacement carries as money, line by line.

        :param left: Decimal, what was left on the old meter, on paper
        :param rest: Decimal, what of it fills no step of the new one
        :return: as of `_settlement_lines`
        """
        self.ensure_one()
        pieces = [] if self.is_test or not rest else lots.taken_off(self._lots(), left, rest)
        paid, free = self._paid_for(pieces, rest)
        vends = self.env["utility.vend"].sudo()
        lines = []
        for lot, quantity, amount in paid:
            name = self.env._(
                "Too little for a step of the new meter, of %(sale)s",
                sale=vends.browse(lot.key).name,
            )
            lines.append(self._settlement_line("left", name, quantity, amount))
        return lines + self._free_lines(free)

    def _free_lines(self, units):
        name = self.env._("Left on the meter, nobody paid for it")
        return [self._settlement_line("free", name, units, NOTHING)] if units else []

    def _fees_owed(self):
        """Monthly fees that no sale has taken, up to the last day.

        :return: list of invoice lines as `utility.ledger` takes them
        """
        tariff = self.tariff_id
        product = tariff.fee_product_id or self.company_id.sudo().utility_fee_product_id
        return [
            {
                "product": product,
                "name": self.env._(
                    "Monthly fee, %s", format_date(self.env, month, date_format="MMMM yyyy")
                ),
                "quantity": Decimal(1),
                "price": fee,
                "amount": fee,
            }
            for month, fee in self._fees(self.date_close or self.company_id._utility_today())
        ]

    def _settlement_line(self, kind, name, quantity, amount):
        price = round_places(abs(amount) / quantity, 4) if quantity else NOTHING
        return {"kind": kind, "name": name, "quantity": quantity, "price": price, "amount": amount}

    def _debt_amount(self, units):
        """What use beyond what was bought still costs, with what of it was billed and is open.

        :param units: Decimal, on paper (money on a meter that counts money)
        :return: Decimal
        """
        billed = self._customers_items(
            ("balance", ">", 0), ("move_id.utility_overdraft", "=", True)
        )
        amount = sum((dec(item.amount_residual, 2) for item in billed), NOTHING)
        more = units - self._overdraft_billed()
        if more > 0:
            line = self._overdraft_line(more, self.company_id._utility_today())
            amount += line["amount"]
        return amount
