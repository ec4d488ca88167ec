from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec
from .utility_limit import ApprovalNeeded

NOTHING = Decimal(0)


class UtilitySettlement(models.Model):
    """The money of a closing: what is left goes back, what is owed is billed, one sum remains."""

    _inherit = "utility.settlement"

    line_ids = fields.One2many("utility.settlement.line", "settlement_id", readonly=True)
    units_left = fields.Float(
        "Left on the meter",
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        help="On paper; below zero it was used beyond what was bought.",
    )
    amount_left = fields.Monetary(
        "Worth of what was left", readonly=True, help="At the price paid, first in first out."
    )
    amount_due = fields.Monetary(
        "To pay back", readonly=True, help="Below zero: what the customer still owes."
    )
    settled_at = fields.Datetime("Settled at", readonly=True)
    move_ids = fields.Many2many("account.move", string="Documents", readonly=True)
    payout = fields.Selection(
        [
            ("nothing", "Nothing to pay"),
            ("open", "To be paid"),
            ("kept", "Carried to the next sale"),
            ("paid", "Paid back"),
        ],
        "Money",
        readonly=True,
        index=True,
    )
    journal_id = fields.Many2one("account.journal", "Payment method", readonly=True)
    payment_id = fields.Many2one("account.payment", readonly=True)
    amount_paid = fields.Monetary("Paid back", readonly=True)
    paid_at = fields.Datetime("Paid at", readonly=True)
    paid_by_id = fields.Many2one("res.users", "Paid by", readonly=True)

    def _settle(self):
        """Post what the proved (or decided) balance means, and write the lines down.

        :raises UserError: something cannot be posted; then nothing is
        """
        self.ensure_one()
        contract = self.contract_id
        for vend in contract.vend_ids.filtered(
            lambda v: v.state in ("delivered", "reversed") and not v.posted_at
        ):
            vend._post()
        balance = self._balance_left()
        self.units_left = float(self._on_paper(balance))
        if self.kind == "replacement":
            self._settle_replacement(self._on_paper(balance))
        else:
            self._settle_closing(balance)

    def _settle_closing(self, balance):
        """One sum remains on the customers' account; the lines explain it to the cent.

        :param balance: Decimal, what was left, signed, as the meter counts
        """
        contract, ledger = self.contract_id, self.env["utility.ledger"]
        paper = self._on_paper(balance)
        lines = contract._settlement_lines(balance)
        moves = self.env["account.move"]
        if not contract.is_test:
            fees = contract._fees_owed()
            if paper < 0:
                moves = self._bill(-paper)
            else:
                moves = ledger._give_back_left(contract, paper, self._date(), self.name)
            if fees:
                moves |= ledger._invoice(contract, fees, self._date(), self.name)
        items = contract._customers_items()
        ledger._reconcile(items)
        due = self._open_sum(items)
        rest = due - sum((line["amount"] for line in lines), NOTHING)
        if rest:
            name = self.env._("Other open items")
            lines.append(contract._settlement_line("other", name, NOTHING, rest))
        contract.remainder = 0
        self._write_lines(
            lines,
            moves,
            amount_left=sum(line["amount"] for line in lines if line["kind"] == "left"),
            amount_due=due,
            payout="open" if due else "nothing",
        )
        self._log(self.env._("Settled"), after=f"{due:f}")

    def _bill(self, units):
        return self.env["utility.ledger"]._bill_debt(
            self.contract_id, units, self._date(), self.name
        )

    def _write_lines(self, lines, moves, **values):
        """Keep what was settled, how it is explained, and by which documents."""
        self.env["utility.settlement.line"].create(
            [
                {"settlement_id": self.id, "sequence": place, **line}
                for place, line in enumerate(lines)
            ]
        )
        self.write(
            {
                "settled_at": fields.Datetime.now(),
                "move_ids": [fields.Command.set(moves.ids)],
                **values,
            }
        )

    def _open_sum(self, items):
        """What open items are to the customer: above zero the desk owes it (Decimal)."""
        return -sum((dec(item.amount_residual, 2) for item in items), NOTHING)

    def _on_paper(self, balance):
        # The contract may stand on another meter by now.
        meter = self.meter_id
        return balance if meter.credit == "money" else balance * dec(meter.ct_ratio)

    def _date(self):
        """The local day on which the balance was proved or decided."""
        return self.contract_id.date_close or self.company_id._utility_today()

    # ---------------------------------------------------------------- paying

    def _pay(self, journal):
        """Pay back what remains, or take what the customer owes, by any payment method.

        :param journal: `account.journal`
        :raises AccessError: no cashier
        :raises ApprovalNeeded: more goes back than one person may pay alone
        :raises UserError: nothing is to be paid, or the books do not take it
        """
        self.ensure_one()
        self._check_group("cashier")
        settlement = self.sudo()
        contract = settlement.contract_id
        contract._lock()
        settlement.invalidate_recordset()
        due = settlement._due()
        approval = self._check_payout_alone(due)
        self.company_id._utility_check_open(journal)
        items = contract._customers_items()
        payment = self.env["utility.ledger"]._pay(
            contract, abs(due), journal, "outbound" if due > 0 else "inbound", self.name
        )
        if settlement.payout == "kept":
            contract.remainder = dec(contract.remainder, 2) - due
            settlement._reconcile_rest(payment)
        else:
            self.env["utility.ledger"]._reconcile(items | payment.sudo().move_id.line_ids)
        settlement.write(
            {
                "payout": "paid",
                "journal_id": journal.id,
                "payment_id": payment.id,
                "amount_paid": due,
                "paid_at": fields.Datetime.now(),
                "paid_by_id": self.env.uid,
            }
        )
        approval._use(self.env["utility.vend"])
        self._log(self.env._("Settlement paid"), after=f"{due:f}", note=journal.sudo().name)

    def _due(self):
        """What may be paid now.

        :return: Decimal; below zero the customer pays it
        :raises UserError: nothing may
        """
        if self.payout == "kept":
            return self._rest_due()
        if self.payout != "open":
            raise UserError(self.env._("There is nothing to pay in %s.", self.name))
        due = self._open_sum(self.contract_id._customers_items())
        if not due:
            raise UserError(
                self.env._("What %s left open was settled meanwhile in the books.", self.name)
            )
        return due

    def _check_payout_alone(self, due):
        """Let the user pay this back alone, or with what a second person approved.

        :param due: Decimal; what the customer pays in needs nobody
        :return: the approval to be marked as used, maybe empty
        :raises ApprovalNeeded: with the words of the limit
        """
        if due <= 0 or self.env.su:
            return self.env["utility.approval"]
        limit = dec(self.company_id.utility_settlement_limit, 2)
        supervisor = self.env.user.has_group("utility_prepaid.group_supervisor")
        if limit and due > limit and not supervisor:
            approval = self.env["utility.approval"]._granted("refund", *self._payout(due))
            if not approval:
                raise ApprovalNeeded(
                    self.env._(
                        "Paying back more than %s needs a supervisor.",
                        self.currency_id.format(float(limit)),
                    )
                )
            return approval
        vends = self.env["utility.vend"]
        return vends._check_alone("refund", self.company_id, due, *self._payout(due))

    def _payout(self, due):
        """Key and arguments by which the paying back of so much is approved."""
        return f"payout-{self.id}", {"settlement_id": str(self.id), "amount": f"{due:f}"}

    def action_view_documents(self):
        """Journal entries and payment of this settlement."""
        self.ensure_one()
        moves = self.move_ids | self.payment_id.move_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Journal entries"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }
