from odoo import api, models


class ReceiptReport80mm(models.AbstractModel):
    """Receipts printed from the list or form of sales: each print is counted, as at the counter."""

    _name = "report.utility_prepaid.report_receipt_80mm"
    _description = "Receipt on an 80 mm roll"

    _paper = "80mm"

    @api.model
    def _get_report_values(self, docids, data=None):
        """Count one print of each sale.

        :param docids: ids of `utility.vend`
        :return: values of the template; `docs` with full rights, once the user may see them
        :raises AccessError: the user may not see one of them
        :raises UserError: one of them was never saved as a sale
        """
        vends = self.env["utility.vend"].browse(docids)
        vends.check_access("read")
        for vend in vends:
            vend._count_print(self._paper)
        return {
            "doc_ids": docids,
            "doc_model": vends._name,
            # Names of the invoice and of the payment journal: a cashier has no rights there.
            "docs": vends.sudo(),
            "paper": self._paper,
        }


class ReceiptReportA5(models.AbstractModel):
    _name = "report.utility_prepaid.report_receipt_a5"
    _inherit = "report.utility_prepaid.report_receipt_80mm"
    _description = "Receipt on A5"

    _paper = "a5"
