from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec, text


class UtilityCounter(models.AbstractModel):
    """Contracts at the counter: open, see what a closing would pay back, close, pay."""

    _inherit = "utility.counter"

    @api.model
    def open_contract(self, meter_id, partner_id, tariff_id, reading=None):
        """Open a contract on a meter that has none.

        :param reading: {"total", "balance" (texts, may be missing), "note"} when read by hand
        :return: status of the settlement
        """
        self._check_cashier()
        meter = self._meter(meter_id)
        contract = self.env["utility.contract"].create(
            {
                "meter_id": meter.id,
                "partner_id": int(partner_id),
                "tariff_id": int(tariff_id),
            }
        )
        return contract._open(self._reading(reading))._status()

    @api.model
    def close_preview(self, meter_id, balance=None):
        """What closing the contract of a meter would pay back, before anything is done.

        :param balance: text, what the meter shows; what it last said where none is given
        :return: {"ok", "error", "balance", "seen_at", "lines", "due"}
        """
        self._check_cashier()
        meter = self._meter(meter_id)
        contract = meter.contract_id
        try:
            if not contract:
                raise UserError(self.env._("Meter %s has no contract.", meter.vending_id))
            contract._check_settled()
            shown = dec(meter.balance) if balance is None else dec(self._amount(balance))
            lines = contract._settlement_lines(shown)
        except UserError as error:
            return {"ok": False, "error": str(error)}
        return {
            "ok": True,
            "error": "",
            "contract": contract.name,
            "customer": contract.sudo().partner_id.name,
            "balance": text(shown, 2),
            "seen_at": fields.Datetime.to_string(meter.seen_at) if meter.seen_at else "",
            "lines": [self._settlement_line(line) for line in lines],
            "due": text(sum((line["amount"] for line in lines), dec(0)), 2),
        }

    @api.model
    def close_contract(self, meter_id, reason="", reading=None):
        """Close the contract of a meter; `settlement_status` tells how far it is.

        :param reading: as of `open_contract`; with a balance it takes a supervisor
        """
        self._check_cashier()
        contract = self._meter(meter_id).contract_id
        if not contract:
            raise UserError(self.env._("There is no contract to close."))
        contract.check_access("write")
        return contract._close(self._reading(reading), reason)._status()

    @api.model
    def settlement_status(self, settlement_id):
        """Where an opening, a closing or a replacement stands."""
        self._check_cashier()
        return self._settlement(settlement_id)._status()

    @api.model
    def pay_settlement(self, settlement_id, journal_id):
        """Pay back what a closing left, or take what the customer owes."""
        self._check_cashier()
        settlement = self._settlement(settlement_id)
        journal = self.env["account.journal"].sudo().browse(int(journal_id or 0)).exists()
        settlement._pay(journal)
        return settlement._status()

    def _settlement(self, settlement_id):
        settlement = self.env["utility.settlement"].browse(int(settlement_id)).exists()
        if not settlement:
            raise UserError(self.env._("There is no such settlement."))
        settlement.check_access("read")
        return settlement

    def _reading(self, reading):
        if not reading:
            return None
        return {
            **{
                name: self._amount(reading[name])
                for name in ("total", "balance")
                if reading.get(name) not in (None, "", False)
            },
            "note": reading.get("note") or "",
        }

    def _settlement_line(self, line):
        return {
            "kind": line["kind"],
            "name": line["name"],
            "quantity": text(dec(line["quantity"]), 2) if line["quantity"] else "",
            "price": text(dec(line["price"])) if line["price"] else "",
            "amount": text(dec(line["amount"]), 2),
        }
