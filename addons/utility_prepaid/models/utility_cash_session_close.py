from odoo import fields, models
from odoo.exceptions import UserError

from ..tools.decimals import dec

UNSETTLED = ("accepted", "disputed")


class UtilityCashSession(models.Model):
    """The end of a shift: blind count, list of unsettled sales, difference, deposit."""

    _inherit = "utility.cash.session"

    # ------------------------------------------------------------------- count

    def _start_counting(self):
        """From here on the shift takes and gives no money."""
        self._check_hands()
        self._update_state(("open",), "counting")

    def _give_count(self, uuid, cash, slips=None, pieces=None):
        """Give the count; only then what was expected is worked out and shown.

        :param uuid: of this count; the same id twice is the same count
        :param cash: Decimal, all money in the drawer
        :param slips: {`account.journal`: Decimal} of methods other than cash, below zero where
            more was paid back than taken
        :param pieces: {value as Decimal: number of pieces} that make up the cash, or nothing
        :raises UserError: not being counted, or counted already with another result
        """
        self._check_hands()
        self._lock()
        if uuid and self.count_uuid == uuid:
            if dec(self.cash_counted, 2) != cash:
                raise UserError(self.env._("This count was already saved with another amount."))
            return
        if self.state != "counting":
            raise UserError(self.env._("Shift %s is not being counted.", self.name))
        if self.counted_at:
            raise UserError(
                self.env._("The count was given. A supervisor can let it be counted again.")
            )
        slips = slips or {}
        # Slips may: more was paid back by a card or a bank than was taken.
        if cash < 0:
            raise UserError(self.env._("A count cannot be negative."))
        session = self.sudo()
        drawer = session.journal_id
        expected = self._expected()
        counted = {drawer: cash, **slips}
        self.env["utility.cash.session.method"].sudo().create(
            [
                session._method_values(journal, expected.get(journal), counted.get(journal))
                for journal in sorted(
                    expected.keys() | {j for j, amount in counted.items() if amount},
                    key=lambda j: (j != drawer, j.sequence, j.id),
                )
            ]
        )
        self._keep_pieces("closing", cash, pieces)
        session.write(
            {
                "count_uuid": uuid,
                "counted_at": fields.Datetime.now(),
                "cash_expected": expected[drawer].expected,
                "cash_counted": cash,
                "cash_difference": cash - expected[drawer].expected,
            }
        )
        self._log(
            self.env._("Shift counted"),
            before=f"{expected[drawer].expected:f}",
            after=f"{cash:f}",
            note=", ".join(
                f"{line.name} {dec(line.expected, 2)} / {dec(line.counted, 2)}"
                for line in session.method_ids
            ),
        )
        self._list_uncertain()

    def _slip_methods(self):
        """Methods that are counted by their slips, used or not: [(journal id as text, name)].

        All of them, since a list of those with payments would tell what is to be found.
        """
        known = self.company_id._utility_journals(
            [("utility_counter", "=", True), ("type", "!=", "cash")]
        )
        used = self.sudo().payment_ids.journal_id - self.sudo().journal_id
        names = dict(known) | {str(journal.id): journal.name for journal in used}
        return list(names.items())

    def _method_values(self, journal, totals, counted):
        zero = dec(0, 2)
        return {
            "session_id": self.id,
            "journal_id": journal.id,
            "float_counted": totals.float_counted if totals else zero,
            "taken": totals.taken if totals else zero,
            "paid_out": totals.paid_out if totals else zero,
            "moved": totals.moved if totals else zero,
            "expected": totals.expected if totals else zero,
            "counted": counted or zero,
            "difference": (counted or zero) - (totals.expected if totals else zero),
        }

    def _forget_count(self):
        self.sudo().method_ids.unlink()
        self.sudo().denomination_ids.filtered(lambda line: line.moment == "closing").unlink()
        self.sudo().write(
            {
                "count_uuid": False,
                "counted_at": False,
                "cash_expected": 0,
                "cash_counted": 0,
                "cash_difference": 0,
                "signed_by_id": False,
                "signed_at": False,
            }
        )

    # --------------------------------------------------------- unsettled sales

    def _unsettled(self):
        """Sales of the shift whose end is not certain."""
        return (
            self.env["utility.vend"]
            .sudo()
            .search([("session_id", "=", self.id), ("state", "in", UNSETTLED)], order="id")
        )

    def _list_uncertain(self):
        """Write down every sale that is not settled, with where it stands."""
        uncertain = self.env["utility.cash.uncertain"]
        for vend in self._unsettled():
            uncertain._list_sale(self, vend)

    def _check_uncertain_listed(self):
        """:raises UserError: a sale is not settled, and not listed or not confirmed"""
        listed = self.sudo().uncertain_ids.filtered("confirmed_by_id").vend_id
        missing = self._unsettled() - listed
        if missing:
            raise UserError(
                self.env._(
                    "Not settled, and not confirmed on the list of this shift: %s. "
                    "Renew the list and confirm each sale.",
                    ", ".join(missing.mapped("name")),
                )
            )

    def _needs_signature(self):
        """Whether a supervisor must sign before this shift can be closed."""
        self.ensure_one()
        return self.state == "counting" and bool(
            self.sudo().uncertain_ids
            or (self.counted_at and self._above_limit(dec(self.cash_difference, 2)))
        )

    # ------------------------------------------------------------------- close

    def _close(self, left, bank=None):
        """Post the difference, bring the rest to the bank, and end the shift.

        :param left: Decimal that stays in the drawer for the next shift
        :param bank: `account.journal` that the rest goes to; needed when there is a rest
        :raises UserError: in words what is missing
        """
        self._check_hands()
        self._lock()
        if self.state == "closed":
            return
        if self.state != "counting" or not self.counted_at:
            raise UserError(self.env._("Count the shift first."))
        self._check_uncertain_listed()
        if self._needs_signature() and not self.signed_by_id:
            raise UserError(self.env._("A supervisor must sign this shift before it is closed."))
        counted = dec(self.cash_counted, 2)
        if not 0 <= left <= counted:
            raise UserError(
                self.env._("At most the %s that were counted can stay in the drawer.", counted)
            )
        moves = self.env["utility.cash.move"]
        moves._post_difference(self, "closing_difference", dec(self.cash_difference, 2))
        if counted - left:
            moves._deposit(f"{self.uuid}-close", self, counted - left, bank)
        for line in self.sudo().uncertain_ids:
            line._note_state()
        self._update_state(
            ("counting",),
            "closed",
            closed_at=fields.Datetime.now(),
            closed_by_id=self.env.uid,
            float_left=left,
        )

    # ----------------------------------------------------------------- actions

    def action_start_counting(self):
        """Stop taking money and count."""
        self._start_counting()
        return self.action_count()

    def action_sell_on(self):
        """A supervisor throws the count away and lets the cashier go on selling."""
        self._check_second_person()
        if self._update_state(("counting",), "open", note=f"{dec(self.cash_counted, 2):f}"):
            self._forget_count()
        return True

    def action_count_again(self):
        """A supervisor lets a given count be done once more."""
        self._check_second_person()
        self._lock()
        if self.state != "counting" or not self.counted_at:
            raise UserError(self.env._("There is no count to be done again."))
        self._log(self.env._("Count thrown away"), before=f"{dec(self.cash_counted, 2):f}")
        self._forget_count()
        return True

    def action_list_uncertain(self):
        """Look again which sales are not settled."""
        self._check_hands()
        self._lock()
        if self.state != "counting":
            raise UserError(self.env._("Shift %s is not being counted.", self.name))
        self._list_uncertain()
        return True

    def action_sign(self):
        """A supervisor other than the cashier signs the count and the list of unsettled sales."""
        self._check_second_person()
        self._sign(self.env.user)
        return True

    def _sign(self, signer, note=""):
        """Write down who signs; twice is harmless.

        :param signer: `res.users` who was checked
        :raises UserError: there is nothing to sign yet
        """
        self._lock()
        if self.state != "counting" or not self.counted_at:
            raise UserError(self.env._("Count the shift first."))
        self._check_uncertain_listed()
        if not self.signed_by_id:
            self.sudo().write({"signed_by_id": signer.id, "signed_at": fields.Datetime.now()})
            self._log(
                self.env._("Shift signed"),
                after=f"{dec(self.cash_difference, 2):f}",
                note=" · ".join(filter(None, (signer.name, note))),
            )
