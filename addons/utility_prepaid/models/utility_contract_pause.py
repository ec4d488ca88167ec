from odoo import api, fields, models
from odoo.exceptions import ValidationError


class UtilityContractPause(models.Model):
    """A time in which nobody lives there: no fixed fee, and no sales."""

    _name = "utility.contract.pause"
    _description = "Pause of a Contract"
    _order = "date_from desc, id desc"
    _rec_name = "contract_id"

    contract_id = fields.Many2one(
        "utility.contract", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True)
    date_from = fields.Date("From", required=True, readonly=True)
    date_to = fields.Date("Up to", readonly=True, help="The last day; empty as long as it goes on.")
    reason = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", "Paused by", required=True, readonly=True)
    resumed_by_id = fields.Many2one("res.users", "Resumed by", readonly=True)
    switch_off_id = fields.Many2one("utility.command", "Switched off by", readonly=True)
    switch_on_id = fields.Many2one("utility.command", "Switched on by", readonly=True)

    _one_open = models.UniqueIndex(
        "(contract_id) WHERE date_to IS NULL", "This contract is already paused."
    )

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for pause in self:
            if pause.date_to and pause.date_to < pause.date_from:
                raise ValidationError(self.env._("A pause cannot end before it begins."))

    def _covers(self, month):
        """Whether a whole month lies in these pauses.

        :param month: first day of it
        """
        last = fields.Date.end_of(month, "month")
        return any(
            pause.date_from <= month and (not pause.date_to or pause.date_to >= last)
            for pause in self
        )
