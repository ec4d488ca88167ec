from decimal import Decimal
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..tools.tariff import CENT, FEE, SERVICE, UNITS, quote, quote_units
from ..tools.tariff_steps import Step, cost
from ..tools.tariff_terms import Gauge, Owed, TariffError, Terms

# No stop-watch, nothing kept between runs, the same examples every time.
EXAMPLES = settings(max_examples=60, deadline=None, database=None, derandomize=True)

PRICES = st.decimals("0.0001", 20, places=4)
MONEY = st.decimals("0.01", 20000, places=2)
RATES = st.one_of(st.just(Decimal(0)), st.decimals(0, 99, places=2))
OWED = st.lists(st.decimals("0.01", 300, places=2), max_size=4).map(
    lambda amounts: tuple(Owed(number, amount) for number, amount in enumerate(amounts))
)


@st.composite
def steps(draw):
    """Prices that rise or fall, with limits at any hundredth of a unit."""
    limits = draw(st.lists(st.decimals("0.01", 2000, places=2), max_size=3, unique=True))
    starts = [Decimal(0), *sorted(limits)]
    return tuple(Step(start, draw(PRICES)) for start in starts)


TERMS = st.builds(
    Terms,
    steps=steps(),
    bought=st.decimals(0, 2500, places=4),
    fees=OWED,
    arrears=OWED,
    arrears_percent=st.one_of(st.just(Decimal(0)), st.decimals(0, 100, places=2)),
    arrears_amount=st.one_of(st.just(Decimal(0)), st.decimals("0.01", 100, places=2)),
    service=RATES,
    minimum=st.just(Decimal(0)),
    maximum=st.just(Decimal(0)),
)
GAUGES = st.builds(
    Gauge,
    step=st.sampled_from([Decimal(step) for step in ("0.01", "0.1", "1", "0.0001", "0.25")]),
    ct_ratio=st.sampled_from([Decimal(ratio) for ratio in ("1", "20", "40", "7.5")]),
    credit=st.sampled_from(["units", "units", "money"]),
)
REMAINDERS = st.decimals(0, 5, places=2)


def ask(money, terms, gauge, remainder=Decimal(0)):
    """A quote, or None where the money buys nothing."""
    try:
        return quote(money, terms, gauge, remainder)
    except TariffError as error:
        if error.code not in ("fees", "arrears", "too_little"):
            raise
        return None


def units(answer):
    return answer.units if answer else Decimal(0)


@tagged("post_install", "-at_install")
class TestTariffProperties(BaseCase):
    """What holds for any tariff, any debt, any meter and any money."""

    @EXAMPLES
    @given(MONEY, TERMS, GAUGES, REMAINDERS)
    def test_every_cent_is_explained(self, money, terms, gauge, remainder):
        answer = ask(money, terms, gauge, remainder)
        assume(answer)
        self.assertEqual(sum(line.amount for line in answer.lines), money)
        self.assertEqual(
            answer.cost + answer.fees + answer.arrears + answer.remainder_after - remainder, money
        )
        by_kind = {}
        for line in answer.lines:
            by_kind[line.kind] = by_kind.get(line.kind, 0) + line.amount
            self.assertFalse(line.amount % CENT)
        self.assertEqual(by_kind.pop(UNITS), answer.cost)
        self.assertEqual(by_kind.pop(FEE, 0) + by_kind.pop(SERVICE, 0), answer.fees)
        self.assertEqual(by_kind.pop("arrears", 0), answer.arrears)
        self.assertEqual(by_kind.pop("remainder_used", 0), -remainder)
        self.assertEqual(by_kind.pop("remainder_kept", 0), answer.remainder_after)
        self.assertFalse(by_kind)

    @EXAMPLES
    @given(MONEY, TERMS, GAUGES, REMAINDERS)
    def test_the_meter_gets_whole_steps_and_all_that_the_money_buys(
        self, money, terms, gauge, remainder
    ):
        answer = ask(money, terms, gauge, remainder)
        assume(answer)
        self.assertGreater(answer.credit, 0)
        self.assertFalse(answer.credit % gauge.step)
        if gauge.credit == "money":
            self.assertEqual(answer.credit, answer.cost)
            self.assertLess(answer.remainder_after, gauge.step)
            return
        self.assertEqual(answer.units, answer.credit * gauge.ct_ratio)
        bought = [line for line in answer.lines if line.kind == UNITS]
        self.assertEqual(sum(line.quantity for line in bought), answer.units)
        exact = cost(terms.steps, terms.bought, answer.units)
        self.assertLess(abs(answer.cost - exact), CENT)
        self.assertGreaterEqual(answer.cost, exact)
        one_more = cost(terms.steps, terms.bought + answer.units, gauge.grain)
        self.assertLess(answer.remainder_after, one_more)

    @EXAMPLES
    @given(st.lists(MONEY, min_size=2, max_size=6), TERMS, GAUGES, REMAINDERS)
    def test_more_money_never_buys_fewer_units(self, amounts, terms, gauge, remainder):
        near = [amount + CENT for amount in amounts]
        bought = [units(ask(money, terms, gauge, remainder)) for money in sorted(amounts + near)]
        for less, more in pairwise(bought):
            self.assertLessEqual(less, more)

    @EXAMPLES
    @given(MONEY, MONEY, TERMS, GAUGES, REMAINDERS)
    def test_two_sales_never_buy_more_than_one(self, first, second, terms, gauge, remainder):
        assume(gauge.credit == "units")
        one = ask(first, terms, gauge, remainder)
        assume(one)
        paid = one.arrears
        left = []
        for debt in terms.arrears:
            part = min(debt.amount, paid)
            paid -= part
            if debt.amount - part:
                left.append(Owed(debt.key, debt.amount - part))
        after = terms._replace(fees=(), arrears=tuple(left), bought=terms.bought + one.units)
        two = ask(second, after, gauge, one.remainder_after)
        whole = ask(first + second, terms, gauge, remainder)
        self.assertLessEqual(one.units + units(two), units(whole))

    @EXAMPLES
    @given(st.decimals("0.0001", 3000, places=4), TERMS, GAUGES, REMAINDERS)
    def test_units_cost_the_smallest_money_that_buys_them(self, wanted, terms, gauge, remainder):
        answer = quote_units(wanted, terms, gauge, remainder)
        self.assertGreaterEqual(answer.units, wanted)
        self.assertEqual(answer, quote(answer.money, terms, gauge, remainder), "quote = sale")
        if answer.money > CENT:
            self.assertLess(units(ask(answer.money - CENT, terms, gauge, remainder)), wanted)

    @EXAMPLES
    @given(MONEY, steps(), PRICES, TERMS, GAUGES, REMAINDERS)
    def test_what_is_left_at_this_price_is_so(
        self, money, lower, last_price, terms, gauge, remainder
    ):
        # a last step that no money reaches: there is always a next price
        terms = terms._replace(steps=(*lower, Step(Decimal(10**9), last_price)))
        gauge = gauge._replace(credit="units")
        answer = ask(money, terms, gauge, remainder)
        assume(answer and answer.step_left.units)
        left = answer.step_left
        self.assertGreater(left.money, 0)
        more = quote(money + left.money, terms, gauge, remainder)
        self.assertGreaterEqual(more.units, answer.units + left.units)
        ends_at = terms.bought + answer.units
        inside = cost(terms.steps, ends_at, left.units)
        self.assertEqual(inside, left.units * left.price, "all at one price")
        beyond = cost(terms.steps, ends_at, left.units + gauge.grain) - inside
        self.assertEqual(
            beyond == gauge.grain * left.price, left.price == left.next_price, "and no more is"
        )

    @EXAMPLES
    @given(MONEY, TERMS, GAUGES)
    def test_a_refusal_names_the_smallest_sale(self, money, terms, gauge):
        try:
            quote(money, terms, gauge)
            least = None
        except TariffError as error:
            least = error.params["least"]
        assume(least)
        self.assertGreater(least, money)
        self.assertGreater(quote(least, terms, gauge).credit, 0)
        self.assertIsNone(ask(least - CENT, terms, gauge))
