from odoo import fields, models


class AccountJournal(models.Model):
    _inherit = "account.journal"

    utility_counter = fields.Boolean(
        "Payment method at the utility counter",
        help="Cashiers of the utility desk can take and give back money through this journal.",
    )
    utility_acquirer_ids = fields.One2many("utility.acquirer", "journal_id", "Acquirer")
