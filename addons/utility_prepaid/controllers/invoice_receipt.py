from odoo.http import Controller, request, route

from ..models.utility_counter import PAPERS


class InvoiceReceiptController(Controller):
    @route("/utility/invoice-receipt/<string:uuid>", type="http", auth="user", readonly=True)
    def invoice_receipt(self, uuid, paper="80mm", **options):
        """What was paid for invoices in one go, as a page that the browser prints as it is.

        :param paper: one of PAPERS
        :param options: ``print=1`` opens the browser's print dialogue by itself
        """
        counter = request.env["utility.counter"]
        counter._check_cashier()
        payments = counter._payments_of(uuid)
        if not payments or paper not in PAPERS:
            raise request.not_found()
        return request.render(
            "utility_prepaid.invoice_receipt_page",
            {
                "payments": payments,
                "total": sum(payments.mapped("amount")),
                "paper": paper,
                "print_now": options.get("print") == "1",
            },
            headers={"Cache-Control": "no-store"},
        )
