from odoo.tests import tagged

from odoo.addons.web.tests.test_js import HOOTCommon, unit_test_error_checker

from .common import UtilityCommon
from .common_browser import PATIENCE, BrowserCase


@tagged("post_install", "-at_install", "utility_tour")
class TestCounterTour(UtilityCommon, BrowserCase):
    """The counter in a browser, by keys, with a cashier's rights; the test plays the meter."""

    def _post(self):
        # This test is in registry test mode already, for the browser's requests.
        self.env.ref("utility_prepaid.ir_cron_post_vends").method_direct_trigger()
        self.env.invalidate_all()

    def _tour(self, name):
        self.start_tour("/odoo/utility-counter", name, login="desk_cashier", timeout=PATIENCE)
        self.env.invalidate_all()

    def _vends(self, kind):
        return self.env["utility.vend"].search(
            [("meter_id", "=", self.meter.id), ("kind", "=", kind)]
        )

    def test_sell_reverse_reprint(self):
        self.assertFalse(self.users["cashier"].has_group("account.group_account_invoice"))

        self._tour("utility_counter_sale")
        sale = self._vends("sale")
        self.assertRecordValues(
            sale,
            [
                {
                    "amount": 100.0,
                    "units": 182.38,
                    "state": "accepted",
                    "user_id": self.users["cashier"].id,
                }
            ],
        )
        self._prove(sale.command_id, before="10.00")
        self._post()
        self.assertEqual((sale.state, sale.move_id.state), ("delivered", "posted"))

        self._tour("utility_counter_follow")
        reversal = self._vends("reversal")
        self.assertRecordValues(
            reversal,
            [
                {
                    "amount": 100.0,
                    "state": "accepted",
                    "reason": "Sold to the wrong room",
                    "reversed_vend_id": sale.id,
                }
            ],
        )
        self.assertEqual(sale.print_count, 1)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertEqual((sale.state, reversal.move_id.state), ("reversed", "posted"))

        self._tour("utility_counter_reversed")
        self.assertEqual(sale.print_count, 2)
        self.assertEqual(len(self._vends("sale")), 1, "printing sells nothing")

    def test_wrong_room_and_other_invoices(self):
        neighbour = self.env["res.partner"].create({"name": "Room 102 tenant"})
        other = self._meter("202611000002")
        self._contract(other, partner=neighbour)
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2026-11-01",
                "invoice_line_ids": [
                    (0, 0, {"name": "Property fee", "price_unit": 300, "tax_ids": [(5, 0, 0)]})
                ],
            }
        )
        invoice.action_post()
        self._tour("utility_counter_invoices")
        sale = self._sell("100.00")
        self._prove(sale.command_id)
        self._tour("utility_counter_wrong_room")
        self.assertRecordValues(
            self._vends("reversal"),
            [
                {
                    "state": "accepted",
                    "reversed_vend_id": sale.id,
                    "target_meter_id": other.id,
                    "reason": "Meant for room 102",
                }
            ],
        )


@tagged("post_install", "-at_install", "utility_tour")
class TestCounterUnits(BrowserCase):
    """The counter's logic in plain JavaScript (static/tests/counter)."""

    def test_counter_units(self):
        suite = HOOTCommon._generate_hash(self, "@utility_prepaid")
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=120000&id={suite}",
            "",
            "",
            login="admin",
            timeout=PATIENCE,
            success_signal="[HOOT] Test suite succeeded",
            error_checker=unit_test_error_checker,
        )
