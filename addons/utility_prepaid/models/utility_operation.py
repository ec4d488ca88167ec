import re

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.http import request

CODE = re.compile(r"([a-z_]+)( -?\d.*)?", re.DOTALL)


class UtilityOperation(models.Model):
    """History of every money and meter operation: written once, never edited."""

    _name = "utility.operation"
    _description = "Operation"
    _order = "id desc"
    _rec_name = "action"

    at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now, index=True)
    user_id = fields.Many2one("res.users", "By", readonly=True, index=True)
    address = fields.Char("From", readonly=True, help="Network address the request came from.")
    action = fields.Char(required=True, readonly=True, index=True)
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="model", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    meter_id = fields.Many2one("utility.meter", readonly=True, index=True, ondelete="restrict")
    vend_id = fields.Many2one("utility.vend", "Sale", readonly=True, index=True)
    before = fields.Char(readonly=True)
    after = fields.Char(readonly=True)
    # States and kinds are kept by their codes; people read their labels.
    before_words = fields.Char("Before (words)", compute="_compute_words")
    after_words = fields.Char("After (words)", compute="_compute_words")
    note_words = fields.Text("Note (words)", compute="_compute_words")
    note = fields.Text(readonly=True)

    @api.depends("before", "after", "note", "model")
    @api.depends_context("lang")
    def _compute_words(self):
        for operation in self:
            operation.before_words = operation._in_words(operation.before)
            operation.after_words = operation._in_words(operation.after)
            operation.note_words = operation._in_words(operation.note)

    def _in_words(self, text):
        """A code of the record's state or kind, alone or before a number, becomes its label."""
        model = self.env.get(self.model)
        match = CODE.fullmatch(text or "")
        if model is None or not match:
            return text
        code, rest = match.groups(default="")
        for name in ("state", "kind"):
            if name in model._fields:
                labels = dict(model._fields[name]._description_selection(self.env))
                if code in labels:
                    return f"{labels[code]}{rest}"
        return text

    @api.model
    def _log(self, action, record, meter=None, vend=None, before=None, after=None, note=""):
        """Write one line of history in the caller's transaction.

        Without this line the operation does not happen: an error here rolls the operation back.

        :param action: what was done, a short phrase
        :param record: the record it was done to
        :param before: state or value before, a short text
        :param after: state or value after, a short text
        """
        company = record["company_id"] if "company_id" in record._fields else self.env.company
        return self.sudo().create(
            {
                "user_id": self.env.uid,
                "address": request.httprequest.remote_addr if request else False,
                "action": action,
                "model": record._name,
                "res_id": record.id,
                "company_id": company.id,
                "meter_id": meter.id if meter else False,
                "vend_id": vend.id if vend else False,
                "before": before,
                "after": after,
                "note": note,
            }
        )

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(self.env._("The history of operations cannot be edited."))

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("The history of operations cannot be deleted."))
