from odoo import fields, models
from odoo.exceptions import AccessError, UserError

ASKERS = ("utility_prepaid.group_accountant", "utility_prepaid.group_cashier")


class AccountMove(models.Model):
    """What the tax bureau's electronic invoice says of a customer invoice or a credit note."""

    _inherit = "account.move"

    utility_tax_invoice_id = fields.Many2one(
        "utility.tax.invoice", "Tax invoice", readonly=True, copy=False, index="btree_not_null"
    )
    utility_tax_number = fields.Char(
        related="utility_tax_invoice_id.number", string="Tax invoice number"
    )
    # nothing: not requested
    utility_tax_state = fields.Selection(
        [
            ("requested", "Requested"),
            ("issued", "Issued"),
            ("red_requested", "Red letter requested"),
            ("red_lettered", "Red-lettered"),
        ],
        "Tax invoice state",
        readonly=True,
        copy=False,
    )

    def action_utility_tax_request(self):
        """Ask for tax invoices: one for each customer, over all the chosen invoices.

        :raises UserError: an invoice that has one, is not posted, or was reversed
        """
        if not any(map(self.env.user.has_group, ASKERS)):
            raise AccessError(self.env._("Only accountants and cashiers ask for tax invoices."))
        requested = self.sudo()._utility_tax_request().with_env(self.env)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_tax_invoice_action"
        )
        if len(requested) == 1:
            action.update(view_mode="form", views=[(False, "form")], res_id=requested.id)
        return {**action, "domain": [("id", "in", requested.ids)], "context": {}}

    def _utility_tax_request(self):
        # the row is the lock: two desks must not ask for the same sale
        self.lock_for_update()
        self.invalidate_recordset(["utility_tax_invoice_id"])
        for move in self:
            move._utility_tax_check_request()
        requested = self.env["utility.tax.invoice"]
        for (company, partner, currency), moves in self.grouped(
            lambda move: (move.company_id, move.commercial_partner_id, move.currency_id)
        ).items():
            requested |= requested.create(
                {
                    "company_id": company.id,
                    "partner_id": partner.id,
                    "currency_id": currency.id,
                    "buyer_title": partner.name,
                    "buyer_tax_number": partner.vat,
                    "move_ids": [fields.Command.set(moves.ids)],
                }
            )
        requested._requested()
        return requested

    def _utility_tax_check_request(self):
        _ = self.env._
        if self.state != "posted" or self.move_type != "out_invoice":
            raise UserError(_("%s is not a posted customer invoice.", self.display_name))
        if self.utility_tax_invoice_id:
            raise UserError(
                _(
                    "%(invoice)s is in tax invoice %(tax_invoice)s already.",
                    invoice=self.name,
                    tax_invoice=self.utility_tax_invoice_id.display_name,
                )
            )
        if self.payment_state == "reversed" or not self.amount_total:
            raise UserError(_("%s was reversed: there is nothing to invoice.", self.name))

    def _post(self, soft=True):
        posted = super()._post(soft)
        for note in posted.filtered(lambda move: move.move_type == "out_refund"):
            invoice = note.reversed_entry_id
            if invoice.utility_tax_invoice_id:
                invoice.utility_tax_invoice_id.sudo()._credited(invoice, note)
        return posted
