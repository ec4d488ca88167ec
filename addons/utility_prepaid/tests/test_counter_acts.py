from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, freeze_time, tagged

from .common import UtilityCommon


@tagged("post_install", "-at_install")
class TestCounterActs(UtilityCommon):
    """What else is done from the counter: which acts are offered to whom, and what they open."""

    def _names(self, role="cashier", meter=None):
        found = self._counter(role).acts((meter or self.meter).id)
        # Other addons may have acts of their own.
        ours = ("issue_", "contract_", "meter_")
        return [act["name"] for act in found if act["name"].startswith(ours)]

    def test_acts_follow_the_contract(self):
        self.assertEqual(
            self._names(),
            [
                "contract_view", "contract_close", "contract_hand_over", "contract_pause",
                "meter_view",
            ],
        )  # fmt: skip
        fresh = self._meter("202611000003")
        self.assertIn("contract_open", self._names(meter=fresh))
        self.assertNotIn("contract_close", self._names(meter=fresh))
        postpaid = self._meter("202611000005", "b_07")
        self.assertEqual(self._names(meter=postpaid), ["meter_view"])

    def test_acts_follow_the_role(self):
        self.assertNotIn("issue_emergency", self._names())
        self.assertIn("issue_emergency", self._names("supervisor"))
        self.assertIn("contract_replace", self._names("supervisor"))
        for role in ("reader", "accountant"):
            with self.assertRaises(AccessError):
                self._names(role)

    def test_temporary_supply_is_for_a_meter_without_contract(self):
        fresh = self._meter("202611000003")
        kinds = {kind["kind"] for kind in self._counter("supervisor")._issue_kinds()}
        self.assertIn("temporary", kinds)
        self.assertIn("issue_temporary", self._names("supervisor", meter=fresh))
        self.assertNotIn("issue_temporary", self._names("supervisor"))
        self.assertNotIn("issue_emergency", self._names("supervisor", meter=fresh))

    def _form(self, role, action):
        self.assertEqual(action["type"], "ir.actions.act_window")
        model = self.env[action["res_model"]].with_user(self.users[role])
        return Form(model.with_context(**action["context"]))

    def test_each_act_opens_its_form_for_who_may(self):
        counter = self._counter("supervisor")
        form = self._form("supervisor", counter.start_act(self.meter.id, "issue_emergency"))
        self.assertEqual((form.kind, form.meter_id), ("emergency", self.meter))
        form = self._form("cashier", self._counter().start_act(self.meter.id, "contract_close"))
        self.assertEqual((form.act, form.contract_id), ("close", self.contract))
        fresh = self._meter("202611000003")
        form = self._form("cashier", self._counter().start_act(fresh.id, "contract_open"))
        form.partner_id = self.customer
        form.tariff_id = self.tariff
        self.assertEqual(form.save().meter_id, fresh)
        action = self._counter().start_act(self.meter.id, "meter_view")
        self.assertEqual((action["res_model"], action["res_id"]), ("utility.meter", self.meter.id))

    def test_an_act_that_is_not_offered_is_refused(self):
        for name in ("issue_emergency", "contract_replace", "nonsense"):
            with self.assertRaisesRegex(UserError, "not possible"):
                self._counter().start_act(self.meter.id, name)

    def test_a_shift_is_begun_or_shown(self):
        action = self._counter().shift_action()
        self.assertEqual(action["res_model"], "utility.cash.count")
        status = self._counter().session_open("shift-acts-1", self.cash.id, "100")
        action = self._counter().shift_action()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("utility.cash.session", status["id"])
        )
        with self.assertRaises(AccessError):
            self._counter("reader").shift_action()


@tagged("post_install", "-at_install")
class TestCounterUnusual(UtilityCommon):
    """The counter asks once more before what is odd, and only then."""

    def _unusual(self, amount="100.00"):
        return self._counter().quote(self.meter.id, amount)["unusual"]

    def test_the_same_money_again_within_ten_minutes(self):
        now = fields.Datetime.now()
        self.assertEqual(self._unusual(), [])
        vend = self._delivered("100.00")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE utility_vend SET create_date = %s WHERE id = %s", (now, vend.id)
        )
        with freeze_time(now + timedelta(minutes=9, seconds=59)):
            (words,) = self._unusual()
            self.assertIn("within ten minutes", words)
            self.assertEqual(self._unusual("100.01"), [])
        with freeze_time(now + timedelta(minutes=10, seconds=1)):
            self.assertEqual(self._unusual(), [])

    def test_more_than_usual(self):
        self.assertEqual(self._unusual("1000.00"), [])
        self.company.utility_unusual_amount = 500
        self.assertEqual(self._unusual("500.00"), [])
        (words,) = self._unusual("500.01")
        self.assertIn("500.01", words)

    def test_a_refusal_is_not_asked_about(self):
        self.assertNotIn("unusual", self._counter().quote(self.meter.id, "999999"))
