import os
import secrets
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import BoxCommon


class RemoteCommon(BoxCommon):
    """Meters on the ports of a box that nothing answers on: what is asked stays queued."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fresh = cls._meter("202611000003")
        cls.plain = cls._meter("202611000005", "b_07")
        cls.water = cls._meter("202611000007", "d_water")
        cls.optical = cls._meter("78330011223344", "e_water")
        cls.meters = cls.meter | cls.fresh | cls.plain | cls.water | cls.optical
        cls.meters.port_id = cls.box.port_ids[0]
        cls.env["meter.command.type"].flush_model()

    def _type(self, code):
        return self.env.ref(f"meter_gateway.command_type_{code}")

    def _enqueue(self, code, role, meters=None, values=None):
        """A command of the catalogue as somebody of a role asks for it."""
        meters = self._as(role, meters if meters is not None else self.meter)
        return self._as(role, self._type(code))._enqueue(meters, values)

    def _commands(self, meter=None, **values):
        domain = [("meter_id", "=", (meter or self.meter).id)]
        domain += [(name, "=", value) for name, value in values.items()]
        return self.env["utility.command"].search(domain)


@tagged("post_install", "-at_install")
class TestCatalogue(RemoteCommon):
    """Who may give which command to which meter, looked at in one gate."""

    def test_a_command_says_what_it_will_do(self):
        command = self._enqueue("trip", "supervisor")
        self.assertEqual((command.kind, command.priority), ("switch", 1))
        self.assertEqual(command.arguments, {"action": "off"})
        self.assertEqual(command.user_id, self.users["supervisor"])
        self.assertTrue(command.changes)
        self.assertFalse(command.money)
        waits = command.expires_at - command.asked_at
        self.assertEqual(waits.total_seconds(), 600)

    def test_what_is_asked_is_in_the_history(self):
        command = self._enqueue("trip", "supervisor")
        line = self.env["utility.operation"].search(
            [("model", "=", "utility.command"), ("res_id", "=", command.id)]
        )
        self.assertEqual((line.user_id, line.meter_id), (self.users["supervisor"], self.meter))
        self.assertEqual(line.after_words, "Switch supply")

    def test_rights_by_command(self):
        allowed = {
            "trip": {"supervisor", "engineer"},
            "purchase_number": {"cashier", "supervisor", "engineer"},
            "hoard": {"engineer"},
            "clock": {"engineer"},
        }
        values = {"hoard": {"hoard_limit": "500"}}
        for code, roles in allowed.items():
            for role in ("cashier", "supervisor", "accountant", "engineer", "reader"):
                with self.subTest(code=code, role=role):
                    if role in roles:
                        self.assertTrue(self._enqueue(code, role, values=values.get(code)))
                    else:
                        with self.assertRaises(AccessError):
                            self._enqueue(code, role, values=values.get(code))

    def test_a_company_gives_a_command_to_others(self):
        with self.assertRaises(AccessError):
            self._enqueue("trip", "cashier")
        self._type("trip").group_ids += self.env.ref("utility_prepaid.group_cashier")
        self.assertTrue(self._enqueue("trip", "cashier"))
        self._type("trip").group_ids = False
        with self.assertRaises(AccessError):
            self._enqueue("trip", "engineer")

    def test_a_command_that_is_off_is_nobodys(self):
        self._type("trip").active = False
        with self.assertRaisesRegex(AccessError, "switched off"):
            self._enqueue("trip", "engineer")
        offered = self._as("engineer", self.env["meter.command.type"]).search(
            [("allowed", "=", True)]
        )
        self.assertNotIn(self._type("trip"), offered)
        self.assertIn(self._type("close"), offered)

    def test_reading_now_is_a_command_of_the_catalogue_too(self):
        self._as("cashier", self.meter).action_read()
        self.assertEqual(self._commands(kind="read").type_id, self._type("read"))
        self._type("read").active = False
        with self.assertRaisesRegex(AccessError, "switched off"):
            self._as("cashier", self.meter).action_read()

    def test_only_the_administrator_changes_the_catalogue(self):
        with self.assertRaises(AccessError):
            self._as("engineer", self._type("trip")).active = False
        with self.assertRaises(AccessError):
            self._as("engineer", self._type("alarms").field_ids[0]).maximum = 5

    def test_search_by_right_agrees_with_the_gate(self):
        for role in ("cashier", "supervisor", "engineer", "reader"):
            types = self._as(role, self.env["meter.command.type"])
            mine = types.search([("allowed", "=", True)])
            others = types.search([("allowed", "=", False)])
            self.assertEqual(mine | others, types.search([]))
            self.assertTrue(all(mine.mapped("allowed")))
            self.assertFalse(any(others.mapped("allowed")))

    def test_a_meter_only_gets_what_it_can_do(self):
        for code, meter in (
            ("trip", self.plain),
            ("purchase_number", self.plain),
            ("trip", self.water),
            ("valve_close", self.meter),
            ("valve_close", self.optical),
        ):
            with (
                self.subTest(code=code, meter=meter.type_id.code),
                self.assertRaisesRegex(UserError, "does not know the command"),
            ):
                self._enqueue(code, "engineer", meter)
        self.assertTrue(self._enqueue("valve_close", "engineer", self.water))
        self.assertTrue(self._enqueue("trip", "engineer", self.meter))

    def test_a_meter_on_no_line_gets_nothing(self):
        self.meter.port_id = False
        with self.assertRaisesRegex(UserError, "not connected"):
            self._enqueue("trip", "engineer")

    def test_one_meter_that_cannot_stops_the_whole_batch(self):
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._enqueue("trip", "engineer", self.meter | self.plain)
        self.assertFalse(self._commands(kind="switch"))

    def test_meters_of_others_are_out_of_reach(self):
        other = self.env["res.company"].create({"name": "Another estate"})
        theirs = self.env["utility.meter"].create(
            {"address": "202611000099", "type_id": self.meter.type_id.id, "company_id": other.id}
        )
        with self.assertRaises(AccessError):
            self._enqueue("purchase_number", "engineer", theirs)

    # ---------------------------------------------------------------- values

    def test_values_are_kept_as_texts(self):
        command = self._enqueue("alarms", "engineer", values={"alarm_1": "20", "alarm_2": " 5.50 "})
        self.assertEqual(command.arguments, {"items": [["alarm_1", "20"], ["alarm_2", "5.5"]]})
        self.assertIn("Alarm amount 1 20", command.task_words)

    def test_wrong_values_are_refused_in_words(self):
        for values, words in (
            ({"alarm_1": "much"}, "not a number"),
            ({"alarm_1": "NaN"}, "not a number"),
            ({"alarm_1": "-1"}, "outside the limits"),
            ({"alarm_1": "0.001"}, "digits behind the point"),
            ({"alarm_1": "10000000"}, "Alarm amount 1"),
            ({}, "Enter a value"),
            ({"hoard_limit": "1"}, "sets no"),
        ):
            with self.subTest(values=values), self.assertRaisesRegex(UserError, words):
                self._enqueue("alarms", "engineer", values=values)

    def test_a_limit_of_the_catalogue_holds(self):
        self._type("hoard").field_ids.maximum = 1000
        self.assertTrue(self._enqueue("hoard", "engineer", values={"hoard_limit": "1000"}))
        with self.assertRaisesRegex(UserError, "outside the limits"):
            self._enqueue("hoard", "engineer", values={"hoard_limit": "1000.01"})

    def test_tables_as_they_are_typed(self):
        field = self.env["meter.command.field"].new(
            {"name": "Table", "register": "day_slots", "value_type": "slots"}
        )
        self.assertEqual(
            field._parse("6:00 3, 08:30 2;22:00 4"), [["06:00", 3], ["08:30", 2], ["22:00", 4]]
        )
        for text in ("6 3", "24:00 1", "06:00 x", "06:00 1, 05:00 2", "06:00 1, 06:00 2"):
            with self.subTest(text=text), self.assertRaises(UserError):
                field._parse(text)
        field.value_type = "zones"
        self.assertEqual(field._parse("1-1 1, 07-01 2"), [["01-01", 1], ["07-01", 2]])
        with self.assertRaises(UserError):
            field._parse("13-01 1")
        field.value_type = "moment"
        self.assertEqual(field._parse("2027-01-01T00:00"), "2027-01-01 00:00")
        with self.assertRaises(UserError):
            field._parse("tomorrow")
        field.value_type = "decimals"
        self.assertEqual(field._parse("0.90 0.7,0.5"), ["0.9", "0.7", "0.5"])
        field.value_type = "digits"
        with self.assertRaises(UserError):
            field._parse("12a")

    # ----------------------------------------------------------------- clear

    def test_only_units_that_nobody_bought_are_cleared(self):
        with self.assertRaisesRegex(UserError, "has contract"):
            self._enqueue("clear", "supervisor", self.meter)
        with self.assertRaises(AccessError):
            self._enqueue("clear", "cashier", self.fresh)

    def test_clearing_is_a_money_command(self):
        self._install_key(secrets.token_hex(16))
        command = self._enqueue("clear", "supervisor", self.fresh)
        self.assertTrue(command.money)
        self.assertEqual((command.kind, command.priority, command.credit), ("clear", 0, 0))
        self.assertEqual(command.customer_number, "0" * 12)
        with self.assertRaisesRegex(UserError, "Another money command"):
            self._enqueue("clear", "supervisor", self.fresh)

    def test_clearing_needs_the_key(self):
        self._install_key(None)
        with self.assertRaisesRegex(UserError, "not installed"):
            self._enqueue("clear", "supervisor", self.fresh)

    def _install_key(self, key):
        self.enterContext(patch.dict(os.environ))
        for variable in ("METERWIRE_KEYS", "METERWIRE_KEY_1"):
            os.environ.pop(variable, None)
        if key:
            os.environ["METERWIRE_KEY_1"] = key
