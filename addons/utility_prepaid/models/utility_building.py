from odoo import api, fields, models


class UtilityBuilding(models.Model):
    _name = "utility.building"
    _description = "Building"
    _order = "site_id, code, id"
    _rec_names_search = ["name", "code", "site_id.name"]

    name = fields.Char(required=True)
    code = fields.Char(required=True, help="Short code, unique in the site.")
    site_id = fields.Many2one("utility.site", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="site_id.company_id", store=True, index=True)
    floor_ids = fields.One2many("utility.floor", "building_id", "Floors")
    floor_count = fields.Integer("Floors (count)", compute="_compute_counts")
    room_count = fields.Integer("Rooms", compute="_compute_counts")
    meter_count = fields.Integer("Meters", compute="_compute_counts")
    contract_count = fields.Integer("Open contracts", compute="_compute_counts")

    _code_uniq = models.Constraint(
        "UNIQUE(site_id, code)", "Another building of this site has this code."
    )

    @api.depends("name", "site_id.name")
    def _compute_display_name(self):
        for building in self:
            building.display_name = f"{building.site_id.name or ''} / {building.name or ''}"

    @api.depends_context("uid")
    def _compute_counts(self):
        count = self.env["utility.room"]._count_by
        floors = count("utility.floor", "building_id", self)
        rooms = count("utility.room", "building_id", self)
        meters = count("utility.meter", "building_id", self)
        contracts = count("utility.meter", "building_id", self, [("contract_id", "!=", False)])
        for building in self:
            building.floor_count = floors.get(building.id, 0)
            building.room_count = rooms.get(building.id, 0)
            building.meter_count = meters.get(building.id, 0)
            building.contract_count = contracts.get(building.id, 0)

    def action_view_board(self):
        self.ensure_one()
        action = self.env["ir.actions.client"]._for_xml_id("utility_prepaid.utility_board_action")
        return {**action, "context": {"building_id": self.id}}

    def action_view_meters(self):
        return self.env["utility.room"]._action_meters([("building_id", "in", self.ids)])
