from odoo import fields, models
from odoo.exceptions import UserError


class UtilityTaxInvoiceRed(models.TransientModel):
    """Ask for a red letter: for a credit note, or because the tax invoice itself was wrong."""

    _name = "utility.tax.invoice.red"
    _description = "Ask for a Red Letter"

    original_id = fields.Many2one(
        "utility.tax.invoice", required=True, readonly=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(related="original_id.partner_id")
    company_id = fields.Many2one(related="original_id.company_id")
    note_id = fields.Many2one(
        "account.move",
        "Credit note",
        domain="[('move_type', '=', 'out_refund'), ('state', '=', 'posted'),"
        " ('commercial_partner_id', '=', partner_id), ('company_id', '=', company_id),"
        " ('utility_tax_invoice_id', '=', False)]",
        help="Empty: the whole tax invoice was wrong, for instance its title. Its sales may be "
        "asked for again once the red letter is issued.",
    )
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Ask for it.

        :raises UserError: no reason, or the credit note is not one of this customer
        """
        self.ensure_one()
        original = self.original_id
        original._check_accountant()
        note = self.note_id
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why."))
        if note and (
            note.state != "posted"
            or note.move_type != "out_refund"
            or note.commercial_partner_id != original.partner_id
        ):
            raise UserError(self.env._("Choose a posted credit note of the same customer."))
        red = original.sudo()._red_letter(note.sudo(), self.reason.strip())
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.tax.invoice",
            "res_id": red.id,
            "view_mode": "form",
        }
