from odoo import api, models
from odoo.exceptions import UserError


class UtilityCashSession(models.Model):
    """Which shift a payment belongs to."""

    _inherit = "utility.cash.session"

    @api.model
    def _of_payment(self, company, journal, payment_type):
        """The shift that a payment of this user belongs to, its row locked.

        :param journal: `account.journal` of the payment method
        :param payment_type: inbound (taken) or outbound (paid out)
        :return: the shift (sudo), or an empty one where the payment needs none
        :raises UserError: in words why this user may not take or pay out this money now
        """
        near = self.sudo().search(
            [
                ("company_id", "=", company.id),
                ("state", "!=", "closed"),
                "|",
                ("user_id", "=", self.env.uid),
                ("journal_id", "=", journal.id),
            ]
        )
        session = near.filtered(lambda near: near.user_id.id == self.env.uid)
        cash = journal.sudo().type == "cash"
        if not session:
            if cash:
                self._check_no_shift(company, near)
            return session
        session._lock()
        if session.state == "opening":
            raise UserError(
                self.env._(
                    "Your shift %s is not open yet: its float is not accepted.", session.name
                )
            )
        if session.state != "open":
            raise UserError(
                self.env._("Your shift %s is being counted: no money goes in or out.", session.name)
            )
        if cash and payment_type == "inbound" and journal != session.journal_id:
            raise UserError(
                self.env._(
                    "Your shift is on drawer %s: cash goes into that drawer.", session.drawer
                )
            )
        return session

    def _check_no_shift(self, company, other):
        """Cash without a shift: only where the company allows it and nobody counts this drawer.

        :param other: shift that the drawer is in, maybe empty
        """
        if company.utility_session_required:
            raise UserError(
                self.env._("Open your shift first: cash is taken and given in a shift only.")
            )
        if other:
            other._refuse_drawer()
