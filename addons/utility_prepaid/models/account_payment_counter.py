from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    utility_uuid = fields.Char("Counter payment id", readonly=True, copy=False)
    utility_invoice_id = fields.Many2one(
        "account.move",
        "Paid at the utility counter",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )

    _utility_uuid_uniq = models.UniqueIndex(
        "(utility_uuid, utility_invoice_id) WHERE utility_uuid IS NOT NULL",
        "This payment was already saved.",
    )
