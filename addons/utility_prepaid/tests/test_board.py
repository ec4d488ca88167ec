from datetime import date, datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, new_test_user, tagged

from .common import UtilityCommon

NOW = datetime(2026, 11, 20, 4, 0)


@freeze_time(NOW)
@tagged("post_install", "-at_install")
class TestBoard(UtilityCommon):
    """What the building board is told: levels, days that credit lasts, changes, rights."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.building = cls.room.building_id
        cls.floor = cls.room.floor_id
        cls.other_room = cls.env["utility.room"].create(
            {"name": "102", "code": "102", "floor_id": cls.floor.id}
        )

    def _board(self, role="reader"):
        return self.env["utility.board"].with_user(self.users[role])

    def _room(self, room=None, role="reader"):
        floors = self._board(role).load(self.building.id)["floors"]
        (found,) = [
            cell
            for floor in floors
            for cell in floor["rooms"]
            if cell["id"] == (room or self.room).id
        ]
        return found

    def _said(self, meter, balance, at=NOW, **values):
        self.env["utility.meter.state"]._store(
            meter.id,
            at,
            balance=balance,
            total=100,
            purchase_number=meter.purchase_number,
            **values,
        )

    def _used(self, meter, used, days=10):
        """The meter used so much in all of the last days, read on each of them."""
        rows = [
            (
                datetime(2026, 11, 20) - timedelta(days=back, hours=8),
                date(2026, 11, 20) - timedelta(days=back),
                meter.id,
                meter.company_id.id,
                used / days,
            )
            for back in range(1, days + 1)
        ]
        for row in rows:
            self.env.cr.execute(
                "INSERT INTO utility_reading_day (start, date, meter_id, company_id, used)"
                " VALUES (%s, %s, %s, %s, %s)",
                row,
            )

    def test_credit_lasts_by_the_rooms_own_use(self):
        self._used(self.meter, 100)
        for balance, days, level in (
            ("30", 3, "low"),
            ("31", 3, "low"),
            ("40", 4, "soon"),
            ("70", 7, "soon"),
            ("80", 8, "good"),
            ("0", 0, "out"),
            ("-5", 0, "out"),
        ):
            self._said(self.meter, balance)
            (meter,) = self._room()["meters"]
            self.assertEqual((meter["days"], meter["level"]), (days, level), balance)

    def test_the_company_says_what_is_low(self):
        self._used(self.meter, 100)
        self._said(self.meter, "80")
        self.company.write({"utility_board_low_days": 8, "utility_board_soon_days": 9})
        self.assertEqual(self._room()["meters"][0]["level"], "low")

    def test_credit_behind_current_transformers_is_counted_as_on_paper(self):
        self._used(self.meter, 100)
        self.meter.sudo().ct_ratio = 10
        self._said(self.meter, "8")
        self.assertEqual(self._room()["meters"][0]["days"], 8)

    def test_a_meter_that_counts_money_lasts_by_the_price_of_a_unit(self):
        meter = self._meter("202611000008")
        meter.type_id = meter.type_id.copy({"code": "money", "number": 99, "credit": "money"})
        meter.room_id = self.other_room
        self._contract(meter)
        self._used(meter, 100)
        self._said(meter, "54.84")
        (cell,) = self._room(self.other_room)["meters"]
        # 10 units a day at 0.5483
        self.assertEqual((cell["days"], cell["unit"]), (10, self.company.currency_id.name))

    def test_without_use_the_meters_own_threshold_decides(self):
        self.meter.alarm_threshold = 20
        for balance, level in (("20", "low"), ("20.01", "good")):
            self._said(self.meter, balance)
            (meter,) = self._room()["meters"]
            self.assertEqual((meter["days"], meter["level"]), (None, level))

    def test_never_read_without_contract_and_without_meter(self):
        self.assertEqual(self._room(self.other_room)["meters"], [])
        fresh = self._meter("202611000003")
        fresh.room_id = self.other_room
        (cell,) = self._room(self.other_room)["meters"]
        self.assertEqual((cell["level"], cell["alarms"]), ("vacant", ["Never read"]))
        self.meter.state_ids.sudo().unlink()
        (cell,) = self._room()["meters"]
        self.assertEqual((cell["level"], cell["alarms"]), ("unknown", ["Never read"]))

    def test_alarms_say_what_is_wrong(self):
        self._said(self.meter, "50")
        self.assertEqual(self._room()["meters"][0]["alarms"], [])
        self.meter.type_id.read_interval = 60
        self._said(self.meter, "50", at=NOW - timedelta(hours=3))
        self.assertEqual(self._room()["meters"][0]["alarms"], [])
        self.meter.state_ids.sudo().seen_at = NOW - timedelta(hours=3, seconds=1)
        self.assertEqual(self._room()["meters"][0]["alarms"], ["Not read lately"])
        self._said(self.meter, "50", supply="off", control="remote", battery_low=True)
        self.assertEqual(
            self._room()["meters"][0]["alarms"],
            ["Supply is off", "Left under remote control", "Battery low"],
        )
        self._said(self.meter, "50", supply="on", control="local", battery_low=False)
        self.meter.state_ids.sudo().purchase_number += 1
        self.assertEqual(self._room()["meters"][0]["alarms"], ["Purchase number differs"])

    def test_a_sale_on_its_way_is_shown(self):
        self.assertEqual(self._room()["meters"][0]["waiting"], "")
        self.env["utility.counter"].with_user(self.users["cashier"]).sell(
            "board-sale-0001", self.meter.id, "100", self.cash.id
        )
        self.assertEqual(self._room()["meters"][0]["waiting"], "accepted")

    def test_changes_tell_only_of_rooms_with_news(self):
        meter = self._meter("202611000003")
        meter.room_id = self.other_room
        later = fields.Datetime.to_string(NOW + timedelta(hours=1))
        board = self._board()
        self.env.flush_all()
        self.env.cr.execute("UPDATE utility_meter SET write_date = %s", (NOW,))
        self.env.cr.execute("UPDATE utility_room SET write_date = %s", (NOW,))
        self.env.cr.execute("UPDATE utility_contract SET write_date = %s", (NOW,))
        self.env.invalidate_all()
        self.assertEqual(board.changes(self.building.id, later)["rooms"], [])
        self._said(meter, "9", at=NOW + timedelta(hours=1))
        (room,) = board.changes(self.building.id, later)["rooms"]
        self.assertEqual((room["id"], room["meters"][0]["balance"]), (self.other_room.id, "9.00"))
        self.assertEqual(room["floor_id"], self.floor.id)

    def test_who_may_look_and_at_what(self):
        self.assertFalse(self._board().get_config()["can_sell"])
        self.assertTrue(self._board("cashier").get_config()["can_sell"])
        stranger = new_test_user(self.env, login="board_stranger", groups="base.group_user")
        for act in (
            lambda board: board.get_config(),
            lambda board: board.load(self.building.id),
            lambda board: board.changes(self.building.id, "2026-11-20 00:00:00"),
        ):
            with self.assertRaises(AccessError):
                act(self.env["utility.board"].with_user(stranger))
        with self.assertRaises(UserError):
            self._board().load(self.building.id + 1000000)
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        site = self.env["utility.site"].create(
            {"name": "South", "code": "S", "company_id": elsewhere.id}
        )
        building = self.env["utility.building"].create(
            {"name": "Two", "code": "2", "site_id": site.id}
        )
        with self.assertRaises(AccessError):
            self._board().load(building.id)
        buildings = self._board().get_config()["buildings"]
        self.assertNotIn(building.id, [row["id"] for row in buildings])
