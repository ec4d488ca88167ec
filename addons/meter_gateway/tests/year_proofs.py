from collections import defaultdict
from decimal import Decimal

from odoo.addons.utility_prepaid.tools.decimals import dec
from odoo.addons.utility_prepaid.tools.lots import left

from .year_people import YearPeople

# What each entry of a meter's own log does to what it counts as bought.
SIGN = {"open": 1, "charge": 1, "preset": 1, "reverse": -1, "clear": 0}
ZERO = Decimal(0)
# A meter that is cleared counts its credit from a whole step on, its totaliser goes on within one.
STEP = Decimal("0.01")


def total(amounts):
    """Sum of money, to the cent."""
    return sum((dec(amount, 2) for amount in amounts), dec(0, 2))


class YearProofs(YearPeople):
    """What must hold at the end of each month, and of the year, whatever happened."""

    def setUp(self):
        super().setUp()
        self.posted = {}

    # ----------------------------------------------------- at each month's end

    def _prove_documents(self):
        """No posted journal item changes, each document balances, and none is unlinked."""
        self.env.flush_all()
        cr = self.env.cr
        cr.execute(
            "SELECT l.id, l.account_id, l.partner_id, l.date, l.balance, l.tax_line_id, l.name,"
            " m.name, m.state, m.invoice_date FROM account_move_line l"
            " JOIN account_move m ON m.id = l.move_id"
            " WHERE l.company_id = %s AND (m.state = 'posted' OR l.id = ANY(%s))",
            (self.company.id, list(self.posted)),
        )
        now = {row[0]: row for row in cr.fetchall()}
        changed = [row for line, row in self.posted.items() if now.get(line) != row]
        self.assertFalse(changed)
        self.posted = now
        cr.execute(
            "SELECT m.name, sum(l.debit)::text, sum(l.credit)::text FROM account_move m"
            " JOIN account_move_line l ON l.move_id = m.id"
            " WHERE m.company_id = %s AND m.state = 'posted'"
            " GROUP BY m.id HAVING sum(l.debit) <> sum(l.credit)",
            (self.company.id,),
        )
        self.assertFalse(cr.fetchall())
        cash = self.env["utility.cash.move"].search([("company_id", "=", self.company.id)])
        known = (cash.statement_line_id | cash.arrival_line_id).move_id
        unlinked = self.env["account.move"].search(
            [
                ("company_id", "=", self.company.id),
                ("utility_contract_id", "=", False),
                ("utility_consumption_id", "=", False),
                ("id", "not in", known.ids),
            ]
        )
        self.assertFalse(unlinked.mapped("name"))
        drafts = self.env["account.move"].search(
            [("company_id", "=", self.company.id), ("state", "!=", "posted")]
        )
        self.assertFalse(drafts.mapped("display_name"))

    def _prove_check(self, day):
        """The daily check agrees, but for what is due: it names that, exactly, and nothing else."""
        check = self.env["utility.check"]._run(self.company, day)
        found = defaultdict(Decimal)
        for finding in check.finding_ids.filtered(lambda finding: not finding.gone):
            about = finding.difference_id
            subject = about.session_id or about.vend_id or about.contract_id
            found[finding.code, subject] += dec(finding.amount, 2)
        due = self._due()
        self.assertEqual(dict(found), due, f"{day} {dict(self.did)}")
        self.assertEqual(check.state, "named" if due else "agreed")
        self.did["days checked"] += 1
        self.did["differences named"] += len(due)

    def _due(self):
        """What the check is to find: {(class, record): amount}."""
        found = {}
        for vend in self._freed():
            found["not_paid_out", vend] = dec(vend.amount, 2)
        for contract, (__, owed) in self._open_items().items():
            if owed:
                found["debt", contract] = -owed
        shifts = self.env["utility.cash.session"].search([("company_id", "=", self.company.id)])
        month_ago = self.clock().replace(tzinfo=None) - self.MONTH
        for shift in shifts.filtered(lambda shift: shift.counted_at >= month_ago):
            if difference := total(shift.method_ids.mapped("difference")):
                found["session", shift] = difference
        return found

    def _open_items(self):
        """Open on the customers' account: {contract: (credit, debit)}, both positive."""
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ]
        )
        found = defaultdict(lambda: (dec(0, 2), dec(0, 2)))
        for line in lines:
            credit, debit = found[line.move_id.utility_contract_id]
            residual = dec(line.amount_residual, 2)
            found[line.move_id.utility_contract_id] = (
                credit - min(residual, ZERO),
                debit + max(residual, ZERO),
            )
        return found

    def _prove_roll_forward(self, first, last):
        """Opening + what came - what was used = closing = what the meter itself has left."""
        report = (
            self.env["utility.roll.forward"]
            .with_user(self.users["accountant"])
            .with_context(allowed_company_ids=self.company.ids)
            .create({"company_id": self.company.id, "date_from": first, "date_to": last})
        )
        report.action_compute()
        lines = report.line_ids.filtered(lambda line: line.meter_id in self.year_meters)
        self.assertLessEqual(self._active(), lines.contract_id)
        for line in lines:
            # The year goes on: what differs is shown with all that its meter told.
            with self.subTest(contract=line.contract_id.name, month=last):
                self.assertNotEqual(line.state, "unread")
                self.assertLessEqual(abs(dec(line.difference, 2)), STEP, self._story(line))
                if line.contract_id.state == "active":
                    balance = self._balance(line.meter_id)
                    self.assertLessEqual(abs(dec(line.closing, 2) - balance), STEP)
        self.did["roll-forwards"] += len(lines)

    def _story(self, line):
        """A roll-forward in words: its figures, the credit that came, and what meters told."""
        contract = line.contract_id
        figures = ("opening", "sold", "reversed", "used", "settled", "closing", "meter_closing")
        meters = contract.meter_id | contract.settlement_ids.meter_id
        self.env.cr.execute(
            "SELECT meter_id, at, total, balance, source FROM utility_reading_raw"
            " WHERE meter_id = ANY(%s) ORDER BY meter_id, at",
            (meters.ids,),
        )
        readings = self.env.cr.fetchall()
        return "\n".join(
            (
                ", ".join(f"{name} {line[name]}" for name in figures),
                *(f"{s.kind} {s.name} left {s.units_left}" for s in contract.settlement_ids),
                *(
                    f"{vend.kind} {vend.state} {vend.units} at {vend.delivered_at}"
                    for vend in contract.vend_ids.sorted("id")
                ),
                *("meter {} at {}: total {}, balance {} ({})".format(*row) for row in readings),
            )
        )

    # --------------------------------------------------------------- the meters

    def _prove_meters(self):
        """Delivered credit less reversals is what each meter counts, in every epoch; each order
        was carried out once, and no number was used twice."""
        for meter in self.year_meters:
            orders = self.sim.books(meter)["orders"]
            theirs, ours, numbers = defaultdict(Decimal), defaultdict(Decimal), defaultdict(list)
            for order in orders:
                theirs[order["epoch"]] += SIGN[order["kind"]] * Decimal(order["amount"])
                numbers[order["epoch"]].append(order["number"])
            done = self.env["utility.command"].search(
                [("meter_id", "=", meter.id), ("money", "=", True), ("state", "=", "done")]
            )
            for command in done:
                ours[command.epoch] += SIGN[command.kind] * dec(command.credit)
            for epoch in {*theirs, *ours}:
                self.assertEqual(ours[epoch], theirs[epoch], f"{meter.address} epoch {epoch}")
            for epoch, used in numbers.items():
                self.assertEqual(used, list(range(1, len(used) + 1)), f"{meter.address} {epoch}")
            self.assertEqual(
                sorted(order["reference"] for order in orders), sorted(done.mapped("reference"))
            )
            self.assertEqual(
                sorted((order["epoch"], order["number"]) for order in orders),
                sorted((command.epoch, command.number) for command in done),
            )
        again = self.env["utility.command"]._read_group(
            [("money", "=", True), ("state", "=", "done")],
            ["meter_id", "epoch", "number"],
            having=[("__count", ">", 1)],
        )
        self.assertFalse(again)

    def _prove_quotas(self):
        """Whoever had a plan on the first of a month got that month's units, once."""
        quotas = self.env["utility.vend"].search([("quota_month", "!=", False)])
        self.assertEqual(set(quotas.mapped("state")), {"delivered"})
        given = [(quota.contract_id, quota.quota_month) for quota in quotas]
        self.assertEqual(len(given), len(set(given)))
        for contract in self._active().filtered("meter_id.quota_plan_id"):
            since = max(contract.date_open, contract.meter_id.quota_since)
            for month in self.months:
                if since <= month:
                    self.assertIn((contract, month), given)
        self.did["quotas"] = len(quotas)

    # ---------------------------------------------------------------- the money

    def _prove_money(self):
        """Every payment is that of a sale, of money back or of a settlement, with its amount."""
        payments = self.env["account.payment"].search([("company_id", "=", self.company.id)])
        vends = self.env["utility.vend"].search([("company_id", "=", self.company.id)])
        settlements = self.env["utility.settlement"].search([("payment_id", "!=", False)])
        settled = settlements.payment_id
        self.assertEqual(
            payments, payments & (vends.payment_id | vends.refund_payment_id | settled)
        )
        for vend in vends.filtered(lambda vend: vend.kind == "sale"):
            self.assertEqual(dec(vend.payment_id.amount, 2), dec(vend.amount, 2), vend.name)
            self.assertEqual(vend.payment_id.payment_type, "inbound")
            lines = total(vend.line_ids.mapped("amount"))
            self.assertEqual(lines, dec(vend.amount, 2), vend.name)
        for vend in vends.filtered(lambda vend: vend.refund_payment_id - settled):
            self.assertEqual(dec(vend.refund_payment_id.amount, 2), dec(vend.amount, 2))
            self.assertEqual(vend.refund_payment_id.payment_type, "outbound")
        for settlement in settlements:
            payment = settlement.payment_id
            sign = 1 if payment.payment_type == "outbound" else -1
            self.assertEqual(sign * dec(payment.amount, 2), dec(settlement.amount_paid, 2))
        self._prove_sum_of_money(payments, vends)
        self._prove_shifts(vends, settlements)

    def _prove_sum_of_money(self, payments, vends):
        """Money in - money out = credit proved - taken back - left at the end + what is open."""
        net = total(p.amount if p.payment_type == "inbound" else -p.amount for p in payments)
        opened = self._open_items().values()
        still = total(credit - debit for credit, debit in opened)
        items = self.env["account.move.line"].search(
            [("account_id", "=", self.customer_account.id), ("parent_state", "=", "posted")]
        )
        documents = items.filtered(lambda line: not line.move_id.origin_payment_id)
        self.assertEqual(net, total(documents.mapped("balance")) + still)
        sold = vends.filtered(lambda v: v.kind == "sale" and v.state == "delivered")
        self.did["money in sales"] = total(sold.mapped("amount"))
        self.did["units sold"] = sum((dec(units) for units in sold.mapped("units")), ZERO)
        self.did["money of payments, net"] = net

    def _prove_shifts(self, vends, settlements):
        """Per shift and method: taken and paid out = payments posted = sales and money back."""
        shifts = self.env["utility.cash.session"].search([("company_id", "=", self.company.id)])
        refunds = vends.filtered("refund_payment_id")
        for shift in shifts:
            self.assertEqual(shift.state, "closed")
            sales = vends.filtered(lambda v, s=shift: v.kind == "sale" and v.session_id == s)
            paid = settlements.payment_id | refunds.refund_payment_id
            paid = paid.filtered(lambda payment, s=shift: payment.utility_session_id == s)
            for line in shift.method_ids:
                method = line.journal_id
                own = shift.payment_ids.filtered(lambda p, j=method: p.journal_id == j)
                taken = own.filtered(lambda payment: payment.payment_type == "inbound")
                here = paid.filtered(lambda p, j=method: p.journal_id == j)
                came = here.filtered(lambda payment: payment.payment_type == "inbound")
                sold = sales.filtered(lambda vend, j=method: vend.journal_id == j)
                sums = (
                    total([line.taken]),
                    total(taken.mapped("amount")),
                    total([*sold.mapped("payment_id.amount"), *came.mapped("amount")]),
                )
                self.assertEqual(len(set(sums)), 1, f"{shift.name} {method.name} {sums}")
                sums = (
                    total([line.paid_out]),
                    total((own - taken).mapped("amount")),
                    total((here - came).mapped("amount")),
                )
                self.assertEqual(len(set(sums)), 1, f"{shift.name} {method.name} {sums}")
        for drawer in self.cashiers.values():
            items = self.env["account.move.line"].search(
                [
                    ("account_id", "=", drawer.default_account_id.id),
                    ("parent_state", "=", "posted"),
                ]
            )
            self.assertEqual(total(items.mapped("balance")), self.left[drawer], drawer.name)
        moves = shifts.move_ids
        self.assertFalse(moves.filtered("under_way"))
        self.did["over and short"] = total(
            moves.filtered(lambda move: move.kind.endswith("difference")).mapped("amount")
        )

    def _prove_customers(self):
        """Open credit is what is carried, freed and not paid out; open debit what is borrowed."""
        contracts = self.env["utility.contract"].search([("company_id", "=", self.company.id)])
        freed = defaultdict(Decimal)
        for vend in self._freed():
            freed[vend.contract_id] += dec(vend.amount, 2)
        found = self._open_items()
        self.assertLessEqual(set(found), set(contracts))
        for contract in contracts:
            credit, debit = found.get(contract, (dec(0, 2), dec(0, 2)))
            owed = dec(0, 2) if contract.state == "closed" else self._borrowed(contract)
            self.assertEqual(credit, dec(contract.remainder, 2) + freed[contract], contract.name)
            self.assertEqual(debit, owed, contract.name)

    def _borrowed(self, contract):
        """What a customer owes for credit without money, less what sales recovered of it.

        Emergency credit is owed at once, or under "all on use" when it is used; use beyond all
        credit when a run, or the end of a meter, bills it.
        """
        lent = contract.vend_ids.filtered(
            lambda vend: vend.kind == "emergency" and vend.state == "delivered"
        )
        owed = total(lent.filtered(lambda vend: vend.policy != "on_use").mapped("cost"))
        used = self.env["utility.consumption.line"].search([("vend_id", "in", lent.ids)])
        owed += total(used.filtered(lambda line: line.policy == "on_use").mapped("amount"))
        replaced = contract.settlement_ids.filtered(lambda s: s.kind == "replacement")
        bills = replaced.move_ids.line_ids.filtered(
            lambda line: line.account_id == self.customer_account
        )
        owed += total(bills.mapped("balance")) + contract._overdraft_booked()[1]
        sold = contract.vend_ids.filtered(lambda v: v.kind == "sale" and v.state == "delivered")
        return owed - total(sold.mapped("arrears_amount"))

    # ---------------------------------------------------------------- the books

    def _prove_unused(self):
        """What is sold and not used stands on the account of its policy: as much as the meters
        have left, first in first out, at the price paid."""
        company = self.company
        contracts = self.env["utility.contract"].search([("company_id", "=", company.id)])
        advances, liabilities, agency = defaultdict(Decimal), defaultdict(Decimal), dec(0, 2)
        for contract in contracts:
            ended = contract.state == "closed"
            units = dec(contract.units_at_close) if ended else self._balance(contract.meter_id)
            for lot, __, amount in left(contract._lots(), max(units, ZERO)):
                vend = self.env["utility.vend"].browse(lot.key)
                if vend.policy == "agency" and ended:
                    agency -= amount
                elif vend.policy == "on_use" and vend.kind != "emergency" and not ended:
                    advances[contract] += amount
                elif vend.policy == "tax_at_sale" and not ended:
                    used = dec(vend.cost, 2) - amount
                    liabilities[contract.partner_id] += dec(
                        vend.deferred_amount, 2
                    ) - vend._revenue_of(used)
        for vend in contracts.vend_ids:
            if vend.policy == "agency" and vend.state == "delivered" and vend.kind != "reversal":
                agency += dec(vend.cost, 2)
        for settlement in contracts.settlement_ids.filtered(lambda s: s.units_left < 0):
            # What was used beyond the credit is collected for the utility, too.
            bills = settlement.move_ids.line_ids
            account = company.utility_payable_account_id
            agency -= total(
                bills.filtered(lambda line, a=account: line.account_id == a).mapped("balance")
            )
        self._prove_account(company.utility_advance_account_id, "contract", advances)
        self._prove_account(company.utility_liability_account_id, "partner", liabilities)
        self._prove_account(company.utility_payable_account_id, "partner", {self.supplier: agency})

    def _prove_account(self, account, by, wanted):
        items = self.env["account.move.line"].search(
            [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        )
        found = defaultdict(Decimal)
        for item in items:
            owner = item.partner_id if by == "partner" else item.move_id.utility_contract_id
            found[owner] -= dec(item.balance, 2)
        for owner in {*found, *wanted}:
            self.assertEqual(
                found[owner], wanted.get(owner, ZERO), f"{account.name} {owner.display_name}"
            )
