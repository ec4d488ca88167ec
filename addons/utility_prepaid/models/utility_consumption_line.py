from odoo import api, fields, models


class UtilityConsumptionLine(models.Model):
    """What was used of one lot of credit, beyond what earlier runs booked of it."""

    _name = "utility.consumption.line"
    _description = "Consumption Line"
    _order = "consumption_id, contract_id, id"

    consumption_id = fields.Many2one(
        "utility.consumption", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="consumption_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="consumption_id.currency_id")
    state = fields.Selection(related="consumption_id.state")
    month = fields.Date(related="consumption_id.month", store=True)
    contract_id = fields.Many2one(
        "utility.contract", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="contract_id.partner_id", string="Customer")
    meter_id = fields.Many2one("utility.meter", readonly=True, ondelete="restrict")
    vend_id = fields.Many2one(
        "utility.vend",
        "Sale",
        readonly=True,
        index=True,
        ondelete="restrict",
        help="The credit that was used, first in first out; empty for use beyond all credit.",
    )
    policy = fields.Selection(
        lambda self: self.env["utility.vend"]._fields["policy"]._description_selection(self.env),
        readonly=True,
    )
    units = fields.Float("Used", digits=(16, 4), min_display_digits=2, readonly=True)
    amount = fields.Monetary("Value", readonly=True, help="Tax included.")
    revenue = fields.Monetary(
        "Liability to revenue",
        readonly=True,
        help="What moves from the contract liability to revenue; nothing of what is invoiced.",
    )
    left = fields.Float(
        "Left on the meter", digits=(16, 4), min_display_digits=2, readonly=True, aggregator=None
    )
    left_at = fields.Datetime("Read at", readonly=True)
    estimated = fields.Boolean(
        readonly=True,
        help="The meter said nothing near the end of the month: the next run sets this right.",
    )
    move_id = fields.Many2one("account.move", "Document", readonly=True, ondelete="restrict")
    booked = fields.Boolean(readonly=True)

    _unbooked_idx = models.Index("(consumption_id, contract_id) WHERE booked IS NOT TRUE")

    @api.depends("consumption_id.name", "vend_id.name", "contract_id.name")
    def _compute_display_name(self):
        for line in self:
            about = line.vend_id.name or line.contract_id.name
            line.display_name = " · ".join(filter(None, (line.consumption_id.name, about)))
