from datetime import timedelta

from odoo import api, fields, models

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
        ],
        readonly=True,
    )
    words = fields.Char("Meaning", readonly=True)
    command_id = fields.Many2one("utility.command", readonly=True, index=True, ondelete="restrict")
    meter_id = fields.Many2one("utility.meter", readonly=True, index=True, ondelete="restrict")
    port_id = fields.Many2one("meter.port", readonly=True, ondelete="set null")
    user_id = fields.Many2one("res.users", "Asked by", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, index=True)

    @api.depends("outcome")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["outcome"]._description_selection(self.env))
        for frame in self:
            frame.display_name = labels.get(frame.outcome) or str(frame.id or "")

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
