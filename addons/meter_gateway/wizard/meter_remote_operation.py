from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class MeterRemoteOperation(models.TransientModel):
    """One command of the catalogue for one meter or many, with its values, confirmed once."""

    _name = "meter.remote.operation"
    _description = "Remote Operation"

    meter_ids = fields.Many2many("utility.meter", string="Meters", required=True)
    meter_count = fields.Integer("Number of meters", compute="_compute_meter_count")
    possible_type_ids = fields.Many2many(
        "meter.command.type", compute="_compute_possible_type_ids", string="Possible commands"
    )
    type_id = fields.Many2one("meter.command.type", "Command", required=True)
    kind = fields.Selection(related="type_id.kind")
    sends = fields.Text(related="type_id.sends")
    question = fields.Text(related="type_id.question")
    value_ids = fields.One2many(
        "meter.remote.operation.value",
        "operation_id",
        "Values",
        compute="_compute_value_ids",
        store=True,
        readonly=False,
    )
    barred_words = fields.Text(compute="_compute_barred_words")

    @api.depends("meter_ids")
    def _compute_meter_count(self):
        for operation in self:
            operation.meter_count = len(operation.meter_ids)

    @api.depends("meter_ids")
    @api.depends_context("uid")
    def _compute_possible_type_ids(self):
        catalogue = self.env["meter.command.type"].search(
            [("allowed", "=", True), ("kind", "!=", "raw")]
        )
        for operation in self:
            operation.possible_type_ids = catalogue._possible(operation.meter_ids._origin)

    @api.depends("type_id")
    def _compute_value_ids(self):
        for operation in self:
            operation.value_ids = [Command.clear()] + [
                Command.create({"field_id": field.id, "wanted": field.required})
                for field in operation._offered_fields()
            ]

    @api.depends("meter_ids", "type_id")
    def _compute_barred_words(self):
        for operation in self:
            words = []
            if operation.type_id.kind not in ("read", False):
                words = [meter._barred() for meter in operation.meter_ids._origin]
            operation.barred_words = "\n".join(dict.fromkeys(filter(None, words)))

    def _offered_fields(self):
        """The command's fields that every chosen meter has a register for."""
        self.ensure_one()
        dialects = [meter.sudo()._dialect() for meter in self.meter_ids._origin]
        return self.type_id.field_ids.filtered(
            lambda field: (
                field.type_id.code != "purchase_number"
                and all(dialect and field.register in dialect.registers for dialect in dialects)
            )
        )

    def action_confirm(self):
        """Queue the command for each meter and show how they get on."""
        self.ensure_one()
        commands = self.type_id._enqueue(self.meter_ids, self._values())
        return self.env["utility.command"]._follow_action(commands)

    def _values(self):
        if self.kind == "read":
            wanted = self.value_ids.filtered("wanted")
            if self.value_ids and not wanted:
                raise UserError(self.env._("Choose what is to be read."))
            return {value.field_id.register: True for value in wanted}
        return {value.field_id.register: value.value for value in self.value_ids}


class MeterRemoteOperationValue(models.TransientModel):
    _name = "meter.remote.operation.value"
    _description = "Value of a Remote Operation"
    _order = "id"

    operation_id = fields.Many2one("meter.remote.operation", required=True, ondelete="cascade")
    field_id = fields.Many2one("meter.command.field", "What", required=True)
    wanted = fields.Boolean("Read it")
    value = fields.Char()
    example = fields.Char(related="field_id.example")
    required = fields.Boolean(related="field_id.required")
    unit = fields.Char(compute="_compute_unit")

    @api.depends("field_id", "operation_id.meter_ids")
    def _compute_unit(self):
        for value in self:
            meter = value.operation_id.meter_ids._origin[:1]
            value.unit = meter._register_unit(value.field_id.register) if meter else ""
