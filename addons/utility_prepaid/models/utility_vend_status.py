from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityVend(models.Model):
    """What the counter and the paper show of a sale."""

    _inherit = "utility.vend"

    # --------------------------------------------------------------- the desk

    def _money_text(self, amount):
        return self.currency_id.format(amount)

    def _units_text(self, value):
        """Units as people read them: at least two decimals, no empty ones behind."""
        text = f"{dec(value):f}".rstrip("0")
        whole, __, decimals = text.partition(".")
        return f"{whole}.{decimals.ljust(2, '0')}"

    def _status(self):
        """What the counter shows of one sale; money and units as texts.

        :return: dictionary described in `utility.counter`
        """
        self.ensure_one()
        vend = self.sudo()
        command = vend.command_id
        meter = vend.meter_id
        reversal = vend.reversal_ids.filtered(lambda r: r.state != "cancelled")[:1]
        proved = vend.state in ("delivered", "reversed")
        return {
            "id": vend.id,
            "uuid": vend.uuid,
            "name": vend.name,
            "kind": vend.kind,
            "state": vend.state,
            "meter_id": meter.id,
            "vending_id": meter.vending_id,
            "room": vend.room_id.display_name or "",
            "customer": vend.partner_id.name or "",
            "amount": f"{dec(vend.amount, 2):f}",
            "units": self._units_text(vend.units),
            "unit": meter.type_id.uom_id.name or "",
            "method": vend.journal_id.name or "",
            "steps": {
                "saved": vend.state != "draft",
                "sent": bool(command.attempts),
                "answered": bool(command.answered_at) or proved,
                "proved": proved,
                "posted": bool(vend.posted_at),
            },
            "message": self._status_words(),
            "purchase_number": vend.purchase_number,
            "balance_before": self._units_text(vend.balance_before) if proved else "",
            "balance_after": self._units_text(vend.balance_after) if proved else "",
            "accepted_at": fields.Datetime.to_string(vend.accepted_at),
            "can_reverse": not reversal and not self._reversal_refusal(),
            "can_refund": self._can_refund(),
            "can_retry": self._can_retry(),
            "reversal": {
                "id": reversal.id,
                "name": reversal.name,
                "state": reversal.state,
                "message": reversal._status_words(),
            }
            if reversal
            else False,
            "print_count": vend.print_count,
        }

    def _status_words(self):
        """One sentence about where the sale stands."""
        vend = self.sudo()
        command = vend.command_id
        if vend.state == "refunded":
            return self.env._("Money given back.")
        if vend.state == "reversed":
            return self.env._("Reversed.")
        if vend.state == "delivered":
            if vend.kind == "reversal":
                return self.env._("Taken back from the meter: give the money back.")
            return self.env._("The meter has received it.")
        if vend.state == "cancelled":
            return command.message or self.env._("Cancelled.")
        if command.hold_reason:
            return command.hold_reason
        if command.state == "queued" and not command.attempts:
            return vend.meter_id._sell_warning() or self.env._("Waiting for the meter's line.")
        if command.state == "failed":
            return self.env._("Not charged: %s", command.message or "")
        if command.state in ("unknown", "queued"):
            return command.message or self.env._("No answer yet: the meter is being asked.")
        if command.state == "disputed":
            return self.env._("A person must decide: %s", command.message or "")
        return command.message or self.env._("On its way to the meter.")

    def _notify(self):
        """Send each sale's status to its cashier's screen, at commit."""
        for vend in self.filtered(lambda v: v.user_id and v.state != "draft"):
            user = vend.user_id
            status = vend.with_user(user).with_context(lang=user.lang)._status()
            user._bus_send("utility_prepaid/vend", status)
            if vend.reversed_vend_id:
                vend.reversed_vend_id._notify()

    def _count_print(self, paper):
        """Count and log one print of the receipt.

        :return: {"url", "copy"}; copy 0 is the original
        """
        self.ensure_one()
        if self.state == "draft":
            raise UserError(self.env._("There is nothing to print yet."))
        vend = self.sudo().try_lock_for_update()
        if not vend:
            raise UserError(self.env._("The sale is being changed: try again."))
        vend.print_count += 1
        copy = vend.print_count - 1
        self.env["utility.operation"]._log(
            self.env._("Receipt printed"),
            self,
            meter=self.meter_id,
            vend=self,
            after=paper,
            note=self.env._("Copy %s", copy) if copy else self.env._("Original"),
        )
        return {"url": f"/utility/receipt/{self.id}?paper={paper}", "copy": copy}
