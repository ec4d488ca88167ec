from datetime import date
from decimal import Decimal

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import UtilityCommon

D = Decimal
Command = fields.Command


class TariffSaleCommon(UtilityCommon):
    """Sales at a tariff with two steps: 0.50 up to 100 kWh of the month, 0.80 above."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version = cls.tariff.price_ids
        cls.version.write(
            {"price": 0.5, "step_ids": [Command.create({"above": 100, "price": 0.8})]}
        )
        cls.contract.sudo().date_open = date(2026, 3, 10)

    def _version(self, date_from, **values):
        return self.env["utility.tariff.price"].create(
            {"tariff_id": self.tariff.id, "date_from": date_from, "price": 1, **values}
        )

    def _quote(self, amount="100.00", **kwargs):
        quote = self._counter().quote(self.meter.id, amount, **kwargs)
        self.assertTrue(quote["ok"], quote["error"])
        return quote

    def _refusal(self, amount):
        """The words of a refusal, the same before paying and at the sale."""
        words = self._counter().quote(self.meter.id, amount)["error"]
        with self.assertRaises(UserError) as caught:
            self._sell(amount)
        self.assertEqual(str(caught.exception), words)
        return words

    def _lines(self, vend):
        """Lines as (kind, quantity, price, amount)."""
        return [(x.kind, x.quantity, x.price, x.amount) for x in vend.line_ids]

    def _reversed(self, vend):
        status = self._counter("supervisor").reverse(f"undo-{vend.uuid}", vend.id, "Wrong amount")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="500.00", after="10.00")
        return reversal


@tagged("post_install", "-at_install")
@freeze_time("2026-03-10 04:00:00")
class TestTariffSteps(TariffSaleCommon):
    def test_a_sale_over_two_steps_is_explained_line_by_line(self):
        vend = self._sell("90.00")
        self.assertEqual(self._lines(vend), [("units", 100, 0.5, 50), ("units", 50, 0.8, 40)])
        self.assertEqual(vend.line_ids.mapped("step"), [1, 2])
        self.assertEqual(vend.line_ids[1].name, "Electricity, step 2")
        self.assertEqual((vend.units, vend.cost, vend.price), (150, 90, 0.6))

    def test_steps_count_over_the_sales_of_a_month(self):
        self._delivered("40.00")
        vend = self._delivered("26.00")
        self.assertEqual(self._lines(vend), [("units", 20, 0.5, 10), ("units", 20, 0.8, 16)])
        self.assertEqual(self.contract._units_bought(date(2026, 3, 1), date(2026, 3, 31)), 120)
        self.assertEqual(self._counter().card(self.meter.id)["price"], "0.8000")
        contract = self.contract.with_user(self.users["reader"])
        self.assertEqual((contract.units_bought, contract.price_now), (120, 0.8))

    def test_the_month_is_that_of_the_desk(self):
        # Shanghai is eight hours ahead: the last evening of March there is 15:59 in Greenwich
        with freeze_time("2026-03-31 15:59:00"):
            self._delivered("50.00")
            self.assertEqual(self._quote("8.00")["units"], "10.00")
        with freeze_time("2026-03-31 16:00:00"):
            self.assertEqual(self._quote("8.00")["units"], "16.00")
            self.assertEqual(self.contract._units_bought(date(2026, 4, 1), date(2026, 4, 1)), 0)

    def test_steps_by_the_year(self):
        self.version.step_period = "year"
        self._delivered("50.00")
        with freeze_time("2026-12-31 15:59:00"):
            self.assertEqual(self._quote("8.00")["units"], "10.00")
        with freeze_time("2026-12-31 16:00:00"):
            self.assertEqual(self._quote("8.00")["units"], "16.00")

    def test_a_change_in_the_month_counts_what_was_bought_before(self):
        self._version(
            date(2026, 3, 20), price=0.6, step_ids=[Command.create({"above": 120, "price": 1})]
        )
        self._delivered("50.00")
        with freeze_time("2026-03-20 04:00:00"):
            vend = self._delivered("22.00")
        # 100 of 120 cheap units were bought at the old price: 20 are left at the new one
        self.assertEqual(self._lines(vend), [("units", 20, 0.6, 12), ("units", 10, 1, 10)])

    def test_a_reversal_gives_its_steps_back(self):
        vend = self._delivered("90.00")
        self.assertEqual(self._quote("8.00")["units"], "10.00")
        self._reversed(vend)
        self.assertEqual(vend.state, "reversed")
        self.assertEqual(self._quote("8.00")["units"], "16.00")

    def test_money_back_gives_its_steps_back(self):
        vend = self._sell("90.00")
        self._counter().refund(vend.id, "Changed mind")
        self.assertEqual(self._quote("8.00")["units"], "16.00")

    def test_given_up_by_a_manager_counts_as_supplied(self):
        vend = self._sell("90.00")
        vend.sudo().state = "written_off"
        vend.command_id.sudo().state = "failed"
        self.assertEqual(self._quote("8.00")["units"], "10.00")
        # the money went back, then the meter showed the charge: posted as owed
        vend.sudo().write({"state": "refunded", "posted_at": fields.Datetime.now()})
        self.assertEqual(self._quote("8.00")["units"], "10.00")

    def test_what_is_free_fills_no_step(self):
        vend = self._delivered("50.00")
        vend.sudo().kind = "quota"
        self.assertEqual(self._quote("8.00")["units"], "16.00")

    def test_another_contract_starts_at_the_first_step(self):
        self._delivered("90.00")
        other = self._meter("202611000009")
        self._contract(other)
        self.assertEqual(self._counter().quote(other.id, "8.00")["units"], "16.00")

    def test_how_much_more_at_this_price(self):
        self.assertEqual(
            self._quote("40.00")["step"],
            {
                "left_units": "20.00",
                "left_money": "10.00",
                "price": "0.5000",
                "next_price": "0.8000",
            },
        )
        self.assertEqual(self._quote("50.00")["step"], None, "the last step has no end")
        self.assertEqual(self._quote("50.00")["units"], "100.00")
        self.version.step_ids.unlink()
        self.assertIsNone(self._quote("40.00")["step"])

    def test_behind_current_transformers(self):
        self.meter.ct_ratio = 40
        vend = self._sell("90.10")
        # steps of 0.4 units: 150 of them are a whole count, 0.10 buys no further one
        self.assertEqual((vend.units, vend.credit, vend.remainder_after), (150, 3.75, 0.1))

    def test_a_money_meter_is_sent_the_money(self):
        meter = self._meter("202611000003", "d_smart")
        self._contract(meter)
        self.version.service_percent = 10
        vend = self._sell("100.00", meter=meter)
        self.assertEqual((vend.credit, vend.cost, vend.fee_amount), (90, 90, 10))
        self.assertEqual(
            self._lines(vend),
            [("service", 1, 10, 10), ("units", 100, 0.5, 50), ("units", 50, 0.8, 40)],
        )


@tagged("post_install", "-at_install")
@freeze_time("2026-05-20 04:00:00")
class TestTariffFees(TariffSaleCommon):
    """A monthly fee of 12 since the contract opened on 10 March."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version.fee = 12

    def _months(self, vend):
        fees = vend.line_ids.filtered(lambda line: line.kind == "fee")
        return [(str(line.month), line.amount) for line in fees]

    def test_back_months_are_listed_and_taken_once(self):
        vend = self._delivered("100.00")
        self.assertEqual(
            self._months(vend),
            [("2026-03-01", 12), ("2026-04-01", 12), ("2026-05-01", 12)],
        )
        self.assertEqual(vend.line_ids[0].name, "Monthly fee, March 2026")
        self.assertEqual((vend.fee_amount, vend.cost), (36, 64))
        self.assertEqual(sum(vend.line_ids.mapped("amount")), 100)
        self.assertEqual(self._months(self._delivered("20.00")), [])
        with freeze_time("2026-06-01 04:00:00"):
            self.assertEqual(self._months(self._delivered("20.00")), [("2026-06-01", 12)])

    def test_fees_owed_are_on_the_contract(self):
        contract = self.contract.with_user(self.users["reader"])
        self.assertEqual(contract.fees_owed, 36)

    def test_fees_above_the_money(self):
        self.assertEqual(
            self._refusal("36.00"),
            "Fees of 36 for 3 month(s) are owed: the sale must be at least 36.01.",
        )
        self.assertEqual(self._sell("36.01").units, 0.02)

    def test_each_month_at_its_own_price(self):
        self._version(date(2026, 4, 15), fee=20)
        self._version(date(2026, 5, 1), fee=0)
        self.assertEqual(
            self._months(self._sell("100.00")), [("2026-03-01", 12), ("2026-04-01", 12)]
        )

    def test_a_date_from_which_fees_count(self):
        self.contract.fee_from = date(2026, 5, 2)
        self.assertEqual(self._months(self._sell("100.00")), [("2026-05-01", 12)])

    def test_fees_from_before_the_opening(self):
        self.contract.fee_from = date(2026, 2, 20)
        self.assertEqual(len(self._months(self._sell("100.00"))), 4)

    def test_a_reversal_owes_its_months_again(self):
        vend = self._delivered("100.00")
        reversal = self._reversed(vend)
        self.assertEqual(self._months(reversal), self._months(vend))
        self.assertEqual(reversal.fee_amount, 36)
        self.assertEqual(len(self._months(self._delivered("100.00"))), 3)

    def test_a_test_contract_owes_no_fees(self):
        meter = self._meter("202611000009")
        contract = self._contract(meter)
        contract.sudo().write({"is_test": True, "date_open": date(2026, 3, 10)})
        self.assertEqual(contract._fees(date(2026, 5, 20)), [])

    def test_who_may_move_the_beginning_of_fees(self):
        contract = self.contract.with_user(self.users["cashier"])
        with self.assertRaisesRegex(UserError, "Only a manager"):
            contract.fee_from = date(2026, 5, 1)
        self.users["cashier"].group_ids |= self.env.ref("utility_prepaid.group_manager")
        contract.fee_from = date(2026, 5, 1)
        history = self.env["utility.operation"].search([("res_id", "=", contract.id)], limit=1)
        self.assertEqual((history.action, history.after), ("Fees count from", "2026-05-01"))

    def test_service_fee_after_the_monthly_fees(self):
        self.version.service_percent = 1.5
        vend = self._sell("100.00")
        line = vend.line_ids.filtered(lambda line: line.kind == "service")
        self.assertEqual((line.name, line.amount), ("Service fee, 1.5 %", 0.96))
        self.assertEqual((vend.fee_amount, vend.cost), (36.96, 63.04))

    def test_fees_are_sold_as_their_own_product(self):
        product = self.env["product.product"].create({"name": "Desk fee", "type": "service"})
        self.tariff.fee_product_id = product
        vend = self._sell("100.00")
        fees = vend.line_ids.filtered(lambda line: line.kind == "fee")
        self.assertEqual(fees.product_id, product)


@tagged("post_install", "-at_install")
@freeze_time("2026-05-20 04:00:00")
class TestTariffArrears(TariffSaleCommon):
    """Two old debts of 30 and 50."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.debts = [cls._debt(30, "2026-04-01"), cls._debt(50, "2026-04-02")]

    @classmethod
    def _debt(cls, amount, day):
        product = cls.company.utility_electricity_product_id
        return cls.env["utility.ledger"]._invoice(
            cls.contract,
            [
                {
                    "product": product,
                    "name": "Emergency credit",
                    "quantity": D(1),
                    "price": D(amount),
                    "amount": D(amount),
                }
            ],
            fields.Date.to_date(day),
            "debt",
        )

    def _recovered(self, vend):
        lines = vend.line_ids.filtered(lambda line: line.kind == "arrears")
        return [(line.arrears_line_id.move_id, line.amount) for line in lines]

    def test_all_is_taken_first(self):
        vend = self._sell("100.00")
        self.assertEqual(self._recovered(vend), [(self.debts[0], 30), (self.debts[1], 50)])
        self.assertEqual((vend.arrears_amount, vend.cost, vend.units), (80, 20, 40))
        self.assertIn(self.debts[0].name, vend.line_ids[0].name)
        self.assertEqual(sum(vend.line_ids.mapped("amount")), 100)

    def test_caps(self):
        self.tariff.arrears_percent = 35
        self.assertEqual(self._recovered(self._sell("100.00"))[1], (self.debts[1], 5))

    def test_cap_in_money_of_each_sale(self):
        self.tariff.arrears_amount = 20
        first = self._delivered("100.00")
        self.assertEqual(self._recovered(first), [(self.debts[0], 20)])
        # also while the first one is not posted yet
        second = self._sell("100.00")
        self.assertEqual(self._recovered(second), [(self.debts[0], 10), (self.debts[1], 10)])

    def test_a_sale_that_only_pays_debts_is_refused(self):
        self.assertEqual(
            self._refusal("80.00"),
            "Arrears of 80 come first: the sale must be at least 80.01.",
        )
        self.tariff.arrears_percent = 50
        self.assertEqual(self._quote("80.00")["units"], "80.00")

    def test_a_cashier_quotes_without_rights_in_the_books(self):
        lines = self._quote("100.00")["lines"]
        self.assertEqual([line["amount"] for line in lines], ["30.00", "50.00", "20.00"])


@tagged("post_install", "-at_install")
@freeze_time("2026-05-20 04:00:00")
class TestTariffBooks(TariffSaleCommon):
    """A sale with everything in it: two months' fees, service fee, an old debt, two steps."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version.write({"fee": 12, "service_percent": 2})
        cls.contract.fee_from = date(2026, 4, 1)
        cls.tariff.arrears_amount = 20
        product = cls.company.utility_electricity_product_id
        line = {"product": product, "name": "Emergency", "quantity": D(1), "price": D(30)}
        cls.debt = cls.env["utility.ledger"]._invoice(
            cls.contract, [{**line, "amount": D(30)}], date(2026, 4, 1), "debt"
        )

    def test_quote_sale_receipt_and_books_say_the_same(self):
        quote = self._quote("150.00")
        vend = self._delivered("150.00")
        told = [(x["kind"], x["name"], x["amount"]) for x in quote["lines"]]
        stored = [(x.kind, x.name, f"{x.amount:.2f}") for x in vend.line_ids]
        self.assertEqual(told, stored)
        self.assertEqual(
            [(kind, amount) for kind, __, amount in told],
            [
                ("fee", "12.00"),
                ("fee", "12.00"),
                ("arrears", "20.00"),
                ("service", "2.12"),
                ("units", "50.00"),
                ("units", "53.88"),
            ],
        )
        self.assertEqual((vend.cost, vend.fee_amount, vend.arrears_amount), (103.88, 26.12, 20))
        paper = str(
            self.env["ir.qweb"]._render(
                "utility_prepaid.receipt_body", {"vend": vend.sudo(), "paper": "80mm"}
            )
        )
        for words in (
            "Monthly fee, April 2026",
            "Monthly fee, May 2026",
            f"Arrears, {self.debt.name}",
            "Service fee, 2 %",
            "Electricity, step 1",
            "100.00",
            "Electricity, step 2",
            "67.35",
        ):
            self.assertIn(words, paper)
        self.assertRegex(paper, r"67\.35\s*kWh\s*×\s*0\.80")
        self._post()
        self.assertEqual(vend.move_id.amount_total, 130, "units and fees; arrears have theirs")
        self.assertEqual(
            vend.move_id.invoice_line_ids.mapped("price_total"), [12, 12, 2.12, 50, 53.88]
        )
        self.assertEqual(vend.move_id.payment_state, "paid")
        self.assertEqual(self.debt.amount_residual, 10)
        self.assertEqual(self._open_credit(), -10, "nothing but the rest of the debt is open")

    def test_a_reversal_owes_the_debt_again(self):
        vend = self._delivered("150.00")
        self._post()
        self._reversed(vend)
        self._post()
        self.assertEqual(self.debt.amount_residual, 30)
        self.assertEqual(self._open_credit(), -30)
        self.assertEqual(self._quote("150.00")["lines"][0]["kind"], "fee")


@tagged("post_install", "-at_install")
@freeze_time("2026-05-20 04:00:00")
class TestSaleByUnits(TariffSaleCommon):
    def test_units_wanted_give_the_money(self):
        self.version.write({"fee": 12, "service_percent": 2})
        quote = self._quote("", units="150")
        # 36 of fees; 90 of units and 2 % of all that is not a fee
        self.assertEqual((quote["units"], quote["amount"]), ("150.00", "127.84"))
        self.assertEqual(quote, self._quote(quote["amount"]), "quote by units = quote by money")
        vend = self._sell(quote["amount"])
        self.assertEqual((vend.units, vend.cost, vend.fee_amount), (150, 90, 37.84))

    def test_refusals(self):
        for units, words in (
            ("0", "The units must be above zero."),
            ("-1", "The units must be above zero."),
            ("ten", "“ten” is not a number of units."),
            ("1e300", "“1e300” is not a number of units."),
            ("99999999", "The amount is above the maximum sale of 5000."),
        ):
            with self.subTest(units):
                quote = self._counter().quote(self.meter.id, "", units=units)
                self.assertEqual((quote["ok"], quote["error"]), (False, words))

    def test_only_units(self):
        self.version.write({"fee": 12, "service_percent": 2})
        self.tariff.amount_min = 50
        answer, price = self.env["utility.vend"]._quote(self.meter, D("10.00"), only_units=True)
        self.assertEqual((answer.units, answer.cost, price), (20, 10, D("0.5")))


@tagged("post_install", "-at_install")
@freeze_time("2026-05-20 04:00:00")
class TestTariffRecords(TariffSaleCommon):
    def test_impossible_prices_are_refused(self):
        for values, words in (
            ({"fee": -1}, "fee_positive"),
            ({"service_percent": 100}, "service_range"),
            ({"price": 0}, "price_positive"),
            ({"price_peak": -1}, "rates_positive"),
            ({"step_ids": [Command.create({"above": 0, "price": 1})]}, "above_positive"),
            ({"step_ids": [Command.create({"above": 100, "price": 1})]}, "above_uniq"),
            ({"step_ids": [Command.create({"above": 9, "price": 0})]}, "step_price_positive"),
        ):
            with (
                self.subTest(**values),
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(IntegrityError, words),
                self.cr.savepoint(),
            ):
                self.version.write(values)
                self.env.flush_all()

    def test_time_of_use_is_what_a_meter_can_hold(self):
        slots = [(0, "valley"), (7, "flat"), (10.5, "peak"), (19.75, "sharp"), (21, "flat")]
        prices = {"price_sharp": 1.1, "price_peak": 0.9, "price_flat": 0.5, "price_valley": 0.3}
        create = lambda rows: [
            Command.clear(),
            *(Command.create({"start": a, "rate": b}) for a, b in rows),
        ]
        self.version.write({**prices, "slot_ids": create(reversed(slots))})
        self.assertEqual(
            self.version._time_of_use(),
            {
                "prices": {
                    "sharp": D("1.1000"),
                    "peak": D("0.9000"),
                    "flat": D("0.5000"),
                    "valley": D("0.3000"),
                },
                "slots": [
                    ("00:00", "valley"),
                    ("07:00", "flat"),
                    ("10:30", "peak"),
                    ("19:45", "sharp"),
                    ("21:00", "flat"),
                ],
            },
        )
        # one register: the plain price and its steps
        self.assertEqual(self._quote("90.00")["units"], "150.00")
        for values, words in (
            ({"slot_ids": create(slots[1:])}, "begins at 00:00"),
            ({"price_peak": 0}, "rate without a price: 10:30 Peak"),
            ({"slot_ids": create([(x, "flat") for x in range(15)])}, "at most 14"),
        ):
            with (
                self.subTest(words),
                self.assertRaisesRegex(ValidationError, words),
                self.cr.savepoint(),
            ):
                self.version.write(values)
        self.version.slot_ids.unlink()
        self.assertEqual(self.version._time_of_use(), {"prices": {}, "slots": []})

    def test_form_of_a_manager(self):
        manager = self.users["engineer"]
        manager.group_ids |= self.env.ref("utility_prepaid.group_manager")
        with Form(self.tariff.with_user(manager)) as form:
            form.arrears_percent = 25
            with form.price_ids.new() as version:
                version.date_from = date(2026, 7, 1)
                version.price = 0.6
                version.fee = 5
                version.service_percent = 1
                version.step_period = "year"
                with version.step_ids.new() as step:
                    step.above = 2160
                    step.price = 0.65
                version.price_flat = 0.6
                with version.slot_ids.new() as slot:
                    slot.start = 0
                    slot.rate = "flat"
        version = self.tariff._version(date(2026, 7, 1))
        self.assertEqual((version.price, version.step_ids.above, version.fee), (0.6, 2160, 5))
        with self.assertRaises(AccessError):
            version.with_user(self.users["accountant"]).step_ids.price = 1

    def test_changes_are_history(self):
        before = self.env["utility.operation"].search([], limit=1)
        self.version.step_ids.price = 0.9
        self.version.fee = 3
        self.tariff.arrears_percent = 20
        self.version.step_ids.unlink()
        lines = self.env["utility.operation"].search([("id", ">", before.id)], order="id")
        self.assertEqual(set(lines.mapped("action")), {"Price changed"})
        self.assertEqual(set(lines.mapped("res_id")), {self.tariff.id})
        self.assertEqual(
            [(line.before, line.after) for line in lines],
            [
                ("2020-01-01, > 100: 0.8", "2020-01-01, > 100: 0.9"),
                ("2020-01-01: 0.5, by month", "2020-01-01: 0.5, by month, Monthly fee 3"),
                (
                    "Homes, Maximum sale 5000",
                    "Homes, Maximum sale 5000, Arrears: at most % of the money 20",
                ),
                ("2020-01-01, > 100: 0.9", False),
            ],
        )

    def test_a_version_is_copied_with_all_its_parts(self):
        self.version.fee = 3
        self.version.action_copy_from_today()
        copy = self.tariff.price_ids.sorted("date_from")[-1]
        self.assertEqual(copy.date_from, date(2026, 5, 20))
        self.assertEqual((copy.price, copy.fee), (0.5, 3))
        self.assertEqual(copy.step_ids.mapped("above"), [100])
        with self.assertRaises(AccessError):
            self.version.with_user(self.users["accountant"]).action_copy_from_today()

    def test_default_of_new_contracts(self):
        homes = self.env["utility.customer.class"].create({"name": "Homes", "code": "TH"})
        shops = self.env["utility.customer.class"].create({"name": "Shops", "code": "TS"})
        self.tariff.write({"is_default": True, "class_id": homes.id})
        general = self.tariff.copy({"name": "General", "class_id": False})
        self.assertEqual(general.price_ids.step_ids.mapped("above"), [100])
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(IntegrityError, "default_once"),
            self.cr.savepoint(),
        ):
            general.copy({"name": "Again"})
        contracts = self.env["utility.contract"].with_user(self.users["cashier"])
        for customer_class, tariff in (
            (homes, self.tariff),
            (shops, general),
            (self.env["utility.customer.class"], general),
        ):
            with self.subTest(customer_class.name):
                meter = self._meter(f"20261100002{len(contracts.search([]))}")
                contract = contracts.create(
                    {
                        "meter_id": meter.id,
                        "partner_id": self.customer.id,
                        "class_id": customer_class.id,
                    }
                )
                self.assertEqual(contract.tariff_id, tariff)
        # what was chosen by hand stays
        contract.tariff_id = self.tariff
        self.assertEqual(contract.tariff_id, self.tariff)
        # another class of a draft brings its tariff, of an open contract it is refused
        contract.class_id = shops
        self.assertEqual(contract.tariff_id, general)
        with self.assertRaisesRegex(ValidationError, "Homes is for customers of class Homes"):
            self.contract.class_id = shops
        water = self._meter("202611000031", "d_water")
        self.assertFalse(
            contracts.new({"meter_id": water.id, "partner_id": self.customer.id}).tariff_id,
            "no water tariff is the default",
        )
