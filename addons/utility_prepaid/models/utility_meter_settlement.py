from odoo import fields, models
from odoo.exceptions import UserError


class UtilityMeter(models.Model):
    """Whether a meter is as new, and may take its next customer."""

    _inherit = "utility.meter"

    to_clear = fields.Boolean(
        "To be cleared",
        readonly=True,
        copy=False,
        help="Credit of a former customer may be on it: it takes no new customer before it was "
        "cleared.",
    )
    settlement_ids = fields.One2many("utility.settlement", "meter_id", "Settlements")

    def _open_settlement(self):
        """The settlement that still asks something of this meter."""
        self.ensure_one()
        return (
            self.env["utility.settlement"]
            .sudo()
            .search(
                [
                    ("meter_busy", "=", True),
                    "|",
                    ("meter_id", "=", self.id),
                    ("new_meter_id", "=", self.id),
                ],
                limit=1,
            )
        )

    def _check_sellable(self):
        result = super()._check_sellable()
        if self.contract_id.paused:
            raise UserError(
                self.env._(
                    "Contract %s is paused: resume it before anything is sold.",
                    self.contract_id.name,
                )
            )
        settlement = self._open_settlement()
        if settlement.kind == "replacement":
            raise UserError(
                self.env._("This meter is being replaced: nothing can be sold until it is done.")
            )
        if settlement.kind == "opening":
            raise UserError(
                self.env._("The opening reading is not there yet. %s", settlement.words or "")
            )
        return result

    def _check_unlocked(self, what):
        result = super()._check_unlocked(what)
        # A meter that was replaced has lost its contract to the new one, not its history.
        settlement = self.env["utility.settlement"].sudo()
        domain = [("meter_id", "in", self.ids), ("state", "!=", "cancelled")]
        settlement = settlement.search(domain, limit=1)
        if settlement:
            raise UserError(
                self.env._(
                    "The %(what)s of meter %(meter)s is locked: contract %(contract)s was opened "
                    "on it.",
                    what=what,
                    meter=settlement.meter_id.vending_id,
                    contract=settlement.contract_id.name,
                )
            )
        return result

    def action_clear_left(self):
        """Clear over its line what a former customer left on the meter.

        :raises AccessError: no right
        :raises UserError: it is not to be cleared, or cannot be
        """
        self.ensure_one()
        self.env["utility.settlement"]._check_group("supervisor", "engineer")
        meter = self.sudo()
        meter._lock_row()
        meter._check_to_clear()
        if not meter._takes("clear"):
            raise UserError(
                self.env._(
                    "Meter %s cannot be cleared over its line: clear it on the spot, then confirm.",
                    self.vending_id,
                )
            )
        last = meter._last_settlement()
        last.contract_id._check_line_free(meter)
        self.env["utility.command"]._enqueue(
            meter,
            "clear",
            contract_id=last.contract_id.id,
            customer_number=last.contract_id.customer_number,
            credit=0,
        )
        return True

    def action_confirm_cleared(self):
        """An engineer cleared the meter on the spot: it is as new, its purchase number is 0.

        :raises AccessError: not an engineer
        :raises UserError: it is not to be cleared, or an order to clear it is on its way
        """
        self.env["utility.settlement"]._check_group("engineer")
        self.check_access("write")
        for meter in self.sudo():
            meter._lock_row()
            meter._check_to_clear()
            if self.env["utility.command"]._open_money(meter):
                raise UserError(
                    self.env._(
                        "An order to clear meter %s is on its way: settle that order instead.",
                        meter.vending_id,
                    )
                )
            meter.write({"to_clear": False, "purchase_number": 0, "epoch": meter.epoch + 1})
            settlement = meter._open_settlement()
            step = settlement._step("clear").filtered(lambda s: s.state in ("running", "failed"))
            self.env["utility.operation"]._log(
                self.env._("Cleared on the spot"),
                settlement or meter,
                meter=meter,
                note=settlement.name or "",
            )
            if step:
                step._update_state("done", user_id=self.env.uid, source="manual")
                settlement._cleared()
                settlement._advance()
        return True

    def _check_to_clear(self):
        if not self.to_clear:
            raise UserError(self.env._("Meter %s is not to be cleared.", self.vending_id))

    def _last_settlement(self):
        return self.env["utility.settlement"].search(
            [("meter_id", "=", self.id), ("kind", "!=", "opening"), ("state", "!=", "cancelled")],
            limit=1,
        )

    def action_view_settlements(self):
        domain = ["|", ("meter_id", "in", self.ids), ("new_meter_id", "in", self.ids)]
        return self._action_business("utility_settlement_action", domain)
