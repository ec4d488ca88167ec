from odoo.http import Controller, request, route

SHIFT_PAPERS = ("a4", "80mm")


class ShiftController(Controller):
    @route("/utility/shift/<int:session_id>", type="http", auth="user", readonly=True)
    def shift(self, session_id, paper="a4", **options):
        """The report of one shift as a page that the browser prints as it is.

        :param paper: one of SHIFT_PAPERS
        :param options: ``print=1`` opens the browser's print dialogue by itself
        """
        session = request.env["utility.cash.session"].browse(session_id).exists()
        if not session or paper not in SHIFT_PAPERS:
            raise request.not_found()
        session.check_access("read")
        return request.render(
            "utility_prepaid.shift_page",
            {**session._report_values(), "paper": paper, "print_now": options.get("print") == "1"},
            headers={"Cache-Control": "no-store"},
        )
