import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

BOOKS = frozenset(("purchase_number", "epoch", "number_known", "bought_base", "bought_base_epoch"))


class UtilityMeter(models.Model):
    """The archive: what is known of a meter before anybody asks it.

    ``purchase_number``, ``epoch`` and ``number_known`` are the books: the last number that was
    *proved*, written by money proofs or by an engineer who accepts a base, by nothing else.
    """

    _name = "utility.meter"
    _description = "Meter"
    _inherit = ["mail.thread"]
    _order = "vending_id, id"
    _rec_name = "vending_id"
    _rec_names_search = ["vending_id", "address", "room_id.name"]
    _check_company_auto = True

    vending_id = fields.Char(
        "Vending ID",
        readonly=True,
        required=True,
        copy=False,
        index=True,
        default=lambda self: self.env._("New"),
        help="Number by which the desk knows the meter; given once, never changed.",
    )
    address = fields.Char(
        required=True,
        copy=False,
        index=True,
        tracking=True,
        help="The address on the meter's plate, digits only. Locked once a contract was opened.",
    )
    active = fields.Boolean(default=True, tracking=True)
    type_id = fields.Many2one(
        "utility.meter.type", required=True, index=True, ondelete="restrict", tracking=True
    )
    utility = fields.Selection(related="type_id.utility", store=True)
    prepaid = fields.Boolean(related="type_id.prepaid", store=True)
    credit = fields.Selection(related="type_id.credit", store=True)
    uom_id = fields.Many2one(related="type_id.uom_id")
    currency_id = fields.Many2one(related="company_id.currency_id")

    room_id = fields.Many2one(
        "utility.room", check_company=True, index=True, ondelete="restrict", tracking=True
    )
    floor_id = fields.Many2one(related="room_id.floor_id", store=True, index=True)
    building_id = fields.Many2one(related="room_id.building_id", store=True, index=True)
    site_id = fields.Many2one(related="room_id.site_id", store=True, index=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        compute="_compute_company_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
    )

    ct_ratio = fields.Float(
        "CT ratio",
        digits=(16, 4),
        min_display_digits=1,
        required=True,
        default=1.0,
        tracking=True,
        help="Units on paper per unit that the meter counts, for meters behind current "
        "transformers.",
    )
    alarm_threshold = fields.Float(
        "Alarm threshold",
        digits=(16, 4),
        min_display_digits=2,
        help="A balance at or below this is shown as low; in what the meter counts.",
    )
    hoard_limit = fields.Float(
        "Hoarding limit",
        digits=(16, 4),
        min_display_digits=2,
        help="The most credit that the meter may hold; zero means no limit.",
    )
    auto_read = fields.Boolean("Automatic reading", default=True)
    auto_switch = fields.Boolean(
        "Automatic switching", help="May be switched by a timetable; prepaid meters only."
    )
    key_version = fields.Integer("Key version", required=True, default=1)
    algorithm = fields.Selection([("des", "DES"), ("3des", "3DES")], required=True, default="3des")

    purchase_number = fields.Integer(
        "Purchase number",
        readonly=True,
        copy=False,
        help="The last purchase number that the meter proved.",
    )
    epoch = fields.Integer(readonly=True, copy=False, help="How often the meter was cleared.")
    number_known = fields.Boolean(
        "Purchase number known",
        readonly=True,
        copy=False,
        help="The purchase number was proved by the meter, or accepted by an engineer.",
    )

    contract_ids = fields.One2many("utility.contract", "meter_id", "Contracts")
    contract_id = fields.Many2one(
        "utility.contract",
        "Open contract",
        compute="_compute_contract_id",
        store=True,
        index=True,
        copy=False,
        help="The contract that is being opened, is active, or is being closed.",
    )
    partner_id = fields.Many2one(
        related="contract_id.partner_id", string="Customer", store=True, index=True
    )
    state_ids = fields.One2many("utility.meter.state", "meter_id")
    balance = fields.Float(related="state_ids.balance", min_display_digits=2)
    total = fields.Float(related="state_ids.total", string="Totaliser", min_display_digits=2)
    seen_at = fields.Datetime(related="state_ids.seen_at", string="Last seen")
    supply = fields.Selection(related="state_ids.supply")
    control = fields.Selection(related="state_ids.control")
    balance_low = fields.Boolean("Balance low", compute="_compute_balance_low")
    contract_count = fields.Integer(compute="_compute_business_counts")
    vend_count = fields.Integer(compute="_compute_business_counts")
    invoice_count = fields.Integer(compute="_compute_business_counts")
    command_count = fields.Integer(compute="_compute_business_counts")

    _vending_id_uniq = models.Constraint(
        "UNIQUE(company_id, vending_id)", "Another meter has this vending ID."
    )
    _address_uniq = models.Constraint(
        "UNIQUE(company_id, address)", "Another meter of this company has this address."
    )
    _ct_ratio_positive = models.Constraint(
        "CHECK(ct_ratio > 0)", "The CT ratio must be above zero."
    )
    _hoard_limit_positive = models.Constraint(
        "CHECK(hoard_limit >= 0)", "The hoarding limit cannot be negative."
    )
    _key_version_range = models.Constraint(
        "CHECK(key_version BETWEEN 1 AND 255)", "The key version goes from 1 to 255."
    )

    @api.depends("vending_id", "room_id.display_name")
    def _compute_display_name(self):
        for meter in self:
            meter.display_name = " · ".join(
                filter(None, (meter.vending_id, meter.room_id.display_name))
            )

    @api.depends("room_id.company_id")
    def _compute_company_id(self):
        for meter in self:
            meter.company_id = meter.room_id.company_id or meter.company_id or self.env.company

    @api.depends("contract_ids.state", "contract_ids.meter_id")
    def _compute_contract_id(self):
        for meter in self:
            meter.contract_id = meter.contract_ids.filtered(lambda c: c._is_open())[:1]

    @api.depends("balance", "seen_at", "alarm_threshold", "prepaid")
    def _compute_balance_low(self):
        for meter in self:
            meter.balance_low = (
                meter.prepaid and bool(meter.seen_at) and meter.balance <= meter.alarm_threshold
            )

    @api.depends_context("uid")
    def _compute_business_counts(self):
        count = self.env["utility.room"]._count_by
        contracts = count("utility.contract", "meter_id", self)
        vends = count("utility.vend", "meter_id", self)
        invoices = count("utility.vend", "meter_id", self, [("move_id", "!=", False)])
        commands = count("utility.command", "meter_id", self)
        for meter in self:
            meter.contract_count = contracts.get(meter.id, 0)
            meter.vend_count = vends.get(meter.id, 0)
            meter.invoice_count = invoices.get(meter.id, 0)
            meter.command_count = commands.get(meter.id, 0)

    @api.constrains("address", "type_id")
    def _check_address(self):
        for meter in self:
            digits = meter.type_id.address_length
            if not re.fullmatch(r"[0-9]+", meter.address or ""):
                raise ValidationError(
                    self.env._(
                        "The address %(address)s must be digits only.", address=meter.address
                    )
                )
            if len(meter.address) != digits:
                raise ValidationError(
                    self.env._(
                        "The address %(address)s has %(count)s digits; a meter of type %(type)s "
                        "has %(digits)s.",
                        address=meter.address,
                        count=len(meter.address),
                        type=meter.type_id.name,
                        digits=digits,
                    )
                )
            if meter.address == "9" * digits:
                raise ValidationError(
                    self.env._("The address %(address)s calls every meter.", address=meter.address)
                )

    @api.constrains("auto_switch", "type_id")
    def _check_auto_switch(self):
        if self.filtered(lambda meter: meter.auto_switch and not meter.prepaid):
            raise ValidationError(self.env._("Automatic switching is for prepaid meters only."))

    @api.model_create_multi
    def create(self, vals_list):
        sequence = self.env["ir.sequence"].sudo()
        for vals in vals_list:
            if BOOKS.intersection(vals) and not self.env.su:
                self._refuse_books()
            vals["vending_id"] = sequence.next_by_code("utility.meter.vending")
        return super().create(vals_list)

    def write(self, vals):
        if BOOKS.intersection(vals) and not self.env.su:
            self._refuse_books()
        if "vending_id" in vals and self.filtered(lambda m: m.vending_id != vals["vending_id"]):
            raise UserError(self.env._("The vending ID of a meter is never changed."))
        if "address" in vals:
            changed = self.filtered(lambda m: m.address != vals["address"])
            changed._check_unlocked(self.env._("address"))
        if "type_id" in vals:
            changed = self.filtered(lambda m: m.type_id.id != vals["type_id"])
            changed._check_unlocked(self.env._("type"))
        if "active" in vals and not vals["active"] and self.contract_id:
            raise UserError(self.env._("A meter with an open contract cannot be archived."))
        return super().write(vals)

    def action_view_contracts(self):
        return self._action_business("utility_contract_action", [("meter_id", "in", self.ids)])

    def action_view_vends(self):
        return self._action_business("utility_vend_action", [("meter_id", "in", self.ids)])

    def action_view_commands(self):
        return self._action_business("utility_command_action", [("meter_id", "in", self.ids)])

    def action_view_operations(self):
        return self._action_business("utility_operation_action", [("meter_id", "in", self.ids)])

    def action_view_invoices(self):
        vends = self.env["utility.vend"].search([("meter_id", "in", self.ids)])
        return self._action_invoices(vends)

    def _check_sellable(self):
        """Whether credit may be sold on this meter now; further addons add their reasons.

        :raises UserError: with words that a cashier can say to the customer
        """
        self.ensure_one()
        _ = self.env._
        self._check_in_use()
        contract = self.contract_id
        if not contract:
            raise UserError(
                _("Meter %(meter)s has no contract: open one first.", meter=self.vending_id)
            )
        if contract.state == "opening":
            raise UserError(
                _("The contract is still being opened: the meter has not confirmed it yet.")
            )
        if contract.state == "closing":
            raise UserError(_("The contract is being closed: nothing more can be sold."))
        self._check_chargeable()

    def _check_in_use(self):
        self.ensure_one()
        _ = self.env._
        if not self.active:
            raise UserError(_("Meter %(meter)s is out of use.", meter=self.vending_id))
        if not self.prepaid:
            raise UserError(_("Meter %(meter)s is not a prepaid meter.", meter=self.vending_id))

    def _check_chargeable(self):
        """Whether this meter can get credit at all, contract or not; addons add their reasons.

        :raises UserError: with words for whoever gives it
        """
        self._check_in_use()
        self._check_changeable()

    def _check_changeable(self):
        """Hook: whether this meter may be charged, switched or set at the moment.

        :raises UserError: with words for whoever asks for it
        """

    def _sell_warning(self):
        """Hook: words for the cashier about what may delay a sale; empty when nothing is known."""
        return ""

    def _is_connected(self):
        """Hook: whether something drives this meter's line; else an engineer's handheld does."""
        return False

    def _takes(self, kind):
        """Hook: whether the meter has a money function of its own.

        :param kind: open, charge, preset, reverse or clear
        """
        return True

    def _reverse_refusal(self, credit):
        """Hook: words why this credit cannot be taken off the meter, or an empty text.

        :param credit: Decimal, in what the meter counts
        """
        return ""

    def _lock_row(self):
        """Wait for the meter's row: the first lock of every money operation.

        The gates of the commands take the same lock, so that no proof comes in between. The row is
        written, not only locked: whoever waited for it has a snapshot from before, and would not
        see the order that was just saved. Of a written row PostgreSQL says so, and Odoo then makes
        the whole request again with a new look.
        """
        self.ensure_one()
        self.flush_recordset()
        self.env.cr.execute(
            SQL("UPDATE utility_meter SET address = address WHERE id = %s", self.id),
            log_exceptions=False,
        )
        self.invalidate_recordset(["contract_id", "active", *BOOKS])

    def _refuse_books(self):
        raise UserError(
            self.env._(
                "The purchase number is written by the meter's proofs only; an engineer may accept "
                "the number that the meter shows."
            )
        )

    def _check_unlocked(self, what):
        """What a contract was opened on stays: history and the meter's keys hang on it."""
        opened = Domain("meter_id", "in", self.ids) & Domain("state", "!=", "draft")
        contract = self.env["utility.contract"].sudo().search(opened, limit=1) if self else None
        if contract:
            raise UserError(
                self.env._(
                    "The %(what)s of meter %(meter)s is locked: contract %(contract)s was opened "
                    "on it.",
                    what=what,
                    meter=contract.meter_id.vending_id,
                    contract=contract.name,
                )
            )

    @api.model
    def _action_business(self, name, domain):
        """An action of this addon narrowed to some records."""
        action = self.env["ir.actions.act_window"]._for_xml_id(f"utility_prepaid.{name}")
        return {**action, "domain": domain, "context": {"create": False}}

    @api.model
    def _action_invoices(self, vends):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        moves = vends.move_id
        return {
            **action,
            "domain": [("id", "in", moves.ids)],
            "context": {"create": False},
        }
