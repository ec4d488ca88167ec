from odoo import api, fields, models


class MeterDialectRegister(models.Model):
    """Something that a meter can be asked for: under which identifier, and how it is written."""

    _name = "meter.dialect.register"
    _inherit = "meter.dialect.entry"
    _description = "Dialect Register"
    _order = "dialect_id, sequence, id"

    sequence = fields.Integer(default=100)
    name = fields.Char(
        required=True,
        help="By this the desk knows it. Known to the desk: total, tariffs, reverse, balance, "
        "owed, status, clock, voltage_a, current_a, power, power_factor, frequency, "
        "purchase_number, last_amount, balance_before, balance_after, cumulative, customer, "
        "alarm_1, alarm_2, overdraft_limit, hoard_limit, power_limit, price, prices, day_slots, "
        "zones, battery; voltage and current of the phases b and c likewise. Others can be read "
        "all the same.",
    )
    label = fields.Char(help="What people read.")
    di = fields.Char(
        "Identifier", help="The data identifier in hex, as the standard prints it: 00010000, 901F."
    )
    offset = fields.Integer(help="Bytes of the answer before this value.")
    size = fields.Integer("Bytes", help="Of one value.")
    coding = fields.Selection(
        [
            ("bcd", "Decimal digits (BCD)"),
            ("bcd_unit", "Decimal digits and unit"),
            ("le", "Binary, low byte first"),
            ("be", "Binary, high byte first"),
            ("digits", "Digits of a number or name"),
            ("block", "Several values"),
            ("clock", "Date and time"),
            ("slots", "Times of day and tariffs"),
            ("zones", "Dates and day tables"),
            ("bytes", "Bytes as they are"),
        ],
        required=True,
        default="bcd",
    )
    places = fields.Integer("Decimals")
    signed = fields.Boolean()
    unit = fields.Char(help="kWh, m3, V, A, kW, Hz, or the currency's place: money.")
    part_of = fields.Char(
        "Part of", help="Name of the register whose several values hold this one."
    )
    index = fields.Integer("Place", help="Which of the several values it is, from 0.")
    writable = fields.Boolean(help="May be set by remote operations.")
    layout = fields.Char(help="Order of a clock's parts on the wire, for example ssmmhhWWDDMMYY.")
    count = fields.Integer(
        "Entries", help="Of a table that always has so many; zero when it holds those in use."
    )
    di_order = fields.Selection(
        [("high_first", "As printed"), ("low_first", "Low byte first")],
        "Order of identifier",
        help="CJ/T 188 only: where this identifier differs from the others.",
    )
    standby_di = fields.Char(
        "Standby set", help="Identifier of the set that is written and becomes live later."
    )
    standby_switch = fields.Char(
        "Switch-over", help="Name of the register that says when the standby set becomes live."
    )
    options = fields.Text("Further options", help="JSON, for what has no field of its own.")

    _name_uniq = models.Constraint(
        "UNIQUE(dialect_id, name)", "This dialect has a register of that name already."
    )

    @api.depends("name", "label")
    def _compute_display_name(self):
        for register in self:
            register.display_name = register.label or register.name
