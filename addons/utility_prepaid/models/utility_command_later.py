from odoo import models


class UtilityCommand(models.Model):
    _inherit = "utility.command"

    def _may_succeed_later(self):
        """Hook: whether the same order, proved not carried out, may be carried out later.

        Without a driver nothing is known of the reason: a line that was down is the common one.
        """
        return self.state in ("failed", "expired")
