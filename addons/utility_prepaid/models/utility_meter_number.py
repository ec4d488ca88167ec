from odoo import api, fields, models
from odoo.exceptions import UserError

from .utility_meter import BOOKS


class UtilityMeter(models.Model):
    """The purchase number that the meter shows against the one that the books have proved."""

    _inherit = "utility.meter"

    number_seen = fields.Integer(
        related="state_ids.purchase_number", string="Purchase number on the meter"
    )
    number_differs = fields.Boolean("Number differs", compute="_compute_number_differs")

    @api.depends(
        "state_ids.purchase_number", "state_ids.epoch", "state_ids.number_seen_at", *sorted(BOOKS)
    )
    def _compute_number_differs(self):
        for meter in self:
            said = meter.state_ids
            meter.number_differs = bool(said.number_seen_at) and (
                not meter.number_known
                or (said.purchase_number, said.epoch) != (meter.purchase_number, meter.epoch)
            )

    def action_accept_number(self):
        """Accept what the meter last said as the new base of the books.

        For a meter whose purchase number was moved by a card or by another desk. The command that
        waits for this goes on by itself.
        """
        if not self.env.user.has_group("utility_prepaid.group_engineer"):
            raise UserError(self.env._("Only an engineer may accept a purchase number."))
        self.check_access("write")
        for meter in self:
            meter._accept_number()
        return True

    def _accept_number(self):
        """Take number and epoch of the state row into the books, and wake the waiting command."""
        self.ensure_one()
        _ = self.env._
        meter = self.sudo()
        meter._lock_row()
        said = meter.state_ids
        if not said.number_seen_at:
            raise UserError(
                _(
                    "Meter %(meter)s has not told its purchase number yet: ask it first.",
                    meter=self.vending_id,
                )
            )
        money = (
            self.env["utility.command"]
            .sudo()
            .search(
                [
                    ("meter_id", "=", self.id),
                    ("money", "=", True),
                    ("state", "in", ("queued", "sent", "unknown")),
                ]
            )
        )
        if money.filtered(lambda c: c.state != "queued"):
            raise UserError(
                _("A money command is on its way to this meter: wait until it has been asked.")
            )
        proved = (
            self.env["utility.command"]
            .sudo()
            .search(
                [("meter_id", "=", self.id), ("money", "=", True), ("state", "=", "done")],
                order="done_at desc",
                limit=1,
            )
        )
        if proved and proved.done_at > said.number_seen_at:
            raise UserError(
                _("The meter was charged after it last told its purchase number: ask it again.")
            )
        before = meter._books_words()
        meter.write(
            {
                "purchase_number": said.purchase_number,
                "epoch": said.epoch,
                "number_known": True,
            }
        )
        self.env["utility.operation"]._log(
            _("Purchase number accepted"),
            self,
            meter=self,
            before=before,
            after=meter._books_words(),
            note=_("As read at %(time)s UTC.", time=fields.Datetime.to_string(said.number_seen_at)),
        )
        held = money.filtered("hold_reason")
        if held:
            held.write({"hold_reason": False, "message": False})
            held._wake()

    def _books_words(self):
        if not self.number_known:
            return self.env._("not known")
        return self.env._(
            "number %(number)s, epoch %(epoch)s", number=self.purchase_number, epoch=self.epoch
        )
