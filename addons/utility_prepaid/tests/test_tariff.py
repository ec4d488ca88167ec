import doctest
import random
from decimal import Decimal

from odoo.tests import BaseCase, tagged

from odoo.addons.utility_prepaid.tools import decimals, lots, tariff
from odoo.addons.utility_prepaid.tools.tariff import TariffError, quote

D = Decimal
CENT = D("0.01")


@tagged("post_install", "-at_install")
class TestDoctests(BaseCase):
    def test_examples_are_true(self):
        for module in (decimals, lots, tariff):
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

    def test_half_a_cent_is_rounded_up_but_never_above_the_money(self):
        answer = self._check(D("0.01"), D("0.5000"), D("0.02"), D(1), D(0))
        self.assertEqual((answer.units, answer.cost), (D("0.02"), D("0.01")))
        # 0.07 units cost 0.035: half up, the whole 0.04
        answer = self._check(D("0.04"), D("0.5000"), D("0.07"), D(1), D(0))
        self.assertEqual((answer.units, answer.cost), (D("0.07"), D("0.04")))

    def test_current_transformer(self):
        answer = self._check(D("100.00"), D("0.5483"), CENT, D(40), D(0))
        self.assertEqual((answer.units, answer.credit), (D("182.00"), D("4.55")))
        self.assertEqual(answer.remainder_after, D("0.21"))

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
                "costs 0.35",
            ),
            ({"credit": "money", "money": D("0.09"), "step": D("0.1")}, "too_little", "costs 0.1"),
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

    def test_any_sale_is_exact(self):
        dice = random.Random(20261101)
        sold = 0
        for __ in range(3000):
            money = D(dice.randint(1, 10 ** dice.randint(2, 9))) / 100
            price = D(dice.randint(1, 10 ** dice.randint(2, 6))) / 10000
            step = dice.choice((CENT, D("0.1"), D(1), D("0.0001"), D("0.25")))
            ct = dice.choice((D(1), D(1), D(20), D(40), D("7.5")))
            remainder = D(dice.choice((0, 0, dice.randint(1, 500)))) / 100
            credit = dice.choice(("units", "units", "money"))
            with self.subTest(
                money=money, price=price, step=step, ct=ct, remainder=remainder, credit=credit
            ):
                try:
                    answer = self._check(money, price, step, ct, remainder, credit)
                except TariffError as error:
                    self.assertEqual(error.code, "too_little")
                    continue
                sold += 1
                self.assertEqual(answer, quote(money, price, step, ct, remainder, credit))
        self.assertGreater(sold, 2000)

    def test_more_money_never_buys_fewer_units(self):
        for price, step, ct in (
            (D("0.5483"), CENT, D(1)),
            (D("3.4500"), D("0.1"), D(1)),
            (D("0.8520"), CENT, D(40)),
            (D("0.0001"), D(1), D(1)),
        ):
            before = D(0)
            for cents in range(1, 2500):
                try:
                    units = quote(D(cents) / 100, price, step, ct).units
                except TariffError:
                    units = D(0)
                self.assertGreaterEqual(units, before, f"{cents} cents at {price}")
                before = units
            self.assertGreater(before, 0)

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
