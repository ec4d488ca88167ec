from odoo import api, models


class ReceiptReport80mm(models.AbstractModel):
    """Papers printed from a list or form: each print is counted, as at the counter."""

    _name = "report.utility_prepaid.report_receipt_80mm"
    _description = "Receipt on an 80 mm roll"

    # What is printed; it has `_count_print`.
    _printed = "utility.vend"
    _paper = "80mm"

    @api.model
    def _get_report_values(self, docids, data=None):
        """Count one print of each document.

        :param docids: ids of what is printed
        :return: values of the template; `docs` with full rights, once the user may see them
        :raises AccessError: the user may not see one of them
        :raises UserError: one of them is not to be printed, as a sale that was never saved
        """
        documents = self.env[self._printed].browse(docids)
        documents.check_access("read")
        for document in documents:
            document._count_print(self._paper)
        return {
            "doc_ids": docids,
            "doc_model": documents._name,
            # Names of documents and of the payment journal: a cashier has no rights there.
            "docs": documents.sudo(),
            "paper": self._paper,
        }


class ReceiptReportA5(models.AbstractModel):
    _name = "report.utility_prepaid.report_receipt_a5"
    _inherit = "report.utility_prepaid.report_receipt_80mm"
    _description = "Receipt on A5"

    _paper = "a5"
