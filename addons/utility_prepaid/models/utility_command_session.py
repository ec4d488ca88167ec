from odoo import models


class UtilityCommand(models.Model):
    """A given-up order that the meter shows after all makes its sale uncertain again."""

    _inherit = "utility.command"

    def _prove(self, values):
        news = super()._prove(values)
        session = self.sudo().vend_id.session_id
        if (
            not news
            and session.state == "closed"
            and self.state in ("failed", "cancelled", "expired")
        ):
            self.env["utility.cash.uncertain"]._list_sale(session, self.vend_id, after_close=True)
        return news
