from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common_browser import BrowserCase
from .test_cash_session import ShiftCommon


@tagged("post_install", "-at_install")
class TestShiftReport(ShiftCommon, BrowserCase):
    """What the shift's paper says, and to whom."""

    def setUp(self):
        super().setUp()
        self.shift = self._open("0")
        vend = self._sell("44.44")
        self._counter().refund(vend.id, "customer left")
        self.waiting = self._sell("20.00")
        self._counter().session_cash_move(
            "shift-report-1", self.shift.id, "out", "7.00", self.petty.id, "Voucher 7"
        )

    def _page(self, paper="a4", role="cashier", options=""):
        self.authenticate(f"desk_{role}", f"desk_{role}")
        return self.url_open(f"/utility/shift/{self.shift.id}?paper={paper}{options}")

    def test_before_the_count_nothing_expected_is_on_paper(self):
        text = self._page().text
        self.assertIn("Not closed yet", text)
        self.assertNotIn("Money by kind and method", text)
        self.assertIn("Money by kind and method", self._page(role="supervisor").text)

    def test_after_the_count(self):
        self._count(self.shift, "12.00")
        self._counter().session_confirm_uncertain(self.shift.id)
        self.shift.with_user(self.users["supervisor"]).action_sign()
        self._counter().session_close(self.shift.id, "2.00", self.bank.id)
        text = self._page().text
        for words in (
            self.shift.name,
            self.company.name,
            self.cash.name,
            self.users["cashier"].name,
            self.users["supervisor"].name,
            "Petty cash: Voucher 7",
            "customer left",
            self.waiting.name,
            "Deposit of shift",
        ):
            self.assertIn(words, text)
        # 44.44 and 20.00 taken, 44.44 given back, 7.00 out: 13.00 expected, 12.00 counted
        for amount in ("64.44", "44.44", "13.00", "12.00", "1.00", "2.00", "10.00"):
            self.assertIn(amount, text)
        self.assertNotIn("Not closed yet", text)
        self.assertRegex(text, r"o_utility_uncertain(?s:.*)20\.00")

    def test_papers(self):
        self.assertIn("@page { size: A4", self._page().text)
        self.assertIn("@page { size: 80mm", self._page("80mm").text)
        self.assertIn("window.print()", self._page("80mm", options="&print=1").text)
        html = (
            self.env["ir.actions.report"]
            .with_user(self.users["cashier"])
            ._render_qweb_html("utility_prepaid.report_shift_80mm", self.shift.ids)[0]
            .decode()
        )
        self.assertIn(self.shift.name, html)

    @mute_logger("odoo.http")
    def test_others_see_nothing(self):
        new_test_user(self.env, login="desk_nobody", groups="base.group_user")
        self.assertEqual(self._page(role="nobody").status_code, 403)
        self.assertEqual(self._page("a0").status_code, 404)
