from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    utility_vend_id = fields.Many2one(
        "utility.vend", "Utility sale", readonly=True, copy=False, index="btree_not_null"
    )
    utility_contract_id = fields.Many2one(
        "utility.contract",
        "Utility contract",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    utility_overdraft = fields.Boolean(
        "Use into the overdraft",
        readonly=True,
        copy=False,
        help="The meter takes this out of the next credit by itself.",
    )
    utility_consumption_id = fields.Many2one(
        "utility.consumption",
        "Utility consumption run",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
