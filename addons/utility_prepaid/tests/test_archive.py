from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, freeze_time, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import BaseCommon

NOON = datetime(2026, 11, 1, 12, 0, 0)


class ArchiveCommon(BaseCommon):
    """One site with a room, and an engineer who does the work."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engineer = new_test_user(
            cls.env,
            login="archive_engineer",
            groups="base.group_user,utility_prepaid.group_engineer",
        )
        cls.site = cls.env["utility.site"].create({"name": "North", "code": "N"})
        cls.building = cls.env["utility.building"].create(
            {"name": "One", "code": "1", "site_id": cls.site.id}
        )
        cls.floor = cls.env["utility.floor"].create(
            {"name": "Floor 1", "code": "1", "building_id": cls.building.id}
        )
        cls.room = cls.env["utility.room"].create(
            {"name": "101", "code": "101", "floor_id": cls.floor.id}
        )
        cls.tariff = cls.env["utility.tariff"].create(
            {
                "name": "Homes",
                "price_ids": [fields.Command.create({"date_from": "2020-01-01", "price": 0.5483})],
            }
        )
        cls.env = cls.env(user=cls.engineer)

    @classmethod
    def _meter(cls, address, code="d_single", **values):
        kind = cls.env.ref(f"utility_prepaid.meter_type_{code}")
        return cls.env["utility.meter"].create(
            {"address": address, "type_id": kind.id, "room_id": cls.room.id, **values}
        )

    @contextmanager
    def _integrity_error(self):
        """PostgreSQL refuses what is done inside."""
        with (
            self.assertRaises(IntegrityError) as caught,
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            yield caught

    def _duplicate(self, record, words, **default):
        """A copy breaks a unique constraint whose message is fit for people."""
        with self._integrity_error() as caught:
            record.copy(default)
        name = caught.exception.diag.constraint_name
        table = record._table
        constraint = record._table_objects[name]
        self.assertIn(words, constraint.get_error_message(record, caught.exception.diag))
        self.assertTrue(name.startswith(table))


@tagged("post_install", "-at_install")
class TestPlaces(ArchiveCommon):
    def test_codes_are_unique_per_parent(self):
        self._duplicate(self.site, "Another site of this company has this code", name="Again")
        self._duplicate(self.building.with_env(self.env), "Another building of this site")
        self._duplicate(self.floor.with_env(self.env), "Another floor of this building")
        self._duplicate(self.room.with_env(self.env), "Another room of this floor")
        # the same codes under another parent are other places
        other = self.building.with_env(self.env).copy({"code": "2", "name": "Two"})
        floor = self.floor.with_env(self.env).copy({"building_id": other.id})
        room = self.room.with_env(self.env).copy({"floor_id": floor.id})
        self.assertEqual((room.building_id, room.site_id), (other, self.site))

    def test_a_room_says_where_it_is(self):
        self.assertEqual(self.room.display_name, "North / One / 101")
        found = self.env["utility.room"].name_search("North")
        self.assertIn(self.room.id, [room_id for room_id, __ in found])

    def test_layout_of_six_floors_with_ten_rooms(self):
        building = self.env["utility.building"].create(
            {"name": "Two", "code": "2", "site_id": self.site.id}
        )
        layout = self.env["utility.building.layout"].create({"building_id": building.id})
        self.assertEqual(layout.example, "60 rooms, 101 to 610")
        layout.action_make()
        self.assertEqual((building.floor_count, building.room_count), (6, 60))
        rooms = building.floor_ids.room_ids
        self.assertEqual(len(set(rooms.mapped("code"))), 60)
        self.assertIn("610", rooms.mapped("code"))
        layout.action_make()
        building.invalidate_recordset()
        self.assertEqual((building.floor_count, building.room_count), (6, 60))

    def test_layout_completes_what_is_there(self):
        layout = self.env["utility.building.layout"].create(
            {"building_id": self.building.id, "floors": 2, "rooms": 3, "first_floor": -1}
        )
        layout.action_make()
        floors = self.building.floor_ids
        self.assertEqual(floors.sorted("sequence").mapped("code"), ["1", "-1"])
        self.assertEqual(self.floor.room_ids.mapped("code"), ["101", "102", "103"])

    def test_layout_of_nothing_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "1 to 200 floors"):
            self.env["utility.building.layout"].create(
                {"building_id": self.building.id, "floors": 0}
            )

    def test_totals_at_every_level(self):
        self._meter("202611000001")
        self._meter("202611000002", "b_07")
        for place in (self.site, self.building, self.floor, self.room):
            place.invalidate_recordset()
            self.assertEqual(place.meter_count, 2, place._name)
        self.assertEqual(self.site.room_count, 1)
        self.assertEqual(
            self.env["utility.meter"].search_count(self.floor.action_view_meters()["domain"]), 2
        )

    def test_a_site_with_buildings_stays_in_its_company(self):
        company = self.env["res.company"].sudo().create({"name": "Other"})
        with self.assertRaisesRegex(UserError, "cannot move to another company"):
            self.site.write({"company_id": company.id})


@tagged("post_install", "-at_install")
class TestMeterArchive(ArchiveCommon):
    def test_the_types_of_the_trade(self):
        facts = {
            kind.code: (kind.number, kind.utility, kind.address_length, kind.credit)
            for kind in self.env["utility.meter.type"].search([("number", "<=", 9)])
        }
        self.assertEqual(
            facts,
            {
                "a_97": (1, "electricity", 12, False),
                "b_07": (2, "electricity", 12, False),
                "c_07": (3, "electricity", 12, False),
                "d_single": (5, "electricity", 12, "units"),
                "d_three": (6, "electricity", 12, "units"),
                "d_water": (7, "water", 12, "units"),
                "e_water": (8, "water", 14, False),
                "d_smart": (9, "electricity", 12, "money"),
            },
        )

    def test_a_company_adds_a_type(self):
        kind = self.env["utility.meter.type"].create(
            {
                "name": "Prepaid heat",
                "code": "x_heat",
                "number": 42,
                "uom_id": self.env.ref("uom.product_uom_kwh").id,
            }
        )
        with self.assertRaisesRegex(ValidationError, "in units or in money"):
            kind.prepaid = True
        with self.assertRaisesRegex(ValidationError, "12 or 14 digits"):
            kind.address_length = 13

    def test_address_by_type_in_clear_words(self):
        for address, code, words in (
            ("20261100000A", "d_single", "digits only"),
            ("2026 1100001", "d_single", "digits only"),
            ("２０２６１１００００01", "d_single", "digits only"),
            ("20261100001", "d_single", "has 11 digits; a meter of type .* has 12"),
            ("2026110000001", "d_water", "has 13 digits"),
            ("202611000001", "e_water", "has 12 digits; a meter of type .* has 14"),
            ("999999999999", "d_single", "calls every meter"),
        ):
            with self.subTest(address), self.assertRaisesRegex(ValidationError, words):
                self._meter(address, code)
        self.assertTrue(self._meter("20261100000001", "e_water"))

    def test_address_is_unique_in_the_company(self):
        meter = self._meter("202611000001")
        self._duplicate(meter, "Another meter of this company", address="202611000001")
        company = self.env["res.company"].sudo().create({"name": "Other"})
        twin = meter.sudo().copy(
            {"address": "202611000001", "room_id": False, "company_id": company.id}
        )
        self.assertEqual(twin.company_id, company)

    def test_vending_id_is_given_once(self):
        first = self._meter("202611000001", vending_id="77777777")
        second = self._meter("202611000002")
        self.assertRegex(first.vending_id, "^[0-9]{8}$")
        self.assertNotEqual(first.vending_id, "77777777")
        self.assertEqual(int(second.vending_id), int(first.vending_id) + 1)
        for meter in (first, first.sudo()):
            with self.assertRaisesRegex(UserError, "never changed"):
                meter.vending_id = "00009999"
        # the same value again, as an import of an export writes it, is no change
        first.write({"vending_id": first.vending_id})

    def test_the_engineers_form(self):
        with Form(self.env["utility.meter"]) as form:
            form.type_id = self.env.ref("utility_prepaid.meter_type_d_water")
            form.address = "202611000007"
            form.room_id = self.room
        meter = form.record
        self.assertRegex(meter.vending_id, "^[0-9]{8}$")
        self.assertEqual((meter.utility, meter.credit), ("water", "units"))

    def test_entered_while_nothing_is_connected(self):
        meter = self._meter("202611000001", room_id=False)
        self.assertEqual(meter.company_id, self.env.company)
        self.assertFalse(meter.seen_at)
        meter.room_id = self.room
        self.assertEqual((meter.floor_id, meter.site_id), (self.floor, self.site))

    def test_automatic_switching_is_for_prepaid_meters(self):
        self.assertTrue(self._meter("202611000001", auto_switch=False))
        with self.assertRaisesRegex(ValidationError, "prepaid meters only"):
            self._meter("202611000002", "b_07", auto_switch=True)

    def test_address_and_type_are_locked_once_a_contract_was_opened(self):
        meter = self._meter("202611000001")
        contract = self.env["utility.contract"].create(
            {
                "partner_id": self.env.user.partner_id.id,
                "meter_id": meter.id,
                "tariff_id": self.tariff.id,
            }
        )
        meter.address = "202611000002"
        contract.sudo().state = "closed"
        meter.address = "202611000002"
        for values, what in (
            ({"address": "202611000003"}, "The address of meter"),
            ({"type_id": self.env.ref("utility_prepaid.meter_type_d_three").id}, "The type of"),
        ):
            with self.assertRaisesRegex(UserError, f"{what} .* is locked: contract CT/"):
                meter.write(values)

    def test_a_meter_with_an_open_contract_stays_in_use(self):
        meter = self._meter("202611000001")
        self.env["utility.contract"].sudo().create(
            {
                "partner_id": self.env.user.partner_id.id,
                "meter_id": meter.id,
                "tariff_id": self.tariff.id,
                "state": "active",
            }
        )
        with self.assertRaisesRegex(UserError, "cannot be archived"):
            meter.active = False

    def test_books_are_written_by_proofs_only(self):
        meter = self._meter("202611000001")
        for values in ({"purchase_number": 5}, {"epoch": 1}, {"number_known": True}):
            with self.subTest(values):
                with self.assertRaisesRegex(UserError, "by the meter's proofs only"):
                    meter.write(values)
                with self.assertRaisesRegex(UserError, "by the meter's proofs only"):
                    self._meter("202611000002", **values)

    def test_not_sellable_in_clear_words(self):
        plain = self._meter("202611000001", "b_07")
        with self.assertRaisesRegex(UserError, "is not a prepaid meter"):
            plain._check_sellable()
        meter = self._meter("202611000002")
        with self.assertRaisesRegex(UserError, "has no contract"):
            meter._check_sellable()
        contract = (
            self.env["utility.contract"]
            .sudo()
            .create(
                {
                    "partner_id": self.env.user.partner_id.id,
                    "meter_id": meter.id,
                    "tariff_id": self.tariff.id,
                    "state": "opening",
                }
            )
        )
        with self.assertRaisesRegex(UserError, "still being opened"):
            meter._check_sellable()
        contract.state = "closing"
        with self.assertRaisesRegex(UserError, "being closed"):
            meter._check_sellable()
        contract.state = "closed"
        meter.active = False
        with self.assertRaisesRegex(UserError, "out of use"):
            meter._check_sellable()


@tagged("post_install", "-at_install")
class TestMeterState(ArchiveCommon):
    def _store(self, meter, seen_at, **values):
        return self.env["utility.meter.state"].sudo()._store(meter.id, seen_at, **values)

    def test_an_older_exchange_never_overwrites_a_newer_one(self):
        meter = self._meter("202611000001")
        self.assertTrue(self._store(meter, NOON, balance=Decimal("12.34"), purchase_number=3))
        self.assertEqual((meter.balance, meter.seen_at), (12.34, NOON))
        late = NOON - timedelta(microseconds=1)
        self.assertFalse(self._store(meter, late, balance=Decimal("99.00")))
        self.assertEqual(meter.balance, 12.34)
        self.assertTrue(self._store(meter, NOON, balance=Decimal("12.30")))
        self.assertEqual(meter.balance, 12.3)
        self.assertEqual(self.env["utility.meter.state"].search_count([]), 1)

    def test_what_was_not_said_stays_as_it_was(self):
        meter = self._meter("202611000001")
        self._store(meter, NOON, total=Decimal("1234.56"), supply="on")
        self._store(meter, NOON + timedelta(minutes=1), balance=Decimal("-3.5"))
        self.assertEqual((meter.total, meter.balance, meter.supply), (1234.56, -3.5, "on"))
        self.assertEqual(meter.control, "unknown")

    def test_local_time_is_stored_as_utc(self):
        meter = self._meter("202611000001")
        china = timezone(timedelta(hours=8))
        self._store(meter, datetime(2026, 11, 1, 20, 0, 0, tzinfo=china), balance=1)
        self.assertEqual(meter.seen_at, NOON)

    def test_a_mistyped_value_is_a_programmers_error(self):
        with self.assertRaises(KeyError):
            self._store(self._meter("202611000001"), NOON, blance=1)

    def test_low_balance(self):
        meter = self._meter("202611000001", alarm_threshold=10)
        self.assertFalse(meter.balance_low, "nothing is known before the first reading")
        self._store(meter, NOON, balance=Decimal("10.01"))
        self.assertFalse(meter.balance_low)
        self._store(meter, NOON, balance=Decimal("10.00"))
        self.assertTrue(meter.balance_low)

    def test_storing_leaves_the_archive_row_alone(self):
        meter = self._meter("202611000001")
        meter.flush_recordset()
        self.env.cr.execute("SELECT xmin FROM utility_meter WHERE id = %s", (meter.id,))
        before = self.env.cr.fetchone()
        with self.env.cr.savepoint():
            self._store(meter, NOON, balance=5)
            self.env.flush_all()
        self.env.cr.execute("SELECT xmin FROM utility_meter WHERE id = %s", (meter.id,))
        self.assertEqual(self.env.cr.fetchone(), before)


@tagged("post_install", "-at_install")
class TestAcceptNumber(ArchiveCommon):
    """A number that a card or another desk moved becomes the base only by an engineer."""

    def setUp(self):
        super().setUp()
        self.meter = self._meter("202611000001")
        self.command = self.env["utility.command"]._enqueue(self.meter, "open", credit=0)

    def _said(self, number=7, epoch=2):
        self.env["utility.meter.state"].sudo()._store(
            self.meter.id, NOON, purchase_number=number, epoch=epoch
        )

    def test_accepted_with_history_and_the_command_goes_on(self):
        self._said()
        self.assertTrue(self.meter.number_differs)
        self.command._hold("The meter shows 7.")
        with patch.object(type(self.command), "_wake", autospec=True) as wake:
            self.meter.action_accept_number()
        self.assertEqual(
            (self.meter.purchase_number, self.meter.epoch, self.meter.number_known), (7, 2, True)
        )
        self.assertFalse(self.command.hold_reason)
        self.assertFalse(self.meter.number_differs)
        self.assertEqual(self.command.state, "queued")
        self.assertEqual([call.args[0] for call in wake.call_args_list], [self.command])
        line = self.env["utility.operation"].search(
            [("meter_id", "=", self.meter.id), ("action", "=", "Purchase number accepted")]
        )
        self.assertEqual(line.user_id, self.engineer)
        self.assertEqual((line.before, line.after), ("not known", "number 7, epoch 2"))
        self.assertIn("2026-11-01 12:00:00", line.note)

    def test_a_meter_that_never_told_its_number(self):
        with self.assertRaisesRegex(UserError, "has not told its purchase number"):
            self.meter.action_accept_number()
        # a reading says the balance, not the number
        self.env["utility.meter.state"].sudo()._store(self.meter.id, NOON, balance=5)
        with self.assertRaisesRegex(UserError, "has not told its purchase number"):
            self.meter.action_accept_number()
        self.assertFalse(self.meter.number_differs)

    @freeze_time(NOON + timedelta(minutes=1))
    def test_a_number_told_before_the_last_proof_is_stale(self):
        self._said(number=0, epoch=0)
        self.command._arm(1, 0, "0" * 64, 1)
        self.command._prove({"number": 1, "epoch": 0})
        with self.assertRaisesRegex(UserError, "ask it again"):
            self.meter.action_accept_number()
        self.assertEqual(self.meter.purchase_number, 1)

    def test_not_while_a_command_is_on_its_way(self):
        self._said()
        self.command._arm(1, 0, "0" * 64, 1)
        with self.assertRaisesRegex(UserError, "on its way to this meter"):
            self.meter.action_accept_number()
        self.command._set_unknown("No reply.")
        with self.assertRaisesRegex(UserError, "on its way to this meter"):
            self.meter.action_accept_number()
        self.assertFalse(self.meter.number_known)

    def test_engineers_only(self):
        self._said()
        for role in ("supervisor", "manager"):
            user = new_test_user(
                self.env(su=True), login=f"no_{role}", groups=f"utility_prepaid.group_{role}"
            )
            with self.assertRaisesRegex(UserError, "Only an engineer"):
                self.meter.with_user(user).action_accept_number()
