from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityVend(models.Model):
    """One movement of credit: a sale at the counter, or what undoes it."""

    _name = "utility.vend"
    _description = "Sale"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _check_company_auto = True

    uuid = fields.Char(
        "Sale id", required=True, readonly=True, copy=False, help="Made when the form opens."
    )
    name = fields.Char("Number", readonly=True, copy=False, index="trigram")
    kind = fields.Selection(
        [
            ("sale", "Sale"),
            ("emergency", "Emergency credit"),
            ("quota", "Monthly quota"),
            ("temporary", "Temporary supply"),
            ("reversal", "Reversal"),
            ("transfer", "Transfer"),
            ("adjustment", "Adjustment"),
        ],
        required=True,
        readonly=True,
        default="sale",
    )
    # draft -> accepted -> delivered -> reversed
    # accepted -> refunded | cancelled      only if proved not charged
    # accepted -> disputed -> delivered | refunded | written_off      by a person
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("accepted", "Accepted"),
            ("delivered", "Delivered"),
            ("reversed", "Reversed"),
            ("refunded", "Refunded"),
            ("cancelled", "Cancelled"),
            ("disputed", "Disputed"),
            ("written_off", "Written off"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
    )
    contract_id = fields.Many2one("utility.contract", readonly=True, index=True)
    meter_id = fields.Many2one("utility.meter", required=True, readonly=True, index=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    site_id = fields.Many2one("utility.site", readonly=True, index=True)
    room_id = fields.Many2one("utility.room", readonly=True)
    user_id = fields.Many2one("res.users", "Cashier", readonly=True, index=True)
    journal_id = fields.Many2one("account.journal", "Payment method", readonly=True)
    utility = fields.Selection(related="meter_id.utility", store=True)
    is_test = fields.Boolean(related="contract_id.is_test", store=True)
    origin = fields.Selection(
        [("counter", "Counter"), ("batch", "Batch"), ("automatic", "Automatic")],
        required=True,
        readonly=True,
        default="counter",
        index=True,
    )
    policy = fields.Selection(
        [
            ("sale", "Revenue at sale"),
            ("tax_at_sale", "Tax at sale, revenue on use"),
            ("on_use", "All on use"),
            ("agency", "Agency"),
        ],
        "Accounting",
        required=True,
        readonly=True,
        default="sale",
        help="How it is booked; what is in force when it is accepted stays with it.",
    )
    # amount = cost + fee_amount + arrears_amount + remainder_after - remainder_before
    amount = fields.Monetary(readonly=True, aggregator=None)
    amount_signed = fields.Monetary(
        "Signed amount",
        compute="_compute_amount_signed",
        store=True,
        precompute=True,
        help="Below zero where a sale is undone, so that lists add up.",
    )
    cost = fields.Monetary("Price of the units", readonly=True)
    fee_amount = fields.Monetary("Fees", readonly=True)
    arrears_amount = fields.Monetary("Arrears recovered", readonly=True)
    units = fields.Float(digits=(16, 4), min_display_digits=2, readonly=True)
    uom_id = fields.Many2one(related="meter_id.uom_id")
    credit = fields.Float("Credit sent", digits=(16, 4), min_display_digits=2, readonly=True)
    price = fields.Float(
        digits=(16, 4),
        readonly=True,
        help="The only price of the units; where several steps were bought, their average.",
    )
    remainder_before = fields.Monetary("Carried over from the last sale", readonly=True)
    remainder_after = fields.Monetary("Carried over to the next sale", readonly=True)
    line_ids = fields.One2many("utility.vend.line", "vend_id", readonly=True)
    command_ids = fields.One2many("utility.command", "vend_id", readonly=True)
    command_id = fields.Many2one("utility.command", "Meter command", readonly=True)
    command_state = fields.Selection(related="command_id.state", string="At the meter")
    payment_id = fields.Many2one("account.payment", readonly=True)
    move_id = fields.Many2one("account.move", "Invoice", readonly=True)
    refund_payment_id = fields.Many2one("account.payment", "Money back", readonly=True)
    reversed_vend_id = fields.Many2one("utility.vend", "Reverses", readonly=True, index=True)
    reversal_ids = fields.One2many("utility.vend", "reversed_vend_id", readonly=True)
    reason = fields.Char(readonly=True)
    accepted_at = fields.Datetime("Accepted at", readonly=True, index=True)
    delivered_at = fields.Datetime("Delivered at", readonly=True)
    posted_at = fields.Datetime("Posted at", readonly=True)
    purchase_number = fields.Integer("Purchase number", readonly=True)
    balance_before = fields.Float(
        "Balance before", digits=(16, 4), min_display_digits=2, readonly=True
    )
    balance_after = fields.Float(
        "Balance after", digits=(16, 4), min_display_digits=2, readonly=True
    )
    print_count = fields.Integer("Times printed", readonly=True)
    posting_error = fields.Text("Why it is not posted", readonly=True)
    post_after = fields.Datetime(readonly=True)

    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "This sale was already saved.")
    _reversal_once = models.UniqueIndex(
        "(reversed_vend_id) WHERE state IN ('accepted', 'delivered', 'disputed')",
        "This sale is already being reversed.",
    )
    _unposted_idx = models.Index(
        "(id) WHERE posted_at IS NULL AND state IN ('delivered', 'reversed', 'written_off')"
    )

    @api.depends("kind", "amount")
    def _compute_amount_signed(self):
        for vend in self:
            vend.amount_signed = -vend.amount if vend.kind == "reversal" else vend.amount

    def action_view_reversals(self):
        """What undid this sale."""
        return self.env["utility.meter"]._action_business(
            "utility_vend_action", [("reversed_vend_id", "in", self.ids)]
        )

    # ---------------------------------------------------------------- gates

    def _update_state(self, sources, target, **values):
        """The one gate between states, with its line of history.

        :return: True when the state changed, False for a repeat of the same news
        :raises UserError: the sale stands in a state from which this may not happen
        """
        self.ensure_one()
        before = self.state
        if before == target:
            return False
        if before not in sources:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(name)s is %(state)s and cannot become %(target)s.",
                    name=self.name or self.uuid,
                    state=labels[before],
                    target=labels[target],
                )
            )
        self.sudo().write({"state": target, **values})
        self.env["utility.operation"]._log(
            self.env._("Sale state"),
            self,
            meter=self.meter_id,
            vend=self,
            before=before,
            after=target,
            note=f"{self.kind} {dec(self.amount, 2)} {values.get('reason') or ''}".strip(),
        )
        self._notify()
        return True

    def _command_done(self, command):
        """The meter's own record shows the order."""
        for vend in self:
            values = {
                "delivered_at": fields.Datetime.now(),
                "purchase_number": command.number,
                "balance_before": command.balance_before,
                "balance_after": command.balance_after,
            }
            if vend._update_state(("accepted", "disputed"), "delivered", **values):
                vend._on_delivered(command)
                self.env.ref("utility_prepaid.ir_cron_post_vends").sudo()._trigger()

    def _command_failed(self, command):
        """Proved not charged."""
        for vend in self:
            vend._on_not_charged(command)

    def _on_delivered(self, command):
        """What follows from the proof, by kind of movement."""
        if self.kind == "reversal":
            sale = self.reversed_vend_id
            sale._update_state(("delivered",), "reversed")
            contract = sale.contract_id
            contract.remainder = (
                dec(contract.remainder, 2)
                + dec(sale.remainder_before, 2)
                - dec(sale.remainder_after, 2)
            )

    def _on_not_charged(self, command):
        """What follows, by kind. A sale keeps its money until it is sent again or given back."""
        if self.kind == "reversal":
            self._update_state(("accepted", "disputed"), "cancelled")

    def _command_disputed(self, command):
        for vend in self:
            vend._update_state(("accepted",), "disputed")

    # ---------------------------------------------------------------- actions

    def action_open_documents(self):
        """Journal entries and payments of this sale."""
        self.ensure_one()
        moves = self.move_id | self.payment_id.move_id | self.refund_payment_id.move_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Journal entries"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", moves.ids)],
        }
