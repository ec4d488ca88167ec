from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools.decimals import dec


class UtilityCounter(models.AbstractModel):
    """The cashier's shift at the counter. Money travels as texts."""

    _inherit = "utility.counter"

    @api.model
    def get_config(self):
        """Also the shift; cash only goes into the cashier's own drawer."""
        config = super().get_config()
        session = self.env["utility.cash.session"]._current(self.env.company)
        if session:
            config["methods"] = [
                method
                for method in config["methods"]
                if method["type"] != "cash" or method["id"] == session.journal_id.id
            ]
        config["shift"] = self.session_status()
        return config

    def _session(self, session_id):
        session = self.env["utility.cash.session"].browse(int(session_id or 0)).exists()
        if not session:
            raise UserError(self.env._("There is no such shift."))
        session.check_access("read")
        return session

    def _journal(self, journal_id):
        return self.env["account.journal"].sudo().browse(int(journal_id or 0)).exists()

    def _pieces(self, pieces):
        """{"100": 3} as texts or numbers -> {Decimal: int}"""
        try:
            return {
                self._amount(value): int(number or 0) for value, number in (pieces or {}).items()
            }
        except ValueError:
            raise UserError(self.env._("Count notes and coins in whole numbers.")) from None

    def _counted(self, amount, pieces):
        """The total of a count: as typed, or made up of the pieces when nothing was typed."""
        if str(amount or "").strip():
            return self._amount(amount)
        if not pieces:
            raise UserError(self.env._("Type what you counted, zero for nothing."))
        return sum(value * number for value, number in pieces.items()) + dec(0, 2)

    @api.model
    def session_status(self, session_id=None):
        """Where a shift stands; without an id the user's own.

        What is expected is only in it once the count was given, or for a supervisor.

        :return: dictionary; ``state`` "none" means no shift, with the ``drawers`` to choose from
        """
        self._check_cashier()
        company = self.env.company
        sessions = self.env["utility.cash.session"]
        session = (
            self._session(session_id)
            if session_id
            else sessions._current(company).with_env(self.env)
        )
        config = {
            "required": company.utility_session_required,
            "denominations": [f"{value:f}" for value in company._utility_denominations()],
        }
        if not session:
            return {
                "id": False,
                "state": "none",
                "drawers": [
                    {"id": int(key), "name": name} for key, name in company._utility_drawers()
                ],
                **config,
            }
        return {**self._shift_figures(session), **self._shift_lists(session), **config}

    def _shift_figures(self, session):
        """What a shift itself says; amounts as texts."""
        full = session.sudo()
        text = session._text
        supervisor = self.env.user.has_group("utility_prepaid.group_supervisor")
        return {
            "id": session.id,
            "uuid": session.uuid,
            "name": session.name,
            "state": session.state,
            "cashier": session.user_id.name,
            "drawer": session.drawer,
            "journal_id": full.journal_id.id,
            "opened_at": fields.Datetime.to_string(session.opened_at) or "",
            "overnight": bool(session.overnight_at) and session.state != "closed",
            "float_counted": text(session.float_counted),
            "float_to_confirm": session.float_to_confirm,
            "counted": bool(session.counted_at),
            "expected_now": text(full.cash_expected_now)
            if supervisor and not session.counted_at
            else "",
            "needs_signature": session.needs_signature,
            "signed_by": session.signed_by_id.name or "",
            "float_left": text(session.float_left) if session.state == "closed" else "",
        }

    def _shift_lists(self, session):
        """What belongs to a shift, and what may be chosen in it."""
        text = session._text
        return {
            "methods": [
                {
                    "name": line.name,
                    "taken": text(line.taken),
                    "paid_out": text(line.paid_out),
                    "expected": text(line.expected),
                    "counted": text(line.counted),
                    "difference": text(line.difference),
                }
                for line in session.method_ids
            ],
            "moves": [
                {
                    "kind": move.kind,
                    "amount": text(move.amount),
                    "reason": move.reason,
                    "by": move.user_id.name,
                }
                for move in session.move_ids
            ],
            "uncertain": [
                {
                    "id": line.id,
                    "name": line.vend_id.name,
                    "amount": text(line.amount),
                    "state": line.state,
                    "confirmed": bool(line.confirmed_by_id),
                }
                for line in session.uncertain_ids
            ],
            "reasons": [
                {"id": reason.id, "name": reason.name, "direction": reason.direction}
                for reason in self.env["utility.cash.reason"].search(
                    [("company_id", "=", session.company_id.id)]
                )
            ],
            "slip_methods": [
                {"id": int(key), "name": name} for key, name in session._slip_methods()
            ],
            "banks": [
                {"id": int(key), "name": name} for key, name in session.company_id._utility_banks()
            ],
        }

    @api.model
    def session_open(self, uuid, journal_id, counted="", pieces=None):
        """Begin a shift with the float that was counted; the same id twice is the same shift.

        :param journal_id: the drawer
        :param counted: text, may be empty when `pieces` are given
        :param pieces: {value as text: number of pieces}
        """
        self._check_cashier()
        self._check_uuid(uuid)
        pieces = self._pieces(pieces)
        session = self.env["utility.cash.session"]._open(
            uuid, self._journal(journal_id), self._counted(counted, pieces), pieces
        )
        return self.session_status(session.id)

    @api.model
    def session_float(self, session_id, counted="", pieces=None):
        """Count the float again while a supervisor has not confirmed it."""
        self._check_cashier()
        pieces = self._pieces(pieces)
        self._session(session_id)._give_float(self._counted(counted, pieces), pieces)
        return self.session_status(session_id)

    @api.model
    def session_cash_move(self, uuid, session_id, kind, amount, reason_id, note=""):
        """Cash in or out for a listed reason; the same id twice is the same movement.

        :param kind: "in" or "out"
        :param amount: text
        """
        self._check_cashier()
        self._check_uuid(uuid)
        if kind not in ("in", "out"):
            raise UserError(self.env._("Cash goes in or out."))
        reason = self.env["utility.cash.reason"].browse(int(reason_id or 0)).exists()
        self.env["utility.cash.move"]._cash(
            uuid, self._session(session_id), kind, self._amount(amount), reason, note
        )
        return self.session_status(session_id)

    @api.model
    def deposit(self, uuid, session_id, amount, journal_id):
        """Bring money of an open shift to the bank; the same id twice is the same deposit."""
        self._check_cashier()
        self._check_uuid(uuid)
        self.env["utility.cash.move"]._deposit(
            uuid, self._session(session_id), self._amount(amount), self._journal(journal_id)
        )
        return self.session_status(session_id)

    @api.model
    def session_start_counting(self, session_id):
        """From here on the shift takes no money; twice is harmless."""
        self._check_cashier()
        self._session(session_id)._start_counting()
        return self.session_status(session_id)

    @api.model
    def session_count(self, uuid, session_id, cash="", slips=None, pieces=None):
        """Give the blind count; the same id twice is the same count.

        :param cash: text, all money in the drawer; may be empty when `pieces` are given
        :param slips: {journal id: text} of the other methods; what is missing counts as nothing
        """
        self._check_cashier()
        self._check_uuid(uuid)
        session = self._session(session_id)
        pieces = self._pieces(pieces)
        amounts = {}
        for journal_id, amount in (slips or {}).items():
            journal = self._journal(journal_id)
            if journal.company_id != session.company_id or journal == session.sudo().journal_id:
                raise UserError(self.env._("There is no such payment method."))
            amounts[journal] = self._amount(amount or "0")
        session._give_count(uuid, self._counted(cash, pieces), amounts, pieces)
        return self.session_status(session_id)

    @api.model
    def session_confirm_uncertain(self, session_id):
        """Renew the list of sales that are not settled, and confirm all that are on it."""
        self._check_cashier()
        session = self._session(session_id)
        session.action_list_uncertain()
        session.uncertain_ids.action_confirm()
        return self.session_status(session_id)

    @api.model
    def session_sign(self, session_id, signer_id, pin):
        """A supervisor signs a counted shift at the cashier's screen, with the own PIN.

        A wrong PIN is an answer and no error, so that it is counted.

        :param signer_id: `res.users`, a supervisor other than the shift's cashier
        :return: {"ok": bool, "error": words}
        """
        self._check_cashier()
        session = self._session(session_id)
        session._check_hands()
        signer = self.env["res.users"].sudo().browse(int(signer_id or 0)).exists()
        if (
            signer not in self.env["utility.approval"]._approvers(session.company_id)
            or signer == session.user_id
            or not signer.has_group("utility_prepaid.group_supervisor")
        ):
            raise AccessError(self.env._("A supervisor other than the shift's cashier must sign."))
        words = signer.with_user(self.env.user)._check_utility_pin(str(pin or ""))
        if not words:
            session._sign(signer, self.env._("By PIN"))
        return {"ok": not words, "error": words}

    @api.model
    def session_close(self, session_id, float_left, bank_journal_id=None):
        """End a counted shift; twice is harmless.

        :param float_left: text, what stays in the drawer; the rest goes to the bank
        """
        self._check_cashier()
        self._session(session_id)._close(self._amount(float_left), self._journal(bank_journal_id))
        return self.session_status(session_id)

    @api.model
    def pay_back(self, vend_id, journal_id):
        """Hand over the money that a reversal freed after its shift had ended; twice is once."""
        self._check_cashier()
        vend = self._vend(vend_id)
        vend._pay_due(self._journal(journal_id))
        return vend._status()
