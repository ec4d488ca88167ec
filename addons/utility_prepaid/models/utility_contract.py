from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

OPEN_STATES = ("opening", "active", "closing")
# moved by the contract's own gates, never by a form or an import
GATED = frozenset(
    (
        "name",
        "state",
        "date_open",
        "date_close",
        "customer_number",
        "remainder",
        "room_id",
        "opening_total",
        "opening_balance",
        "closing_total",
    )
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
        "Customer number",
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

    def _lock(self):
        """Lock the meter row, the first lock of every money operation, and look again."""
        self.meter_id._lock_row()
        self.invalidate_recordset(["state", "remainder"])

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
