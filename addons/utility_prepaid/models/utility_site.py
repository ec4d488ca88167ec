from odoo import api, fields, models
from odoo.exceptions import UserError


class UtilitySite(models.Model):
    _name = "utility.site"
    _description = "Site"
    _order = "code, id"
    _rec_names_search = ["name", "code"]

    name = fields.Char(required=True)
    code = fields.Char(required=True, help="Short code, unique in the company.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    building_ids = fields.One2many("utility.building", "site_id", "Buildings")
    building_count = fields.Integer("Buildings (count)", compute="_compute_counts")
    room_count = fields.Integer("Rooms", compute="_compute_counts")
    meter_count = fields.Integer("Meters", compute="_compute_counts")
    contract_count = fields.Integer("Open contracts", compute="_compute_counts")

    _code_uniq = models.Constraint(
        "UNIQUE(company_id, code)", "Another site of this company has this code."
    )

    @api.depends_context("uid")
    def _compute_counts(self):
        count = self.env["utility.room"]._count_by
        buildings = count("utility.building", "site_id", self)
        rooms = count("utility.room", "site_id", self)
        meters = count("utility.meter", "site_id", self)
        contracts = count("utility.meter", "site_id", self, [("contract_id", "!=", False)])
        for site in self:
            site.building_count = buildings.get(site.id, 0)
            site.room_count = rooms.get(site.id, 0)
            site.meter_count = meters.get(site.id, 0)
            site.contract_count = contracts.get(site.id, 0)

    def write(self, vals):
        if "company_id" in vals:
            moved = self.filtered(lambda site: site.company_id.id != vals["company_id"])
            if moved.building_ids:
                raise UserError(self.env._("A site with buildings cannot move to another company."))
        return super().write(vals)

    def action_view_meters(self):
        return self.env["utility.room"]._action_meters([("site_id", "in", self.ids)])
