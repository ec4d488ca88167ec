from decimal import Decimal
from uuid import uuid4

from odoo.exceptions import UserError

from odoo.addons.utility_prepaid.models.utility_contract import OPEN_STATES
from odoo.addons.utility_prepaid.tools.decimals import dec

from .year_counter import YearCounter

TRIES = 6


class YearPeople(YearCounter):
    """Tenants who move, buy, regret, borrow and use; meters that are replaced."""

    def setUp(self):
        super().setUp()
        self.free = {utility: [] for utility in self.wanted}
        self._look_for_free()

    def _active(self, utility=None):
        domain = [("meter_id", "in", self.year_meters.ids), ("state", "=", "active")]
        if utility:
            domain.append(("utility", "=", utility))
        return self.env["utility.contract"].search(domain, order="id")

    def _some(self, share, contracts=None):
        """A share of the contracts, chosen by chance; one at least."""
        contracts = list(self._active() if contracts is None else contracts)
        return self.fate.sample(contracts, min(len(contracts), 1 + int(share * len(contracts))))

    # ----------------------------------------------------------- coming, going

    def _look_for_free(self):
        taken = self.env["utility.contract"].search([("state", "in", OPEN_STATES)]).meter_id
        for utility in self.free:
            self.free[utility] = [
                meter
                for meter in self.year_meters - taken
                if meter.utility == utility and not meter.to_clear
            ]

    def _fill(self):
        """New tenants until the house is full."""
        for utility, wanted in self.wanted.items():
            for __ in range(wanted - len(self._active(utility))):
                self._move_in(utility)
        self._rest()
        for utility, wanted in self.wanted.items():
            self.assertEqual(len(self._active(utility)), wanted)

    def _move_in(self, utility):
        meter = self.free[utility].pop(self.fate.randrange(len(self.free[utility])))
        self.did["moved in"] += 1
        number = self.did["moved in"]
        tariffs = self.tariffs[utility]
        contract = self.env["utility.contract"].create(
            {
                "meter_id": meter.id,
                "partner_id": self.env["res.partner"].create({"name": f"Tenant {number}"}).id,
                "tariff_id": tariffs[number % len(tariffs)].id,
            }
        )
        contract._open()

    def _move_out(self, count):
        for contract in self.fate.sample(list(self._active()), count):
            contract._close(reason="Moved out")
            self.did["moved out"] += 1

    def _pay_settlements(self):
        """What is left after a contract is paid by whoever has a shift."""
        settlements = self.env["utility.settlement"].search(
            [("kind", "=", "closing"), ("state", "=", "done"), ("payout", "=", "open")]
        )
        for settlement in settlements:
            desk, method = self._anybody()
            settlement.with_user(desk.env.user)._pay(method)
            self.did["settlements paid"] += 1

    def _replace(self):
        contract = self.fate.choice(list(self._active()))
        new = self.free[contract.utility].pop(0)
        contract.with_user(self.users["engineer"])._replace(new, "Display broken")
        self.did["replaced"] += 1

    # ------------------------------------------------------------------ buying

    def _buy(self, share):
        """One in three asks for units instead of money; one in ten clicks twice."""
        for contract in self._some(share):
            desk, method = self._anybody()
            meter = contract.meter_id
            amount = f"{self.fate.randrange(1500, 20000) / 100:.2f}"
            if self.fate.random() < 0.3:
                quote = desk.quote(meter.id, "", units=f"{self.fate.randrange(20, 200)}")
                self.assertTrue(quote["ok"], quote["error"])
                amount = quote["amount"]
                self.did["sold by units"] += 1
            mark = str(uuid4())
            status = desk.sell(mark, meter.id, amount, method.id)
            self.did["sold"] += 1
            if self.fate.random() < 0.1:
                again = desk.sell(mark, meter.id, amount, method.id)
                self.assertEqual(again["id"], status["id"])

    def _regret(self, share):
        """Some take their last sale back; a meter that has not all of it any more refuses."""
        last = self.env["utility.vend"]
        for contract in self._active():
            last |= last.search([("contract_id", "=", contract.id)], limit=1, order="id desc")
        for vend in self._some(share, last.filtered(lambda vend: vend.kind == "sale")):
            try:
                self._anybody()[0].reverse(str(uuid4()), vend.id, "The customer asked for it")
            except UserError:
                self.did["reversal refused"] += 1
            else:
                self.did["reversed"] += 1

    # ----------------------------------------------------------- without money

    def _lend(self, share):
        """Emergency credit to those who owe none."""
        desk = self._desk(self.users["supervisor"])
        free = self._active().filtered(lambda contract: not contract._emergency_open())
        for contract in self._some(share, free):
            amount = f"{self.fate.randrange(1000, 3000) / 100:.2f}"
            desk.issue(str(uuid4()), "emergency", contract.meter_id.id, amount, "Sunday night")
            self.did["emergency credits"] += 1

    def _adjust(self, count):
        """Credit put on, or taken off, at the company's cost or at none."""
        desk = self._desk(self.users["manager"])
        for contract in self.fate.sample(list(self._active()), count):
            quantity, cost = self.fate.choice((("6", "3.30"), ("4", "0"), ("-2", "1.10")))
            try:
                desk.issue(
                    str(uuid4()), "adjustment", contract.meter_id.id, quantity, "Error", cost
                )
            except UserError:
                self.did["adjustments refused"] += 1
            else:
                self.did["adjustments"] += 1

    # ------------------------------------------------------------------- using

    def _use(self, low, high):
        """Every meter uses some of what it has, percent; some go on into their overdraft."""
        meters = self._active().meter_id
        for meter in meters:
            balance = Decimal(self.sim.books(meter)["balance"])
            used = (balance * self.fate.randrange(low, high) / 100).quantize(Decimal("0.01"))
            if meter in self.overdrawn and self.fate.random() < 0.2:
                used = balance + self.fate.randrange(1, 12)
                self.did["used beyond the credit"] += 1
            # Units an hour, and a trifle more: no cent is lost when seconds are multiplied out.
            load = f"{used}00005" if used > 0 else "0"
            self.sim("load", address=meter.address, load=load)
        self.sim("advance", seconds=3600)
        for meter in meters:
            self.sim("load", address=meter.address, load="0")

    def _read(self):
        """Meters are read once a day by themselves; those that did not answer are asked again."""
        for __ in range(TRIES):
            self._rest()
            states = self._active().meter_id.state_ids
            late = states.filtered(
                lambda state: dec(state.balance, 2) != self._balance(state.meter_id)
            )
            if not late:
                break
            for meter in late.meter_id:
                self.env["utility.command"]._enqueue(meter, "read")
        self.assertFalse(late.meter_id.mapped("address"))
        self._cron("roll_up_readings")

    def _balance(self, meter):
        return Decimal(self.sim.books(meter)["balance"])
