import re
from urllib.parse import quote, urlencode

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..lib.meterwire.envelope import parse_envelope
from ..lib.meterwire.errors import WireError

# How long the first byte of a reply may take, how long the line rests after a failure, and how long
# the link may keep a frame: seconds, by what the link runs over. An offer, measured on no network.
DELAYS = {
    "wire": (1.5, 0.5, 3.0),
    "radio": (5.0, 2.0, 15.0),
    "lte": (5.0, 2.0, 30.0),
    "gprs": (10.0, 3.0, 60.0),
}
DEVICE_DELAYS = (1.0, 0.3, 3.0)
# A broker may keep a message for as long as it was told to; see `hold_seconds`.
BROKER_DELAYS = (10.0, 5.0, 120.0)
# The hub hangs up on a DTU that confirmed nothing for so long.
HUB_HOLD = 20.0
# These links are one stream of bytes: the port must be told inside it.
STREAMS = ("dialin", "mqtt")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class MeterConcentrator(models.Model):
    """How a box is reached, and how one of its RS485 ports is chosen over that link."""

    _inherit = "meter.concentrator"

    link = fields.Selection(
        [
            ("tcp", "TCP"),
            ("serial", "Serial port"),
            ("rfc2217", "Serial port over TCP (RFC 2217)"),
            ("dialin", "DTU that dials in"),
            ("mqtt", "MQTT"),
        ],
        required=True,
        default="tcp",
    )
    network = fields.Selection(
        [("wire", "Cable"), ("radio", "Transparent radio"), ("lte", "4G"), ("gprs", "GPRS")],
        "Runs over",
        required=True,
        default="wire",
        help="Offers the delays that are usual there; the delays themselves count.",
    )
    port_selection = fields.Selection(
        [
            ("tcp_port", "A connection or device for each port"),
            ("address", "The box finds the meter by its address"),
            ("selector", "Bytes before each frame"),
            ("gdw3761", "Q/GDW 376.1 forwarding"),
        ],
        "Ports are chosen by",
        required=True,
        default="tcp_port",
    )
    selector = fields.Char(
        "Bytes before a frame",
        help="In hex, {port:02X} stands for the number of the port. For example A5{port:02X}.",
    )
    terminal_address = fields.Char(
        "Terminal address",
        help="Of the 376.1 terminal: area code and number in hex, as on its plate.",
    )
    host = fields.Char(help="Numeric address of the serial server: a name is looked up each time.")
    tcp_port = fields.Integer(
        "TCP port", help="Of RS485 port 1. Port n is this number + n - 1 unless the port says so."
    )
    mqtt_broker = fields.Char("Broker", help="Address and port, for example 10.0.0.5:1883.")
    mqtt_tls = fields.Boolean("Encrypted (TLS)")
    mqtt_up = fields.Char("Topic from the box")
    mqtt_down = fields.Char("Topic to the box")
    mqtt_qos = fields.Selection(
        [("0", "0, at most once"), ("1", "1, at least once")],
        "Quality of service",
        default="1",
        help="0 only where the box knows nothing else.",
    )
    mqtt_expiry = fields.Integer(
        "Broker forgets after (s)",
        default=3,
        help="A frame that the broker could not deliver by then is thrown away.",
    )
    mqtt_credentials = fields.Char(
        "Credentials",
        help="The name under which user and password stand in the file of secrets; empty where the "
        "broker asks for none.",
    )
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

    _delays_positive = models.Constraint(
        "CHECK (reply_seconds > 0 AND drain_seconds >= 0 AND hold_seconds >= 0)",
        "Delays cannot be negative, and a reply needs some time.",
    )

    @api.onchange("link", "network")
    def _onchange_link(self):
        """Offer what is usual for the link; an engineer may change it afterwards."""
        if self.link == "mqtt":
            delays = BROKER_DELAYS
        elif self.link == "dialin" and self.network == "wire":
            delays = DELAYS["lte"]
        elif self.link == "serial" and self.network == "wire":
            delays = DEVICE_DELAYS
        else:
            delays = DELAYS[self.network or "wire"]
        self.reply_seconds, self.drain_seconds, self.hold_seconds = delays
        self.hold_seconds = max(self.hold_seconds, self._least_hold())
        if self.link in STREAMS and self.port_selection == "tcp_port":
            self.port_selection = "address"

    @api.constrains(
        "link", "host", "tcp_port", "port_count", "port_selection", "dtu_id", "hub_address",
        "mqtt_broker", "mqtt_up", "mqtt_down", "mqtt_expiry",
    )  # fmt: skip
    def _check_link(self):
        for box in self:
            if words := box._link_trouble():
                raise ValidationError(self.env._("%(box)s: %(words)s", box=box.name, words=words))

    @api.constrains("port_selection", "selector", "terminal_address", "port_count")
    def _check_port_selection(self):
        for box in self:
            ports = range(1, int(box.port_count) + 1)
            try:
                found = [parse_envelope(box._envelope(), port) for port in ports]
            except WireError as error:
                raise ValidationError(
                    self.env._("%(box)s: %(words)s.", box=box.name, words=error.words)
                ) from error
            if box.port_selection == "selector" and len({one.prefix for one in found}) < len(found):
                raise ValidationError(
                    self.env._(
                        "%s: the bytes before a frame must differ from port to port. Write "
                        "{port:02X} where the port's number stands.",
                        box.name,
                    )
                )

    @api.constrains("link", "hold_seconds", "mqtt_expiry")
    def _check_hold(self):
        for box in self:
            if box.hold_seconds < box._least_hold():
                raise ValidationError(
                    self.env._(
                        "%(box)s: over this link a frame may be kept for %(seconds)s seconds; the "
                        "longest delay cannot be shorter.",
                        box=box.name,
                        seconds=int(box._least_hold()),
                    )
                )

    def _least_hold(self):
        """How long hub or broker alone may keep a frame, in seconds; see docs/links.md."""
        if self.link == "mqtt":
            # Once until the broker has taken it, once in the broker.
            return 2 * self.mqtt_expiry
        return HUB_HOLD if self.link == "dialin" else 0

    def _link_trouble(self):
        """Words why the box cannot be reached as it is described, or an empty text."""
        if self.link in STREAMS and self.port_selection == "tcp_port":
            return self.env._("this link is one stream; choose how a port is told inside it.")
        check = getattr(self, f"_{self.link}_trouble", None)
        return check() if check else ""

    def _tcp_trouble(self):
        if not self.host or any(c.isspace() or c in "/?#@" for c in self.host):
            return self.env._("enter the address of the box.")
        own = int(self.port_count) if self.port_selection == "tcp_port" else 1
        if self.tcp_port < 1 or self.tcp_port + own - 1 > 65535:
            return self.env._("TCP ports are numbers from 1 to 65535.")
        return ""

    _rfc2217_trouble = _tcp_trouble

    def _dialin_trouble(self):
        if not _is_authority(self.hub_address):
            return self.env._("enter the hub as address:port.")
        if not re.fullmatch(r"[!-~]{1,64}", self.dtu_id or ""):
            return self.env._("enter the DTU's identity as it registers, without blanks.")
        return ""

    def _mqtt_trouble(self):
        if not _is_authority(self.mqtt_broker):
            return self.env._("enter the broker as address:port.")
        for topic in (self.mqtt_up, self.mqtt_down):
            if not topic or any(c in "#+\0" for c in topic):
                return self.env._("both topics are needed, without the wildcards # and +.")
        if self.mqtt_up == self.mqtt_down:
            return self.env._("two topics are needed, or the box would answer itself.")
        if not 1 <= self.mqtt_expiry <= 3600:
            return self.env._("the broker forgets after 1 to 3600 seconds.")
        return ""

    def _envelope(self):
        """See ``meter.port._envelope``."""
        if self.port_selection == "selector":
            return f"hex:{self.selector or ''}"
        if self.port_selection == "gdw3761":
            return f"gdw3761:{self.terminal_address or ''}"
        return ""

    # --------------------------------------------------------------- endpoints

    def _endpoint(self, port):
        """Where a line's bytes go, as ``meterwire.transport.open_link`` reads it.

        :param port: the ``meter.port`` that carries the line
        :return: text, or False while something is missing
        """
        self.ensure_one()
        if not self.active or self._link_trouble():
            return False
        return getattr(self, f"_{self.link}_endpoint")(port)

    def _tcp_endpoint(self, port):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{port.tcp_port or self.tcp_port + port.number - 1}"

    def _rfc2217_endpoint(self, port):
        authority = self._tcp_endpoint(port).removeprefix("tcp://")
        return f"rfc2217://{authority}?baudrate={port.baudrate}&parity={port.parity}"

    def _serial_endpoint(self, port):
        if not port.serial_device:
            return False
        device = quote(port.serial_device)
        return f"serial://{device}?baudrate={port.baudrate}&parity={port.parity}"

    def _dialin_endpoint(self, port):
        return f"hub://{self.hub_address}/{quote(self.dtu_id, safe='')}"

    def _mqtt_endpoint(self, port):
        scheme = "mqtts" if self.mqtt_tls else "mqtt"
        query = {"up": self.mqtt_up, "down": self.mqtt_down, "qos": self.mqtt_qos or "1"}
        query["expiry"] = self.mqtt_expiry
        if self.mqtt_credentials:
            query["credentials"] = self.mqtt_credentials
        return f"{scheme}://{self.mqtt_broker}/?{urlencode(query)}"


def _is_authority(text):
    match = _AUTHORITY.fullmatch(text or "")
    return bool(match) and 0 < int(match[2]) < 65536
