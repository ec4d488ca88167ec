from odoo import models


class UtilityReadingDay(models.Model):
    _name = "utility.reading.day"
    _inherit = ["utility.reading.rollup"]
    _description = "Use by the Day"
    _finer = "utility.reading.hour"
    _unit = "day"
