from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.credit_days import days_left, level_of
from ..tools.decimals import dec

# Whole days, before today, by which a room's rate of use is told.
RATE_DAYS = 30
# What was committed by a transaction that began before the last question is asked for again.
OVERLAP = timedelta(seconds=60)


class UtilityBoard(models.AbstractModel):
    """What the building board shows: rooms by floor, with the days that their credit lasts."""

    _name = "utility.board"
    _description = "Building Board"

    def _check_reader(self):
        if not self.env.user.has_group("utility_prepaid.group_reader"):
            raise AccessError(self.env._("The building board is for users of the utility desk."))

    @api.model
    def get_config(self):
        """The buildings that the user may see, and what the user may do from the board.

        :return: {"buildings": [{"id", "name"}], "can_sell": bool, "acts": [{"method" of
            `utility.meter`, "label"}], "low_days": int, "soon_days": int}
        """
        self._check_reader()
        company = self.env.company
        buildings = self.env["utility.building"].search([("company_id", "=", company.id)])
        return {
            "buildings": [
                {"id": building.id, "name": building.display_name} for building in buildings
            ],
            "can_sell": self.env.user.has_group("utility_prepaid.group_cashier"),
            "acts": self._acts(),
            "low_days": company.utility_board_low_days,
            "soon_days": company.utility_board_soon_days,
        }

    def _acts(self):
        """Hook: what the user may do with a meter beside selling to it."""
        return []

    @api.model
    def load(self, building_id):
        """All rooms of a building.

        :return: {"at": UTC time to ask `changes` from, "floors": [{"id", "name", "rooms": [room]}]}
        :raises UserError: there is no such building
        """
        self._check_reader()
        building = self._building(building_id)
        at = fields.Datetime.to_string(fields.Datetime.now())
        rooms = self.env["utility.room"].search([("building_id", "=", building.id)])
        cells = dict(zip(rooms.ids, self._rooms(rooms), strict=True))
        return {
            "at": at,
            "floors": [
                {
                    "id": floor.id,
                    "name": floor.name,
                    "rooms": [cells[room.id] for room in rooms if room.floor_id == floor],
                }
                for floor in reversed(building.floor_ids.sorted())
            ],
        }

    @api.model
    def changes(self, building_id, since):
        """The rooms of a building in which something may have changed.

        :param since: "at" of the last answer
        :return: {"at": UTC time to ask from next, "rooms": [room]}
        :raises UserError: there is no such building
        """
        self._check_reader()
        building = self._building(building_id)
        now = fields.Datetime.now()
        start = fields.Datetime.to_datetime(since) - OVERLAP
        ours = Domain("building_id", "=", building.id)
        changed = (
            Domain("write_date", ">=", start)
            | Domain("state_ids.seen_at", ">=", start)
            | Domain("contract_ids.write_date", ">=", start)
        )
        meters = self.env["utility.meter"].with_context(active_test=False).search(ours & changed)
        vends = self.env["utility.vend"].search(
            Domain("meter_id.building_id", "=", building.id) & Domain("write_date", ">=", start)
        )
        rooms = (meters | vends.meter_id).room_id
        # Rooms that moved in, were renamed, or lost a meter.
        rooms |= self.env["utility.room"].search(ours & Domain("write_date", ">=", start))
        return {"at": fields.Datetime.to_string(now), "rooms": self._rooms(rooms)}

    def _building(self, building_id):
        building = self.env["utility.building"].browse(int(building_id)).exists()
        if not building:
            raise UserError(self.env._("There is no such building."))
        building.check_access("read")
        return building

    # ------------------------------------------------------------------ rooms

    def _rooms(self, rooms):
        """Rooms as the board draws them.

        :return: list of {"id", "name", "floor_id", "meters": [meter]}
        """
        meters = self.env["utility.meter"].search([("room_id", "in", rooms.ids)])
        cells = dict(zip(meters.ids, self._meters(meters), strict=True))
        by_room = meters.grouped("room_id")
        return [
            {
                "id": room.id,
                "name": room.name,
                "floor_id": room.floor_id.id,
                "meters": [cells[meter.id] for meter in by_room.get(room, ())],
            }
            for room in rooms
        ]

    def _meters(self, meters):
        """Meters as the board draws them; `days` is None when it is not known.

        :return: list of dictionaries, in the order of the meters
        """
        states = self.env["utility.meter.state"].search([("meter_id", "in", meters.ids)])
        state_of = {state.meter_id: state for state in states}
        rates = self._rates(meters)
        prices = self._prices(meters)
        waiting = self._waiting(meters)
        text = self.env["utility.vend"]._units_text
        company = self.env.company
        now = fields.Datetime.now()
        found = []
        for meter in meters:
            state = state_of.get(meter)
            level, days = "unknown", None
            if state and meter.prepaid:
                used, span = rates.get(meter.id, (Decimal(0), 0))
                balance = dec(state.balance)
                money = meter.credit == "money"
                worth = prices.get(meter, Decimal(0)) if money else Decimal(1)
                credit = balance if money else balance * dec(meter.ct_ratio)
                days = days_left(credit, used, span, worth)
                level = level_of(
                    balance,
                    days,
                    balance <= dec(meter.alarm_threshold),
                    company.utility_board_low_days,
                    company.utility_board_soon_days,
                )
            if not meter.prepaid:
                level = "postpaid"
            elif not meter.contract_id:
                level, days = "vacant", None
            found.append(
                {
                    "id": meter.id,
                    "vending_id": meter.vending_id,
                    "utility": meter.utility,
                    "customer": meter.sudo().partner_id.name or "",
                    "balance": text(state.balance) if state and meter.prepaid else "",
                    "total": text(state.total) if state else "",
                    "unit": self.env["utility.counter"]._unit(meter),
                    "uom": meter.uom_id.name or "",
                    "seen_at": fields.Datetime.to_string(state.seen_at) if state else "",
                    "supply": state.supply if state else "unknown",
                    "days": days,
                    "level": level,
                    "alarms": meter._board_alarms(state, now),
                    "waiting": waiting.get(meter.id, ""),
                }
            )
        return found

    def _rates(self, meters):
        """What each meter used in the last whole days.

        :return: {meter id: (units on paper as Decimal, days that they were used in)}
        """
        rates = {}
        for company, ours in meters.grouped("company_id").items():
            today = company._utility_today()
            query = SQL(
                """
                SELECT meter_id, sum(used)::text, %(today)s - min(date)
                  FROM utility_reading_day
                 WHERE meter_id = ANY(%(meters)s) AND date >= %(first)s AND date < %(today)s
                 GROUP BY meter_id
                """,
                meters=ours.ids,
                first=today - timedelta(days=RATE_DAYS),
                today=today,
            )
            for meter_id, used, days in self.env.execute_query(query):
                rates[meter_id] = (Decimal(used or 0), days)
        return rates

    def _prices(self, meters):
        """What a unit takes from meters that count money: the first price of their tariff.

        :return: {meter: Decimal}
        """
        prices, known = {}, {}
        for meter in meters:
            contract = meter.contract_id.sudo()
            if meter.credit != "money" or not contract:
                continue
            tariff = contract.tariff_id
            if tariff not in known:
                try:
                    known[tariff] = tariff._price_at(meter.company_id._utility_today())
                except UserError:
                    known[tariff] = Decimal(0)
            prices[meter] = known[tariff]
        return prices

    def _waiting(self, meters):
        """Meters with a sale that is not on the meter yet.

        :return: {meter id: state of the sale}
        """
        vends = self.env["utility.vend"].search(
            [("meter_id", "in", meters.ids), ("state", "in", ("accepted", "disputed"))]
        )
        return {vend.meter_id.id: vend.state for vend in vends}
