from datetime import date, datetime
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .common import UtilityCommon


class SettlementCommon(UtilityCommon):
    """Meters on a line: what they say is given through the commands' own gates."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(
            cls._patch("_is_connected", lambda meter: meter.address not in cls.off_line)
        )
        cls.startClassPatcher(
            cls._patch("_takes", lambda meter, kind: kind not in cls.cannot.get(meter.address, ()))
        )
        cls.off_line, cls.cannot = {"202611000001"}, {}
        cls.spare = cls._meter("202611000077")

    @classmethod
    def _patch(cls, name, function):
        return patch.object(type(cls.env["utility.meter"]), name, function)

    @classmethod
    def _arm(cls, command):
        # With a gateway a meter on a line is armed by the run that drives it, and none runs here.
        with cls._patch("_is_connected", lambda meter: False):
            return super()._arm(command)

    @classmethod
    def _as(cls, role, records):
        return records.with_user(cls.users[role]).with_context(allowed_company_ids=cls.company.ids)

    def _draft(self, meter, **values):
        return self._as("cashier", self.env["utility.contract"]).create(
            {
                "meter_id": meter.id,
                "partner_id": self.customer.id,
                "tariff_id": self.tariff.id,
                **values,
            }
        )

    def _step(self, settlement, kind, meter=None):
        return settlement.sudo()._step(kind, meter)

    def _says(self, settlement, kind, meter=None, **told):
        """The command of a step is carried out; `told` is what the meter says."""
        command = self._step(settlement, kind, meter).command_id
        self.assertEqual(command.state, "queued", kind)
        if command.kind == "read":
            command._read_done({name: str(value) for name, value in told.items()})
            return command
        self._arm(command)
        number, epoch = command.number, command.epoch
        if command.kind == "clear":
            number, epoch = 0, epoch + 1
        command._prove({"number": number, "epoch": epoch, **told})
        return command

    def _hook(self, name, error):
        """A step that fails with words."""
        return patch.object(type(self.env["utility.settlement.step"]), name, side_effect=error)

    def _states(self, settlement):
        return {step.kind: step.state for step in settlement.sudo().step_ids}

    def _cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_settlements").method_direct_trigger()
        self.env.invalidate_all()

    def _opened(self, meter, **values):
        contract = self._draft(meter, **values)
        settlement = contract._open()
        self._says(settlement, "read", total="100.00", balance="0.00")
        if self._step(settlement, "open").command_id:
            self._says(settlement, "open", balance_before=0, balance_after=0)
        self.assertEqual((contract.state, settlement.state), ("active", "done"))
        return contract.sudo().with_user(self.env.user)


@tagged("post_install", "-at_install")
class TestSettlementOpening(SettlementCommon):
    @freeze_time("2026-03-31 20:00:00")
    def test_the_meter_is_read_then_given_its_customer(self):
        contract = self._draft(self.spare)
        settlement = contract._open()
        self.assertEqual(
            self._states(settlement), {"read": "running", "wipe": "waiting", "open": "waiting"}
        )
        self.assertEqual(contract.state, "opening")
        self._says(settlement, "read", total="1234.56", balance="0.00")
        self.assertEqual(
            self._states(settlement), {"read": "done", "wipe": "skipped", "open": "running"}
        )
        self._says(settlement, "open", balance_before=0, balance_after=0)
        self.assertEqual((contract.state, contract.date_open), ("active", date(2026, 4, 1)))
        self.assertEqual((settlement.state, settlement.user_id), ("done", self.users["cashier"]))
        self.assertEqual((contract.opening_total, contract.opening_balance), (1234.56, 0))
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (1, 0))
        self.assertFalse(settlement.step_id)

    def test_a_debt_from_before_is_wiped_out_and_the_total_stays(self):
        contract = self._draft(self.spare)
        settlement = contract._open()
        self._says(settlement, "read", total="57.10", balance="-12.40")
        wipe = self._step(settlement, "wipe").command_id
        self.assertEqual((wipe.kind, wipe.customer_number, wipe.credit), ("clear", False, 0))
        self.assertEqual(contract.state, "opening")
        self._says(settlement, "wipe", balance_before=-12.4, balance_after=0)
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (0, 1))
        self._says(settlement, "open", balance_before=0, balance_after=0)
        self.assertEqual((self.spare.purchase_number, self.spare.epoch), (1, 1))
        self.assertEqual((contract.opening_total, contract.opening_balance), (57.1, 0))

    def test_temporary_units_that_are_used_up_leave_a_number_that_is_cleared(self):
        self.spare.sudo().write({"number_known": True, "purchase_number": 1})
        settlement = self._draft(self.spare)._open()
        self._says(settlement, "read", total="3.00", balance="0.00")
        self.assertEqual(self._step(settlement, "wipe").state, "running")

    def test_what_cannot_be_cleared_is_the_base(self):
        self.cannot[self.spare.address] = ("clear",)
        self.addCleanup(self.cannot.clear)
        contract = self._draft(self.spare)
        settlement = contract._open()
        self._says(settlement, "read", total="9.00", balance="5.00")
        self.assertEqual(self._step(settlement, "wipe").state, "skipped")
        self._says(settlement, "open", balance_before=5, balance_after=5)
        self.assertEqual((contract.opening_total, contract.opening_balance), (9, 5))

    def test_a_meter_that_keeps_no_customer_is_active_at_once_and_sold_to_once_it_is_read(self):
        self.cannot[self.spare.address] = ("open", "clear")
        self.addCleanup(self.cannot.clear)
        contract = self._draft(self.spare)
        settlement = contract._open()
        self.assertEqual((contract.state, settlement.state), ("active", "running"))
        with self.assertRaisesRegex(UserError, "opening reading is not there yet"):
            self._sell(meter=self.spare)
        self._says(settlement, "read", total="9.00", balance="0.00")
        self.assertEqual((settlement.state, contract.opening_total), ("done", 9))
        self._sell(meter=self.spare)

    def test_no_answer_is_tried_again_and_a_cashier_may_enter_what_the_meter_shows(self):
        contract = self._draft(self.spare)
        with freeze_time("2026-03-02 08:00:00"):
            settlement = contract._open()
            read = self._step(settlement, "read").command_id
            read._read_failed("No answer.")
        self.assertEqual(settlement.state, "stopped")
        self.assertEqual(
            settlement.words, "No answer. It is tried again by itself; or enter a reading by hand."
        )
        self.assertEqual(settlement.sudo().activity_ids.user_id, self.users["cashier"])
        self.assertEqual(settlement.due_at, datetime(2026, 3, 2, 8, 1))
        with freeze_time("2026-03-02 08:01:01"):
            self._cron()
        again = self._step(settlement, "read").command_id
        self.assertEqual((settlement.state, again.state), ("running", "queued"))
        self.assertNotEqual(again, read)
        self.assertFalse(settlement.sudo().activity_ids)
        with self.assertRaisesRegex(UserError, "Say why the meter is read by hand"):
            settlement._read_by_hand(total=7, balance=0, note=" ")
        with freeze_time("2026-03-02 08:02:00"):
            settlement._read_by_hand(total=7, balance=0, note="Line down")
        self.assertEqual(again.state, "cancelled")
        step = self._step(settlement, "read")
        self.assertEqual(
            (step.source, step.total, step.note, step.user_id),
            ("manual", 7, "Line down", self.users["cashier"]),
        )
        self.assertEqual(self.spare.state_ids.total, 7)
        self._says(settlement, "open", balance_after=0)
        self.assertEqual((contract.state, contract.opening_total), ("active", 7))

    def test_given_up_before_the_meter_took_the_customer(self):
        contract = self._draft(self.spare)
        settlement = contract._open()
        settlement.action_cancel()
        self.assertEqual((contract.state, settlement.state), ("draft", "cancelled"))
        read = self.env["utility.command"].search([("meter_id", "=", self.spare.id)])
        self.assertEqual(read.state, "cancelled")
        with self.assertRaises(AccessError):
            self._as("reader", contract.settlement_ids).action_cancel()

    def test_every_step_stands_in_the_history(self):
        settlement = self._draft(self.spare)._open()
        self._says(settlement, "read", total="0.00", balance="0.00")
        lines = self.env["utility.operation"].search(
            [("model", "=", "utility.settlement.step"), ("meter_id", "=", self.spare.id)],
            order="id",
        )
        self.assertEqual(
            [(line.action, line.after) for line in lines],
            [
                ("Read the meter", "running"),
                ("Read the meter", "done"),
                ("Clear what was on the meter before", "running"),
                ("Clear what was on the meter before", "skipped"),
                ("Give the meter its customer", "running"),
            ],
        )
