from odoo import api, fields, models
from odoo.exceptions import ValidationError


class UtilityBuildingLayout(models.TransientModel):
    """Make the floors and rooms of a building at one stroke; what exists is left alone."""

    _name = "utility.building.layout"
    _description = "Building Layout"

    building_id = fields.Many2one("utility.building", required=True, ondelete="cascade")
    floors = fields.Integer("Number of floors", required=True, default=6)
    rooms = fields.Integer("Rooms per floor", required=True, default=10)
    first_floor = fields.Integer(
        "First floor",
        required=True,
        default=1,
        help="Number of the lowest floor; below zero for basements.",
    )
    example = fields.Char(compute="_compute_example")

    @api.depends("floors", "rooms", "first_floor")
    def _compute_example(self):
        for layout in self:
            if layout.floors < 1 or layout.rooms < 1:
                layout.example = False
                continue
            numbers = layout._floor_numbers()
            layout.example = self.env._(
                "%(count)s rooms, %(first)s to %(last)s",
                count=layout.floors * layout.rooms,
                first=layout._room_code(numbers[0], 1),
                last=layout._room_code(numbers[-1], layout.rooms),
            )

    @api.constrains("floors", "rooms")
    def _check_size(self):
        for layout in self:
            if not 1 <= layout.floors <= 200 or not 1 <= layout.rooms <= 999:
                raise ValidationError(
                    self.env._("A building has 1 to 200 floors with 1 to 999 rooms each.")
                )

    def action_make(self):
        """Create the missing floors and rooms, and show the building."""
        self.ensure_one()
        building = self.building_id
        numbers = self._floor_numbers()
        floors = {floor.code: floor for floor in building.floor_ids}
        missing = [number for number in numbers if str(number) not in floors]
        for floor in self.env["utility.floor"].create(
            [
                {
                    "building_id": building.id,
                    "code": str(number),
                    "name": self.env._("Floor %s", number),
                    "sequence": number + 100,
                }
                for number in missing
            ]
        ):
            floors[floor.code] = floor
        rooms = []
        for number in numbers:
            floor = floors[str(number)]
            taken = set(floor.room_ids.mapped("code"))
            codes = [self._room_code(number, room) for room in range(1, self.rooms + 1)]
            rooms += [
                {"floor_id": floor.id, "code": code, "name": code}
                for code in codes
                if code not in taken
            ]
        self.env["utility.room"].create(rooms)
        return {
            "type": "ir.actions.act_window",
            "res_model": "utility.building",
            "res_id": building.id,
            "view_mode": "form",
        }

    def _floor_numbers(self):
        """Floor numbers from the lowest up; there is no floor zero between -1 and 1."""
        numbers = []
        number = self.first_floor
        while len(numbers) < self.floors:
            if number or self.first_floor == 0:
                numbers.append(number)
            number += 1
        return numbers

    def _room_code(self, floor, room):
        return f"{floor}{room:0{max(2, len(str(self.rooms)))}d}"
