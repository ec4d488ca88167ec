from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL


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
        default=lambda self: self.env["meter.worker"].sudo()._idlest(),
        help="The scheduled action that owns this box's lines.",
    )
    port_count = fields.Selection(
        [("4", "4"), ("8", "8"), ("16", "16")], "RS485 ports", required=True, default="4"
    )
    port_capacity = fields.Integer("Meters per port", required=True, default=40)
    port_ids = fields.One2many("meter.port", "concentrator_id", "Ports")
    reachable = fields.Boolean(compute="_compute_reachable")
    unreachable_since = fields.Datetime("Unreachable since", compute="_compute_reachable")
    last_error = fields.Char("Last error", compute="_compute_reachable")
    last_seen = fields.Datetime("Last seen", compute="_compute_reachable")
    meter_count = fields.Integer("Meters", compute="_compute_meter_count")
    line_count = fields.Integer("Lines", compute="_compute_line_count")

    _code_uniq = models.UniqueIndex("(company_id, code)", "This concentrator code is already used.")
    _capacity_positive = models.Constraint(
        "CHECK (port_capacity > 0)", "A port holds at least one meter."
    )

    @api.depends(
        "port_ids.reachable", "port_ids.unreachable_since", "port_ids.last_error",
        "port_ids.last_seen", "port_ids.endpoint",
    )  # fmt: skip
    def _compute_reachable(self):
        for box in self:
            lines = box.port_ids.filtered("endpoint")
            down = lines.filtered(lambda port: not port.reachable).sorted(
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

    @api.depends("port_ids.endpoint")
    def _compute_line_count(self):
        for box in self:
            box.line_count = len(box.port_ids.filtered("endpoint"))

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

    def _with_money_on_the_wire(self):
        """Those with an order that was sent and is not settled. Nothing is locked: under load some
        order always changes, and one that is sent in this very moment is asked about all the same.
        """
        self.env["utility.command"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT m.concentrator_id
                  FROM utility_command c
                  JOIN utility_meter m ON m.id = c.meter_id
                 WHERE m.concentrator_id = ANY(%s) AND c.money AND c.state IN ('sent', 'unknown')
                """,
                self.ids,
            )
        )
        return self.browse([box for (box,) in self.env.cr.fetchall()])
