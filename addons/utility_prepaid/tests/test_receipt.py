from odoo import fields
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import UtilityCommon
from .common_browser import BrowserCase


@tagged("post_install", "-at_install")
class TestReceipt(UtilityCommon, BrowserCase):
    """What is on paper, who may see it, and that each print is counted."""

    def setUp(self):
        super().setUp()
        self.vend = self._delivered("100.00")

    def _post(self):
        # This test is in registry test mode already, for the browser's requests.
        self.env.ref("utility_prepaid.ir_cron_post_vends").method_direct_trigger()
        self.env.invalidate_all()

    def _page(self, vend=None, paper="80mm", role="cashier", options=""):
        login = f"desk_{role}"
        self.authenticate(login, login)
        return self.url_open(f"/utility/receipt/{(vend or self.vend).id}?paper={paper}{options}")

    def _print(self, paper="80mm"):
        return self._counter().print_receipt(self.vend.id, paper)

    def test_proves_the_charge(self):
        """Purchase number, balance before and after, what the money bought, who and where."""
        self._post()
        self.vend.sudo().accepted_at = fields.Datetime.to_datetime("2026-03-01 20:30:00")
        text = self._page().text
        for words in (
            self.company.name,
            self.site.name,
            "One / 101",
            "Room 101 tenant",
            self.meter.vending_id,
            self.meter.address,
            self.vend.name,
            "182.38",
            "0.5483",
            "192.38",
            self.vend.move_id.name,
            self.cash.name,
            self.users["cashier"].name,
        ):
            self.assertIn(words, text)
        self.assertRegex(text, r'o_utility_purchase_number">\s*2\s*<')
        # The day where the company sells, not the day in Greenwich.
        self.assertIn("03/02/2026", text)
        self.assertNotIn("03/01/2026", text)

    def test_papers(self):
        roll = self._page().text
        self.assertIn("@page { size: 80mm", roll)
        self.assertIn("paper_80mm", roll)
        page = self._page(paper="a5").text
        self.assertIn("@page { size: A5", page)
        self.assertIn("paper_a5", page)
        self.assertNotIn("<script", page, "a page of fixed size needs none")
        self.assertIn("window.print()", self._page(paper="a5", options="&print=1").text)

    def test_page_needs_no_other_file(self):
        """It prints at once: nothing else is fetched."""
        text = self._page().text
        self.assertTrue(text.startswith("<!DOCTYPE html>"))
        for attribute in ("<link", " src="):
            self.assertNotIn(attribute, text)

    def test_copies_are_marked(self):
        self.assertEqual(self._print()["copy"], 0)
        self.assertNotIn("o_utility_copy", self._page().text)
        job = self._print("a5")
        self.assertEqual(job["copy"], 1)
        self.assertRegex(self.url_open(job["url"]).text, r"Copy\s*1")
        self._print()
        self.assertRegex(self._page().text, r"Copy\s*2")
        self.assertEqual(self.vend.print_count, 3)
        self.assertEqual(self.vend.move_id, self.vend.move_id.browse(), "printing posts nothing")

    def test_looking_counts_nothing(self):
        self._page()
        self.assertEqual(self.vend.print_count, 0)

    def test_undelivered_sale_says_so(self):
        self._prove(self._sell("10").command_id, before="5")
        vend = self._sell("20")
        text = self._page(vend).text
        self.assertIn("Paid, not yet on the meter", text)
        self.assertNotIn("Balance after", text)

    def test_reversal(self):
        status = self._counter().reverse("reversal-0001", self.vend.id, "Wrong room")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        text = self._page(reversal).text
        for words in (
            "Reversal",
            "Reverses",
            self.vend.name,
            "Wrong room",
            "Paid back",
            reversal.move_id.name,
        ):
            self.assertIn(words, text)
        self.assertIn("This sale was reversed", self._page().text)

    def test_lines_explain_every_cent(self):
        """What was too small for one step of the meter is on paper too."""
        self.tariff.price_ids.price = 5
        vend = self._delivered("10.03")
        kept = vend.line_ids.filtered(lambda line: line.kind == "remainder_kept")
        self.assertEqual(kept.amount, 0.03)
        self.assertRegex(self._page(vend).text, rf"{kept.name}(?s:.*)0\.03")

    def test_names_are_escaped(self):
        self.customer.name = "<script>alert(1)</script>"
        text = self._page(paper="a5").text
        self.assertNotIn("<script>alert", text)
        self.assertIn("&lt;script&gt;alert(1)", text)

    @mute_logger("odoo.http")
    def test_others_see_nothing(self):
        user = new_test_user(self.env, login="desk_nobody", groups="base.group_user")
        self.assertFalse(user.has_group("utility_prepaid.group_reader"))
        response = self._page(role="nobody")
        self.assertEqual(response.status_code, 403)
        self.assertNotIn(self.customer.name, response.text)

    @mute_logger("odoo.http")
    def test_other_companies_see_nothing(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        new_test_user(
            self.env,
            login="desk_elsewhere",
            groups="utility_prepaid.group_cashier",
            company_id=company.id,
            company_ids=[fields.Command.set(company.ids)],
        )
        response = self._page(role="elsewhere")
        self.assertEqual(response.status_code, 403)
        self.assertNotIn(self.customer.name, response.text)

    def test_nobody_without_login(self):
        self.authenticate(None, None)
        response = self.url_open(f"/utility/receipt/{self.vend.id}", allow_redirects=False)
        self.assertEqual(response.status_code, 303)

    @mute_logger("odoo.http")
    def test_unknown_paper_or_sale(self):
        self.assertEqual(self._page(paper="a0").status_code, 404)
        self.assertEqual(self._page(self.vend.browse(999999999)).status_code, 404)

    def test_reports_of_the_form_are_counted(self):
        reports = self.env["ir.actions.report"].with_user(self.users["cashier"])
        for number, paper in enumerate(("80mm", "a5"), start=1):
            html = reports._render_qweb_html(
                f"utility_prepaid.report_receipt_{paper}", self.vend.ids
            )[0].decode()
            self.assertIn(f"paper_{paper}", html)
            self.assertIn(self.vend.name, html)
            self.assertEqual(self.vend.print_count, number)
        self.assertRegex(html, r"Copy\s*1")
