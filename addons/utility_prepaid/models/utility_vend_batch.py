import base64
import io

from openpyxl import Workbook

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec
from ..tools.payment_list import MAX_BYTES, MAX_ROWS, read_payments
from ..tools.spreadsheet import TableError

TO_DO = ("ready", "waits")


class UtilityVendBatch(models.Model):
    """Many sales from a list of payments or from a bank statement, a line for each."""

    _name = "utility.vend.batch"
    _description = "Batch of Sales"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(
        "Number", required=True, readonly=True, copy=False, default=lambda self: self.env._("New")
    )
    # draft -> running -> done          draft -> cancelled
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("running", "Running"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        index=True,
        tracking=True,
    )
    source = fields.Selection(
        [("file", "Spreadsheet"), ("bank", "Bank statement")], required=True, default="file"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    journal_id = fields.Many2one(
        "account.journal",
        "Payment method",
        required=True,
        check_company=True,
        domain="[('type', '=', 'bank'), ('company_id', '=', company_id)]",
        help="Through which the money came.",
    )
    file = fields.Binary(attachment=True, copy=False)
    file_name = fields.Char(copy=False)
    line_ids = fields.One2many("utility.vend.batch.line", "batch_id", copy=False)
    line_count = fields.Integer("Rows", compute="_compute_progress")
    todo_count = fields.Integer("To be sold", compute="_compute_progress")
    todo_amount = fields.Monetary("Money to be sold", compute="_compute_progress")
    taken_count = fields.Integer("Taken", compute="_compute_progress")
    taken_amount = fields.Monetary("Money taken", compute="_compute_progress")
    left_count = fields.Integer("Left out", compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress")
    user_id = fields.Many2one("res.users", "Confirmed by", readonly=True, copy=False)
    confirmed_at = fields.Datetime("Confirmed at", readonly=True, copy=False)

    @api.depends("line_ids.state")
    def _compute_progress(self):
        found = {
            (batch.id, state): (count, amount)
            for batch, state, count, amount in self.env["utility.vend.batch.line"]._read_group(
                [("batch_id", "in", self.ids)],
                ["batch_id", "state"],
                ["__count", "amount:sum"],
            )
        }
        for batch in self:
            own = {state: value for (of, state), value in found.items() if of == batch.id}
            todo = [own[state] for state in TO_DO if state in own]
            taken, batch.taken_amount = own.get("taken", (0, 0))
            batch.line_count = sum(count for count, __ in own.values())
            batch.todo_count = sum(count for count, __ in todo)
            batch.todo_amount = sum(amount for __, amount in todo)
            batch.taken_count = taken
            batch.left_count = batch.line_count - batch.todo_count - taken
            batch.progress = 100 * taken / (taken + batch.todo_count) if taken else 0

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["name"] = self.env["ir.sequence"].sudo().next_by_code("utility.vend.batch")
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and self.filtered(lambda batch: batch.state != "draft"):
            raise UserError(self.env._("A confirmed batch is not changed any more."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        if self.filtered(lambda batch: batch.state in ("running", "done")):
            raise UserError(self.env._("A confirmed batch is not deleted: history stays."))

    def _check_right(self):
        """Batches take money that came through the bank: accountants make them."""
        if not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Only accountants sell in batches."))
        self.check_access("write")

    # --------------------------------------------------------------- preview

    def action_read(self):
        """Read the file or the bank's lines anew, and say of each line what would become of it.

        :raises UserError: in words what is wrong with the file
        """
        self.ensure_one()
        self._check_right()
        if self.state != "draft":
            raise UserError(self.env._("A confirmed batch is not changed any more."))
        lines = self._lines_of_bank() if self.source == "bank" else self._lines_of_file()
        batch = self.sudo()
        batch.line_ids.unlink()
        batch.line_ids.create([{"batch_id": self.id, **line} for line in lines])
        batch.line_ids._check()
        return True

    def _lines_of_file(self):
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        try:
            rows = read_payments(base64.b64decode(self.file), self._headings())
        except TableError as error:
            raise UserError(self._file_words(error)) from error
        words = self._row_words()
        return [
            {
                "row": row.row,
                "named": row.meter,
                "customer_named": row.name,
                "amount": row.amount,
                "paid_on": row.date,
                "reference": row.reference,
                "error": words.get(row.error, ""),
            }
            for row in rows
        ]

    def _headings(self):
        """Headings in the user's language, beside the English ones."""
        _ = self.env._
        return {
            "meter": (
                _("Vending ID"),
                _("Meter address"),
                _("Contract number"),
                _("Meter"),
                _("Contract"),
            ),
            "amount": (_("Amount"),),
            "date": (_("Date"),),
            "reference": (_("Reference"),),
            "name": (_("Name"), _("Customer")),
        }

    def _file_words(self, error):
        _ = self.env._
        if error.code == "columns":
            names = {
                "meter": _("vending ID, meter address or contract number"),
                "amount": _("amount"),
            }
            return _(
                "The file has no column for: %s. The first row must name the columns.",
                "; ".join(names[name] for name in error.missing),
            )
        return {
            "big": _("The file is too big: at most %s MB.", MAX_BYTES // 1024 // 1024),
            "rows": _("The file has more than %s rows: split it.", MAX_ROWS),
            "empty": _("There is no payment in this file."),
        }.get(
            error.code,
            _("The file cannot be read: it must be an Excel workbook (.xlsx) or a CSV file."),
        )

    def _row_words(self):
        _ = self.env._
        return {
            "meter": _("No meter is named."),
            "amount": _("There is no amount above zero."),
            "cents": _("The amount has more than two decimals."),
            "date": _("The date is not a date."),
            "identity": _(
                "A reference or a date is needed, so that the payment is known again and never "
                "sold twice."
            ),
        }

    def _lines_of_bank(self):
        """Money in the bank that nothing was matched with yet."""
        found = (
            self.env["account.bank.statement.line"]
            .sudo()
            .search(
                [
                    ("journal_id", "=", self.journal_id.id),
                    ("is_reconciled", "=", False),
                    ("amount", ">", 0),
                    ("foreign_currency_id", "=", False),
                ],
                order="internal_index",
                limit=MAX_ROWS,
            )
        )
        if not found:
            raise UserError(
                self.env._("No incoming money of this bank journal waits to be matched.")
            )
        return [
            {
                "row": at,
                "named": " ".join(filter(None, (line.payment_ref, line.ref, line.narration)))[:500],
                "customer_named": line.partner_id.name or line.partner_name or "",
                "amount": line.amount,
                "paid_on": line.date,
                "reference": f"{line.journal_id.code} {line.id}",
                "statement_line_id": line.id,
            }
            for at, line in enumerate(found, start=1)
        ]

    # --------------------------------------------------------------- working

    def action_confirm(self):
        """Sell every line that can be sold; the scheduled action works them off."""
        self.ensure_one()
        self._check_right()
        batch = self.sudo()
        batch.lock_for_update()
        batch.invalidate_recordset(["state"])
        if batch.state != "draft":
            return True
        batch.line_ids._mark_duplicates()
        todo = batch.line_ids.filtered(lambda line: line.state in TO_DO)
        if not todo:
            raise UserError(self.env._("No line of this batch can be sold."))
        if self.source == "file":
            self.company_id._utility_check_open(self.journal_id)
        batch.write(
            {
                "state": "running",
                "user_id": self.env.uid,
                "confirmed_at": fields.Datetime.now(),
            }
        )
        self.env["utility.operation"]._log(
            self.env._("Batch confirmed"),
            self,
            after="running",
            note=self.env._(
                "%(count)s lines, %(amount)s",
                count=len(todo),
                amount=dec(sum(todo.mapped("amount")), 2),
            ),
        )
        self.env.ref("utility_prepaid.ir_cron_work_batches").sudo()._trigger()
        return True

    def action_cancel(self):
        """Give up a batch that was not confirmed."""
        self._check_right()
        for batch in self:
            if batch.state != "draft":
                raise UserError(self.env._("A confirmed batch is not changed any more."))
            batch.sudo().state = "cancelled"

    @api.model
    def _cron_work(self, limit=500):
        """Work confirmed batches off, a line a commit: a killed server goes on where it stood."""
        self.env["ir.cron"]._utility_work_off(
            self.env["utility.vend.batch.line"].search(
                [("batch_id.state", "=", "running"), ("state", "in", TO_DO)],
                order="batch_id, row, id",
                limit=limit,
            ),
            lambda line: line._work(),
            lambda line, error: line.write({"state": "refused", "reason": str(error)}),
        )
        for batch in self.search([("state", "=", "running")]):
            if batch.todo_count:
                self.env.ref("utility_prepaid.ir_cron_work_batches").sudo()._trigger()
            else:
                batch.state = "done"

    # ---------------------------------------------------------------- result

    def action_result(self):
        """What became of each line, as a workbook with real numbers."""
        self.ensure_one()
        self.check_access("read")
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": f"{self.name.replace('/', '-')}.xlsx",
                    "raw": self._workbook(),
                    "res_model": self._name,
                    "res_id": self.id,
                }
            )
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "self",
        }

    def _workbook(self):
        """:return: bytes of the .xlsx"""
        _ = self.env._
        book = Workbook(write_only=True)
        sheet = book.create_sheet(self.name.replace("/", "-"))
        sheet.append(
            [
                _("Row"),
                _("Meter named"),
                _("Vending ID"),
                _("Room"),
                _("Customer"),
                _("Amount"),
                _("Date"),
                _("Reference"),
                _("Result"),
                _("Reason"),
                _("Sale"),
                _("Units"),
                _("State of the sale"),
            ]
        )
        line_states = dict(self.line_ids._fields["state"]._description_selection(self.env))
        vend_states = dict(
            self.env["utility.vend"]._fields["state"]._description_selection(self.env)
        )
        for line in self.line_ids:
            vend = line.vend_id
            sheet.append(
                [
                    line.row,
                    line.named,
                    line.meter_id.vending_id or "",
                    line.meter_id.room_id.display_name or "",
                    line.partner_id.name or "",
                    dec(line.amount, 2),
                    line.paid_on or "",
                    line.reference or "",
                    line_states[line.state],
                    line.reason or line.incoming_id.reason or "",
                    vend.name or "",
                    dec(vend.units) if vend else "",
                    vend_states[vend.state] if vend else "",
                ]
            )
        content = io.BytesIO()
        book.save(content)
        return content.getvalue()
