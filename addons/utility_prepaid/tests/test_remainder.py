from decimal import Decimal

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import UtilityCommon


@tagged("post_install", "-at_install")
class TestRemainder(UtilityCommon):
    """What was too small for a step: spent by a later sale, and out of that sale's own payment.

    Behind current transformers of 40/1 a step costs 0.4 x 0.5483 = 0.21932.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.big = cls._meter("202611000002", ct_ratio=40)
        cls._contract(cls.big)

    def _buy(self, amount):
        vend = self._delivered(amount, meter=self.big)
        self._post()
        return vend

    def test_remainder_of_long_ago_settles_the_invoice(self):
        first = self._buy("22.13")
        self.assertEqual(first.contract_id.remainder, 0.19)
        for __ in range(21):
            self._delivered("21.94", meter=self.big)
        self._post()
        last = self._buy("43.69")
        self.assertEqual((last.cost, last.contract_id.remainder), (43.87, 0.01))
        self.assertEqual((last.move_id.payment_state, last.move_id.amount_residual), ("paid", 0))
        self.assertEqual(self._open_credit(), 0.01)

    def test_no_sale_before_the_former_is_settled(self):
        former = self._sell("22.13", meter=self.big)
        self._arm(former.command_id)
        former.command_id._set_unknown("No answer")
        former.command_id._not_charged("Over the hoarding limit", final=True, quiet=True)
        # Its remainder would be spent although its money may still go back.
        with self.assertRaisesRegex(UserError, former.name):
            self._sell("43.67", meter=self.big)
        self.assertFalse(self._counter().card(self.big.id)["sellable"])
        self._counter().refund(former.id, "meter is full")
        self.assertEqual(former.contract_id.remainder, 0)
        self.assertEqual(self._buy("43.67").cost, float(Decimal("43.65")))
        self.assertEqual(self._open_credit(), 0.02)
