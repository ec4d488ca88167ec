import base64
import io

from openpyxl import load_workbook

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .common import UtilityCommon

NUMBER = "26310000000000000001"
OTHER = "26310000000000000002"


@tagged("post_install_l10n", "post_install", "-at_install")
@freeze_time("2026-05-10 04:00:00")
class TestTaxInvoice(UtilityCommon):
    """Asked for, issued by a file that comes back, red-lettered; on China's chart."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.vat = "91310000MA1K000001"

    def setUp(self):
        super().setUp()
        self.first, self.second = self._delivered("100.00"), self._delivered("50.00")
        self._post()
        self.invoices = (self.first | self.second).move_id

    def _as(self, records, role="accountant"):
        return records.with_user(self.users[role]).with_company(self.company)

    def _request(self, invoices=None, role="accountant"):
        moves = self._as(self.invoices if invoices is None else invoices, role)
        moves.action_utility_tax_request()
        return self._as(moves.sudo().utility_tax_invoice_id)

    def _take_back(self, rows, role="accountant"):
        text = "\n".join(["Serial,Number,Date", *(",".join(row) for row in rows)])
        wizard = self._as(self.env["utility.tax.invoice.import"], role).create(
            {"file": base64.b64encode(text.encode())}
        )
        return wizard.action_import()

    def _issued(self, number=NUMBER, invoices=None):
        request = self._request(invoices)
        request.action_export()
        self._take_back([(request.name, number, "2026-05-11")])
        return request

    def test_several_sales_in_one(self):
        request = self._request()
        self.assertEqual(len(request), 1)
        self.assertEqual(request.move_ids, self.invoices)
        self.assertEqual(request.buyer_title, self.customer.name)
        self.assertEqual(request.buyer_tax_number, "91310000MA1K000001")
        self.assertEqual(request.amount_total, 150.0)
        self.assertEqual(self.invoices.mapped("utility_tax_state"), ["requested"] * 2)
        request.buyer_title = "Room 101 tenant's company"
        self._take_back([(request.name, NUMBER, "2026-05-11")])
        self.assertEqual(self.invoices.mapped("utility_tax_number"), [NUMBER] * 2)
        self.assertEqual(self.invoices.mapped("utility_tax_state"), ["issued"] * 2)
        self.assertEqual(str(request.date), "2026-05-11")
        with self.assertRaisesRegex(UserError, "changed only before"):
            request.buyer_title = "Another"

    def test_never_twice_for_the_same_sale(self):
        request = self._request(self.first.move_id)
        with self.assertRaisesRegex(UserError, request.name):
            self._request()
        self.assertFalse(self.second.move_id.utility_tax_invoice_id, "All or none")
        request.action_cancel()
        self.assertFalse(self.first.move_id.utility_tax_state)
        again = self._issued()
        with self.assertRaisesRegex(UserError, NUMBER):
            self._request(self.first.move_id)
        with self.assertRaisesRegex(UserError, "not issued"):
            again.action_cancel()

    def test_issuing_file(self):
        request = self._request()
        action = request.action_export()
        attachment = self.env["ir.attachment"].browse(
            int(action["url"].split("/")[-1].split("?")[0])
        )
        sheet = load_workbook(io.BytesIO(base64.b64decode(attachment.datas))).active
        rows = list(sheet.iter_rows(values_only=True))
        self.assertEqual(rows[0][3], "Buyer tax number")
        self.assertEqual(len(rows), 3)
        first = rows[1]
        self.assertEqual(
            first[:5],
            (request.name, "Normal", self.customer.name, "91310000MA1K000001", "Electricity"),
        )
        self.assertEqual(first[7], 182.38)
        self.assertEqual((first[9], first[10], first[11]), (88.5, 0.13, 11.5))
        self.assertAlmostEqual(first[7] * first[8], first[9], places=4)
        self.assertTrue(request.exported_at)
        with self.assertRaisesRegex(UserError, "changed only before"):
            request.kind = "special"
        request.action_put_back()
        request.write({"kind": "special", "buyer_tax_number": False})
        with self.assertRaisesRegex(UserError, "needs the buyer's tax number"):
            request.action_export()

    def test_taking_back_is_all_or_nothing(self):
        first, second = self._request(self.first.move_id), self._request(self.second.move_id)
        with self.assertRaises(UserError) as caught:
            self._take_back(
                [
                    (first.name, NUMBER, "2026-05-11"),
                    (second.name, NUMBER, "2026-05-11"),
                    ("TI/2020/1", OTHER, "2026-05-11"),
                    (second.name, "12", "2026-05-11"),
                    (second.name, OTHER, "soon"),
                    (first.name, OTHER, "2026-05-11"),
                ]
            )
        self.assertEqual(
            [line.split(":")[0] for line in str(caught.exception).split("\n")],
            ["Row 3", "Row 4", "Row 5", "Row 6", "Row 7"],
        )
        self.assertEqual((first | second).mapped("state"), ["requested"] * 2)
        rows = [(first.name, NUMBER, "2026-05-11"), (second.name, OTHER, "2026-05-11")]
        self._take_back(rows)
        self._take_back(rows)
        self.assertEqual((first | second).mapped("number"), [NUMBER, OTHER])
        with self.assertRaisesRegex(UserError, "Row 2: .*another number"):
            self._take_back([(first.name, "26310000000000000003", "2026-05-11")])

    def test_reversal_asks_for_the_red_letter(self):
        original = self._issued()
        reversal = self._reversed(self.second)
        red = original.red_ids
        self.assertEqual((red.state, red.move_ids), ("requested", reversal.move_id))
        self.assertEqual(red.amount_total, -50.0)
        self.assertEqual(reversal.move_id.utility_tax_state, "red_requested")
        self.assertEqual(self.second.move_id.utility_tax_state, "red_requested")
        self.assertEqual(self.first.move_id.utility_tax_state, "issued")
        rows = list(red.sudo()._export_rows())
        self.assertEqual([row[12] for row in rows], [NUMBER])
        self.assertLess(rows[0][9], 0)
        self._take_back([(red.name, OTHER, "2026-05-12")])
        self.assertEqual(self.second.move_id.utility_tax_state, "red_lettered")
        self.assertEqual(reversal.move_id.utility_tax_number, OTHER)
        self.assertEqual(self.second.move_id.utility_tax_number, NUMBER, "The number stays")
        with self.assertRaises(UserError):
            self._request(self.second.move_id)
        with self.assertRaisesRegex(UserError, "more than"):
            self._red(original)

    def test_reversal_before_issuing(self):
        request = self._request()
        self._reversed(self.second)
        self.assertEqual(request.move_ids, self.first.move_id)
        self.assertFalse(self.second.move_id.utility_tax_invoice_id)

    def test_reversal_while_the_file_is_out(self):
        request = self._request()
        request.action_export()
        reversal = self._reversed(self.second)
        self.assertFalse(request.red_ids, "Not known yet whether it was issued")
        self._take_back([(request.name, NUMBER, "2026-05-11")])
        self.assertEqual(request.red_ids.move_ids, reversal.move_id)

    def test_wrong_title_is_red_lettered_and_asked_for_again(self):
        original = self._issued()
        red = self._red(original)
        self.assertEqual(self.invoices.mapped("utility_tax_state"), ["red_requested"] * 2)
        with self.assertRaises(UserError):
            self._request()
        self._take_back([(red.name, OTHER, "2026-05-12")])
        self.assertEqual(red.amount_total, -150.0)
        self.assertEqual(self.invoices.mapped("utility_tax_state"), [False] * 2)
        again = self._request()
        self.assertNotEqual(again, original)
        self.assertEqual(original.move_ids, self.invoices, "What was issued stays on record")

    def test_rights(self):
        for role in ("reader", "engineer"):
            with self.assertRaises(AccessError):
                self._request(role=role)
        self._as(self.first, "cashier").action_request_tax_invoice()
        request = self._as(self.first.move_id.utility_tax_invoice_id, "cashier")
        request.buyer_title = "Room 101 tenant's company"
        for act in (request.action_export, request.action_cancel):
            with self.assertRaises(AccessError):
                act()
        for values in ({"state": "issued"}, {"number": NUMBER}):
            with self.assertRaises(UserError):
                request.write(values)
        with self.assertRaises(AccessError):
            self._take_back([(request.name, NUMBER, "2026-05-11")], "cashier")

    def test_number_is_printed_on_the_invoice(self):
        self._issued()
        html = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice", self.first.move_id.ids
        )[0]
        self.assertIn(NUMBER, html.decode())

    def _reversed(self, vend):
        status = self._counter("supervisor").reverse(f"reversal-{vend.id}", vend.id, "wrong")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="300.00", after="10.00")
        self._post()
        return reversal

    def _red(self, original):
        wizard = self._as(self.env["utility.tax.invoice.red"]).create(
            {"original_id": original.id, "reason": "Wrong title"}
        )
        return self._as(self.env["utility.tax.invoice"].browse(wizard.action_confirm()["res_id"]))
