from uuid import uuid4

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec


class UtilityCounterInvoice(models.TransientModel):
    """The counter's form for a resident's other invoices."""

    _name = "utility.counter.invoice"
    _description = "Pay Invoices"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid4()))
    partner_id = fields.Many2one("res.partner", "Customer", required=True)
    currency_id = fields.Many2one("res.currency", default=lambda self: self.env.company.currency_id)
    line_ids = fields.One2many(
        "utility.counter.invoice.line",
        "form_id",
        compute="_compute_line_ids",
        store=True,
        readonly=False,
    )
    total = fields.Monetary("Sum", compute="_compute_total")
    method = fields.Selection(
        lambda self: self.env["utility.counter"]._method_selection(),
        "Payment method",
        required=True,
        default=lambda self: next(
            (key for key, __ in self.env["utility.counter"]._method_selection()), False
        ),
    )

    @api.depends("partner_id")
    def _compute_line_ids(self):
        for form in self:
            invoices = (
                self.env["utility.counter"].open_invoices(partner_id=form.partner_id.id)
                if form.partner_id
                else []
            )
            form.line_ids = [fields.Command.clear()] + [
                fields.Command.create(
                    {
                        "invoice_number": invoice["id"],
                        "name": invoice["name"],
                        "what": invoice["what"],
                        "due_date": invoice["due_date"],
                        "residual": float(invoice["residual"]),
                        "amount": float(invoice["residual"]),
                    }
                )
                for invoice in invoices
            ]

    @api.depends("line_ids.amount")
    def _compute_total(self):
        for form in self:
            form.total = sum(form.line_ids.mapped("amount"))

    def action_pay(self):
        """Take the money and show the receipt.

        :raises UserError: in words why it cannot be taken; then nothing was
        """
        self.ensure_one()
        lines = self.line_ids.filtered("amount")
        if not lines:
            raise UserError(self.env._("Choose what is paid."))
        paid = self.env["utility.counter"].pay_invoices(
            self.uuid,
            [{"id": line.invoice_number, "amount": str(dec(line.amount, 2))} for line in lines],
            self.method,
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"{paid['url']}?paper=80mm&print=1",
            "target": "new",
            "close": True,
        }


class UtilityCounterInvoiceLine(models.TransientModel):
    _name = "utility.counter.invoice.line"
    _description = "Pay Invoices: Invoice"

    form_id = fields.Many2one("utility.counter.invoice", required=True, ondelete="cascade")
    # A number: cashiers have no right to read invoices as such.
    invoice_number = fields.Integer("Invoice id", required=True)
    name = fields.Char("Invoice", readonly=True)
    what = fields.Char("What for", readonly=True)
    due_date = fields.Date("Due date", readonly=True)
    currency_id = fields.Many2one(related="form_id.currency_id")
    residual = fields.Monetary("Still open", readonly=True)
    amount = fields.Monetary("Paid now")
