import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..tools.decimals import dec

# Twenty digits; the paper ones before them had fewer.
NUMBER = re.compile(r"[0-9A-Za-z]{8,20}")
RESULTS = frozenset(
    ("state", "number", "date", "move_ids", "original_id", "company_id", "exported_at", "name")
)
FIXED = frozenset(("buyer_title", "buyer_tax_number", "kind", "partner_id"))


class UtilityTaxInvoice(models.Model):
    """An electronic tax invoice over one or several sales of a customer, or its red letter.

    The tax bureau issues it: this record is what is asked for, and the number that came back. A
    sale is in one tax invoice at a time.

    requested -> issued | cancelled
    """

    _name = "utility.tax.invoice"
    _description = "Tax Invoice"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _rec_names_search = ["name", "number", "buyer_title"]
    _check_company_auto = True

    name = fields.Char(
        "Serial",
        readonly=True,
        required=True,
        copy=False,
        default=lambda self: self.env._("New"),
        help="Our own number of this request; the issuing file bears it, and brings it back.",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, index=True, ondelete="restrict"
    )
    buyer_title = fields.Char("Buyer title", required=True, tracking=True)
    buyer_tax_number = fields.Char("Buyer tax number", tracking=True)
    kind = fields.Selection(
        [("normal", "Normal"), ("special", "Special")],
        required=True,
        default="normal",
        tracking=True,
        help="A special one lets the buyer deduct the tax, and needs the buyer's tax number.",
    )
    move_ids = fields.Many2many(
        "account.move",
        "utility_tax_invoice_move_rel",
        "tax_invoice_id",
        "move_id",
        "Sales",
        readonly=True,
        check_company=True,
    )
    amount_total = fields.Monetary("With tax", compute="_compute_amounts", store=True)
    amount_tax = fields.Monetary("Tax", compute="_compute_amounts", store=True)
    number = fields.Char("Tax invoice number", readonly=True, copy=False, tracking=True)
    date = fields.Date("Issued on", readonly=True, copy=False)
    state = fields.Selection(
        [("requested", "Requested"), ("issued", "Issued"), ("cancelled", "Cancelled")],
        required=True,
        readonly=True,
        default="requested",
        index=True,
        tracking=True,
    )
    original_id = fields.Many2one(
        "utility.tax.invoice", "Red letter of", readonly=True, index=True, ondelete="restrict"
    )
    original_number = fields.Char("Number of the original", related="original_id.number")
    red_ids = fields.One2many("utility.tax.invoice", "original_id", "Red letters")
    red_count = fields.Integer("Red letters (count)", compute="_compute_red_count")
    reason = fields.Char(readonly=True)
    exported_at = fields.Datetime("In an issuing file since", readonly=True, copy=False)

    _number_uniq = models.UniqueIndex(
        "(company_id, number) WHERE number IS NOT NULL",
        "Another tax invoice of the company has this number.",
    )

    @api.depends("move_ids", "original_id")
    def _compute_amounts(self):
        for record in self:
            sign = -1 if record.original_id else 1
            moves = record.move_ids
            record.amount_total = sign * sum(moves.mapped("amount_total"))
            record.amount_tax = sign * sum(moves.mapped("amount_tax"))

    @api.depends("red_ids.state")
    def _compute_red_count(self):
        for record in self:
            record.red_count = len(record.red_ids.filtered(lambda red: red.state != "cancelled"))

    @api.depends("name", "number")
    def _compute_display_name(self):
        for record in self:
            record.display_name = record.number or record.name

    @api.constrains("number")
    def _check_number(self):
        for record in self:
            if record.number and not (
                8 <= len(record.number) <= 20
                and record.number.isascii()
                and record.number.isalnum()
            ):
                raise ValidationError(
                    self.env._("“%s” is not the number of a tax invoice.", record.number)
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["name"] = self.env["ir.sequence"].sudo().next_by_code("utility.tax.invoice")
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            begun = self.filtered(lambda record: record.state != "requested" or record.exported_at)
            if RESULTS.intersection(vals) or (begun and FIXED.intersection(vals)):
                raise UserError(
                    self.env._("A tax invoice is changed only before it goes into an issuing file.")
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("A tax invoice is cancelled, not deleted."))

    # ---------------------------------------------------------------- actions

    def action_cancel(self):
        """Give up a request that was not issued; its sales may be asked for again."""
        self._check_accountant()
        for record in self.sudo():
            if record.state != "requested":
                raise UserError(self.env._("Only a request that is not issued is cancelled."))
            record._move("cancelled")
        return True

    def action_put_back(self):
        """Take requests out of the issuing file again, which was not used: they may be changed."""
        self._check_accountant()
        for record in self.sudo():
            if record.state != "requested":
                raise UserError(self.env._("%s was issued already.", record.name))
            record.exported_at = False
        return True

    def action_red_letter(self):
        """Open the form that asks for the red letter of an issued tax invoice."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Red letter"),
            "res_model": "utility.tax.invoice.red",
            "view_mode": "form",
            "target": "new",
            "context": {"default_original_id": self.id},
        }

    def action_view_moves(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Sales"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self.move_ids.ids)],
            "context": {"create": False},
        }

    def action_view_reds(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_tax_invoice_action"
        )
        return {**action, "domain": [("original_id", "in", self.ids)], "context": {}}

    # --------------------------------------------------------------- business

    @api.model
    def _check_accountant(self):
        if not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Only accountants deal with the tax bureau."))

    def _requested(self):
        """What was just asked for is written on its sales and in the history."""
        for record in self:
            if not record.original_id or record.move_ids.filtered(
                lambda move: move.move_type == "out_refund"
            ):
                record.move_ids.utility_tax_invoice_id = record
            record._log(False, "requested")
        self._mark_moves()

    def _issue(self, number, date):
        """The tax bureau's number came back; the same number again is no news.

        :raises UserError: it has another number already, or was cancelled
        """
        self.ensure_one()
        if self.state == "issued" and self.number == number:
            return
        if self.state != "requested":
            raise UserError(
                self.env._(
                    "%(name)s is %(state)s under number %(number)s.",
                    name=self.name,
                    state=self.state,
                    number=self.number or "-",
                )
            )
        self._move("issued", number=number, date=date)
        if not self.original_id:
            # credited while the request lay at the bureau
            for move in self.move_ids:
                for note in move.reversal_move_ids.filtered(
                    lambda note: note.state == "posted" and not note.utility_tax_invoice_id
                ):
                    self._red_letter(note, note.ref or note.name)

    def _credited(self, invoice, note):
        """An invoice in this tax invoice got a credit note: ask for the red letter."""
        if self.state == "issued":
            self._red_letter(note, note.ref or note.name)
        elif (
            self.state == "requested"
            and not self.exported_at
            and note.amount_total == invoice.amount_total
        ):
            self.move_ids -= invoice
            invoice.write({"utility_tax_invoice_id": False, "utility_tax_state": False})
            if not self.move_ids:
                self._move("cancelled")

    def _red_letter(self, note, reason):
        """Ask for a red letter.

        :param note: credit note (`account.move`); empty: the whole tax invoice was wrong, and its
            sales may be asked for again once the red letter is issued
        :raises UserError: not issued, or more red than was issued
        """
        self.ensure_one()
        _ = self.env._
        if self.state != "issued" or self.original_id:
            raise UserError(_("Only an issued tax invoice gets a red letter."))
        if note.utility_tax_invoice_id:
            raise UserError(_("%s has a red letter already.", note.name))
        red = self.create(
            {
                **{field: self[field].id for field in ("company_id", "currency_id", "partner_id")},
                **{field: self[field] for field in ("buyer_title", "buyer_tax_number", "kind")},
                "original_id": self.id,
                "reason": reason,
                "move_ids": [fields.Command.set((note or self.move_ids).ids)],
            }
        )
        reds = self.red_ids.filtered(lambda other: other.state != "cancelled")
        left = sum((dec(record.amount_total, 2) for record in self | reds), start=dec(0, 2))
        if left < 0:
            raise UserError(
                _("The red letters would be more than tax invoice %s itself.", self.number)
            )
        red._requested()
        return red

    def _move(self, target, **values):
        """The one gate between the states; sales follow."""
        before = self.state
        self.write({"state": target, **values})
        self._log(before, target)
        if target == "cancelled":
            own = self.move_ids.filtered(lambda move: move.utility_tax_invoice_id == self)
            own.write({"utility_tax_invoice_id": False, "utility_tax_state": False})
        elif target == "issued" and self.original_id:
            whole = self.move_ids.filtered(lambda move: move.move_type == "out_invoice")
            whole.write({"utility_tax_invoice_id": False, "utility_tax_state": False})
        self._mark_moves()

    def _mark_moves(self):
        """Write on each sale how its tax invoice stands."""
        for record in self | self.original_id:
            for move in record.move_ids.filtered("utility_tax_invoice_id"):
                move.utility_tax_state = record._state_of(move)

    def _state_of(self, move):
        own = move.utility_tax_invoice_id
        reds = own
        if not own.original_id:
            reds = own.red_ids.filtered(
                lambda red: (
                    red.state != "cancelled"
                    and (move in red.move_ids or move in red.move_ids.reversed_entry_id)
                )
            )
        if not reds:
            return own.state
        return "red_lettered" if set(reds.mapped("state")) == {"issued"} else "red_requested"

    def _log(self, before, after):
        self.env["utility.operation"]._log(
            self.env._("Tax invoice"),
            self,
            before=before,
            after=after,
            note=" ".join(
                filter(None, (self.number, self.buyer_title, f"{dec(self.amount_total, 2)}"))
            ),
        )
