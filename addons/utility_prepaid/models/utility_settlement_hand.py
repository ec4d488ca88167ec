from odoo import models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilitySettlement(models.Model):
    """Meters that do not answer, or cannot be cleared over a line: what a person says instead."""

    _inherit = "utility.settlement"

    def _reading(self, meter):
        """The reading of a meter in this settlement, empty as long as there is none."""
        step = self._step("read", meter)
        return step.filtered(lambda s: s.state == "done" and s.has_balance)

    def _read_by_hand(self, total=None, balance=None, note=""):
        """A person read the meter that does not answer, or decides what a dead one held.

        What money hangs on, the credit left at a closing or a replacement, is a supervisor's word.

        :param total: Decimal, totaliser as shown; None if it is not known
        :param balance: Decimal, credit left, signed, in what the meter counts; None: not known
        :param note: why it was not read over the line
        :raises AccessError: no right
        :raises UserError: no reading is awaited, or the note is missing
        """
        self.ensure_one()
        self.contract_id.check_access("write")
        settlement = self.sudo()
        settlement.meter_id._lock_row()
        settlement.invalidate_recordset()
        step = settlement._steps_left()[:1]
        ours = step.kind in ("read", "clear") and step.meter_id == settlement.meter_id
        decides = ours and balance is not None and self.kind != "opening"
        if decides:
            self._check_group("supervisor")
            step = settlement._step("read", settlement.meter_id)
        if not step:
            raise UserError(self.env._("No reading is awaited."))
        step._told_by_hand(total, balance, note)
        if decides:
            settlement._by_hand()
        settlement._advance()

    def _by_hand(self):
        """Settle on what a person said: the contract does not wait for the meter any longer.

        The meter is marked: it takes no new customer before it was cleared.
        """
        self.ensure_one()
        if self.by_hand:
            return
        self.by_hand = True
        self.meter_id.to_clear = True
        if self.kind == "closing":
            self._close_contract()
        else:
            self._step("clear")._update_state(
                "skipped",
                message=self.env._("The old meter is to be cleared before it is used again."),
            )

    def _cleared(self):
        """The meter proved that it was cleared, or an engineer has confirmed it."""
        if self.kind == "closing" and not self.by_hand:
            self._close_contract()

    def _close_contract(self):
        contract = self.contract_id
        reading = self._step("read")
        contract._move(
            "closed",
            self._step("clear").command_id,
            date_close=contract.company_id._utility_today(),
            closing_total=reading.total,
        )

    def _balance_left(self):
        """What was left on the old meter, as it counts.

        :return: Decimal, signed
        :raises UserError: nothing and nobody said it
        """
        self.ensure_one()
        reading, cleared = self._step("read", self.meter_id), self._step("clear")
        # What the clearing took away is the best witness; a person's word counts without one.
        for step in (reading, cleared) if self.by_hand else (cleared, reading):
            if step.state == "done" and step.has_balance:
                return dec(step.balance)
        raise UserError(
            self.env._("Nothing says how much was left on the meter: enter it as read by hand.")
        )
