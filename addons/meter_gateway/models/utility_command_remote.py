from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class UtilityCommand(models.Model):
    """A device command of the catalogue as its asker follows it."""

    _inherit = "utility.command"

    type_id = fields.Many2one("meter.command.type", "Command", readonly=True, ondelete="restrict")
    # Derived for people; the state says less, and is what programs go by.
    progress = fields.Selection(
        [
            ("waiting", "Held back"),
            ("queued", "Queued"),
            ("wire", "On the wire"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("expired", "Out of time"),
            ("cancelled", "Cancelled"),
        ],
        compute="_compute_progress",
    )
    task_words = fields.Char("Asked for", compute="_compute_task_words")
    outcome_words = fields.Text("Outcome", compute="_compute_outcome_words")

    @api.depends("state", "hold_reason", "sent_at", "changes", "site_id.stopped")
    def _compute_progress(self):
        steps = {"sent": "wire", "unknown": "wire", "disputed": "waiting"}
        for command in self:
            progress = steps.get(command.state, command.state)
            if command.state == "queued":
                if command.hold_reason or (command.changes and command.sudo().site_id.stopped):
                    progress = "waiting"
                elif command.sent_at and not command.money:
                    progress = "wire"
            command.progress = progress

    @api.depends("kind", "arguments", "type_id")
    @api.depends_context("lang")
    def _compute_task_words(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for command in self:
            name = command.type_id.name or kinds.get(command.kind, "")
            words = "" if command.money else command._arguments_words()
            command.task_words = ": ".join(filter(None, (name, words)))

    @api.depends("result", "message", "hold_reason")
    @api.depends_context("lang")
    def _compute_outcome_words(self):
        for command in self:
            parts = (
                command.hold_reason,
                command.message,
                "" if command.money else command._result_words(),
            )
            command.outcome_words = "\n".join(dict.fromkeys(filter(None, parts)))

    def _arguments_words(self):
        """What the catalogue's command was given, by the labels that the asker saw."""
        self.ensure_one()
        arguments = self.arguments or {}
        if self.kind == "write":
            return "; ".join(
                f"{self._register_words(name)} {self._value_words(value, name)}"
                for name, value in arguments.get("items", ())
            )
        if self.kind == "read":
            return ", ".join(map(self._register_words, arguments.get("items", ())))
        if self.kind == "raw":
            return arguments.get("frame", "")
        return ""

    def _result_words(self):
        self.ensure_one()
        result = self.result or {}
        labels = {
            "supply": self.env._("Supply"),
            "control": self.env._("Control"),
            "reply": self.env._("Answer"),
            "clock": self.env._("Clock"),
        }
        states = {
            field: dict(
                self.env["utility.meter.state"]._fields[field]._description_selection(self.env)
            )
            for field in ("supply", "control")
        }
        lines = []
        for name, value in result.items():
            if name == "explained":
                lines.append(value)
                continue
            label = labels.get(name) or self._register_words(name)
            if isinstance(value, dict):
                lines.append(self._was_is_words(label, name, value))
            else:
                words = states.get(name, {}).get(value) or self._value_words(value, name)
                lines.append(f"{label}: {words}")
        return "\n".join(lines)

    def _was_is_words(self, label, name, change):
        """One register that was set, as read before and after."""
        return self.env._(
            "%(label)s: was %(was)s, is %(is)s",
            label=label,
            was=self._value_words(change.get("was"), name),
            **{"is": self._value_words(change.get("is"), name)},
        )

    def _register_words(self, name):
        """The reader's word for a register: the catalogue's, else the dialect's."""
        field = self.type_id.field_ids.filtered(lambda field: field.register == name)[:1]
        if not field:
            field = (
                self.env["meter.command.field"].sudo().search([("register", "=", name)], limit=1)
            )
        return field.name or self.meter_id.sudo()._register_label(name)

    def _value_words(self, value, name=""):
        """A value of `arguments` or `result` for people.

        >>> command._value_words([["06:00", 2], ["22:00", 4]])
        '06:00 2, 22:00 4'
        """
        if value is None or value == "":
            return self.env._("nothing")
        if isinstance(value, (list, tuple)):
            return ", ".join(
                " ".join(map(str, one)) if isinstance(one, (list, tuple)) else str(one)
                for one in value
            )
        unit = self.meter_id.sudo()._register_unit(name) if name else ""
        return f"{value} {unit}".strip()

    def action_withdraw(self):
        """Take back what no run has in hand yet; only who asked, or an engineer.

        :raises UserError: it is on its way already
        """
        for command in self:
            if command.user_id != self.env.user and not self.env.user.has_group(
                "utility_prepaid.group_engineer"
            ):
                raise AccessError(
                    self.env._("Only who asked for it, or an engineer, takes it back.")
                )
            command.check_access("read")
            command._lock()
            if command.money or command.state != "queued" or command.sent_at:
                raise UserError(self.env._("It is on its way already, or over."))
            command._cancel(self.env._("Taken back by %s.", self.env.user.name))
        return True

    @api.model
    def _follow_action(self, commands):
        """The list in which these commands are followed; it refreshes itself."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "meter_gateway.command_follow_action"
        )
        return {**action, "domain": [("id", "in", commands.ids)]}
