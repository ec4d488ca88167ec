import base64
import json

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..lib.meterwire.dialect import Dialect, DialectError

LARGEST = 1_000_000


class MeterDialectImport(models.TransientModel):
    """Takes a dialect from a file: a maker's, or one that was exported elsewhere."""

    _name = "meter.dialect.import"
    _description = "Import of a Dialect"

    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()
    trouble = fields.Text(compute="_compute_found")
    name = fields.Char(compute="_compute_found")
    code = fields.Char(compute="_compute_found")
    evidence = fields.Selection(
        lambda self: self.env["meter.dialect"]._fields["evidence"]._description_selection(self.env),
        compute="_compute_found",
    )
    register_count = fields.Integer("Registers", compute="_compute_found")
    dialect_id = fields.Many2one("meter.dialect", "Takes the place of", compute="_compute_found")

    @api.depends("file")
    def _compute_found(self):
        for record in self:
            record.update(
                dict.fromkeys(
                    ("trouble", "name", "code", "evidence", "register_count", "dialect_id"), False
                )
            )
            if not record.file:
                continue
            try:
                content = record._content()
            except UserError as error:
                record.trouble = str(error)
                continue
            record.name, record.code = content["name"], content["code"]
            record.evidence = content["evidence"]
            record.register_count = len(content["registers"])
            record.dialect_id = record._existing(content)
            if record.dialect_id.shipped:
                record.trouble = record._shipped_words()

    def _existing(self, content):
        dialects = self.env["meter.dialect"].with_context(active_test=False)
        return dialects.search([("code", "=", content["code"])])

    def _shipped_words(self):
        return self.env._(
            "The code %s belongs to a dialect that comes with the product. Give the file's dialect "
            "another code.",
            self.code,
        )

    def _content(self):
        """What the file holds.

        :raises UserError: naming the place in the file and what is wrong there
        """
        try:
            raw = base64.b64decode(self.file or b"")
            if len(raw) > LARGEST:
                raise UserError(self.env._("This file is too large for a dialect."))
            content = json.loads(raw.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise UserError(
                self.env._(
                    "Line %(line)s, column %(column)s: this is not JSON (%(detail)s).",
                    line=error.lineno,
                    column=error.colno,
                    detail=error.msg,
                )
            ) from error
        except (ValueError, RecursionError) as error:
            raise UserError(self.env._("This is not a text file with JSON.")) from error
        try:
            Dialect.from_json(content)
        except DialectError as error:
            raise UserError(error.words) from error
        return content

    def action_import(self):
        """Take the dialect in; one that has its code already is replaced only on demand."""
        return self._take(replace=False)

    def action_replace(self):
        return self._take(replace=True)

    def _take(self, replace):
        self.ensure_one()
        content = self._content()
        dialect = self._existing(content)
        values = dialect._values_from_json(content)
        if not dialect:
            dialect = dialect.create(values)
        elif dialect.shipped:
            raise UserError(self._shipped_words())
        elif replace:
            dialect._replace(values)
        else:
            raise UserError(
                self.env._(
                    "There is a dialect with the code %s already. Replace it, or give the file's "
                    "dialect another code.",
                    dialect.code,
                )
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": "meter.dialect",
            "res_id": dialect.id,
            "view_mode": "form",
        }
