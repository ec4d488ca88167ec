from odoo import fields, models


class UtilityCustomerClass(models.Model):
    _name = "utility.customer.class"
    _description = "Customer Class"
    _order = "code, id"
    _rec_names_search = ["name", "code"]

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    active = fields.Boolean(default=True)

    _code_uniq = models.Constraint("UNIQUE(code)", "Another customer class has this code.")
