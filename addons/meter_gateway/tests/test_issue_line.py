from uuid import uuid4

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import GatewayCommon


@tagged("post_install", "-at_install")
class TestIssueLine(GatewayCommon):
    """Credit without money reaches real meters: what the simulator's books say is the proof."""

    def _give(self, kind, quantity, meter, role="supervisor"):
        status = self._counter(role).issue(str(uuid4()), kind, meter.id, quantity, "Asked")
        return self.env["utility.vend"].browse(status["id"])

    def test_temporary_supply(self):
        self.fresh.sudo().number_known = True
        before = self.sim.books(self.fresh)["balance"]
        vend = self._give("temporary", "5", self.fresh, role="engineer")
        self._run()
        self.assertEqual(vend.state, "delivered", vend.command_id.message)
        self.assertEqual(self._orders(self.fresh)[-1]["kind"], "preset")
        self.assertNotEqual(self.sim.books(self.fresh)["balance"], before)

    def test_lent_and_taken_back(self):
        self.company.utility_emergency_limit = 30
        vend = self._give("emergency", "20.00", self.second)
        self._run()
        self.assertEqual(vend.state, "delivered", vend.command_id.message)
        status = self._counter().reverse(str(uuid4()), vend.id, "Not needed")
        reversal = self.env["utility.vend"].browse(status["id"])
        self._run()
        self.assertEqual((vend.state, reversal.state), ("reversed", "delivered"))
        self.assertEqual(
            [order["kind"] for order in self._orders(self.second)[-2:]], ["charge", "reverse"]
        )

    def test_takes_back_its_last_charge_and_nothing_else(self):
        up = self._give("adjustment", "12.34", self.meter)
        self._run()
        self.assertEqual(up.state, "delivered", up.command_id.message)
        with self.assertRaisesRegex(UserError, "last charge as a whole"):
            self._give("adjustment", "-12.33", self.meter)
        down = self._give("adjustment", "-12.34", self.meter)
        self._run()
        self.assertEqual(down.state, "delivered", down.command_id.message)
        self.assertEqual(self._orders(self.meter)[-1]["kind"], "reverse")
        with self.assertRaisesRegex(UserError, "last charge as a whole"):
            self._give("adjustment", "-12.34", self.meter)
