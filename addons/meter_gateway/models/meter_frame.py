from datetime import timedelta

from odoo import api, fields, models

from ..lib.meterwire import decode, raw
from ..lib.meterwire.decode.streams import frames_in
from ..lib.meterwire.errors import WireError

KEEP_DAYS = 730


class MeterFrame(models.Model):
    """Evidence: one exchange on a line. Keys, cipher text and MACs were masked when captured."""

    _name = "meter.frame"
    _description = "Meter Exchange"
    _order = "id desc"
    _rec_name = "outcome"
    _log_access = False

    at = fields.Datetime(required=True, readonly=True, index=True)
    duration = fields.Integer("Duration (ms)", readonly=True)
    tx = fields.Char("Sent", readonly=True)
    rx = fields.Char("Received", readonly=True)
    # As the sessions of the wire package end.
    outcome = fields.Selection(
        [
            ("reply", "Answered"),
            ("refused", "Refused"),
            ("silence", "No answer"),
            ("garbled", "Garbled"),
            ("wrong_reply", "Wrong answer"),
            ("link_lost", "Link lost"),
            ("sent", "Sent to all"),
        ],
        readonly=True,
    )
    words = fields.Char("Meaning", readonly=True)
    command_id = fields.Many2one("utility.command", readonly=True, index=True, ondelete="restrict")
    meter_id = fields.Many2one("utility.meter", readonly=True, index=True, ondelete="restrict")
    port_id = fields.Many2one("meter.port", readonly=True, ondelete="set null")
    user_id = fields.Many2one("res.users", "Asked by", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, index=True)
    sent_words = fields.Text("Sent, in words", compute="_compute_decoded")
    received_words = fields.Text("Received, in words", compute="_compute_decoded")

    @api.depends("tx", "rx")
    @api.depends_context("lang")
    def _compute_decoded(self):
        for frame in self:
            frame.sent_words = self._explain(frame.tx, frame.meter_id)
            frame.received_words = self._explain(frame.rx, frame.meter_id)

    @api.depends("outcome")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["outcome"]._description_selection(self.env))
        for frame in self:
            frame.display_name = labels.get(frame.outcome) or str(frame.id or "")

    @api.model
    def _explain(self, text, meter=None):
        """Bytes as people read them, in the reader's language: one line for each frame.

        Decoded when looked at, so that what is learned of a protocol later helps with old evidence.

        :param text: hexadecimal, ``**`` for what was hidden
        :param meter: whose dialect has labels for the identifiers
        """
        try:
            data = raw.revealed(text or "")
        except WireError:
            return ""
        lines = []
        for start, end, codec in frames_in(data):
            frame = codec.decode(data[start:end])
            try:
                found = decode.fields(frame)
            except WireError:
                found = {"address": frame.address}
            lines.append(self._frame_words(frame, found, meter))
        return "\n".join(lines)

    def _frame_words(self, frame, found, meter):
        labels = self._function_labels()
        function = found.get("function", "")
        parts = [found.get("address", ""), labels.get(function, function)]
        if frame.is_reply:
            parts.append(self.env._("refused") if frame.is_abnormal else self.env._("answer"))
        if "di" in found:
            di = found["di"]
            parts.append(" ".join(filter(None, (di, self._di_label(di, meter)))))
        if found.get("value") is not None:
            value = found["value"]
            if isinstance(value, (list, tuple)):
                value = ", ".join("-" if one is None else str(one) for one in value)
            parts.append(f"{value} {found.get('unit') or ''}".strip())
        # The package's own sentence has what is special to a function; it hides secrets.
        sentence = decode.words(frame)
        return f"{' · '.join(filter(None, parts))}\n    {sentence}"

    def _di_label(self, di, meter):
        dialect = meter.sudo()._dialect() if meter else None
        if not dialect:
            return ""
        for name, register in dialect.registers.items():
            if register.di == int(di, 16) and not register.offset:
                return register.label or name
        return ""

    def _function_labels(self):
        _ = self.env._
        return {
            "read": _("read"),
            "read-next": _("read on"),
            "read-again": _("read again"),
            "read-address": _("ask for the address"),
            "read-key-version": _("ask for the key version"),
            "write": _("set"),
            "write-address": _("set the address"),
            "security-auth": _("recharge or security"),
            "broadcast-time": _("time for everybody"),
            "relay-control": _("switch supply"),
            "freeze": _("freeze"),
            "baud-rate": _("line speed"),
            "change-password": _("change a password"),
            "clear-demand": _("clear the demand"),
            "clear-meter": _("clear the meter"),
            "clear-events": _("clear the events"),
        }

    @api.model
    def _record(self, rows):
        """Store a batch of exchanges by one statement.

        :param rows: dictionaries of column values, all with the same keys
        """
        if not rows:
            return
        columns = sorted(rows[0])
        self.env.cr.execute_values(
            "INSERT INTO meter_frame (%s) VALUES %%s" % ", ".join(columns),  # noqa: UP031
            [tuple(row[column] for column in columns) for row in rows],
        )

    @api.autovacuum
    def _gc_frames(self):
        days = int(
            self.env["ir.config_parameter"].sudo().get_param("meter_gateway.frame_days", KEEP_DAYS)
        )
        limit = fields.Datetime.now() - timedelta(days=days)
        frames = self.search([("at", "<", limit)], order="id", limit=10000)
        frames.unlink()
        return len(frames), len(frames) == 10000
