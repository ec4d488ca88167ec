from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.utility_prepaid.tools.decimals import dec

from ..lib.meterwire.errors import KeyMissing
from ..lib.meterwire.jobs import Meter

READ_SECONDS = 60


class UtilityMeter(models.Model):
    """Where the meter hangs on the wire."""

    _inherit = "utility.meter"

    port_id = fields.Many2one(
        "meter.port", "RS485 port", check_company=True, index=True, ondelete="restrict",
        tracking=True,
    )  # fmt: skip
    concentrator_id = fields.Many2one(related="port_id.concentrator_id", store=True, index=True)
    module_address = fields.Integer(
        "Module address",
        help="Address of the switching module on the port; 1 to 126 for automatic switching.",
    )
    frame_count = fields.Integer("Exchanges", compute="_compute_frame_count")

    _module_address_range = models.Constraint(
        "CHECK (module_address BETWEEN 0 AND 255)", "A module address goes from 0 to 255."
    )

    @api.depends_context("uid")
    def _compute_frame_count(self):
        frames = self.env["meter.frame"]
        counts = {}
        if frames.has_access("read"):
            counts = dict(
                frames._read_group([("meter_id", "in", self.ids)], ["meter_id"], ["__count"])
            )
        for meter in self:
            meter.frame_count = counts.get(meter, 0)

    @api.constrains("port_id")
    def _check_port_capacity(self):
        self.port_id._check_capacity()

    @api.constrains("auto_switch", "module_address", "port_id")
    def _check_module_address(self):
        for meter in self.filtered("port_id"):
            if meter.auto_switch and not 1 <= meter.module_address <= 126:
                raise ValidationError(
                    self.env._(
                        "%s: automatic switching needs a module address from 1 to 126.",
                        meter.display_name,
                    )
                )
            twin = meter.module_address and self.search(
                [
                    ("id", "!=", meter.id),
                    ("port_id", "=", meter.port_id.id),
                    ("module_address", "=", meter.module_address),
                ],
                limit=1,
            )
            if twin:
                raise ValidationError(
                    self.env._(
                        "Module address %(address)s is already used on this port, by %(meter)s.",
                        address=meter.module_address,
                        meter=twin.display_name,
                    )
                )

    def write(self, vals):
        if "port_id" in vals:
            self.filtered(lambda meter: meter.port_id.id != vals["port_id"])._check_line_quiet()
        return super().write(vals)

    def _check_line_quiet(self):
        """An order that may be inside the meter is asked about on the line that it was sent on.

        :raises UserError: a money command was sent and is not settled
        """
        domain = [
            ("meter_id", "in", self.ids),
            ("money", "=", True),
            ("numbered", "=", True),
            ("state", "in", ("queued", "sent", "unknown")),
        ]
        command = self.env["utility.command"].sudo().search(domain, limit=1)
        if command:
            raise UserError(
                self.env._(
                    "Meter %s has an order on its way: wait until it is settled.",
                    command.meter_id.vending_id,
                )
            )

    def action_read(self):
        """Ask the meter now; what it says comes with the next refresh.

        :raises AccessError: the catalogue does not give this command to the user
        """
        command = self.env.ref("meter_gateway.command_type_read")
        command._enqueue_check(self)
        expires_at = fields.Datetime.add(fields.Datetime.now(), seconds=READ_SECONDS)
        for meter in self:
            self.env["utility.command"]._enqueue(
                meter, "read", type_id=command.id, expires_at=expires_at
            )
        return True

    def action_view_frames(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("meter_gateway.meter_frame_action")
        return {**action, "domain": [("meter_id", "=", self.id)]}

    def _is_connected(self):
        return bool(self.sudo().port_id.line_id.endpoint)

    def _takes(self, kind):
        if not self._is_connected():
            return super()._takes(kind)
        dialect = self._dialect()
        return bool(dialect and dialect.can(kind))

    def _reverse_refusal(self, credit):
        dialect = self._is_connected() and self._dialect()
        if not (dialect and dialect.shape and dialect.shape.reverses_last):
            return super()._reverse_refusal(credit)
        last = (
            self.env["utility.command"]
            .sudo()
            .search(
                [("meter_id", "=", self.id), ("money", "=", True), ("state", "=", "done")],
                order="done_at desc, id desc",
                limit=1,
            )
        )
        if last.kind == "charge" and dec(last.credit) == credit:
            return ""
        return self.env._(
            "Meter %(meter)s takes back its last charge as a whole, nothing else.",
            meter=self.vending_id,
        )

    def _check_chargeable(self):
        super()._check_chargeable()
        meter = self.sudo()
        if not meter._is_connected():
            boxes = self.env["meter.concentrator"].sudo()
            if not boxes.search_count([("company_id", "=", meter.company_id.id)], limit=1):
                # A company without any line works with handhelds alone.
                return
            raise UserError(
                self.env._(
                    "Meter %s is not connected to a port of a concentrator.", meter.vending_id
                )
            )
        if words := meter._key_refusal():
            raise UserError(words)

    def _key_refusal(self, keyring=None):
        """Words why nothing can be enciphered for this meter, or an empty text."""
        dialect = self._dialect()
        if dialect is None or dialect.shape is None:
            return self.env._(
                "Meter %s is of a kind that cannot be charged over its line.", self.vending_id
            )
        trouble = ""
        if keyring is None:
            keyring, trouble = self.env["meter.worker"]._keyring()
        meter = Meter(self.address, dialect, self.key_version, self.algorithm)
        try:
            dialect.shape.keys(keyring, meter)
        except KeyMissing as error:
            return self.env._(
                "A key or password that charges meter %(meter)s is not installed: nothing can be "
                "charged. Tell the administrator. (%(detail)s)",
                meter=self.vending_id,
                detail=trouble or error.words,
            )
        return ""

    def _sell_warning(self):
        warning = super()._sell_warning()
        port = self.sudo().port_id.line_id
        box = port.concentrator_id
        if port and not port.reachable:
            since = fields.Datetime.context_timestamp(self, port.unreachable_since)
            words = self.env._(
                "Concentrator %(box)s cannot be reached since %(since)s: a sale is charged once it "
                "is back.",
                box=box.name,
                since=since.strftime("%Y-%m-%d %H:%M"),
            )
            warning = "\n".join(filter(None, (warning, words)))
        return warning
