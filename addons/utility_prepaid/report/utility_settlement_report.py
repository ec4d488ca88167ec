from odoo import api, models


class SettlementReportA4(models.AbstractModel):
    """Settlements on paper: each print is counted, as that of a receipt is."""

    _name = "report.utility_prepaid.report_settlement_a4"
    _description = "Settlement on A4"

    _paper = "a4"

    @api.model
    def _get_report_values(self, docids, data=None):
        """Count one print of each settlement.

        :param docids: ids of `utility.settlement`
        :return: values of the template; `docs` with full rights, once the user may see them
        :raises AccessError: the user may not see one of them
        """
        settlements = self.env["utility.settlement"].browse(docids)
        settlements.check_access("read")
        for settlement in settlements:
            settlement._count_print(self._paper)
        return {
            "doc_ids": docids,
            "doc_model": settlements._name,
            # Names of documents and of the payment journal: a cashier has no rights there.
            "docs": settlements.sudo(),
            "paper": self._paper,
        }


class SettlementReport80mm(models.AbstractModel):
    _name = "report.utility_prepaid.report_settlement_80mm"
    _inherit = "report.utility_prepaid.report_settlement_a4"
    _description = "Settlement on an 80 mm roll"

    _paper = "80mm"
