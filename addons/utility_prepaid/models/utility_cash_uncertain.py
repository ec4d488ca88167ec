from odoo import api, fields, models
from odoo.exceptions import UserError


class UtilityCashUncertain(models.Model):
    """A sale that was not settled when its shift ended, or became uncertain after."""

    _name = "utility.cash.uncertain"
    _description = "Shift: Sale not Settled"
    _order = "session_id, id"
    _rec_name = "vend_id"

    session_id = fields.Many2one(
        "utility.cash.session", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="session_id.company_id", store=True)
    vend_id = fields.Many2one(
        "utility.vend", "Sale", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="vend_id.partner_id")
    meter_id = fields.Many2one(related="vend_id.meter_id")
    kind = fields.Selection(related="vend_id.kind")
    currency_id = fields.Many2one(related="vend_id.currency_id")
    amount = fields.Monetary(related="vend_id.amount")
    state = fields.Selection(
        lambda self: self.env["utility.vend"]._fields["state"]._description_selection(self.env),
        "State when listed",
        readonly=True,
    )
    command_state = fields.Selection(
        lambda self: self.env["utility.command"]._fields["state"]._description_selection(self.env),
        "At the meter when listed",
        readonly=True,
    )
    vend_state = fields.Selection(related="vend_id.state", string="State now")
    confirmed_by_id = fields.Many2one("res.users", "Confirmed by", readonly=True)
    confirmed_at = fields.Datetime("Confirmed at", readonly=True)
    after_close = fields.Boolean(
        "Became uncertain after the shift", readonly=True, help="Found after the shift was closed."
    )

    _once = models.Constraint("UNIQUE(session_id, vend_id)", "This sale is already listed.")

    @api.model
    def _list_sale(self, session, vend, after_close=False):
        """Write a sale on its shift's list; a sale listed before stays as it is."""
        lines = self.sudo()
        if lines.search_count([("session_id", "=", session.id), ("vend_id", "=", vend.id)]):
            return
        lines.create(
            {"session_id": session.id, "vend_id": vend.id, "after_close": after_close}
        )._note_state()
        if after_close:
            session._log(
                self.env._("Became uncertain after the shift"), vend=vend, after=vend.state
            )

    def _note_state(self):
        vend = self.vend_id
        self.write({"state": vend.state, "command_state": vend.command_id.state})

    def action_confirm(self):
        """The cashier has seen that this sale is not settled and is on the list."""
        self.session_id._check_hands()
        for line in self.filtered(lambda line: not line.confirmed_by_id):
            if line.session_id.state != "counting":
                raise UserError(self.env._("Shift %s is not being counted.", line.session_id.name))
            line.sudo().write(
                {"confirmed_by_id": self.env.uid, "confirmed_at": fields.Datetime.now()}
            )
            line.session_id._log(
                self.env._("Unsettled sale confirmed"), vend=line.vend_id, after=line.state
            )
        return True
