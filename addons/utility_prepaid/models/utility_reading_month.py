from odoo import models


class UtilityReadingMonth(models.Model):
    _name = "utility.reading.month"
    _inherit = ["utility.reading.rollup"]
    _description = "Use by the Month"
    _finer = "utility.reading.day"
    _unit = "month"
