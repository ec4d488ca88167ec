from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import UtilityCommon


@tagged("post_install", "-at_install")
class TestCounter(UtilityCommon):
    """The counter's requests as the cashier, with the cashier's rights only."""

    def _refused(self, words, amount="100.00", meter=None, journal=None):
        """The sale is refused with these words, and nothing at all was saved."""
        before = self.env["utility.vend"].search_count([])
        payments = self.env["account.payment"].search_count([])
        with self.assertRaisesRegex(UserError, words):
            self._sell(amount, meter=meter, journal=journal)
        self.assertEqual(self.env["utility.vend"].search_count([]), before)
        self.assertEqual(self.env["account.payment"].search_count([]), payments)

    def test_find_by_everything_a_customer_says(self):
        self.customer.phone = "13800000101"
        counter = self._counter()
        for query in (self.meter.vending_id, self.meter.address, "101", "Room 101", "13800000101"):
            with self.subTest(query):
                self.assertIn(self.meter.id, [hit["id"] for hit in counter.find(query)])
        self.assertTrue(counter.find(self.meter.vending_id)[0]["exact"])
        self.assertEqual(counter.find("no such thing"), [])

    def test_card_and_quote_equal_the_sale(self):
        counter = self._counter()
        card = counter.card(self.meter.id)
        self.assertTrue(card["sellable"], card["refusal"])
        self.assertEqual(card["price"], "0.5483")
        quote = counter.quote(self.meter.id, "100.00")
        self.assertEqual((quote["ok"], quote["units"]), (True, "182.38"))
        status = counter.sell("sale-quote-1", self.meter.id, "100.00", self.cash.id)
        self.assertEqual(status["units"], quote["units"])
        self.assertEqual(status["steps"]["saved"], True)
        self.assertFalse(counter.card(self.meter.id)["sellable"])

    def test_unknown_meter(self):
        with self.assertRaisesRegex(UserError, "no such meter"):
            self._counter().sell("sale-unknown", 0, "10", self.cash.id)

    def test_amounts(self):
        for amount, words in (
            ("0", "above zero"),
            ("-5", "above zero"),
            ("5000.01", "above the maximum sale"),
            ("1.005", "more decimals"),
            ("ten", "not an amount"),
            ("NaN", "not an amount"),
            ("", "not an amount"),
        ):
            with self.subTest(amount):
                self._refused(words, amount)
                self.assertRegex(self._counter().quote(self.meter.id, amount)["error"], words)

    def test_meter_without_contract(self):
        self._refused("has no contract", meter=self._meter("202611000004"))

    def test_meter_out_of_use(self):
        meter = self._meter("202611000004", active=False)
        self._refused("out of use", meter=meter)

    def test_contract_closed(self):
        meter = self._meter("202611000004")
        contract = self._contract(meter)
        contract.action_close()
        command = self.env["utility.command"].search(
            [("contract_id", "=", contract.id), ("kind", "=", "clear")]
        )
        self._refused("being closed|on its way", meter=meter)
        self._arm(command)
        command._prove({"number": 0, "epoch": 1})
        self.assertEqual(contract.state, "closed")
        self._refused("has no contract", meter=meter)

    def test_price_missing(self):
        self.tariff.price_ids.date_from = fields.Date.to_date("2199-01-01")
        self._refused("Price missing")

    def test_two_cashiers_on_one_meter(self):
        self._sell("20.00")
        with self.assertRaisesRegex(UserError, "still on its way"):
            self._sell("20.00", role="supervisor")

    def test_same_sale_sent_twice_is_one_sale(self):
        first = self._sell(uuid="sale-twice-1")
        again = self._sell(uuid="sale-twice-1")
        self.assertEqual(first, again)
        self.assertEqual(len(first.command_ids), 1)
        self.assertEqual(
            self.env["account.payment"].search_count([("utility_vend_id", "=", first.id)]), 1
        )

    def test_same_id_with_another_amount_is_an_error(self):
        first = self._sell("100.00", uuid="sale-amount-1")
        with self.assertRaisesRegex(UserError, "already saved as"):
            self._sell("90.00", uuid="sale-amount-1")
        self.assertEqual(first.amount, 100.0)

    def test_no_open_journal(self):
        self.env["account.journal"].search([]).utility_counter = False
        self._refused("No open payment method")
        self.assertEqual(self._counter().get_config()["methods"], [])

    def test_journal_not_for_the_counter(self):
        other = self.company_data["default_journal_cash"]
        self.assertFalse(other.utility_counter)
        self._refused("No open payment method", journal=other)

    def test_sale_without_an_id(self):
        with self.assertRaisesRegex(UserError, "has no id"):
            self._counter().sell("", self.meter.id, "10", self.cash.id)

    def test_reader_cannot_sell(self):
        with self.assertRaises(AccessError):
            self._sell(role="reader")
        with self.assertRaises(AccessError):
            self._counter("engineer").card(self.meter.id)

    def test_reversal_only_once_only_last_with_reason(self):
        first = self._delivered("20.00")
        last = self._delivered("30.00")
        counter = self._counter()
        with self.assertRaisesRegex(UserError, "Only the last sale"):
            counter.reverse("reversal-old", first.id, "changed mind")
        with self.assertRaisesRegex(UserError, "Say why"):
            counter.reverse("reversal-why", last.id, "  ")
        one = counter.reverse("reversal-one", last.id, "changed mind")
        self.assertEqual(counter.reverse("reversal-one", last.id, "changed mind")["id"], one["id"])
        with self.assertRaisesRegex(UserError, "already being reversed"):
            counter.reverse("reversal-two", last.id, "changed mind")

    def test_refused_reversal_leaves_the_sale(self):
        vend = self._delivered("20.00")
        reversal = self.env["utility.vend"].browse(
            self._counter().reverse("reversal-late", vend.id, "changed mind")["id"]
        )
        command = reversal.command_id
        self._arm(command)
        command._set_unknown("No longer held")
        command._not_charged("The meter no longer holds the amount", final=True, quiet=True)
        self.assertEqual((vend.state, reversal.state), ("delivered", "cancelled"))
        self.assertIn("no longer holds", reversal._status()["message"])
        self.assertTrue(vend._status()["can_reverse"])

    def test_reversal_above_limit_needs_a_supervisor(self):
        self.company.utility_reversal_limit = 50
        vend = self._delivered("60.00")
        with self.assertRaisesRegex(UserError, "need a supervisor"):
            self._counter().reverse("reversal-big", vend.id, "changed mind")
        self._counter("supervisor").reverse("reversal-big", vend.id, "changed mind")

    def test_receipt_copies_are_counted_and_logged(self):
        vend = self._delivered()
        counter = self._counter()
        self.assertEqual(counter.print_receipt(vend.id, "80mm")["copy"], 0)
        self.assertEqual(counter.print_receipt(vend.id, "a5")["copy"], 1)
        self.assertEqual(vend.print_count, 2)
        self.assertEqual(
            self.env["utility.operation"].search_count(
                [("vend_id", "=", vend.id), ("action", "=", "Receipt printed")]
            ),
            2,
        )
        with self.assertRaisesRegex(UserError, "no paper"):
            counter.print_receipt(vend.id, "a9")

    def test_live_read_is_shared_and_expires(self):
        counter = self._counter()
        first = counter.request_read(self.meter.id)
        self.assertEqual(counter.request_read(self.meter.id), first)
        command = self.env["utility.command"].browse(first)
        self.assertTrue(command.expires_at)
        command._read_done({"balance": "10.00"})
        self.assertEqual(counter.read_status(first)["state"], "done")

    def test_sale_overtakes_reads(self):
        read = self.env["utility.command"].browse(self._counter().request_read(self.meter.id))
        vend = self._sell()
        self.assertLess(vend.command_id.priority, read.priority)

    def test_status_follows_the_sale(self):
        vend = self._sell()
        counter = self._counter()
        self._arm(vend.command_id)
        self.assertTrue(counter.status([vend.id])[0]["steps"]["sent"])
        vend.command_id._answered("Accepted")
        vend.command_id._prove(
            {
                "number": vend.command_id.number,
                "epoch": 0,
                "balance_before": 10,
                "balance_after": 192.38,
            }
        )
        status = counter.status([vend.id])[0]
        self.assertTrue(status["steps"]["proved"])
        self.assertFalse(status["steps"]["posted"])
        self.assertEqual((status["balance_before"], status["balance_after"]), ("10.00", "192.38"))
        self._post()
        self.assertTrue(counter.status([vend.id])[0]["steps"]["posted"])

    def test_refund_of_a_sale_never_sent(self):
        vend = self._sell()
        self.assertTrue(vend._status()["can_refund"])
        self._counter().refund(vend.id, "customer left")
        self.assertEqual((vend.state, vend.command_id.state), ("refunded", "cancelled"))
        self.assertFalse(self._arm(vend.command_id))
