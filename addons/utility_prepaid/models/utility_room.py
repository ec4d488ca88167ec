from odoo import api, fields, models
from odoo.fields import Domain


class UtilityRoom(models.Model):
    _name = "utility.room"
    _description = "Room"
    _order = "site_id, building_id, code, id"
    _rec_names_search = ["name", "code", "building_id.name", "site_id.name"]

    name = fields.Char(required=True)
    code = fields.Char(required=True, help="Short code, unique on the floor.")
    floor_id = fields.Many2one("utility.floor", required=True, index=True, ondelete="restrict")
    building_id = fields.Many2one(related="floor_id.building_id", store=True, index=True)
    site_id = fields.Many2one(related="building_id.site_id", store=True, index=True)
    company_id = fields.Many2one(related="site_id.company_id", store=True, index=True)
    meter_ids = fields.One2many("utility.meter", "room_id", "Meters")
    meter_count = fields.Integer("Meters (count)", compute="_compute_meter_count")

    _code_uniq = models.Constraint(
        "UNIQUE(floor_id, code)", "Another room of this floor has this code."
    )

    @api.depends("name", "building_id.name", "site_id.name")
    def _compute_display_name(self):
        for room in self:
            names = (room.site_id.name, room.building_id.name, room.name)
            room.display_name = " / ".join(name for name in names if name)

    @api.depends_context("uid")
    def _compute_meter_count(self):
        meters = self._count_by("utility.meter", "room_id", self)
        for room in self:
            room.meter_count = meters.get(room.id, 0)

    def action_view_meters(self):
        return self._action_meters([("room_id", "in", self.ids)])

    @api.model
    def _count_by(self, model, field, places, domain=()):
        """Count records under each of some places in one query.

        :param model: name of the model to count
        :param field: its many2one to the places' model
        :return: dict of place id -> count; a place without records is missing
        """
        domain = Domain(field, "in", places.ids) & Domain(list(domain))
        rows = self.env[model]._read_group(domain, [field], ["__count"])
        return {place.id: number for place, number in rows}

    @api.model
    def _action_meters(self, domain):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_meter_action"
        )
        return {**action, "domain": domain, "context": {}}
