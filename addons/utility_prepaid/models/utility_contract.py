from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

OPEN_STATES = ("opening", "active", "closing")
# moved by the contract's own gates, never by a form or an import
GATED = frozenset(
    ("name", "state", "date_open", "date_close", "customer_number", "remainder", "room_id")
)
FIXED = frozenset(("partner_id", "meter_id", "company_id", "is_test"))


class UtilityContract(models.Model):
    """One customer on one meter, from opening to closing.

    Opening and closing are questions to the meter: the contract follows what the meter proves.
    """

    _name = "utility.contract"
    _description = "Contract"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _rec_names_search = ["name", "customer_number", "partner_id.name", "meter_id.vending_id"]
    _check_company_auto = True

    name = fields.Char(
        readonly=True, required=True, copy=False, default=lambda self: self.env._("New")
    )
    partner_id = fields.Many2one(
        "res.partner",
        "Customer",
        required=True,
        check_company=True,
        index=True,
        ondelete="restrict",
        tracking=True,
    )
    meter_id = fields.Many2one(
        "utility.meter",
        required=True,
        check_company=True,
        index=True,
        ondelete="restrict",
        domain="[('prepaid', '=', True), ('contract_id', '=', False)]",
    )
    room_id = fields.Many2one(
        "utility.room", compute="_compute_room_id", store=True, precompute=True, index=True
    )
    utility = fields.Selection(related="meter_id.utility", store=True)
    customer_number = fields.Char(
        readonly=True,
        copy=False,
        index=True,
        help="Twelve digits, stored in the meter when the contract is opened.",
    )
    tariff_id = fields.Many2one(
        "utility.tariff",
        required=True,
        check_company=True,
        index=True,
        ondelete="restrict",
        domain="[('utility', '=', utility)]",
        tracking=True,
    )
    class_id = fields.Many2one("utility.customer.class", "Customer class", ondelete="restrict")
    company_id = fields.Many2one(
        "res.company",
        required=True,
        compute="_compute_company_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_open = fields.Date("Opened on", readonly=True, copy=False)
    date_close = fields.Date("Closed on", readonly=True, copy=False)
    # draft -> opening -> active -> closing -> closed
    # opening -> draft and closing -> active when the meter proved that it did nothing
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("opening", "Opening"),
            ("active", "Active"),
            ("closing", "Closing"),
            ("closed", "Closed"),
        ],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        index=True,
        tracking=True,
    )
    is_test = fields.Boolean(
        "Test contract",
        help="Proves a new meter: it stays out of sales reports, and closing it clears the meter.",
    )
    remainder = fields.Monetary(
        "Carried credit",
        readonly=True,
        copy=False,
        help="What earlier sales left because it was too small for one step of the meter.",
    )
    vend_ids = fields.One2many("utility.vend", "contract_id", "Sales")
    vend_count = fields.Integer(compute="_compute_counts")
    invoice_count = fields.Integer(compute="_compute_counts")

    _one_open_per_meter = models.UniqueIndex(
        "(meter_id) WHERE state IN ('opening', 'active', 'closing')",
        "This meter already has an open contract.",
    )
    _customer_number_uniq = models.Constraint(
        "UNIQUE(customer_number)", "Another contract has this customer number."
    )
    _remainder_positive = models.Constraint(
        "CHECK(remainder >= 0)", "The carried credit cannot be negative."
    )

    @api.depends("meter_id.room_id")
    def _compute_room_id(self):
        for contract in self:
            # where the customer lived stays in a closed contract, wherever the meter goes
            if contract.state != "closed" or not contract.room_id:
                contract.room_id = contract.meter_id.room_id

    @api.depends("meter_id.company_id")
    def _compute_company_id(self):
        for contract in self:
            contract.company_id = (
                contract.meter_id.company_id or contract.company_id or self.env.company
            )

    @api.depends("name", "partner_id.name")
    def _compute_display_name(self):
        for contract in self:
            contract.display_name = " · ".join(
                filter(None, (contract.name, contract.partner_id.name))
            )

    @api.depends_context("uid")
    def _compute_counts(self):
        count = self.env["utility.room"]._count_by
        vends = count("utility.vend", "contract_id", self)
        invoices = count("utility.vend", "contract_id", self, [("move_id", "!=", False)])
        for contract in self:
            contract.vend_count = vends.get(contract.id, 0)
            contract.invoice_count = invoices.get(contract.id, 0)

    @api.onchange("tariff_id")
    def _onchange_tariff_id(self):
        if self.tariff_id.class_id:
            self.class_id = self.tariff_id.class_id

    @api.constrains("meter_id", "tariff_id")
    def _check_tariff(self):
        for contract in self:
            if not contract.meter_id.prepaid:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s is not a prepaid meter.",
                        meter=contract.meter_id.vending_id,
                    )
                )
            if contract.tariff_id.utility != contract.meter_id.utility:
                raise ValidationError(
                    self.env._(
                        "Tariff %(tariff)s is not for the utility of meter %(meter)s.",
                        tariff=contract.tariff_id.name,
                        meter=contract.meter_id.vending_id,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        sequence = self.env["ir.sequence"].sudo()
        for vals in vals_list:
            if not self.env.su and vals.get("state", "draft") != "draft":
                self._refuse_gated()
            if not self.env.su:
                for name in GATED - {"state"}:
                    vals.pop(name, None)
            vals["name"] = sequence.next_by_code("utility.contract")
            if not vals.get("customer_number"):
                vals["customer_number"] = sequence.next_by_code("utility.customer")
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            if GATED.intersection(vals):
                self._refuse_gated()
            begun = self.filtered(lambda contract: contract.state != "draft")
            if begun and FIXED.intersection(vals):
                raise UserError(
                    self.env._(
                        "Customer, meter and kind of a contract are fixed once it was opened: "
                        "close it and open another."
                    )
                )
            if (
                begun
                and "tariff_id" in vals
                and not self.env.user.has_group("utility_prepaid.group_manager")
            ):
                raise UserError(
                    self.env._("Only a manager may change the tariff of an opened contract.")
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        if self.filtered(lambda contract: contract.state != "draft"):
            raise UserError(self.env._("Only a draft contract can be deleted: history stays."))

    def action_open(self):
        """Ask the meter to take the customer; its proof makes the contract active."""
        self.check_access("write")
        for contract in self:
            contract._open()
        return True

    def action_close(self):
        """Ask the meter to be cleared; its proof closes the contract.

        :raises UserError: credit was delivered under this contract, and it is no test
        """
        self.check_access("write")
        for contract in self:
            contract._close()
        return True

    def action_abandon(self):
        """Step back from an opening or a closing whose command ended without doing anything."""
        self.check_access("write")
        for contract in self:
            if contract.state not in ("opening", "closing"):
                raise UserError(self.env._("Nothing is under way on this contract."))
            contract._lock()
            if self.env["utility.command"]._open_money(contract.meter_id):
                raise UserError(
                    self.env._("The command is still on its way to the meter: wait for its end.")
                )
            contract._step_back()
        return True

    def action_view_vends(self):
        domain = [("contract_id", "in", self.ids)]
        return self.env["utility.meter"]._action_business("utility_vend_action", domain)

    def action_view_commands(self):
        domain = [("contract_id", "in", self.ids)]
        return self.env["utility.meter"]._action_business("utility_command_action", domain)

    def action_view_invoices(self):
        return self.env["utility.meter"]._action_invoices(self.vend_ids)

    def action_view_meter(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.meter",
            "res_id": self.meter_id.id,
            "view_mode": "form",
        }

    def _is_open(self):
        return self.state in OPEN_STATES

    def _command_done(self, command):
        """A command of this contract was proved by the meter.

        :param command: `utility.command` of any kind; only open and clear concern the contract
        """
        for contract in self:
            if command.kind == "open" and contract.state == "opening":
                contract._move("active", command, date_open=contract.company_id._utility_today())
            elif command.kind == "clear" and contract.state == "closing":
                contract._move("closed", command, date_close=contract.company_id._utility_today())

    def _command_failed(self, command):
        """A command of this contract is proved not executed and will not be sent again."""
        for contract in self:
            if (command.kind, contract.state) in (("open", "opening"), ("clear", "closing")):
                contract._step_back(command)

    def _open(self):
        self.ensure_one()
        _ = self.env._
        self._lock()
        if self.state != "draft":
            raise UserError(_("Contract %(contract)s was opened already.", contract=self.name))
        meter = self.meter_id
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
        self._check_line_free()
        self.tariff_id._price_at(self.company_id._utility_today())
        self._move("opening")
        if meter._takes("open"):
            self._enqueue("open")
        else:
            # Nothing to tell the meter: it keeps no customer.
            self._move("active", date_open=self.company_id._utility_today())

    def _close(self):
        self.ensure_one()
        _ = self.env._
        self._lock()
        if self.state != "active":
            raise UserError(_("Only an active contract can be closed."))
        vends = self.sudo().vend_ids
        if vends.filtered(lambda vend: vend.state in ("accepted", "disputed")):
            raise UserError(_("A sale of this contract is not settled yet: settle it first."))
        used = vends.filtered(lambda vend: vend.state in ("delivered", "reversed"))
        if not self.is_test and (used or self.remainder):
            raise UserError(
                _(
                    "Credit was sold under contract %(contract)s: the settlement of a used "
                    "contract is not available yet.",
                    contract=self.name,
                )
            )
        self._check_line_free()
        if not self.meter_id._takes("clear"):
            raise UserError(
                _(
                    "Meter %(meter)s cannot be cleared over its line: the next customer would find "
                    "the credit that is left on it.",
                    meter=self.meter_id.vending_id,
                )
            )
        self._move("closing")
        self._enqueue("clear")

    def _enqueue(self, kind):
        self.env["utility.command"]._enqueue(
            self.meter_id,
            kind,
            contract_id=self.id,
            customer_number=self.customer_number,
            credit=0,
        )

    def _lock(self):
        """Lock the meter row, the first lock of every money operation, and look again."""
        self.meter_id._lock_row()
        self.invalidate_recordset(["state", "remainder"])

    def _check_line_free(self):
        if self.env["utility.command"]._open_money(self.meter_id):
            raise UserError(
                self.env._(
                    "Another money command is on its way to meter %(meter)s: wait for its end.",
                    meter=self.meter_id.vending_id,
                )
            )

    def _step_back(self, command=None):
        self._move({"opening": "draft", "closing": "active"}[self.state], command)

    def _move(self, target, command=None, **values):
        """The one gate between the states: writes the state and its history."""
        self.ensure_one()
        before = self.state
        self.sudo().write({"state": target, **values})
        self.env["utility.operation"]._log(
            self.env._("Contract state"),
            self,
            meter=self.meter_id,
            before=before,
            after=target,
            note=(command and command.message) or "",
        )

    @api.model
    def _refuse_gated(self):
        raise UserError(
            self.env._("State, dates and numbers of a contract follow what the meter proves.")
        )
