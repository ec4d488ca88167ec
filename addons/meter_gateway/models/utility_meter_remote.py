from odoo import api, fields, models


class UtilityMeter(models.Model):
    """What can be done to a meter from here, by the catalogue of device commands."""

    _inherit = "utility.meter"

    can_cut = fields.Boolean(compute="_compute_can_switch")
    can_restore = fields.Boolean(compute="_compute_can_switch")
    can_give_back = fields.Boolean(compute="_compute_can_switch")

    @api.depends("control", "type_id", "port_id")
    @api.depends_context("uid")
    def _compute_can_switch(self):
        for meter in self:
            meter.can_cut = bool(meter._switch_type("off"))
            meter.can_restore = bool(meter._switch_type("on"))
            meter.can_give_back = meter.control == "remote" and bool(meter._switch_type("local"))

    def _switch_type(self, action):
        """The command of the catalogue by which the user may do this to the meter; may be empty."""
        self.ensure_one()
        commands = self.env["meter.command.type"].search(
            [("kind", "=", "switch"), ("action", "=", action), ("allowed", "=", True)]
        )
        return commands.filtered(lambda command: not command._refusal(self))[:1]

    def action_cut_supply(self):
        return self._action_switch("off")

    def action_restore_supply(self):
        return self._action_switch("on")

    def action_give_back(self):
        """Local control again; whether supply is on is not touched."""
        return self._action_switch("local")

    def _action_switch(self, action):
        self.ensure_one()
        command = self._switch_type(action) or self._switch_type_of(action)
        # The gate says why not, when it is not the user's, or not this meter's, to do.
        return self.env["utility.command"]._follow_action(command._enqueue(self))

    def _switch_type_of(self, action):
        commands = self.env["meter.command.type"].with_context(active_test=False)
        commands = commands.search([("kind", "=", "switch"), ("action", "=", action)])
        actuator = self.type_id.actuator
        return commands.sorted(lambda command: command.actuator != actuator)[:1]

    def action_remote_operation(self):
        """Open the form of remote operations for these meters."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Remote operations"),
            "res_model": "meter.remote.operation",
            "view_mode": "form",
            "target": "new",
            "context": {"default_meter_ids": self.ids},
        }

    def _register_label(self, name):
        """A register's label by the meter's dialect; its name where the dialect has none."""
        dialect = self.sudo()._dialect()
        register = dialect.registers.get(name) if dialect else None
        return (register.label if register else "") or name

    def _register_unit(self, name):
        dialect = self.sudo()._dialect()
        register = dialect.registers.get(name) if dialect else None
        return register.unit if register else ""
