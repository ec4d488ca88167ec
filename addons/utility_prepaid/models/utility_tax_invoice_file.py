import base64
import io
from decimal import Decimal

import xlsxwriter

from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec, round_places


class UtilityTaxInvoice(models.Model):
    """The file with which the tax bureau's platform is asked to issue.

    Its columns are our own choice of what such imports want: name them there, or copy them over.
    """

    _inherit = "utility.tax.invoice"

    def action_export(self):
        """Make the issuing file of the chosen requests and download it.

        :raises UserError: the requests with what is missing or wrong
        """
        self._check_accountant()
        self.check_access("read")
        records = self.sudo()
        records.lock_for_update()
        problems = [
            self.env._("%(name)s: %(problem)s", name=record.name, problem=problem)
            for record in records
            if (problem := record._export_problem())
        ]
        if problems:
            raise UserError("\n".join(problems))
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": f"tax-invoices-{fields.Datetime.now():%Y%m%d-%H%M%S}.xlsx",
                    "datas": base64.b64encode(records._export_file()),
                    # belongs to the first of them; whoever reads that may read the file
                    "res_model": self._name,
                    "res_id": records[:1].id,
                }
            )
        )
        for record in records:
            record.exported_at = fields.Datetime.now()
            record._log(False, attachment.name)
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "self",
        }

    def _export_problem(self):
        """Words why this request cannot be issued, or an empty text."""
        _ = self.env._
        if self.state != "requested":
            return _("not a request any more")
        if not (self.buyer_title or "").strip():
            return _("the buyer's title is missing")
        if self.kind == "special" and not (self.buyer_tax_number or "").strip():
            return _("a special tax invoice needs the buyer's tax number")
        if not self.move_ids:
            return _("there is no sale in it")
        return ""

    def _export_rows(self):
        """Rows of the issuing file: texts, and Decimals for numbers.

        Amounts are without tax; those of a red letter are below zero.
        """
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for record in self.sorted("id"):
            sign = -1 if record.original_id else 1
            for line in record.move_ids.invoice_line_ids.filtered(
                lambda line: line.display_type == "product"
            ):
                amount = sign * dec(line.price_subtotal, 2)
                quantity = sign * dec(line.quantity)
                rate = sum(
                    (
                        dec(tax.amount, None)
                        for tax in line.tax_ids.flatten_taxes_hierarchy()
                        if tax.amount_type == "percent"
                    ),
                    start=Decimal(0),
                )
                yield [
                    record.name,
                    kinds[record.kind],
                    record.buyer_title,
                    record.buyer_tax_number or "",
                    line.product_id.name or line.name or "",
                    line.product_id.utility_tax_code or "",
                    line.product_uom_id.name or "",
                    quantity,
                    round_places(amount / quantity, 8) if quantity else Decimal(0),
                    amount,
                    rate / 100,
                    sign * (dec(line.price_total, 2) - dec(line.price_subtotal, 2)),
                    record.original_number or "",
                    line.move_id.name,
                ]

    def _export_headings(self):
        _ = self.env._
        return [
            _("Serial"),
            _("Kind"),
            _("Buyer title"),
            _("Buyer tax number"),
            _("Item"),
            _("Tax category code"),
            _("Unit"),
            _("Quantity"),
            _("Unit price without tax"),
            _("Amount without tax"),
            _("Tax rate"),
            _("Tax"),
            _("Original tax invoice"),
            _("Remarks"),
        ]

    def _export_file(self):
        content = io.BytesIO()
        with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
            sheet = book.add_worksheet()
            bold = book.add_format({"bold": True})
            for column, heading in enumerate(self._export_headings()):
                sheet.write_string(0, column, heading, bold)
            for row, cells in enumerate(self._export_rows(), start=1):
                for column, cell in enumerate(cells):
                    # a text stays a text: tax numbers are long, and titles may begin with =
                    if isinstance(cell, Decimal):
                        sheet.write_number(row, column, float(cell))
                    else:
                        sheet.write_string(row, column, cell)
        return content.getvalue()
