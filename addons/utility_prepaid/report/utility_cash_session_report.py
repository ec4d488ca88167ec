from odoo import api, models


class ShiftReportA4(models.AbstractModel):
    """Shift reports printed from the list or the form."""

    _name = "report.utility_prepaid.report_shift_a4"
    _description = "Shift report on A4"

    _paper = "a4"

    @api.model
    def _get_report_values(self, docids, data=None):
        """:raises AccessError: the user may not see one of the shifts"""
        sessions = self.env["utility.cash.session"].browse(docids)
        sessions.check_access("read")
        return {
            "doc_ids": docids,
            "doc_model": sessions._name,
            "docs": [session._report_values() for session in sessions],
            "paper": self._paper,
        }


class ShiftReport80mm(models.AbstractModel):
    _name = "report.utility_prepaid.report_shift_80mm"
    _inherit = "report.utility_prepaid.report_shift_a4"
    _description = "Shift report on an 80 mm roll"

    _paper = "80mm"
