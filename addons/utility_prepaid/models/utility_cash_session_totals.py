from typing import NamedTuple

from odoo import models

from ..tools.decimals import dec

ZERO = dec(0, 2)


class MethodTotals(NamedTuple):
    """What one payment method should hold at the end; Decimals in the session's currency."""

    float_counted: object = ZERO
    taken: object = ZERO
    paid_out: object = ZERO
    moved: object = ZERO

    @property
    def expected(self):
        return self.float_counted + self.taken - self.paid_out + self.moved


class UtilityCashSession(models.Model):
    """What a shift should have, from what was posted."""

    _inherit = "utility.cash.session"

    def _book_balance(self):
        """What the books have in the drawer now, as Decimal."""
        account = self.sudo().journal_id.default_account_id
        [[total]] = (
            self.env["account.move.line"]
            .sudo()
            ._read_group(
                [
                    ("account_id", "=", account.id),
                    ("company_id", "=", self.company_id.id),
                    ("parent_state", "=", "posted"),
                ],
                aggregates=["balance:sum"],
            )
        )
        return dec(total, 2)

    def _payment_groups(self):
        """Posted payments of the shift: [(journal, payment_type, count, Decimal)]."""
        return [
            (journal, payment_type, count, dec(total, 2))
            for journal, payment_type, count, total in self.env["account.payment"]
            .sudo()
            ._read_group(
                [("utility_session_id", "=", self.id), ("move_id.state", "=", "posted")],
                ["journal_id", "payment_type"],
                ["__count", "amount:sum"],
            )
        ]

    def _expected(self):
        """:return: {`account.journal`: `MethodTotals`}, the drawer always among them"""
        self.ensure_one()
        session = self.sudo()
        drawer = session.journal_id
        totals = {
            drawer: MethodTotals(
                float_counted=dec(session.float_counted, 2),
                moved=sum(
                    (
                        dec(move.amount, 2)
                        for move in session.move_ids
                        if move.kind in ("in", "out", "deposit")
                    ),
                    ZERO,
                ),
            )
        }
        for journal, payment_type, __, amount in self._payment_groups():
            side = "taken" if payment_type == "inbound" else "paid_out"
            total = totals.get(journal, MethodTotals())
            totals[journal] = total._replace(**{side: getattr(total, side) + amount})
        return totals

    def _report_values(self):
        """What the paper shows; the totals only once the count was given, or for a supervisor."""
        self.ensure_one()
        user = self.env.user
        shown = bool(self.counted_at) or any(
            user.has_group(f"utility_prepaid.group_{role}") for role in ("supervisor", "accountant")
        )
        return {
            # Names of journals: a cashier has no rights there.
            "session": self.sudo(),
            "shown": shown,
            "totals": self._report_totals() if shown else [],
            "voids": self._voids(),
        }

    def _report_totals(self):
        """Totals by kind of movement and method, for the paper.

        :return: list of {"kind", "method", "count", "amount" (Decimal, paid out is negative)}
        """
        self.ensure_one()
        kinds = dict(self.env["utility.vend"]._fields["kind"]._description_selection(self.env))
        found = {}
        payments = self.sudo().payment_ids.filtered(lambda p: p.move_id.state == "posted")
        settlements = self.env["utility.settlement"].sudo()
        settled = settlements.search([("payment_id", "in", payments.ids)]).payment_id
        for payment in payments:
            vend = payment.utility_vend_id
            if payment.payment_type == "outbound" and vend.kind == "sale":
                kind = self.env._("Money back")
            elif vend:
                kind = kinds[vend.kind]
            elif payment in settled:
                kind = self.env._("Settlement")
            elif payment.utility_invoice_id:
                kind = self.env._("Other invoices")
            else:
                kind = self.env._("Other")
            sign = 1 if payment.payment_type == "inbound" else -1
            count, amount = found.get((kind, payment.journal_id), (0, ZERO))
            found[(kind, payment.journal_id)] = (count + 1, amount + sign * dec(payment.amount, 2))
        return [
            {"kind": kind, "method": journal.name, "count": count, "amount": amount}
            for (kind, journal), (count, amount) in sorted(
                found.items(), key=lambda item: (item[0][0], item[0][1].sequence, item[0][1].id)
            )
        ]

    def _voids(self):
        """Reversals asked and money given back in this shift, whoever sold."""
        return self.sudo().vend_ids.filtered(lambda v: v.kind == "reversal") | (
            self.sudo().payment_ids.filtered(lambda p: p.payment_type == "outbound").utility_vend_id
        )
