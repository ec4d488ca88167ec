from odoo import api, fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    utility_contract_ids = fields.One2many(
        "utility.contract",
        "partner_id",
        "Utility contracts",
        groups="utility_prepaid.group_reader",
    )
    utility_contract_count = fields.Integer(
        compute="_compute_utility_contracts", groups="utility_prepaid.group_reader"
    )
    utility_customer_numbers = fields.Char(
        "Utility customer numbers",
        compute="_compute_utility_contracts",
        search="_search_utility_customer_numbers",
        groups="utility_prepaid.group_reader",
        help="Customer numbers of the contracts that are open.",
    )

    @api.depends("utility_contract_ids.state", "utility_contract_ids.customer_number")
    def _compute_utility_contracts(self):
        for partner in self:
            contracts = partner.utility_contract_ids
            partner.utility_contract_count = len(contracts)
            partner.utility_customer_numbers = ", ".join(
                contracts.filtered(lambda c: c._is_open()).sorted("id").mapped("customer_number")
            )

    @api.model
    def _search_utility_customer_numbers(self, operator, value):
        if operator in ("not in", "not ilike", "not like", "not =ilike", "not =like"):
            return NotImplemented
        return [("utility_contract_ids.customer_number", operator, value)]

    def action_view_utility_contracts(self):
        domain = [("partner_id", "in", self.ids)]
        return self.env["utility.meter"]._action_business("utility_contract_action", domain)
