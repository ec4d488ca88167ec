from odoo import fields, models


def _units(string):
    return fields.Float(string, digits=(16, 4), min_display_digits=2, readonly=True)


def _money(string):
    return fields.Monetary(string, readonly=True)


class UtilityRollForwardLine(models.TransientModel):
    """opening + sold - reversed + given - used - settled = closing, against the meter's balance."""

    _name = "utility.roll.forward.line"
    _description = "Roll-forward of a Contract"
    _order = "id"
    _rec_name = "contract_id"

    roll_id = fields.Many2one(
        "utility.roll.forward", required=True, readonly=True, index=True, ondelete="cascade"
    )
    date_from = fields.Date(related="roll_id.date_from", string="From")
    date_to = fields.Date(related="roll_id.date_to", string="To")
    company_id = fields.Many2one(related="roll_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    contract_id = fields.Many2one(
        "utility.contract", required=True, readonly=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(related="contract_id.partner_id", string="Customer")
    meter_id = fields.Many2one(related="contract_id.meter_id")
    room_id = fields.Many2one(related="contract_id.room_id", store=True)
    building_id = fields.Many2one(related="room_id.building_id", store=True)
    site_id = fields.Many2one(related="room_id.site_id", store=True)
    utility = fields.Selection(related="contract_id.utility", store=True)
    uom_id = fields.Many2one(related="meter_id.uom_id")

    opening = _units("Opening")
    sold = _units("Sold")
    reversed = _units("Reversed")
    quota = _units("Quota")
    temporary = _units("Temporary supply")
    emergency = _units("Emergency credit")
    transferred = _units("Transferred")
    adjusted = _units("Adjusted")
    used = _units("Used")
    settled = _units("Settled at closing")
    closing = _units("Closing")

    opening_amount = _money("Opening in money")
    sold_amount = _money("Sold in money")
    reversed_amount = _money("Reversed in money")
    quota_amount = _money("Quota in money")
    temporary_amount = _money("Temporary supply in money")
    emergency_amount = _money("Emergency credit in money")
    transferred_amount = _money("Transferred in money")
    adjusted_amount = _money("Adjusted in money")
    used_amount = _money("Used in money")
    settled_amount = _money("Settled in money")
    closing_amount = _money("Closing in money")

    meter_opening = _units("Meter at first")
    meter_opening_at = fields.Datetime("Read at first", readonly=True)
    meter_closing = _units("Meter at last")
    meter_closing_at = fields.Datetime("Read at last", readonly=True)
    difference = fields.Float(
        digits=(16, 4),
        min_display_digits=2,
        readonly=True,
        help="The meter's balance less what the books expect it to be at that moment.",
    )
    state = fields.Selection(
        [("agrees", "Agrees"), ("differs", "Differs"), ("unread", "Not read")],
        "Comparison",
        required=True,
        readonly=True,
    )
