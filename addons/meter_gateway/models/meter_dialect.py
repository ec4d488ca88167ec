import base64
import json
from functools import lru_cache

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..lib.meterwire.dialect import Dialect, DialectError, shipped
from ..tools import dialect_form as form

# A meter's standard, as its type names it, by the protocol of a dialect.
STANDARDS = {
    "dlt645_1997": "dlt645_1997",
    "dlt645_2007": "dlt645_2007",
    "cjt188_2004": "cjt188",
    "cjt188_2018": "cjt188",
}


class MeterDialect(models.Model):
    """One meter model's ways on the wire, as data: what else would be code for each maker.

    The fields are what an engineer fills in from the maker's sheet; `content` is what the wire
    package works with. Secrets are named here, never kept here.
    """

    _name = "meter.dialect"
    _description = "Meter Dialect"
    _order = "name, id"
    _rec_names_search = ["name", "code"]

    name = fields.Char(required=True)
    code = fields.Char(required=True, copy=False)
    active = fields.Boolean(default=True)
    shipped = fields.Boolean(
        readonly=True,
        copy=False,
        help="Comes with the product and is kept up to date by it. Duplicate it to change it.",
    )
    note = fields.Text(copy=True, help="Where this was learned: the maker's sheet, a capture.")
    evidence = fields.Selection(
        [
            ("captured", "Captured from real meters"),
            ("published", "Published by others"),
            ("emulator", "Own simulator only"),
        ],
        required=True,
        default="published",
        help="How sure it is. What was tried on the own simulator only needs one real meter before "
        "it is used for money.",
    )
    protocol = fields.Selection(
        [
            ("dlt645_1997", "DL/T 645-1997"),
            ("dlt645_2007", "DL/T 645-2007"),
            ("cjt188_2004", "CJ/T 188-2004"),
            ("cjt188_2018", "CJ/T 188-2018"),
        ],
        required=True,
        default="dlt645_2007",
    )
    preamble = fields.Integer(
        "Wake-up bytes", default=4, help="So many bytes FE are sent before each frame."
    )
    bauds = fields.Char("Baud rates", help="Those the meter knows, for whoever sets up the port.")
    type_byte = fields.Char(
        "Type byte",
        help="CJ/T 188 only, in hex: 10 cold water, 11 hot water, 20 heat, 30 gas, 40 electricity.",
    )
    di_order = fields.Selection(
        [("high_first", "As printed (90 1F)"), ("low_first", "Low byte first (1F 90)")],
        "Order of identifiers",
        help="CJ/T 188 only: how the meter expects a data identifier on the wire.",
    )
    password_level = fields.Char(
        "Password level", help="Class of the password, in hex: 02, 03 or 04 are usual."
    )
    password_name = fields.Char(
        "Password name",
        help="The name under which the digits stand in the file of secrets. Never the digits.",
    )
    password_operator = fields.Char("Operator code", help="Eight digits that the meter records.")
    clock_register = fields.Char(
        "Clock register", help="Name of the register that holds the meter's clock."
    )
    clock_tolerance = fields.Integer(
        "Clock may be off by (s)",
        help="A clock that is off by more is corrected before switching. Zero: 60 seconds.",
    )
    clock_set = fields.Char(
        "Set by",
        help="Names of the registers that are written to set the clock, with commas; empty: the "
        "clock's own register, where that can be written.",
    )
    clock_broadcast = fields.Boolean(
        "Set by broadcast", help="By the time message that all meters of the line hear."
    )
    reading_routine = fields.Char(
        "Routine reading asks for",
        help="Names of registers, with commas. Empty: total, balance, owed and status, as far as "
        "the meter has them.",
    )
    reading_live = fields.Char(
        "A look asks for", help="When a person reads the meter; empty: the same."
    )
    register_ids = fields.One2many("meter.dialect.register", "dialect_id", "Registers", copy=True)
    supply_register = fields.Char(
        "Supply register", help="Name of the register that tells whether supply is on."
    )
    supply_mask = fields.Char("Supply mask", help="The bits of it that tell, in hex.")
    supply_off = fields.Char("Bits when off", help="What these bits are when supply is cut.")
    supply_on = fields.Char(
        "Bits when on", help="Empty: anything else. Where a third state exists, say both."
    )
    control_register = fields.Char(
        "Control register", help="Name of the register that tells who holds the switch."
    )
    control_mask = fields.Char("Control mask", help="The bits of it that tell, in hex.")
    control_remote = fields.Char("Bits when remote", help="What they are under remote control.")
    control_local = fields.Char("Bits when local", help="Empty: anything else.")
    battery_register = fields.Char(
        "Battery register", help="Name of the register that tells of a weak battery."
    )
    battery_mask = fields.Char("Battery mask", help="The bits of it that tell, in hex.")
    battery_low = fields.Char("Bits when low", help="What they are when the battery is weak.")
    switch_form = fields.Selection(
        [
            ("relay", "Relay command (645-2007)"),
            ("valve188", "Valve command (CJ/T 188)"),
            ("write", "A register is written"),
        ],
        "Switched by",
        help="Empty: this meter cannot be switched remotely.",
    )
    switch_di = fields.Char("Identifier", help="The data identifier that is written, in hex.")
    switch_di_order = fields.Selection(
        [("high_first", "As printed"), ("low_first", "Low byte first")],
        "Order of the identifier",
        help="Where it differs from the others.",
    )
    switch_off = fields.Char("Code: off", help="In hex. 645-2007: 1A trips. CJ/T 188: 99 closes.")
    switch_on = fields.Char(
        "Code: on", help="In hex. 645-2007: 1C closes at once, 1B permits closing by the button."
    )
    switch_local = fields.Char("Code: local control", help="Gives the switch back to the meter.")
    switch_keep = fields.Char("Code: keep supply", help="In hex; 645-2007: 3A.")
    switch_unkeep = fields.Char("Code: end of keeping", help="In hex; 645-2007: 3B.")
    switch_n2 = fields.Char("Second byte (N2)", help="645-2007 reserves it; some makers use it.")
    switch_expiry = fields.Integer(
        "Valid for (min)", help="The command carries this expiry, by the meter's own clock."
    )
    switch_settle = fields.Float(
        "Settles within (s)", help="So long the switch may take until the status shows it."
    )
    switch_poll = fields.Float("Looked at every (s)")
    recharge_shape = fields.Selection(
        [
            ("sealed", "Sealed orders (this product's own)"),
            ("esam", "State Grid ESAM with an encryptor"),
            ("vendor", "Enciphered by the maker"),
            ("plain", "Plain write under a password"),
            ("order", "Order number"),
            ("a013", "CJ/T 188 purchase (A013)"),
        ],
        "Charged by",
        help="Empty: this meter is never charged over the line.",
    )
    recharge_encryptor = fields.Char(
        "Encryptor", help="The name under which its address stands in the file of secrets."
    )
    recharge_repeats = fields.Boolean(
        "Refuses a repeated order",
        help="Proved, not hoped: the meter was sent one order twice and counted it once. Only then "
        "an order that the meter denies is sent to it again.",
    )
    recharge_options = fields.Text(
        "Recharge options", help="JSON: what the shape needs to know of the maker's ways."
    )
    error_ids = fields.One2many("meter.dialect.error", "dialect_id", "Refusals", copy=True)
    other_options = fields.Text("Other options", help="JSON, for what has no field of its own.")
    # Kept apart from the fields so that a run reads one value, and one that was checked.
    content = fields.Text(compute="_compute_content", store=True)
    export_file = fields.Binary(compute="_compute_export_file")
    type_ids = fields.One2many("utility.meter.type", "dialect_id", "Meter types")
    meter_count = fields.Integer("Meters", compute="_compute_meter_count")

    _code_uniq = models.Constraint("UNIQUE(code)", "Another dialect has this code.")

    @api.depends(*form.DEPENDS)
    def _compute_content(self):
        for dialect in self:
            try:
                dialect.content = _text(form.to_json(dialect))
            except form.NotJson:
                # Named by the constraint, which meets the same text.
                dialect.content = False

    @api.depends("content")
    def _compute_export_file(self):
        for dialect in self:
            dialect.export_file = base64.b64encode((dialect.content or "").encode())

    def _compute_meter_count(self):
        for dialect in self:
            dialect.meter_count = self.env["utility.meter"].search_count(dialect._meter_domain())

    @api.constrains("content")
    def _check_content(self):
        for dialect in self:
            try:
                _parsed(_text(form.to_json(dialect)))
            except form.NotJson as error:
                raise ValidationError(
                    self.env._(
                        "%(dialect)s, %(field)s: not a JSON object (%(detail)s).",
                        dialect=dialect.name,
                        field=error.record._fields[error.field]._description_string(self.env),
                        detail=error,
                    )
                ) from error
            except DialectError as error:
                raise ValidationError(
                    self.env._("%(dialect)s: %(words)s", dialect=dialect.name, words=error.words)
                ) from error

    @api.constrains("protocol")
    def _check_users(self):
        self.type_ids._check_dialect()
        self.env["utility.meter"].search([("dialect_id", "in", self.ids)])._check_dialect()

    # -------------------------------------------------------------------- CRUD

    def copy_data(self, default=None):
        copies = super().copy_data(default)
        for dialect, values in zip(self, copies, strict=True):
            values.setdefault("code", dialect._free_code())
            if "name" not in (default or {}):
                values["name"] = self.env._("%s (copy)", dialect.name)
        return copies

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            vals_list = [{**vals, "shipped": False} for vals in vals_list]
        dialects = super().create(vals_list)
        dialects.mapped("content")  # computed, and so checked, before anybody builds on it
        return dialects

    def write(self, vals):
        if "shipped" in vals and not self.env.su:
            raise AccessError(self.env._("Only the product itself ships dialects."))
        if set(vals) - {"active", "note", "type_ids"}:
            self._check_changeable()
        # Lines are written one after the other: what stands in between means nothing.
        content = self._fields["content"]
        with self.env.protecting([content], self):
            result = super().write(vals)
        self.env.add_to_compute(content, self)
        self.mapped("content")
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_shipped(self):
        self._check_changeable()

    def _free_code(self):
        taken = set(self.with_context(active_test=False).search([("id", "!=", 0)]).mapped("code"))
        number = 2
        stem = self.code[:36]
        while f"{stem}_{number}" in taken:
            number += 1
        return f"{stem}_{number}"

    def _check_changeable(self):
        """What is on its way was built, and will be judged, by the dialect as it is.

        :raises UserError: shipped with the product, or money is on its way to a meter of it
        """
        if self.env.su:
            return
        for dialect in self:
            if dialect.shipped:
                raise UserError(
                    self.env._(
                        "%s comes with the product. Duplicate it, and change the copy.",
                        dialect.name,
                    )
                )
        self.env["utility.meter"]._check_money_settled(self._meter_domain())

    def _meter_domain(self):
        """Meters that are spoken to in these dialects."""
        return [
            "|",
            ("dialect_id", "in", self.ids),
            "&",
            ("dialect_id", "=", False),
            ("type_id.dialect_id", "in", self.ids),
        ]

    # -------------------------------------------------------------------- JSON

    def _dialect(self):
        """The dialect as the wire package has it; None for an empty record.

        :return: ``meterwire.dialect.Dialect``, the same object as long as nothing is changed
        """
        if not self:
            return None
        self.ensure_one()
        return _parsed(self.content)

    @api.model
    def _values_from_json(self, content):
        """Field values for a dialect in the wire package's form.

        :raises DialectError: naming the place
        """
        Dialect.from_json(content)
        return form.from_json(content)

    @api.model
    def _load_package(self):
        """Bring the dialects that come with the product into the database, at installation and
        at each upgrade; a new one goes to the meter type of its name."""
        types = self.env["utility.meter.type"].sudo().with_context(active_test=False)
        for dialect in self._load_shipped(shipped()):
            types.search([("code", "=", dialect.code), ("dialect_id", "=", False)]).write(
                {"dialect_id": dialect.id}
            )

    @api.model
    def _load_shipped(self, contents):
        """
        :param contents: code -> dict for ``Dialect.from_json``
        :return: those that are new here
        """
        ours = self.sudo().with_context(active_test=False)
        new = ours.browse()
        for code, content in sorted(contents.items()):
            dialect = ours.search([("code", "=", code)])
            if dialect and not dialect.shipped:
                # Somebody's own took the code first: it stays, under another one.
                dialect.code = dialect._free_code()
                dialect.flush_recordset(["code"])
                dialect = ours.browse()
            values = {**ours._values_from_json(content), "shipped": True}
            if not dialect:
                new |= ours.create(values)
            elif form.from_json(dialect._dialect().to_json()) != form.from_json(content):
                dialect._replace(values)
        return new

    def _replace(self, values):
        """Write a whole content over what is there."""
        clear = [Command.clear()]
        self.write(
            {
                **values,
                "register_ids": clear + values["register_ids"],
                "error_ids": clear + values["error_ids"],
            }
        )

    def action_export(self):
        """Download the dialect as the file that the import takes."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/meter.dialect/{self.id}/export_file/{self.code}.json?download=1",
            "target": "download",
        }

    def action_view_meters(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Meters"),
            "res_model": "utility.meter",
            "view_mode": "list,form",
            "domain": self._meter_domain(),
        }


def _text(content):
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


@lru_cache(maxsize=256)
def _parsed(content):
    return Dialect.from_json(json.loads(content))
