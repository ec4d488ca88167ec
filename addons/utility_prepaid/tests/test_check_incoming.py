from decimal import Decimal

from odoo.tests import tagged

from .test_check import CheckCommon


@tagged("post_install", "-at_install")
class TestCheckIncoming(CheckCommon):
    """Money that came by itself, and what moved to another meter, in the daily check."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = cls.env["account.journal"].create(
            {"name": "Provider", "code": "PROV", "type": "bank", "company_id": cls.company.id}
        )

    def _money_came(self, reference="P-1", amount="100.00", meter=None, **values):
        return (
            self.env["utility.vend"]
            .sudo()
            ._sell_automatic(
                f"uuid-of-{reference}",
                self.meter if meter is None else meter,
                Decimal(amount),
                self.provider,
                reference,
                **values,
            )
        )

    def _sell_incoming(self):
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_sell_incoming").method_direct_trigger()
        self.env.invalidate_all()

    def test_sold_proved_and_posted(self):
        one = self._money_came()
        self.assertEqual(self._found(self._check()), {"not_proved": 100.0})
        self._prove(one.vend_id.command_id)
        self._post()
        self.assertEqual(self._found(self._check()), {})

    def test_waiting_money_is_the_customers(self):
        self._delivered("50.00")
        self._post()
        busy = self._sell("20.00")
        one = self._money_came()
        self.assertEqual(self._found(self._check()), {"not_proved": 20.0, "credit": 100.0})
        self._prove(busy.command_id)
        self._sell_incoming()
        self._prove(one.vend_id.command_id)
        self._post()
        self.assertEqual(self._found(self._check()), {})

    def test_nobodys_money_until_it_is_somebodys(self):
        one = self._money_came(meter=self.env["utility.meter"])
        self.assertEqual(self._found(self._check()), {"payment_alone": 100.0})
        one.with_user(self.users["supervisor"])._sell_on(self.meter, "Asked")
        self.assertEqual(self._found(self._check()), {"not_proved": 100.0})
        self._prove(one.vend_id.command_id)
        self._post()
        self.assertEqual(self._found(self._check()), {})

    def test_freed_and_given_back(self):
        one = self._money_came()
        vend = one.vend_id
        self._prove(vend.command_id)
        self._post()
        reversal = self._reverse(vend)
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertEqual(one.state, "held")
        self.assertEqual(self._found(self._check()), {"credit": 100.0})
        one.with_user(self.users["supervisor"])._give_back(self.cash, "Asked")
        self.assertEqual(self._found(self._check()), {})

    def test_sold_to_the_wrong_room(self):
        neighbour = self.env["res.partner"].create({"name": "Room 102 tenant"})
        other = self._meter("202611000002")
        self._contract(other, partner=neighbour)
        vend = self._delivered("100.00")
        self._post()
        status = self._counter().sell_elsewhere("wrong-room-0001", vend.id, other.id, "Room 102")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._prove(reversal.command_id, before="192.38", after="10.00")
        self._post()
        self.assertEqual(self._found(self._check()), {"credit": 100.0})
        self._sell_incoming()
        self.assertEqual(self._found(self._check()), {"not_proved": 100.0})
        sale = self.env["utility.incoming"].search([("reversal_id", "=", reversal.id)]).vend_id
        self._prove(sale.command_id)
        self._post()
        self.assertEqual(self._found(self._check()), {})
