from odoo import api, fields, models
from odoo.exceptions import ValidationError


class MeterPort(models.Model):
    """One RS485 port of a concentrator: a half-duplex line, or a part of the line of its box."""

    _name = "meter.port"
    _description = "Concentrator Port"
    _order = "concentrator_id, number"

    concentrator_id = fields.Many2one(
        "meter.concentrator", required=True, index=True, ondelete="cascade"
    )
    site_id = fields.Many2one(related="concentrator_id.site_id")
    company_id = fields.Many2one(related="concentrator_id.company_id", store=True, index=True)
    number = fields.Integer(required=True)
    tcp_port = fields.Integer("TCP port", help="Only where it differs from the box's numbering.")
    serial_device = fields.Char(
        "Serial device", help="Path of the device file, for example /dev/ttyS1."
    )
    baudrate = fields.Selection(
        [(rate, rate) for rate in ("600", "1200", "2400", "4800", "9600", "19200")],
        required=True,
        default="2400",
    )
    parity = fields.Selection(
        [("E", "Even"), ("N", "None"), ("O", "Odd")], required=True, default="E"
    )
    line_id = fields.Many2one(
        "meter.port",
        compute="_compute_line_id",
        store=True,
        index=True,
        help="The port over whose connection this one is reached: its own, or the box's first one "
        "when all ports share a link.",
    )
    endpoint = fields.Char(compute="_compute_endpoint", store=True)
    meter_ids = fields.One2many("utility.meter", "port_id", "Meters")
    meter_count = fields.Integer("Connected", compute="_compute_meter_count")
    # Written by the worker, per line: one port of a box may be dead while the others work.
    reachable = fields.Boolean(readonly=True, default=True, copy=False)
    unreachable_since = fields.Datetime("Unreachable since", readonly=True, copy=False)
    last_error = fields.Char("Last error", readonly=True, copy=False)
    last_seen = fields.Datetime("Last seen", readonly=True, copy=False)
    over_capacity_reason = fields.Char(
        "Over capacity reason", help="Why this port may carry more meters than its box is made for."
    )

    _number_uniq = models.UniqueIndex(
        "(concentrator_id, number)", "This port number exists already."
    )
    # Two lines on one address would talk into each other's replies.
    _endpoint_uniq = models.UniqueIndex(
        "(endpoint) WHERE endpoint IS NOT NULL", "Another port already uses this address."
    )

    @api.depends("number", "concentrator_id.port_selection", "concentrator_id.port_ids.number")
    def _compute_line_id(self):
        for port in self:
            box = port.concentrator_id
            first = box.port_ids.sorted("number")[:1]
            port.line_id = port if box.port_selection == "tcp_port" else first or port

    @api.depends(
        "line_id", "number", "tcp_port", "serial_device", "baudrate", "parity",
        "concentrator_id.active", "concentrator_id.link", "concentrator_id.host",
        "concentrator_id.tcp_port", "concentrator_id.port_selection", "concentrator_id.hub_address",
        "concentrator_id.dtu_id", "concentrator_id.mqtt_broker", "concentrator_id.mqtt_tls",
        "concentrator_id.mqtt_up", "concentrator_id.mqtt_down", "concentrator_id.mqtt_qos",
        "concentrator_id.mqtt_expiry",
        "concentrator_id.mqtt_credentials",
    )  # fmt: skip
    def _compute_endpoint(self):
        for port in self:
            carries = port.line_id == port
            port.endpoint = carries and port.concentrator_id._endpoint(port)

    @api.depends("concentrator_id.code", "number")
    def _compute_display_name(self):
        for port in self:
            port.display_name = f"{port.concentrator_id.code or ''} / {port.number}"

    @api.depends("meter_ids")
    def _compute_meter_count(self):
        counts = dict(
            self.env["utility.meter"]._read_group(
                [("port_id", "in", self.ids)], ["port_id"], ["__count"]
            )
        )
        for port in self:
            port.meter_count = counts.get(port, 0)

    @api.constrains("number")
    def _check_number(self):
        for port in self:
            if not 1 <= port.number <= int(port.concentrator_id.port_count):
                raise ValidationError(
                    self.env._("%s: this box has no port of that number.", port.display_name)
                )

    @api.constrains("tcp_port", "serial_device")
    def _check_address(self):
        for port in self:
            if not 0 <= port.tcp_port <= 65535:
                raise ValidationError(
                    self.env._("%s: TCP ports are numbers from 1 to 65535.", port.display_name)
                )
            if port.serial_device and not port.serial_device.startswith("/"):
                raise ValidationError(
                    self.env._("%s: enter the device as a path.", port.display_name)
                )

    def _envelope(self):
        """What surrounds a meter's frame on the way to this port.

        :return: text as ``meterwire.envelope.parse_envelope`` reads it, or an empty text
        """
        self.ensure_one()
        return self.concentrator_id._envelope()

    def _check_capacity(self):
        """A port beyond its capacity needs an engineer's reason.

        :raises ValidationError: too many meters and no reason given
        """
        for port in self:
            capacity = port.concentrator_id.port_capacity
            if port.meter_count > capacity and not port.over_capacity_reason:
                raise ValidationError(
                    self.env._(
                        "%(port)s is made for %(capacity)s meters. To connect more, write the "
                        "reason on the port.",
                        port=port.display_name,
                        capacity=capacity,
                    )
                )
