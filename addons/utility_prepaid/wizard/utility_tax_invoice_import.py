import base64

from odoo import fields, models
from odoo.exceptions import UserError

from ..models.utility_tax_invoice import NUMBER
from ..tools import spreadsheet

SHOWN_ERRORS = 20


class UtilityTaxInvoiceImport(models.TransientModel):
    """The numbers that the tax bureau gave, taken from its file: all rows or none."""

    _name = "utility.tax.invoice.import"
    _description = "Take Back Tax Invoice Numbers"

    file = fields.Binary(required=True)
    file_name = fields.Char()
    serial_heading = fields.Char("Serial column", required=True, default="serial")
    number_heading = fields.Char(
        "Number column", required=True, default="tax invoice number, number"
    )
    date_heading = fields.Char("Date column", required=True, default="issued on, date")

    def action_import(self):
        """Write the numbers on the requests.

        :raises UserError: the wrong rows with their numbers; nothing was taken then
        """
        self.ensure_one()
        tax_invoices = self.env["utility.tax.invoice"]
        tax_invoices._check_accountant()
        columns = {
            name: self[f"{name}_heading"].split(",") for name in ("serial", "number", "date")
        }
        try:
            rows = spreadsheet.read_table(
                base64.b64decode(self.file), columns, ("serial", "number", "date")
            )
        except spreadsheet.TableError as error:
            raise UserError(self.env["utility.acquirer"]._table_words(error)) from error
        found, wrong, owner_of = {}, [], {}
        for row, cells in rows:
            record, number, day, problem = self._row(cells)
            if not problem and owner_of.setdefault(number, record) != record:
                problem = self.env._("number %s stands in the file twice", number)
            if not problem and found.setdefault(record, (number, day))[0] != number:
                problem = self.env._("%s has another number in this file", record.name)
            if problem:
                wrong.append(self.env._("Row %(row)s: %(problem)s", row=row, problem=problem))
        if wrong:
            raise UserError("\n".join(wrong[:SHOWN_ERRORS]))
        for record, (number, day) in found.items():
            record._issue(number, day)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_tax_invoice_action"
        )
        ids = [record.id for record in found]
        return {**action, "domain": [("id", "in", ids)], "context": {}}

    def _row(self, cells):
        """(request, number, date, words for what is wrong)."""
        _ = self.env._
        tax_invoices = self.env["utility.tax.invoice"]
        serial = spreadsheet.text(cells.get("serial"))
        number = spreadsheet.text(cells.get("number"))
        try:
            day = spreadsheet.day(cells.get("date"))
        except ValueError as error:
            return None, number, None, _("“%s” is not a date", error)
        record = tax_invoices.search(
            [("name", "=", serial), ("company_id", "=", self.env.company.id)]
        ).sudo()
        if not record:
            return None, number, day, _("there is no request “%s”", serial)
        if not number or not day:
            return record, number, day, _("the number or the date is missing")
        if not NUMBER.fullmatch(number):
            return record, number, day, _("“%s” is not the number of a tax invoice", number)
        if record.state == "cancelled" or (record.state == "issued" and record.number != number):
            return (
                record,
                number,
                day,
                _("%s was issued under another number, or cancelled", serial),
            )
        other = tax_invoices.sudo().search(
            [
                ("number", "=", number),
                ("company_id", "=", record.company_id.id),
                ("id", "!=", record.id),
            ]
        )
        if other:
            return (
                record,
                number,
                day,
                _("number %(number)s belongs to %(other)s", number=number, other=other.name),
            )
        return record, number, day, ""
