import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

HUB_ADDRESS = "127.0.0.1:7101"
HEX_LIMIT = 40


class MeterConcentrator(models.Model):
    """A box whose DTU dials in: how it says who it is, and what the hub last saw of it."""

    _inherit = "meter.concentrator"

    hub_address = fields.Char(
        "Hub",
        default=HUB_ADDRESS,
        help="Address and port at which the hub program serves the workers.",
    )
    dtu_id = fields.Char(
        "DTU identity",
        copy=False,
        help="What the DTU registers with. Any other caller is turned away.",
    )
    registration = fields.Selection(
        [
            ("ascii", "Identity as text"),
            ("hex", "Identity as hex bytes"),
            ("imei", "IMEI, 15 digits"),
            ("regex", "A pattern finds it"),
            ("prefix", "Identity before every packet"),
            ("ddp", "Hongdian DDP"),
            ("gdw3761", "Q/GDW 376.1 login"),
        ],
        default="ascii",
        help="How the DTU says who it is after it has connected.",
    )
    registration_pattern = fields.Char(
        "Registration pattern",
        help="Regular expression whose first group is the identity, for example ^REG:(\\w+)$.",
    )
    heartbeat_hex = fields.Char(
        "Heartbeat", help="The bytes that keep the connection alive, in hex; never a meter's."
    )
    heartbeat_reply_hex = fields.Char(
        "Answer to a heartbeat", help="In hex; empty when the DTU expects none."
    )
    idle_seconds = fields.Integer(
        "Gone after (s)",
        default=120,
        help="Without a byte for so long the connection is closed; three heartbeats are usual.",
    )
    prefix_hex = fields.Char(
        "Before every packet", help="Bytes in hex that the DTU puts before and expects before data."
    )
    # Written by the hub program.
    dtu_online = fields.Boolean("DTU online", readonly=True, copy=False)
    dtu_seen_at = fields.Datetime("DTU last seen", readonly=True, copy=False)
    dtu_address = fields.Char("Calls from", readonly=True, copy=False)
    dtu_signal = fields.Integer("Signal", readonly=True, copy=False, help="As the DTU reports it.")

    _idle_positive = models.Constraint(
        "CHECK (idle_seconds > 0)", "A connection needs some time before it counts as gone."
    )

    @api.constrains("heartbeat_hex", "heartbeat_reply_hex", "prefix_hex")
    def _check_hex(self):
        for box in self:
            for name in ("heartbeat_hex", "heartbeat_reply_hex", "prefix_hex"):
                try:
                    ok = len(bytes.fromhex(box[name] or "")) <= HEX_LIMIT
                except ValueError:
                    ok = False
                if not ok:
                    raise ValidationError(
                        self.env._(
                            "%(box)s, %(field)s: at most %(limit)s bytes, as pairs of hex digits.",
                            box=box.name,
                            field=self._fields[name]._description_string(self.env),
                            limit=HEX_LIMIT,
                        )
                    )

    @api.constrains("registration", "registration_pattern", "dtu_id", "link")
    def _check_registration(self):
        for box in self.filtered(lambda box: box.link == "dialin"):
            if box.registration == "imei" and not re.fullmatch(r"\d{15}", box.dtu_id or ""):
                raise ValidationError(self.env._("%s: an IMEI has 15 digits.", box.name))
            if box.registration == "hex" and not re.fullmatch(
                r"([0-9A-Fa-f]{2})+", box.dtu_id or ""
            ):
                raise ValidationError(
                    self.env._("%s: write the identity as pairs of hex digits.", box.name)
                )
            if box.registration == "regex":
                try:
                    ok = re.compile(box.registration_pattern or "").groups >= 1
                except re.error:
                    ok = False
                if not ok:
                    raise ValidationError(
                        self.env._(
                            "%s: the pattern must be a regular expression with a group in "
                            "parentheses for the identity.",
                            box.name,
                        )
                    )
