from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.utility_prepaid.models.utility_command import KINDS

from ..lib.meterwire.errors import WireError
from ..worker import operations
from ..worker.words import problem

NO_CUSTOMER = "0" * 12


class MeterCommandType(models.Model):
    """The catalogue of device commands: what each sends, who may use it, whether it is on.

    ``_enqueue`` is the one gate through which a person's command goes to a meter: right, switch,
    what this meter can do, and the values are looked at there, whatever form it came from.
    """

    _name = "meter.command.type"
    _description = "Device Command"
    _order = "sequence, id"
    _rec_names_search = ["name", "code"]

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="By this other programs know the command.")
    active = fields.Boolean("On", default=True, help="A command that is off is offered to nobody.")
    sequence = fields.Integer(default=10)
    kind = fields.Selection(
        [
            ("read", "Read registers"),
            ("switch", "Switch supply"),
            ("write", "Set parameters"),
            ("set_clock", "Set clock"),
            ("clear", "Clear"),
            ("raw", "Raw frame"),
        ],
        required=True,
        default="read",
    )
    action = fields.Selection(
        [
            ("off", "Cut supply"),
            ("on", "Restore supply"),
            ("local", "Give back to local control"),
            ("keep", "Keep supply, whatever the balance"),
            ("unkeep", "End of keeping supply"),
        ],
        help="What a switching command does.",
    )
    actuator = fields.Selection(
        [("relay", "Relay"), ("valve", "Valve")],
        help="Only for meters that cut supply by this; empty for all.",
    )
    sends = fields.Text(
        translate=True, help="What goes over the line, for whoever decides who may use it."
    )
    question = fields.Text(
        "Asked before sending", translate=True, help="Shown with the command; what it may lead to."
    )
    expiry_minutes = fields.Integer(
        "Valid for (min)",
        help="So long the command may wait for its line. It never fires later. Zero: as long as "
        "commands of this kind wait.",
    )
    group_ids = fields.Many2many(
        "res.groups",
        string="Who may use it",
        help="Members of any of these groups. Without one nobody may.",
    )
    field_ids = fields.One2many("meter.command.field", "type_id", "Values", copy=True)
    allowed = fields.Boolean("You may use it", compute="_compute_allowed", search="_search_allowed")

    _code_uniq = models.Constraint("UNIQUE(code)", "Another command has this code.")
    _action_given = models.Constraint(
        "CHECK(kind != 'switch' OR action IS NOT NULL)", "Say what the switching command does."
    )
    _expiry_positive = models.Constraint(
        "CHECK(expiry_minutes >= 0)", "The time for which a command is valid cannot be negative."
    )

    @api.depends("group_ids", "active")
    @api.depends_context("uid")
    def _compute_allowed(self):
        for command in self:
            command.allowed = command._may_use()

    def _search_allowed(self, operator, value):
        if operator not in ("in", "not in"):
            return NotImplemented
        mine = [("active", "=", True), ("group_ids", "in", self.env.user.all_group_ids.ids)]
        wanted = (True in value) == (operator == "in")
        return mine if wanted else ["!", "&", *mine]

    def _may_use(self):
        self.ensure_one()
        command = self.sudo()
        return command.active and bool(command.group_ids & self.env.user.sudo().all_group_ids)

    # ------------------------------------------------------------------- gate

    def _enqueue(self, meters, values=None):
        """Queue this command for meters; the only way for a person's command to a meter.

        :param meters: `utility.meter`, as the user sees them
        :param dict values: value by register as typed, where the command takes values; for a
            reading the registers are its keys
        :return: the new commands, one for each meter
        :raises AccessError: the user may not use this command, or not see a meter
        :raises UserError: it is off, a meter cannot do it or may not be changed, a value is wrong
        """
        self._enqueue_check(meters)
        commands = self.env["utility.command"].sudo().browse()
        for meter in meters:
            if words := self._refusal(meter):
                raise UserError(words)
            commands |= self._enqueue_one(meter, self._arguments(meter, values or {}))
        return commands

    def _enqueue_check(self, meters):
        """The part of the gate that does not depend on the meter's ways: right, and switched on.

        :raises AccessError: the user may not use this command, or not see a meter
        :raises UserError: no meter is given
        """
        self.ensure_one()
        if not self._may_use():
            raise AccessError(
                self.env._("You may not use the command “%s”.", self.sudo().name)
                if self.sudo().active
                else self.env._("The command “%s” is switched off.", self.sudo().name)
            )
        meters.check_access("read")
        if not meters:
            raise UserError(self.env._("Choose the meters first."))

    def _enqueue_one(self, meter, arguments):
        values = {"type_id": self.id, "arguments": arguments or False}
        if self.expiry_minutes:
            values["expires_at"] = fields.Datetime.add(
                fields.Datetime.now(), minutes=self.expiry_minutes
            )
        if self.kind == "clear":
            # The lock comes first: a sale or an opening that got it before is seen below.
            meter._lock_row()
            if words := self._refusal_clear(meter):
                raise UserError(words)
            values.update(credit=0, customer_number=NO_CUSTOMER, arguments=False)
        return self.env["utility.command"]._enqueue(meter, self.kind, **values)

    def _queue_reads(self, meters):
        """Ask many meters at once, without a time limit; for the system, not for a person.

        :param meters: connected `utility.meter`
        """
        asked_at = fields.Datetime.now()
        commands = (
            self.env["utility.command"]
            .sudo()
            .create(
                [
                    {
                        "kind": "read",
                        "money": False,
                        "changes": False,
                        "priority": KINDS["read"].priority,
                        "type_id": self.id,
                        "meter_id": meter.id,
                        "company_id": meter.company_id.id,
                        "site_id": meter.site_id.id,
                        "user_id": self.env.uid,
                        "asked_at": asked_at,
                        "arguments": self._arguments(meter, {}) or False,
                    }
                    for meter in meters
                ]
            )
        )
        commands._wake()

    def _arguments(self, meter, values):
        """What the worker is told; see ``utility.command.arguments``."""
        if self.kind == "switch":
            return {"action": self.action}
        dialect = meter.sudo()._dialect()
        if self.kind == "read":
            wanted = [name for name in values or self.field_ids.mapped("register")]
            items = [name for name in wanted if name in dialect.registers]
            if missing := set(values) - set(items):
                raise UserError(
                    self.env._("The meter has no register “%s”.", ", ".join(sorted(missing)))
                )
            return {"items": items} if items else {}
        if self.kind == "write":
            return {"items": self._write_items(meter, dialect, values)}
        return {}

    def _write_items(self, meter, dialect, values):
        """[[register, value], ...] in the catalogue's order, each value checked and as text."""
        items = []
        for field in self.field_ids:
            typed = values.get(field.register)
            if typed in (None, False, ""):
                if field.required:
                    raise UserError(self.env._("Enter a value for “%s”.", field.name))
                continue
            register = dialect.registers.get(field.register)
            if register is None or not register.writable:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s cannot be given “%(value)s”.",
                        meter=meter.vending_id,
                        value=field.name,
                    )
                )
            value = field._parse(typed, register)
            try:
                operations.wire_value(dialect, field.register, value)
            except WireError as error:
                words = problem(self.env, error)
                raise UserError(
                    self.env._("%(label)s: %(words)s", label=field.name, words=words)
                ) from None
            items.append([field.register, value])
        unknown = set(values) - set(self.field_ids.mapped("register"))
        if unknown:
            raise UserError(
                self.env._("This command sets no “%s”.", ", ".join(map(str, sorted(unknown))))
            )
        if not items:
            raise UserError(self.env._("Enter a value."))
        self._check_moments(dialect, dict(items))
        return items

    def _check_moments(self, dialect, items):
        """What is written to the standby set comes into force at a moment, which must be given."""
        for name in items:
            standby = dialect.registers[name].standby
            if standby and standby.switch not in items:
                raise UserError(self.env._("Say from when it is in force."))
        moments = {
            register.standby.switch for register in dialect.registers.values() if register.standby
        }
        if moments.intersection(items) == items.keys():
            raise UserError(self.env._("Enter a value."))

    # ------------------------------------------------------- what a meter can

    def _refusal(self, meter):
        """Words why this meter cannot do it, or an empty text; rights are another matter.

        :param meter: one `utility.meter`
        """
        self.ensure_one()
        _ = self.env._
        command, meter = self.sudo(), meter.sudo()
        if not meter._is_connected():
            return _("Meter %s is not connected to a port of a concentrator.", meter.vending_id)
        dialect = meter._dialect()
        if dialect is None:
            return _("Nothing says yet how meter %s is spoken to.", meter.vending_id)
        if command.kind == "clear":
            return command._refusal_clear(meter)
        possible = {
            "switch": lambda: command._can_switch(meter, dialect),
            "write": lambda: command._can_write(dialect),
            "set_clock": lambda: dialect.can("clock"),
            "read": lambda: command._can_read(meter, dialect),
            "raw": lambda: True,
        }[command.kind]
        if not possible():
            return _(
                "Meter %(meter)s (%(type)s) does not know the command “%(command)s”.",
                meter=meter.vending_id,
                type=meter.type_id.name,
                command=command.name,
            )
        return ""

    def _can_switch(self, meter, dialect):
        return dialect.can(self.action) and self.actuator in (False, meter.type_id.actuator)

    def _can_write(self, dialect):
        needed = self.field_ids.filtered("required") or self.field_ids
        writable = [
            name in dialect.registers and dialect.registers[name].writable
            for name in needed.mapped("register")
        ]
        return all(writable) if self.field_ids.filtered("required") else any(writable)

    def _can_read(self, meter, dialect):
        names = self.field_ids.mapped("register")
        if self.code == "purchase_number":
            # A meter that does not show it in a register tells it when it is asked for its status.
            return meter.prepaid and (
                dialect.shape is not None or "purchase_number" in dialect.registers
            )
        return not names or any(name in dialect.registers for name in names)

    def _refusal_clear(self, meter):
        """Clearing takes credit away: only temporary units, that nobody bought."""
        _ = self.env._
        meter = meter.sudo()
        shape = meter._dialect().shape
        if not meter.prepaid or shape is None or "clear" not in shape.kinds:
            return _("Meter %s cannot be cleared over its line.", meter.vending_id)
        if meter.contract_id:
            return _(
                "Meter %(meter)s has contract %(contract)s: it is cleared when that is closed.",
                meter=meter.vending_id,
                contract=meter.contract_id.name,
            )
        if self.env["utility.command"]._open_money(meter):
            return _(
                "Another money command is on its way to meter %s: wait for its end.",
                meter.vending_id,
            )
        return meter._key_refusal()

    def _possible(self, meters):
        """The commands of self that the user may use and all of these meters can carry out."""
        return self.filtered(
            lambda command: (
                command._may_use() and not any(command._refusal(meter) for meter in meters)
            )
        )
