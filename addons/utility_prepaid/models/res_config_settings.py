from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    utility_account_id = fields.Many2one(related="company_id.utility_account_id", readonly=False)
    utility_sale_journal_id = fields.Many2one(
        related="company_id.utility_sale_journal_id", readonly=False
    )
    utility_electricity_product_id = fields.Many2one(
        related="company_id.utility_electricity_product_id", readonly=False
    )
    utility_water_product_id = fields.Many2one(
        related="company_id.utility_water_product_id", readonly=False
    )
    utility_liability_account_id = fields.Many2one(
        related="company_id.utility_liability_account_id", readonly=False
    )
    utility_advance_account_id = fields.Many2one(
        related="company_id.utility_advance_account_id", readonly=False
    )
    utility_payable_account_id = fields.Many2one(
        related="company_id.utility_payable_account_id", readonly=False
    )
    utility_adjustment_account_id = fields.Many2one(
        related="company_id.utility_adjustment_account_id", readonly=False
    )
    utility_free_account_id = fields.Many2one(
        related="company_id.utility_free_account_id", readonly=False
    )
    utility_loss_account_id = fields.Many2one(
        related="company_id.utility_loss_account_id", readonly=False
    )
    utility_entry_journal_id = fields.Many2one(
        related="company_id.utility_entry_journal_id", readonly=False
    )
    utility_fee_product_id = fields.Many2one(
        related="company_id.utility_fee_product_id", readonly=False
    )
    utility_service_product_id = fields.Many2one(
        related="company_id.utility_service_product_id", readonly=False
    )
    utility_free_booking = fields.Selection(
        related="company_id.utility_free_booking", readonly=False
    )
    utility_tz = fields.Selection(related="company_id.utility_tz", readonly=False)
    utility_reversal_limit = fields.Monetary(
        related="company_id.utility_reversal_limit",
        readonly=False,
        currency_field="currency_id",
    )

    utility_reading_months = fields.Integer(
        "Months that readings are kept", config_parameter="utility_prepaid.reading_months"
    )

    def action_utility_setup(self):
        """Create the accounts, journals and products that are missing."""
        self.company_id._utility_setup()
        return {"type": "ir.actions.client", "tag": "reload"}
