from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityVend(models.Model):
    """Sold to the wrong room: taken back from one meter, the same money sold on another.

    The reversal knows where its money goes. Once the first meter proved that it gave the credit
    back and that is in the books, the money stands to the other customer's credit and is sold like
    any money that came by itself: at the other meter's price and fees, or it waits, visible.
    """

    _inherit = "utility.vend"

    target_meter_id = fields.Many2one(
        "utility.meter",
        "Sold on meter",
        readonly=True,
        index="btree_not_null",
        help="Where the money of this reversal goes instead of back to the customer.",
    )
    target_contract_id = fields.Many2one("utility.contract", "Sold to", readonly=True)

    def _sell_elsewhere(self, uuid, meter, reason):
        """Undo this sale and sell its money on another meter, in one act.

        :param uuid: the act's own id; the same id is the same act
        :param meter: `utility.meter` for which the money was meant
        :return: the reversal; its target is the other meter
        :raises UserError: in words why this sale cannot be taken back, or why the other meter
            cannot be charged; then nothing was begun
        """
        self.ensure_one()
        # Both meters in one order, so that two acts the other way round do not wait in a ring.
        for one in (self.meter_id | meter).sorted("id"):
            one._lock_row()
        same = self.sudo().search([("uuid", "=", uuid)])
        if same:
            if (same.reversed_vend_id, same.target_meter_id) != (self, meter):
                raise UserError(self.env._("This reversal was already saved for another sale."))
            return same.with_env(self.env)
        if meter == self.meter_id:
            raise UserError(self.env._("It was sold on this very meter."))
        if meter.company_id != self.company_id:
            raise UserError(self.env._("This meter belongs to another company."))
        if self._money_return():
            raise UserError(self.env._("The bank took the money of this sale back."))
        meter._check_sellable()
        self._check_no_open_money(meter)
        self._quote(meter, dec(self.amount, 2))
        reversal = self._reverse(uuid, reason)
        reversal.sudo().write(
            {"target_meter_id": meter.id, "target_contract_id": meter.contract_id.id}
        )
        self.env["utility.operation"]._log(
            self.env._("Sold to the wrong room"),
            reversal,
            meter=self.meter_id,
            vend=self,
            before=self.meter_id.vending_id,
            after=meter.vending_id,
            note=reversal.reason,
        )
        reversal._notify()
        return reversal

    def _pay_back(self, sale):
        """The money goes to the other customer: by an entry, since no cash moves."""
        if not self.target_meter_id:
            return super()._pay_back(sale)
        vend = self.sudo()
        contract, amount = vend.target_contract_id, dec(vend.amount, 2)
        account = vend.company_id.utility_account_id
        ledger = self.env["utility.ledger"]
        move = ledger._entry(
            vend.company_id,
            vend.company_id._utility_today(),
            vend.name,
            [
                (account, amount, sale.partner_id, sale.name),
                (account, -amount, contract.partner_id, vend.name),
            ],
            contract=contract,
            vend=vend,
        )
        debit = move.line_ids.filtered(lambda line: line.balance > 0)
        ledger._reconcile(debit | sale._money_lines())
        if ledger._open(debit):
            ledger._reconcile(debit | sale.contract_id._open_credit_lines())
        incoming = self.env["utility.incoming"].sudo()
        incoming.create(
            {
                "uuid": f"{vend.uuid}-to",
                "reference": vend.name,
                "origin": "counter",
                "company_id": vend.company_id.id,
                "meter_id": vend.target_meter_id.id,
                "contract_id": contract.id,
                "partner_id": contract.partner_id.id,
                "journal_id": vend.journal_id.id,
                "amount": vend.amount,
                "user_id": vend.user_id.id,
                "move_id": move.id,
                "reversal_id": vend.id,
            }
        )
        self.env.ref("utility_prepaid.ir_cron_sell_incoming").sudo()._trigger()

    def _status_words(self):
        vend = self.sudo()
        meter = vend.target_meter_id
        if not meter:
            return super()._status_words()
        if vend.state == "cancelled":
            return self.env._(
                "It could not be taken back, so nothing was sold on meter %(meter)s. %(words)s",
                meter=meter.vending_id,
                words=vend.command_id.message or "",
            )
        if vend.state != "delivered":
            return super()._status_words()
        incoming = self.env["utility.incoming"].sudo().search([("reversal_id", "=", vend.id)])
        if incoming.vend_id:
            return self.env._(
                "Taken back, and sold on meter %(meter)s as %(sale)s: no money changes hands.",
                meter=meter.vending_id,
                sale=incoming.vend_id.name,
            )
        return self.env._(
            "Taken back; the money goes to meter %(meter)s. %(words)s",
            meter=meter.vending_id,
            words=incoming.reason or "",
        )


class UtilityIncoming(models.Model):
    _inherit = "utility.incoming"

    reversal_id = fields.Many2one(
        "utility.vend", "Taken back by", readonly=True, index="btree_not_null"
    )

    def _refused(self, words):
        """Its customer stands at the desk: a person decides at once."""
        return self._hold(words) if self.reversal_id else super()._refused(words)
