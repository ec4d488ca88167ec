from odoo import api, fields, models


class UtilityFloor(models.Model):
    _name = "utility.floor"
    _description = "Floor"
    _order = "building_id, sequence, id"
    _rec_names_search = ["name", "code", "building_id.name"]

    name = fields.Char(required=True)
    code = fields.Char(required=True, help="Short code, unique in the building.")
    sequence = fields.Integer(default=10)
    building_id = fields.Many2one(
        "utility.building", required=True, index=True, ondelete="restrict"
    )
    site_id = fields.Many2one(related="building_id.site_id", store=True, index=True)
    company_id = fields.Many2one(related="building_id.company_id", store=True, index=True)
    room_ids = fields.One2many("utility.room", "floor_id", "Rooms")
    room_count = fields.Integer("Rooms (count)", compute="_compute_counts")
    meter_count = fields.Integer("Meters", compute="_compute_counts")

    _code_uniq = models.Constraint(
        "UNIQUE(building_id, code)", "Another floor of this building has this code."
    )

    @api.depends("name", "building_id.display_name")
    def _compute_display_name(self):
        for floor in self:
            floor.display_name = f"{floor.building_id.display_name or ''} / {floor.name or ''}"

    @api.depends_context("uid")
    def _compute_counts(self):
        count = self.env["utility.room"]._count_by
        rooms = count("utility.room", "floor_id", self)
        meters = count("utility.meter", "floor_id", self)
        for floor in self:
            floor.room_count = rooms.get(floor.id, 0)
            floor.meter_count = meters.get(floor.id, 0)

    def action_view_meters(self):
        return self.env["utility.room"]._action_meters([("floor_id", "in", self.ids)])
