from odoo import fields, models
from odoo.exceptions import UserError


class UtilityMeter(models.Model):
    """What stands against charging, switching or setting a meter, whoever asks for it."""

    _inherit = "utility.meter"

    pilot = fields.Boolean(
        "On the pilot list",
        copy=False,
        tracking=True,
        help="May be charged, switched and set while its site is in pilot use.",
    )
    site_stopped = fields.Boolean(related="site_id.stopped", string="Site stopped")
    site_pilot = fields.Boolean(related="site_id.pilot", string="Site in pilot use")

    def _check_changeable(self):
        if words := self._barred():
            raise UserError(words)
        return super()._check_changeable()

    def _barred(self):
        """Words why nothing may change this meter now, or an empty text."""
        self.ensure_one()
        meter = self.sudo()
        site = meter.site_id
        if site.stopped:
            return site._stop_words()
        if site.pilot and not meter.pilot:
            return self.env._(
                "Site %(site)s is in pilot use, and meter %(meter)s is not on the pilot list.",
                site=site.name,
                meter=meter.vending_id,
            )
        if meter.restored_at:
            return self.env._(
                "The books were restored from a backup, and meter %(meter)s has not been compared "
                "with them yet: %(state)s",
                meter=meter.vending_id,
                state=meter._restore_words(),
            )
        return ""

    def _sell_warning(self):
        warning = super()._sell_warning()
        if self.sudo().control == "remote":
            words = self.env._(
                "This meter was worked remotely and stays under remote control: it does not switch "
                "by itself until it is given back."
            )
            warning = "\n".join(filter(None, (warning, words)))
        return warning
