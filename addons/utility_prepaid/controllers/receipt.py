from odoo.http import Controller, request, route

from ..models.utility_counter import PAPERS


class ReceiptController(Controller):
    @route("/utility/receipt/<int:vend_id>", type="http", auth="user", readonly=True)
    def receipt(self, vend_id, paper="80mm", **options):
        """One receipt as a page that the browser prints as it is.

        Looking at it counts nothing: `utility.counter.print_receipt` has counted the print, and the
        page shows what it counted.

        :param paper: one of PAPERS
        :param options: ``print=1`` opens the browser's print dialogue by itself
        """
        vend = request.env["utility.vend"].browse(vend_id).exists()
        if not vend or paper not in PAPERS:
            raise request.not_found()
        vend.check_access("read")
        return request.render(
            "utility_prepaid.receipt_page",
            {
                # Names of the invoice and of the payment journal: a cashier has no rights there.
                "vend": vend.sudo(),
                "paper": paper,
                "print_now": options.get("print") == "1",
            },
            headers={"Cache-Control": "no-store"},
        )
