from contextlib import contextmanager
from decimal import Decimal
from uuid import uuid4

from .year_site import CONTRACTS, YearSite

FLOAT = Decimal(500) + 60 * CONTRACTS
# What a count of a drawer differs by; the last one is above what a cashier may sign alone.
DIFFERENCES = [Decimal(text) for text in ("0", "0", "0", "0", "-0.50", "1.00", "-7.30")]


class YearCounter(YearSite):
    """The cashiers' drawers: floats, blind counts, differences, deposits."""

    def setUp(self):
        super().setUp()
        self.left = dict.fromkeys(self.cashiers.values(), Decimal(0))

    def _desk(self, user):
        return (
            self.env["utility.counter"]
            .with_user(user)
            .with_context(allowed_company_ids=self.company.ids)
        )

    def _anybody(self):
        """Any cashier, and a method that this one takes: (counter, journal)."""
        cashier = self.fate.choice(list(self.cashiers))
        return self._desk(cashier), self.fate.choice([self.cashiers[cashier], self.bank])

    @contextmanager
    def _shifts(self, early=False):
        """Everybody works at a drawer.

        :param early: the drawers are counted while what was sold is still on its way to the meters
        """
        for cashier, drawer in self.cashiers.items():
            self._open_drawer(self._desk(cashier), drawer)
        self._pay_freed()
        yield
        if not early:
            self._rest()
        for cashier, drawer in self.cashiers.items():
            self._close_drawer(self._desk(cashier), drawer)
        if early:
            self._rest()

    def _open_drawer(self, desk, drawer):
        session = desk.session_open(str(uuid4()), drawer.id, f"{self.left[drawer]}")["id"]
        missing = FLOAT - self.left[drawer]
        if missing > 0:
            reason = self.env["utility.cash.reason"].search(
                [("company_id", "=", self.company.id)], limit=1
            )
            desk.session_cash_move(str(uuid4()), session, "in", f"{missing}", reason.id)

    def _close_drawer(self, desk, drawer):
        session = self.env["utility.cash.session"]._current(self.company, desk.env.user)
        desk.session_start_counting(session.id)
        expected = session._expected()
        cash = expected.pop(drawer).expected + self.fate.choice(DIFFERENCES)
        slips = {str(method.id): f"{total.expected}" for method, total in expected.items()}
        desk.session_count(str(uuid4()), session.id, f"{cash}", slips)
        if session.uncertain_ids:
            self.did["counted over uncertain sales"] += len(session.uncertain_ids)
            desk.session_confirm_uncertain(session.id)
        session.invalidate_recordset()
        if session.needs_signature:
            session.with_user(self.users["supervisor"]).action_sign()
            self.did["shifts signed"] += 1
        self.left[drawer] = min(cash, FLOAT)
        desk.session_close(session.id, f"{self.left[drawer]}", self.bank.id)
        self.assertEqual(session.state, "closed")
        self.did["shifts"] += 1
        deposits = session.move_ids.filtered(lambda move: move.kind == "deposit")
        deposits.with_user(self.users["accountant"]).action_arrived()

    def _freed(self):
        """Reversals whose money waits for the customer: proved after their shift had ended."""
        vends = self.env["utility.vend"]
        return vends.search(vends._due_domain()).filtered("money_back_due")

    def _pay_freed(self):
        for vend in self._freed():
            desk, method = self._anybody()
            desk.pay_back(vend.id, method.id)
            self.did["paid back in a later shift"] += 1
