from datetime import date
from uuid import uuid4

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, freeze_time, new_test_user, tagged

from .test_archive import ArchiveCommon


class ContractCommon(ArchiveCommon):
    """A cashier opens and closes; the meter's answers are given by the commands' own gates."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.sudo().utility_tz = "Asia/Shanghai"
        cls.meter = cls._meter("202611000001")
        cls.customer = cls.env["res.partner"].sudo().create({"name": "Room 101 tenant"})
        cls.cashier = new_test_user(
            cls.env(su=True),
            login="contract_cashier",
            groups="base.group_user,utility_prepaid.group_cashier",
        )
        cls.contract = cls._draft()

    @classmethod
    def _draft(cls, **values):
        return (
            cls.env["utility.contract"]
            .with_user(cls.cashier)
            .create(
                {
                    "partner_id": cls.customer.id,
                    "meter_id": cls.meter.id,
                    "tariff_id": cls.tariff.id,
                    **values,
                }
            )
        )

    def _command(self, contract, kind):
        domain = [("contract_id", "=", contract.id), ("kind", "=", kind)]
        return self.env["utility.command"].sudo().search(domain, order="id desc", limit=1)

    def _arm(self, command):
        meter = command.meter_id
        self.assertTrue(command._arm(meter.purchase_number + 1, meter.epoch, "0" * 64, 1))

    def _prove(self, command):
        """The meter's record shows the order: a clear starts the next epoch at zero."""
        self._arm(command)
        number, epoch = command.number, command.epoch
        if command.kind == "clear":
            number, epoch = 0, epoch + 1
        command._prove(
            {
                "number": number,
                "epoch": epoch,
                "balance_before": 0,
                "balance_after": 0,
                "cumulative": 0,
            }
        )

    def _opened(self, **values):
        contract = self._draft(**values)
        contract.action_open()
        self._prove(self._command(contract, "open"))
        return contract

    def _vend(self, contract, state):
        """A sale in some state, written as the counter would have left it."""
        return (
            self.env["utility.vend"]
            .sudo()
            .create(
                {
                    "uuid": str(uuid4()),
                    "contract_id": contract.id,
                    "meter_id": contract.meter_id.id,
                    "partner_id": contract.partner_id.id,
                    "company_id": contract.company_id.id,
                    "currency_id": contract.currency_id.id,
                    "amount": 10,
                    "state": state,
                }
            )
        )


@tagged("post_install", "-at_install")
class TestContractOpening(ContractCommon):
    def test_numbers_come_from_sequences(self):
        other = self._draft()
        self.assertRegex(self.contract.customer_number, "^[0-9]{12}$")
        self.assertEqual(int(other.customer_number), int(self.contract.customer_number) + 1)
        self.assertRegex(self.contract.name, r"^CT/\d{4}/\d{5}$")
        self.assertEqual(self.contract.room_id, self.room)

    def test_the_cashiers_form(self):
        tariff = self.tariff.sudo()
        tariff.class_id = self.env.ref("utility_prepaid.customer_class_residential")
        with Form(self.env["utility.contract"].with_user(self.cashier)) as form:
            form.partner_id = self.customer
            form.meter_id = self.meter
            form.tariff_id = self.tariff
        contract = form.record
        self.assertEqual((contract.state, contract.class_id), ("draft", tariff.class_id))
        contract.action_open()
        with self.assertRaisesRegex(AssertionError, "readonly"), Form(contract) as form:
            form.tariff_id = self.tariff

    def test_opening_is_a_question_to_the_meter(self):
        self.contract.action_open()
        self.assertEqual(self.contract.state, "opening")
        command = self._command(self.contract, "open")
        self.assertEqual(
            (command.state, command.customer_number, command.credit, command.money),
            ("queued", self.contract.customer_number, 0, True),
        )
        self.assertEqual(command.user_id, self.cashier)
        self.assertEqual(self.meter.contract_id, self.contract)
        self.assertFalse(self.contract.date_open)

    @freeze_time("2026-03-31 20:00:00")
    def test_the_meters_proof_makes_it_active_on_the_local_day(self):
        self.contract.action_open()
        self._prove(self._command(self.contract, "open"))
        self.assertEqual(self.contract.state, "active")
        self.assertEqual(self.contract.date_open, date(2026, 4, 1))
        self.assertEqual((self.meter.number_known, self.meter.purchase_number), (True, 1))
        self.assertEqual(self.meter.partner_id, self.customer)
        self.assertEqual(self.customer.with_env(self.env).utility_contract_count, 1)
        history = self.env["utility.operation"].search(
            [("model", "=", "utility.contract"), ("res_id", "=", self.contract.id)], order="id"
        )
        self.assertEqual(
            [(line.before, line.after) for line in history],
            [("draft", "opening"), ("opening", "active")],
        )

    def test_the_same_proof_again_changes_nothing(self):
        contract = self._opened()
        command = self._command(contract, "open")
        self.assertFalse(command._prove({"number": command.number, "epoch": command.epoch}))
        contract.settlement_ids.step_ids._command_done(command, {})
        self.assertEqual(contract.state, "active")

    def test_proved_not_opened_stops_and_may_be_tried_again_or_given_up(self):
        self.contract.action_open()
        command = self._command(self.contract, "open")
        self._arm(command)
        command._set_unknown("No reply.")
        command._not_charged("Customer number refused.", final=True, quiet=True)
        settlement = self.contract.settlement_id
        self.assertEqual((self.contract.state, settlement.state), ("opening", "stopped"))
        self.assertEqual(settlement.words, "Customer number refused.")
        self.contract.action_abandon()
        self.assertEqual((self.contract.state, settlement.state), ("draft", "cancelled"))
        self.contract.action_open()
        first = self._command(self.contract, "open")
        first._cancel("Entered by mistake.")
        self.contract.settlement_id.action_retry()
        again = self._command(self.contract, "open")
        self.assertNotIn(again, first | command)
        self._prove(again)
        self.assertEqual(self.contract.state, "active")

    def test_stepping_back_only_once_the_command_has_ended(self):
        self.contract.action_open()
        command = self._command(self.contract, "open")
        self._arm(command)
        with self.assertRaisesRegex(UserError, "still on its way"):
            self.contract.action_abandon()
        command._set_unknown("No reply.")
        command._not_charged("Not received.")
        with self.assertRaisesRegex(UserError, "still on its way"):
            self.contract.action_abandon()
        self._arm(command)
        command._set_unknown("No reply.")
        command._not_charged("Refused.", final=True, quiet=True)
        self.contract.action_abandon()
        self.assertEqual(self.contract.state, "draft")
        with self.assertRaisesRegex(UserError, "Nothing is under way"):
            self.contract.action_abandon()

    def test_one_open_contract_per_meter(self):
        self.contract.action_open()
        other = self._draft()
        with self.assertRaisesRegex(UserError, "already has contract CT/"):
            other.action_open()
        with self._integrity_error():
            other.sudo().state = "active"
            other.flush_recordset()

    def test_opened_once(self):
        contract = self._opened()
        with self.assertRaisesRegex(UserError, "was opened already"):
            contract.action_open()

    def test_not_while_another_money_command_is_open(self):
        self.env["utility.command"]._enqueue(self.meter, "preset", credit=5)
        with self.assertRaisesRegex(UserError, "Another money command is on its way"):
            self.contract.action_open()
        self.assertEqual(self.contract.state, "draft")

    def test_price_missing(self):
        self.tariff.sudo().price_ids.date_from = date(2099, 1, 1)
        with self.assertRaisesRegex(UserError, "Price missing: tariff Homes has no price on"):
            self.contract.action_open()

    def test_wrong_meter_or_tariff(self):
        plain = self._meter("202611000009", "b_07")
        with self.assertRaisesRegex(ValidationError, "is not a prepaid meter"):
            self._draft(meter_id=plain.id)
        water = self._meter("202611000008", "d_water")
        with self.assertRaisesRegex(ValidationError, "Homes is not for the utility"):
            self._draft(meter_id=water.id)
        self.meter.active = False
        with self.assertRaisesRegex(UserError, "out of use"):
            self.contract.action_open()


@tagged("post_install", "-at_install")
class TestContractFixed(ContractCommon):
    def test_state_and_numbers_follow_the_meter_only(self):
        for values in (
            {"state": "active"},
            {"date_open": date(2026, 1, 1)},
            {"customer_number": "000000009999"},
            {"remainder": 5},
            {"name": "CT/1"},
        ):
            with self.subTest(values), self.assertRaisesRegex(UserError, "what the meter proves"):
                self.contract.write(values)
        with self.assertRaisesRegex(UserError, "what the meter proves"):
            self._draft(state="active")
        self.assertEqual(self._draft(remainder=5).remainder, 0)

    def test_customer_and_meter_are_fixed_once_opened(self):
        self.contract.action_open()
        other = self._meter("202611000002")
        for values in (
            {"partner_id": self.env.user.partner_id.id},
            {"meter_id": other.id},
            {"is_test": True},
        ):
            with (
                self.subTest(values),
                self.assertRaisesRegex(UserError, "fixed once it was opened"),
            ):
                self.contract.write(values)

    def test_a_manager_changes_the_tariff_of_an_opened_contract(self):
        self.contract.action_open()
        dear = self.tariff.sudo().copy({"name": "Shops"})
        with self.assertRaisesRegex(UserError, "Only a manager"):
            self.contract.tariff_id = dear
        manager = new_test_user(
            self.env(su=True), login="contract_manager", groups="utility_prepaid.group_manager"
        )
        self.contract.with_user(manager).tariff_id = dear
        self.assertEqual(self.contract.tariff_id, dear)

    def test_only_drafts_are_deleted(self):
        administrator = new_test_user(
            self.env(su=True), login="contract_boss", groups="utility_prepaid.group_administrator"
        )
        draft = self._draft().with_user(administrator)
        self.contract.action_open()
        with self.assertRaisesRegex(UserError, "history stays"):
            self.contract.with_user(administrator).unlink()
        draft.unlink()
        self.assertFalse(draft.exists())

    def test_the_carried_credit_is_never_negative(self):
        with self._integrity_error():
            self.contract.sudo().remainder = -0.01
            self.contract.flush_recordset()

    def test_customers_are_found_by_their_number(self):
        contract = self._opened()
        customer = self.customer.with_user(self.cashier)
        self.assertEqual(customer.utility_customer_numbers, contract.customer_number)
        found = self.env["res.partner"].search(
            [("utility_customer_numbers", "=", contract.customer_number)]
        )
        self.assertEqual(found, self.customer)


@tagged("post_install", "-at_install")
class TestContractClosing(ContractCommon):
    @freeze_time("2026-03-31 20:00:00")
    def test_a_contract_without_sales_is_closed_by_the_proof_of_the_clear(self):
        contract = self._opened()
        contract.action_close()
        self.assertEqual(contract.state, "closing")
        command = self._command(contract, "clear")
        self.assertEqual((command.customer_number, command.credit), (contract.customer_number, 0))
        self._prove(command)
        self.assertEqual((contract.state, contract.date_close), ("closed", date(2026, 4, 1)))
        self.assertEqual((self.meter.purchase_number, self.meter.epoch), (0, 1))
        self.assertFalse(self.meter.contract_id)
        self.assertFalse(self.meter.partner_id)

    def test_the_next_tenant_starts_clean_and_history_stays(self):
        first = self._opened()
        first.action_close()
        self._prove(self._command(first, "clear"))
        second = self._opened(partner_id=self.env.user.partner_id.id)
        self.assertNotEqual(second.customer_number, first.customer_number)
        self.assertEqual(second.remainder, 0)
        self.meter.room_id = self.room.sudo().copy({"code": "102", "name": "102"})
        self.assertEqual((first.room_id.name, second.room_id.name), ("101", "102"))
        self.assertEqual(first.partner_id, self.customer)

    def test_a_sale_that_is_not_settled_comes_first(self):
        contract = self._opened(is_test=True)
        self._vend(contract, "accepted")
        with self.assertRaisesRegex(UserError, "not settled yet"):
            contract.action_close()

    def test_a_test_contract_is_closed_after_sales(self):
        contract = self._opened(is_test=True)
        self._vend(contract, "delivered")
        contract.action_close()
        self._prove(self._command(contract, "clear"))
        self.assertEqual(contract.state, "closed")
        self.assertEqual(len(contract.vend_ids), 1, "nothing is deleted")

    def test_proved_not_cleared_stops_and_may_be_given_up(self):
        contract = self._opened()
        contract.action_close()
        command = self._command(contract, "clear")
        self._arm(command)
        command._set_unknown("No reply.")
        command._not_charged("Refused.", final=True, quiet=True)
        self.assertEqual(contract.settlement_id.state, "stopped")
        contract.action_abandon()
        self.assertEqual(contract.state, "active")

    def test_only_an_active_contract_is_closed(self):
        with self.assertRaisesRegex(UserError, "Only an active contract"):
            self.contract.action_close()


@tagged("post_install", "-at_install")
class TestTariffRecord(ContractCommon):
    def test_the_price_of_the_day(self):
        self.tariff.sudo().price_ids = [
            fields.Command.create({"date_from": date(2026, 4, 1), "price": 0.6001})
        ]
        tariff = self.tariff.with_user(self.cashier)
        self.assertEqual(str(tariff._price_at(date(2026, 3, 31))), "0.5483")
        self.assertEqual(str(tariff._price_at(date(2026, 4, 1))), "0.6001")
        with self.assertRaisesRegex(UserError, "no price on 2019-12-31"):
            tariff._price_at(date(2019, 12, 31))

    def test_one_price_a_day_above_zero(self):
        for values in (
            {"date_from": date(2020, 1, 1), "price": 1},
            {"date_from": date(2026, 1, 1), "price": 0},
        ):
            with self._integrity_error():
                self.tariff.sudo().price_ids = [fields.Command.create(values)]
                self.tariff.flush_recordset()

    def test_limits_do_not_cross(self):
        with self._integrity_error():
            self.tariff.sudo().write({"amount_min": 10, "amount_max": 5})
            self.tariff.flush_recordset()
