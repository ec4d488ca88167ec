import doctest
import random
from decimal import Decimal

from odoo.tests import BaseCase, tagged

from ..tools import decimals, lots, tariff, tariff_steps
from ..tools.tariff import CENT
from ..tools.tariff_steps import Step
from ..tools.tariff_terms import Gauge, Owed, TariffError, Terms

D = Decimal
ZERO = D(0)
ONE = D(1)


def quote(money, price, step, ct_ratio=ONE, remainder=ZERO, credit="units", minor=CENT, **terms):
    """A quote at one price."""
    terms = Terms((Step(D(0), price),), **terms)
    return tariff.quote(money, terms, Gauge(step, ct_ratio, credit), remainder, minor)


@tagged("post_install", "-at_install")
class TestDoctests(BaseCase):
    def test_examples_are_true(self):
        for module in (decimals, lots, tariff_steps, tariff):
            with self.subTest(module.__name__):
                result = doctest.testmod(module)
                self.assertGreater(result.attempted, 5)
                self.assertEqual(result.failed, 0)


@tagged("post_install", "-at_install")
class TestTariff(BaseCase):
    """Pricing without a database: exact to the cent, whatever the price, step or ratio."""

    def _amounts(self, answer):
        return {line.kind: line.amount for line in answer.lines}

    def _check(self, money, price, step, ct, remainder, credit="units", minor=CENT):
        """Ask once and hold the answer to every rule that all answers obey."""
        answer = quote(money, price, step, ct, remainder, credit, minor)
        self.assertEqual(sum(line.amount for line in answer.lines), money)
        self.assertEqual(answer.credit % step, 0)
        self.assertGreater(answer.credit, 0)
        self.assertGreaterEqual(answer.remainder_after, 0)
        self.assertEqual(answer.remainder_after % minor, 0)
        self.assertEqual(answer.cost + answer.remainder_after, money + remainder)
        self.assertEqual(answer.cost % minor, 0)
        if credit == "units":
            self.assertEqual(answer.units, answer.credit * ct)
            self.assertLessEqual(answer.units * price, money + remainder)
            one_more = (answer.units + step * ct) * price
            self.assertGreater(one_more, money + remainder)
        return answer

    def test_hundred_of_electricity(self):
        answer = self._check(D("100.00"), D("0.5483"), CENT, D(1), D(0))
        self.assertEqual(answer.units, D("182.38"))
        self.assertEqual(self._amounts(answer), {"units": D("100.00")})

    def test_every_line_is_named(self):
        answer = self._check(D("10.00"), D("3.4500"), D("0.1"), D(1), D("0.34"))
        self.assertEqual(
            self._amounts(answer),
            {"units": D("10.01"), "remainder_used": D("-0.34"), "remainder_kept": D("0.33")},
        )
        self.assertEqual(answer.lines[0].quantity, D("2.9"))

    def test_exact_money_leaves_nothing(self):
        answer = self._check(D("34.50"), D("3.4500"), CENT, D(1), D(0))
        self.assertEqual((answer.units, answer.remainder_after), (D(10), 0))
        self.assertEqual([line.kind for line in answer.lines], ["units"])

    def test_a_part_of_a_cent_is_rounded_up_but_never_above_the_money(self):
        answer = self._check(D("0.01"), D("0.5000"), D("0.02"), D(1), D(0))
        self.assertEqual((answer.units, answer.cost), (D("0.02"), D("0.01")))
        # 0.06 units at 0.57 cost 0.0342
        answer = self._check(D("0.04"), D("0.5700"), D("0.06"), D(1), D(0))
        self.assertEqual((answer.units, answer.cost), (D("0.06"), D("0.04")))

    def test_current_transformer(self):
        answer = self._check(D("100.00"), D("0.5483"), CENT, D(40), D(0))
        self.assertEqual((answer.units, answer.credit), (D("182.00"), D("4.55")))
        self.assertEqual(answer.remainder_after, D("0.20"))

    def test_money_meter_gets_all_of_the_money(self):
        answer = self._check(D("50.00"), D("0.5483"), CENT, D(40), D("0.10"), "money")
        self.assertEqual((answer.credit, answer.cost), (D("50.10"), D("50.10")))
        self.assertEqual(answer.units, D("91.37"))
        self.assertEqual(self._amounts(answer), {"units": D("50.10"), "remainder_used": D("-0.10")})

    def test_money_meter_that_counts_tenths_keeps_the_rest(self):
        answer = self._check(D("50.07"), D("0.5483"), D("0.1"), D(1), D(0), "money")
        self.assertEqual((answer.credit, answer.remainder_after), (D("50.0"), D("0.07")))

    def test_currency_without_decimals(self):
        answer = self._check(D(1000), D("13.7"), CENT, D(1), D(0), minor=D(1))
        self.assertEqual((answer.units, answer.cost), (D("72.99"), D(1000)))

    def test_refusals(self):
        sale = {"money": D("10.00"), "price": D("0.5483"), "step": CENT}
        for change, code, words in (
            ({"money": D(0)}, "amount", "above zero"),
            ({"money": D("-1")}, "amount", "above zero"),
            ({"money": D("1.005")}, "decimals", "1.005 has more decimals"),
            ({"money": D("1.5"), "minor": D(1)}, "decimals", "smallest unit 1"),
            ({"minimum": D("10.01")}, "minimum", "minimum sale of 10.01"),
            ({"maximum": D("9.99")}, "maximum", "maximum sale of 9.99"),
            ({"price": D(0)}, "price", "no price"),
            ({"price": None}, "price", "no price"),
            ({"price": D("-0.5")}, "price", "no price"),
            ({"step": D(0)}, "setup", "smallest step"),
            ({"ct_ratio": D(0)}, "setup", "CT ratio"),
            (
                {"money": D("0.05"), "price": D("3.45"), "step": D("0.1")},
                "too_little",
                "at least 0.35",
            ),
            (
                {"credit": "money", "money": D("0.09"), "step": D("0.1")},
                "too_little",
                "at least 0.1",
            ),
        ):
            with self.subTest(change=change):
                with self.assertRaisesRegex(TariffError, words) as caught:
                    quote(**{**sale, **change})
                self.assertEqual(caught.exception.code, code)

    def test_limits_themselves_are_allowed(self):
        limits = {"minimum": D("10.00"), "maximum": D("10.00")}
        self.assertEqual(quote(D("10.00"), D("0.5"), CENT, **limits).units, 20)
        self.assertEqual(quote(D("10.00"), D("0.5"), CENT, minimum=D(0), maximum=D(0)).units, 20)

    def test_broken_remainder_is_no_cashiers_mistake(self):
        for remainder in (D("-0.01"), D("0.005")):
            with self.assertRaises(ValueError) as caught:
                quote(D(10), D("0.5"), CENT, remainder=remainder)
            self.assertNotIsInstance(caught.exception, TariffError)

    def test_owed_in_the_way(self):
        """What is owed comes first; the refusal says how much is needed."""
        fees = (Owed("May", D("12.00")), Owed("June", D("12.00")))
        debts = (Owed("INV/1", D("80.00")),)
        for money, terms, words in (
            ("20.00", {"fees": fees}, r"Fees of 24 for 2 month\(s\).* at least 24.01"),
            ("24.00", {"fees": fees, "arrears": debts}, "Fees of 24 .* at least 104.01"),
            ("50.00", {"arrears": debts}, "Arrears of 80 come first.* at least 80.01"),
            ("50.00", {"arrears": debts, "arrears_percent": D(100)}, "at least 80.01"),
            ("80.00", {"arrears": debts, "service": D(50)}, "at least 80.02"),
        ):
            with self.subTest(money, **terms), self.assertRaisesRegex(TariffError, words):
                quote(D(money), D("0.5483"), CENT, **terms)

    def test_caps_on_arrears(self):
        debts = (Owed("INV/1", D("30.00")), Owed("INV/2", D("50.00")))
        for caps, paid in (
            ({}, ["30.00", "50.00"]),
            ({"arrears_percent": D(35)}, ["30.00", "5.00"]),
            ({"arrears_percent": D(20)}, ["20.00"]),
            ({"arrears_amount": D("40.00")}, ["30.00", "10.00"]),
            ({"arrears_amount": D("40.00"), "arrears_percent": D(10)}, ["10.00"]),
            ({"arrears_amount": D("10.00"), "arrears_percent": D(35)}, ["10.00"]),
        ):
            with self.subTest(**caps):
                answer = quote(D("100.00"), D("0.5"), CENT, arrears=debts, **caps)
                lines = [str(line.amount) for line in answer.lines if line.kind == "arrears"]
                self.assertEqual(lines, paid)
                self.assertEqual(answer.units, (100 - answer.arrears) * 2)

    def test_what_is_carried_pays_no_service_fee_again(self):
        answer = quote(D("10.00"), D("3.45"), D("0.1"), remainder=D("0.34"), service=D(2))
        self.assertEqual(self._amounts(answer)["service"], D("0.20"))

    def test_money_meter_after_fees_and_arrears(self):
        answer = quote(
            D("50.00"),
            D("0.5483"),
            CENT,
            credit="money",
            fees=(Owed("May", D("5.00")),),
            arrears=(Owed("INV/1", D("8.00")),),
            service=D(10),
        )
        self.assertEqual((answer.credit, answer.cost), (D("33.30"), D("33.30")))
        self.assertIsNone(answer.step_left)

    def test_units_by_step_on_a_money_meter_are_information(self):
        steps = (Step(D(0), D("0.5")), Step(D(50), D("0.7")))
        answer = tariff.quote(D("30.00"), Terms(steps), Gauge(CENT, credit="money"))
        self.assertEqual(
            [(str(line.quantity), str(line.amount)) for line in answer.lines],
            [("50.00", "25.00"), ("7.14", "5.00")],
        )
        self.assertEqual(answer.credit, D("30.00"))

    def test_price_is_the_only_one_or_the_average(self):
        steps = (Step(D(0), D("0.5")), Step(D(50), D("0.7")))
        price = lambda bought: tariff.quote(D("30.00"), Terms(steps, D(bought)), Gauge(CENT)).price
        self.assertEqual([price(bought) for bought in (50, 0)], [D("0.7"), D("0.5250")])

    def test_bad_terms_are_no_cashiers_mistake(self):
        for terms in (
            {"service": D(100)},
            {"arrears_percent": D(101)},
            {"fees": (Owed("May", D("0.001")),)},
            {"arrears": (Owed("INV/1", D(-1)),)},
        ):
            with self.subTest(**terms), self.assertRaises(ValueError) as caught:
                quote(D(10), D("0.5"), CENT, **terms)
            self.assertNotIsInstance(caught.exception, TariffError)
        for starts in ((1,), (0, 5, 5), (0, 9, 5)):
            with self.subTest(starts), self.assertRaisesRegex(ValueError, "rise from zero"):
                steps = tuple(Step(D(start), D(1)) for start in starts)
                tariff.quote(D(10), Terms(steps), Gauge(CENT))

    def test_units_wanted(self):
        terms = Terms((Step(D(0), D("0.5483")),))
        for units in (D(0), D(-1)):
            with self.assertRaisesRegex(TariffError, "units must be above zero"):
                tariff.quote_units(units, terms, Gauge(CENT))
        # a part of the smallest step of the meter is rounded up
        answer = tariff.quote_units(D(10), terms, Gauge(CENT, D(40)))
        self.assertEqual((answer.units, answer.money), (D("10.00"), D("5.49")))
        answer = tariff.quote_units(D("10.1"), terms, Gauge(CENT, D(40)))
        self.assertEqual((answer.units, answer.money), (D("10.40"), D("5.71")))
        with self.assertRaisesRegex(TariffError, "maximum sale of 5"):
            tariff.quote_units(D(10), terms._replace(maximum=D(5)), Gauge(CENT, D(40)))

    def test_carrying_loses_nothing_over_many_sales(self):
        remainder, taken, spent = D(0), D(0), D(0)
        dice = random.Random(7)
        for __ in range(500):
            money = D(dice.randint(100, 20000)) / 100
            answer = self._check(money, D("3.4567"), D("0.1"), D(1), remainder)
            remainder = answer.remainder_after
            taken += money
            spent += answer.cost
        self.assertEqual(taken, spent + remainder)
        self.assertLess(remainder, D("0.36"))
