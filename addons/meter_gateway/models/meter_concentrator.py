from urllib.parse import quote

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class MeterConcentrator(models.Model):
    """A box with 4, 8 or 16 RS485 ports and one link to it."""

    _name = "meter.concentrator"
    _description = "Concentrator"
    _order = "code, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    code = fields.Char(required=True)
    active = fields.Boolean(default=True)
    site_id = fields.Many2one("utility.site", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="site_id.company_id", store=True, index=True)
    worker_id = fields.Many2one(
        "meter.worker",
        required=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env["meter.worker"].sudo().search([], limit=1),
        help="The scheduled action that owns this box's lines.",
    )
    link = fields.Selection(
        [("tcp", "TCP"), ("serial", "Serial port")], required=True, default="tcp"
    )
    host = fields.Char(help="Numeric address of the serial server: a name is looked up each time.")
    tcp_port = fields.Integer(
        "TCP port", help="Of RS485 port 1. Port n is this number + n - 1 unless the port says so."
    )
    port_count = fields.Selection(
        [("4", "4"), ("8", "8"), ("16", "16")], "RS485 ports", required=True, default="4"
    )
    port_capacity = fields.Integer("Meters per port", required=True, default=40)
    port_ids = fields.One2many("meter.port", "concentrator_id", "Ports")
    reply_seconds = fields.Float(
        "Reply within (s)", digits=(8, 3), required=True, default=1.5,
        help="How long a meter's first byte may take over this link.",
    )  # fmt: skip
    drain_seconds = fields.Float(
        "Quiet after a failure (s)", digits=(8, 3), required=True, default=0.5,
        help="After silence or a refusal the line rests for so long before the meter is asked.",
    )  # fmt: skip
    hold_seconds = fields.Float(
        "Longest delay (s)", digits=(8, 3), required=True, default=3.0,
        help="How long the link may keep a frame before it delivers it. An order counts as never "
        "executed only when the meter denied it after that time.",
    )  # fmt: skip
    reachable = fields.Boolean(compute="_compute_reachable")
    unreachable_since = fields.Datetime(compute="_compute_reachable")
    last_error = fields.Char(compute="_compute_reachable")
    last_seen = fields.Datetime(compute="_compute_reachable")
    meter_count = fields.Integer("Meters", compute="_compute_meter_count")

    _code_uniq = models.UniqueIndex("(company_id, code)", "This concentrator code is already used.")
    _capacity_positive = models.Constraint(
        "CHECK (port_capacity > 0)", "A port holds at least one meter."
    )
    _delays_positive = models.Constraint(
        "CHECK (reply_seconds > 0 AND drain_seconds >= 0 AND hold_seconds >= 0)",
        "Delays cannot be negative, and a reply needs some time.",
    )

    @api.depends(
        "port_ids.reachable", "port_ids.unreachable_since", "port_ids.last_error",
        "port_ids.last_seen",
    )  # fmt: skip
    def _compute_reachable(self):
        for box in self:
            down = box.port_ids.filtered(lambda port: not port.reachable).sorted(
                lambda port: (port.unreachable_since, port.number)
            )[:1]
            box.reachable = not down
            box.unreachable_since = down.unreachable_since
            box.last_error = down.last_error
            box.last_seen = max(filter(None, box.port_ids.mapped("last_seen")), default=False)

    def _compute_meter_count(self):
        counts = dict(
            self.env["utility.meter"]._read_group(
                [("concentrator_id", "in", self.ids)], ["concentrator_id"], ["__count"]
            )
        )
        for box in self:
            box.meter_count = counts.get(box, 0)

    @api.constrains("link", "host", "tcp_port")
    def _check_link(self):
        for box in self.filtered(lambda box: box.link == "tcp"):
            if not box.host or any(c.isspace() or c in "/?#@" for c in box.host):
                raise ValidationError(self.env._("%s: enter the address of the box.", box.name))
            last = box.tcp_port + int(box.port_count) - 1
            if box.tcp_port < 1 or last > 65535:
                raise ValidationError(
                    self.env._("%s: TCP ports are numbers from 1 to 65535.", box.name)
                )

    @api.model_create_multi
    def create(self, vals_list):
        boxes = super().create(vals_list)
        boxes._sync_ports()
        return boxes

    def write(self, vals):
        result = super().write(vals)
        if "port_count" in vals:
            self._sync_ports()
        return result

    def _sync_ports(self):
        """Give each box exactly the ports it has; a port with meters is never taken away."""
        for box in self:
            count = int(box.port_count)
            surplus = box.port_ids.filtered(lambda port, count=count: port.number > count)
            if surplus.meter_ids:
                raise ValidationError(
                    self.env._("%s: meters are still connected to the ports above.", box.name)
                )
            surplus.unlink()
            missing = set(range(1, count + 1)) - set(box.port_ids.mapped("number"))
            self.env["meter.port"].create(
                [{"concentrator_id": box.id, "number": number} for number in sorted(missing)]
            )

    def action_view_meters(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Meters"),
            "res_model": "utility.meter",
            "view_mode": "list,form",
            "domain": [("concentrator_id", "=", self.id)],
        }

    def _tcp_endpoint(self, tcp_port):
        host = f"[{self.host}]" if ":" in (self.host or "") else self.host
        return f"tcp://{host}:{tcp_port}"

    def _serial_endpoint(self, device, baudrate, parity):
        return f"serial://{quote(device)}?baudrate={baudrate}&parity={parity}"

    # -------------------------------------------------------------- simulator

    @api.model
    def _simulator_site(self):
        """The simulator's site file for the connected meters of this database.

        :return: dictionary as ``meterwire.sim`` reads it; amounts are texts
        """
        boxes = []
        for box in self.search([("port_ids.meter_ids", "!=", False)]):
            ports = [
                {
                    "number": port.number,
                    "listen": port.endpoint.partition("?")[0].replace("serial://", "pty://"),
                    "baudrate": int(port.baudrate),
                    "meters": [meter._simulator_meter() for meter in port.meter_ids],
                }
                for port in box.port_ids
                if port.meter_ids and port.endpoint
            ]
            if ports:
                boxes.append({"name": box.code, "ports": ports})
        return {"speed": "1", "line_speed": False, "seed": 1, "concentrators": boxes}
