from odoo import models


class SettlementReportA4(models.AbstractModel):
    """Settlements on paper: each print is counted, as that of a receipt is."""

    _name = "report.utility_prepaid.report_settlement_a4"
    _inherit = "report.utility_prepaid.report_receipt_80mm"
    _description = "Settlement on A4"

    _printed = "utility.settlement"
    _paper = "a4"


class SettlementReport80mm(models.AbstractModel):
    _name = "report.utility_prepaid.report_settlement_80mm"
    _inherit = "report.utility_prepaid.report_settlement_a4"
    _description = "Settlement on an 80 mm roll"

    _paper = "80mm"
