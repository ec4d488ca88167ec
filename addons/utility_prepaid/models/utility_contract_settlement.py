from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityContract(models.Model):
    """Opening, closing and moving to another meter: each is a settlement, driven by proofs."""

    _inherit = "utility.contract"

    settlement_ids = fields.One2many("utility.settlement", "contract_id", readonly=True)
    settlement_id = fields.Many2one(
        "utility.settlement", "Under way", compute="_compute_settlement_id"
    )
    settlement_words = fields.Char("Where it stands", compute="_compute_settlement_id")
    settlement_count = fields.Integer(compute="_compute_settlement_count")
    opening_total = fields.Float(
        "Totaliser at opening",
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        copy=False,
        help="From here on what the meter counts is the customer's use.",
    )
    opening_balance = fields.Float(
        "Balance at opening",
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        copy=False,
        help="What was on the meter and could not be cleared: it is not the customer's.",
    )
    closing_total = fields.Float(
        "Totaliser at closing", digits=(16, 4), min_display_digits=2, readonly=True, copy=False
    )

    @api.depends("settlement_ids.state", "settlement_ids.words")
    def _compute_settlement_id(self):
        for contract in self:
            contract.settlement_id = contract.settlement_ids.filtered(
                lambda s: s.state in ("running", "stopped")
            )[:1]
            contract.settlement_words = contract.settlement_id.words

    def _compute_settlement_count(self):
        count = self.env["utility.room"]._count_by("utility.settlement", "contract_id", self)
        for contract in self:
            contract.settlement_count = count.get(contract.id, 0)

    # ---------------------------------------------------------------- actions

    def action_open(self):
        """Read the meter, clear what was on it, and give it its customer.

        Its proof makes the contract active; a meter that keeps no customer needs none.
        """
        self.check_access("write")
        for contract in self:
            contract._open()
        return True

    def action_close(self):
        """Read the meter and clear it; its proof closes the contract and settles the money.

        :raises UserError: a sale is not settled, or something else is under way
        """
        self.check_access("write")
        for contract in self:
            contract._close()
        return True

    def action_abandon(self):
        """Step back from an opening or a closing whose command ended without doing anything."""
        self.check_access("write")
        for contract in self:
            if not contract.settlement_id:
                raise UserError(self.env._("Nothing is under way on this contract."))
            contract.settlement_id.action_cancel()
        return True

    def action_view_settlements(self):
        domain = [("contract_id", "in", self.ids)]
        return self.env["utility.meter"]._action_business("utility_settlement_action", domain)

    # --------------------------------------------------------------- the gates

    def _open(self, reading=None):
        """Begin the opening.

        :param reading: what a person read, see ``utility.settlement.step._told_by_hand``
        :return: the settlement
        """
        self.ensure_one()
        _ = self.env._
        self._lock()
        if self.state != "draft":
            raise UserError(_("Contract %(contract)s was opened already.", contract=self.name))
        meter = self.meter_id
        self._check_free(meter)
        self._check_line_free(meter)
        today = self.company_id._utility_today()
        self.tariff_id._price_at(today)
        self._move("opening")
        if not meter._takes("open"):
            # Nothing to tell the meter: it keeps no customer.
            self._move("active", date_open=today)
        return self.env["utility.settlement"]._start("opening", self, reading)

    def _close(self, reading=None, reason="", next_contract=None):
        """Begin the closing.

        :param reading: what a person read, see ``utility.settlement._read_by_hand``
        :param next_contract: draft of the next tenant on the same meter, opened after it
        :return: the settlement
        """
        self.ensure_one()
        _ = self.env._
        self._lock()
        if self.state != "active":
            raise UserError(_("Only an active contract can be closed."))
        self._check_settled()
        self._check_line_free(self.meter_id)
        self._move("closing")
        settlement = self.env["utility.settlement"]._start(
            "closing",
            self,
            reason=reason,
            next_contract_id=next_contract.id if next_contract else False,
        )
        if reading:
            settlement.with_env(self.env)._read_by_hand(**reading)
        return settlement

    def _settlement_opened(self, settlement, values):
        """The meter has its customer.

        :param values: of the proof, empty where the meter keeps no customer
        """
        self.ensure_one()
        meter = settlement.new_meter_id or settlement.meter_id
        if "balance_after" in values:
            base = dec(values["balance_after"])
        elif settlement._step("wipe", meter).state == "done":
            base = 0
        else:
            base = dec(settlement._reading(meter).balance)
        self.sudo().write(
            {
                "opening_total": settlement._step("read", meter).total,
                "opening_balance": float(base),
            }
        )
        if self.state == "opening":
            self._move("active", date_open=self.company_id._utility_today())

    def _settlement_cancelled(self, settlement):
        """It was given up: the contract stands where it stood before."""
        if settlement.kind == "opening":
            self._move("draft", date_open=False)
        elif settlement.kind == "closing":
            self._move("active")

    # ------------------------------------------------------------------ checks

    def _check_free(self, meter, but=None):
        """Refuse a meter that cannot take a customer.

        :param but: the settlement that asks
        :raises UserError: with the reason and what to do
        """
        _ = self.env._
        if not meter.active:
            raise UserError(_("Meter %(meter)s is out of use.", meter=meter.vending_id))
        other = meter.contract_ids.filtered(lambda contract: contract._is_open())
        if other:
            raise UserError(
                _(
                    "Meter %(meter)s already has contract %(contract)s: close it first.",
                    meter=meter.vending_id,
                    contract=other.name,
                )
            )
        if meter.to_clear:
            raise UserError(
                _(
                    "Credit of a former customer may be on meter %(meter)s: it takes no new "
                    "customer before it was cleared.",
                    meter=meter.vending_id,
                )
            )
        settlement = meter._open_settlement()
        if settlement and settlement != but:
            raise UserError(
                _(
                    "Meter %(meter)s has a part in %(settlement)s, which is under way.",
                    meter=meter.vending_id,
                    settlement=settlement.name,
                )
            )

    def _check_settled(self):
        """Refuse as long as a sale is neither on the meter nor paid back."""
        vends = self.sudo().vend_ids
        if vends.filtered(lambda vend: vend.state in ("accepted", "disputed")):
            raise UserError(
                self.env._("A sale of this contract is not settled yet: settle it first.")
            )
        settlement = self.sudo().settlement_id
        if settlement:
            raise UserError(self.env._("%s is still under way on this contract.", settlement.name))

    def _check_line_free(self, meter):
        if self.env["utility.command"]._open_money(meter):
            raise UserError(
                self.env._(
                    "Another money command is on its way to meter %(meter)s: wait for its end.",
                    meter=meter.vending_id,
                )
            )
