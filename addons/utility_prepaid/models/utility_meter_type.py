from odoo import api, fields, models
from odoo.exceptions import ValidationError


class UtilityMeterType(models.Model):
    _name = "utility.meter.type"
    _description = "Meter Type"
    _order = "number, id"
    _rec_names_search = ["name", "code"]

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="Short code, for example d_single.")
    number = fields.Integer(
        required=True, help="The number by which older desks and import files know the type."
    )
    active = fields.Boolean(default=True)
    utility = fields.Selection(
        [("electricity", "Electricity"), ("water", "Water")], required=True, default="electricity"
    )
    protocol = fields.Selection(
        [
            ("dlt645_1997", "DL/T 645-1997"),
            ("dlt645_2007", "DL/T 645-2007"),
            ("cjt188", "CJ/T 188"),
        ],
        required=True,
        default="dlt645_2007",
    )
    address_length = fields.Integer("Digits of the address", required=True, default=12)
    prepaid = fields.Boolean(help="The meter keeps a credit that is charged by sales.")
    credit = fields.Selection(
        [("units", "Units"), ("money", "Money")],
        "Counts credit in",
        help="A meter that counts money holds its own price; its sales send money, not units.",
    )
    actuator = fields.Selection(
        [("none", "None"), ("relay", "Relay"), ("valve", "Valve")],
        "Cuts supply by",
        required=True,
        default="none",
    )
    multi_tariff = fields.Boolean(
        "Time-of-use registers", help="Holds a register each for sharp, peak, flat and valley."
    )
    step = fields.Float(
        "Smallest credit step",
        digits=(16, 4),
        min_display_digits=2,
        required=True,
        default=0.01,
        help="The smallest credit that the meter can be charged with, in what it counts.",
    )
    min_interval = fields.Integer(
        "Shortest reading interval",
        default=0,
        help="Minutes between two readings that the maker allows; a battery meter lives by it. "
        "Zero means no limit.",
    )
    read_interval = fields.Integer(
        "Reading interval",
        default=60,
        help="Minutes between two automatic readings of a meter; zero means none.",
    )
    turnover = fields.Float(
        "Totaliser turns over at",
        digits=(16, 0),
        default=1000000,
        help="The totaliser begins at zero again when it has counted so much. Zero means never.",
    )
    uom_id = fields.Many2one("uom.uom", "Unit", required=True, ondelete="restrict")

    _code_uniq = models.Constraint("UNIQUE(code)", "Another meter type has this code.")
    _number_uniq = models.Constraint("UNIQUE(number)", "Another meter type has this number.")
    _step_positive = models.Constraint(
        "CHECK(step > 0)", "The smallest credit step must be above zero."
    )
    _min_interval_positive = models.Constraint(
        "CHECK(min_interval >= 0)", "The shortest reading interval cannot be negative."
    )

    _read_interval_positive = models.Constraint(
        "CHECK(read_interval >= 0)", "The reading interval cannot be negative."
    )
    _turnover_positive = models.Constraint(
        "CHECK(turnover >= 0)", "A totaliser does not turn over below zero."
    )

    @api.constrains("read_interval", "min_interval")
    def _check_read_interval(self):
        for kind in self:
            if 0 < kind.read_interval < kind.min_interval:
                raise ValidationError(
                    self.env._(
                        "%(type)s: the maker allows a reading every %(minutes)s minutes at most.",
                        type=kind.name,
                        minutes=kind.min_interval,
                    )
                )

    @api.constrains("prepaid", "credit")
    def _check_credit(self):
        for kind in self:
            if kind.prepaid and not kind.credit:
                raise ValidationError(
                    self.env._("Say whether a prepaid meter counts credit in units or in money.")
                )

    @api.constrains("address_length")
    def _check_address_length(self):
        for kind in self:
            if kind.address_length not in (12, 14):
                raise ValidationError(self.env._("A meter address has 12 or 14 digits."))
