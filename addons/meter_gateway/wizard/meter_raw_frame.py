from odoo import api, fields, models
from odoo.exceptions import UserError

from ..lib.meterwire import raw
from ..lib.meterwire.errors import WireError
from ..worker import operations, words


class MeterRawFrame(models.TransientModel):
    """An engineer's own bytes to a meter: examined, logged, refused where they could do harm."""

    _name = "meter.raw.frame"
    _description = "Raw Frame"

    meter_id = fields.Many2one(
        "utility.meter",
        required=True,
        domain=[("port_id", "!=", False)],
        help="Its line is used, and the exchange is kept under it.",
    )
    port_id = fields.Many2one(related="meter_id.port_id")
    protocol = fields.Selection(
        [
            ("dlt645_2007", "DL/T 645-2007"),
            ("dlt645_1997", "DL/T 645-1997"),
            ("cjt188_2004", "CJ/T 188-2004"),
            ("cjt188_2018", "CJ/T 188-2018"),
        ],
        required=True,
        compute="_compute_protocol",
        store=True,
        readonly=False,
        precompute=True,
    )
    frame = fields.Text(
        required=True,
        help="Hexadecimal, from 68 to 16. Write ** for the three bytes of a password.",
    )
    refusal = fields.Text(compute="_compute_refusal")
    explained = fields.Text("Meaning", compute="_compute_refusal")

    @api.depends("meter_id")
    def _compute_protocol(self):
        for tool in self:
            dialect = tool.meter_id.sudo()._dialect() if tool.meter_id else None
            tool.protocol = dialect.protocol if dialect else "dlt645_2007"

    @api.depends("meter_id", "protocol", "frame")
    def _compute_refusal(self):
        for tool in self:
            tool.refusal = tool.explained = False
            if not tool.frame or not tool.meter_id or not tool.protocol:
                continue
            try:
                frame = tool._examine()
            except UserError as error:
                tool.refusal = str(error)
            else:
                tool.explained = self.env["meter.frame"]._explain(frame.text, tool.meter_id)

    def _examine(self):
        """The frame that may be sent.

        :return: ``raw.RawFrame``
        :raises UserError: it is refused, in words
        """
        self.ensure_one()
        dialect = self.meter_id.sudo()._dialect()
        try:
            frame = raw.examine(self.protocol, self.frame, operations.recharge_dis(dialect))
        except WireError as error:
            raise UserError(words.problem(self.env, error)) from None
        meter = self._other_meter(frame.address)
        if meter:
            raise UserError(
                self.env._("This is the address of meter %s: choose that meter.", meter.vending_id)
            )
        return frame

    def _other_meter(self, address):
        """Another meter that the frame speaks to, with rights and stops of its own."""
        meters = self.env["utility.meter"].sudo()
        if address == self.meter_id.address or "A" in address:
            return meters
        return meters.search(
            [
                ("address", "=", address),
                ("company_id", "=", self.meter_id.company_id.id),
                ("id", "!=", self.meter_id.id),
            ],
            limit=1,
        )

    def action_complete(self):
        """Put checksum and end to the frame."""
        self.ensure_one()
        try:
            self.frame = raw.complete(self.protocol, self.frame)
        except WireError as error:
            raise UserError(words.problem(self.env, error)) from None
        return self._again()

    def action_send(self):
        """Send the frame, once, over the meter's line.

        :raises AccessError: no right
        :raises UserError: the frame is refused; the refusal is written into the history
        """
        self.ensure_one()
        command = self.env.ref("meter_gateway.command_type_raw")
        command._enqueue_check(self.meter_id)
        try:
            frame = self._examine()
        except UserError as error:
            self._log_refused(str(error))
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {
                    "type": "danger",
                    "sticky": True,
                    "title": self.env._("Not sent"),
                    "message": str(error),
                },
            }
        arguments = {"protocol": frame.protocol, "frame": frame.text}
        sent = self.env["utility.command"]._enqueue(
            self.meter_id,
            "raw",
            type_id=command.id,
            arguments=arguments,
            changes=not frame.asks,
        )
        self.env["utility.operation"]._log(
            self.env._("Raw frame"), sent, meter=self.meter_id, note=frame.text
        )
        return self.env["utility.command"]._follow_action(sent)

    def _log_refused(self, reason):
        """Who tried what: the bytes themselves could hold a password that was typed in clear."""
        self.env["utility.operation"]._log(
            self.env._("Raw frame refused"), self.meter_id, meter=self.meter_id, note=reason
        )

    def _again(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Raw frame"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
