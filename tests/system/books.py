"""The invariants of the product, checked from SQL and from the meters' own books.

Nothing here asks the addons: tables and the simulator's log of executed orders only.
"""

import re
from collections import Counter, defaultdict
from decimal import Decimal

CENT = Decimal("0.01")
# How a disputed command says what the meter showed.
SHOWN = re.compile(r"shows number (\d+) of epoch (\d+), last order (\d+) \([^,]+, ([\d.]+)\)")
# Kinds of the simulator's log -> what they do to the cumulative purchase.
SIGN = {"open": 1, "charge": 1, "preset": 1, "reverse": -1, "clear": 0, "card": 1}

# Columns of a posted journal item that nothing may change any more. Reconciling writes others.
POSTED = """
    SELECT l.id, l.move_id, l.account_id, l.partner_id, l.journal_id, l.company_id, l.date,
           l.debit, l.credit, l.amount_currency, l.currency_id, l.tax_line_id, l.product_id,
           l.quantity, l.price_unit, l.name, l.move_name, l.ref, l.parent_state, m.state,
           m.move_type, m.invoice_date, m.partner_id
      FROM account_move_line l JOIN account_move m ON m.id = l.move_id
     WHERE m.state = 'posted' OR l.id = ANY(%s)
"""


class watch:
    """Remembers every posted journal item, to see that none is changed or taken away."""

    def __init__(self, desk):
        self.desk, self.seen, self.changed = desk, {}, []
        self.look()

    def look(self):
        rows = self.desk.sql(POSTED, (list(self.seen),))
        now = {row[0]: row for row in rows}
        for line, row in self.seen.items():
            if now.get(line) != row:
                self.changed.append(f"posted item {line} was {row}, is {now.get(line)}")
        self.seen = now


def broken(desk, posted):
    """Everything that does not hold, in words; an empty list when all is well.

    :param desk: `Desk`, at rest: no order is on its way
    :param posted: `watch` since the beginning
    """
    theirs = desk.simulator.books()
    return [
        *broken_outside_sales(desk, posted),
        *_money(desk),
        *_open_credit(desk),
        *_documents(desk),
        *_lines(desk),
        *_states(desk),
        *_unsettled(desk, theirs),
    ]


def broken_outside_sales(desk, posted):
    """As `broken`, what also holds where money and credit move without a sale."""
    posted.look()
    theirs = desk.simulator.books()
    return [
        *posted.changed,
        *_meters(desk, theirs),
        *_orders(desk, theirs),
        *_unbalanced(desk),
        *_secrets(desk),
    ]


def _steps(value):
    return Decimal(value).quantize(CENT)


# --------------------------------------------------------------------------- the meters


def _meters(desk, theirs):
    """Delivered credit less reversals is what each meter counts as bought, epoch by epoch."""
    delivered = defaultdict(Decimal)
    for address, epoch, kind, credit in desk.sql(
        "SELECT m.address, c.epoch, c.kind, c.credit FROM utility_command c"
        "  JOIN utility_meter m ON m.id = c.meter_id WHERE c.money AND c.state = 'done'"
    ):
        delivered[address, epoch] += SIGN[kind] * credit
    disputed = {
        reference
        for (reference,) in desk.sql("SELECT id FROM utility_command WHERE state = 'disputed'")
    }
    for address, meter in theirs.items():
        bought, others = defaultdict(Decimal), defaultdict(Decimal)
        for order in meter["orders"]:
            amount = SIGN[order["kind"]] * Decimal(order["amount"])
            bought[order["epoch"]] += amount
            if order["kind"] == "card" or order["reference"] in disputed:
                others[order["epoch"]] += amount
        if bought[meter["epoch"]] != Decimal(meter["cumulative"]):
            yield (
                f"{address}: the meter's log adds up to {bought[meter['epoch']]}, "
                f"its cumulative purchase is {meter['cumulative']}"
            )
        for epoch in {*bought, *(e for a, e in delivered if a == address)}:
            ours = delivered[address, epoch]
            if _steps(ours) != bought[epoch] - others[epoch]:
                yield (
                    f"{address} epoch {epoch}: delivered {ours}, the meter was charged "
                    f"{bought[epoch] - others[epoch]} (and {others[epoch]} by cards and disputed)"
                )


def _orders(desk, theirs):
    """Each executed order belongs to one proved command, and each proved command to one order."""
    commands = {
        row[0]: row[1:]
        for row in desk.sql(
            "SELECT c.id, m.address, c.kind, c.epoch, c.number, c.credit, c.state,"
            " c.balance_before, c.balance_after, c.meter_id FROM utility_command c"
            "  JOIN utility_meter m ON m.id = c.meter_id WHERE c.money"
        )
    }
    executed = Counter()
    for address, meter in theirs.items():
        for order in meter["orders"]:
            if order["kind"] == "card":
                continue
            reference = order["reference"]
            executed[reference] += 1
            command = commands.get(reference)
            if command is None:
                yield f"{address}: order {reference} was executed, no command asked for it"
                continue
            at, kind, epoch, number, credit, state, before, after, _meter = command
            if state not in ("done", "disputed"):
                yield f"{address}: order {reference} was executed, its command is {state}"
            if (at, kind, epoch, number, _steps(credit)) != (
                address, order["kind"], order["epoch"], order["number"],
                Decimal(order["amount"]),
            ):  # fmt: skip
                yield f"order {reference}: asked {command}, executed {order}"
            shown = (Decimal(order["balance_before"]), Decimal(order["balance_after"]))
            if state == "done" and (_steps(before), _steps(after)) != shown:
                yield f"order {reference}: proved {before} -> {after}, executed {shown}"
    for reference, count in executed.items():
        if count > 1:
            yield f"order {reference} was executed {count} times"
    for reference, command in commands.items():
        if command[5] == "done" and not executed[reference]:
            yield f"command {reference} is done, its meter never executed it: {command}"
    for row in desk.sql(
        "SELECT meter_id, epoch, number, count(*) FROM utility_command"
        " WHERE money AND state IN ('done', 'disputed', 'sent', 'unknown')"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1"
    ):
        yield f"purchase number used twice (meter, epoch, number, times): {row}"


# ---------------------------------------------------------------------------- the money


def _unbalanced(desk):
    for move, state, balance in desk.sql(
        "SELECT m.name, m.state, sum(l.balance) FROM account_move m"
        "  LEFT JOIN account_move_line l ON l.move_id = m.id"
        " GROUP BY m.id HAVING m.state <> 'posted' OR sum(l.balance) IS DISTINCT FROM 0"
    ):
        yield f"{move} is {state} and its items sum to {balance}"


def _money(desk):
    """Per cashier and method: taken less paid out is what was posted, to the cent."""
    vends = {
        (user, journal): money
        for user, journal, money in desk.sql(
            "SELECT user_id, journal_id, sum(CASE WHEN kind = 'sale' THEN amount ELSE 0 END)"
            "     - sum(CASE WHEN refund_payment_id IS NOT NULL THEN amount ELSE 0 END)"
            "  FROM utility_vend WHERE state <> 'draft' GROUP BY 1, 2"
        )
    }
    posted = {
        (user, journal): money
        for user, journal, money in desk.sql(
            "SELECT v.user_id, p.journal_id,"
            "       sum(CASE p.payment_type WHEN 'inbound' THEN p.amount ELSE -p.amount END)"
            "  FROM account_payment p JOIN account_move m ON m.id = p.move_id"
            "  JOIN utility_vend v ON v.id = p.utility_vend_id"
            " WHERE m.state = 'posted' GROUP BY 1, 2"
        )
    }
    if vends != posted:
        yield f"money of the sales {vends}, of the posted payments {posted}"
    drawer = dict(
        desk.sql(
            "SELECT m.journal_id, -sum(l.balance) FROM account_move_line l"
            "  JOIN account_move m ON m.id = l.move_id"
            "  JOIN account_payment p ON p.move_id = m.id"
            " WHERE m.state = 'posted' AND l.account_id = %s GROUP BY 1",
            (desk.account,),
        )
    )
    by_method = defaultdict(Decimal)
    for (_user, journal), money in vends.items():
        by_method[journal] += money
    if drawer != dict(by_method):
        yield f"money by method {dict(by_method)}, journal items {drawer}"
    loose = desk.value(
        "SELECT count(*) FROM account_payment WHERE utility_vend_id IS NULL"
        "   OR state NOT IN ('paid', 'in_process')"
    )
    if loose:
        yield f"{loose} payments that no sale explains"


def _open_credit(desk):
    """What is open on the customers' account is undelivered, carried over, or not yet paid out."""
    rows = desk.sql(
        """
        SELECT p.name, open.credit, owed.credit
          FROM res_partner p
          JOIN (SELECT partner_id, -sum(l.amount_residual) AS credit
                  FROM account_move_line l
                 WHERE l.account_id = %s AND l.parent_state = 'posted'
                 GROUP BY partner_id) open ON open.partner_id = p.id
          FULL JOIN (
               SELECT k.partner_id,
                      sum(k.remainder)
                      + sum((SELECT COALESCE(sum(v.cost), 0) FROM utility_vend v
                              WHERE v.contract_id = k.id AND v.kind = 'sale'
                                AND (v.state IN ('accepted', 'disputed')
                                     OR v.state IN ('delivered', 'reversed')
                                        AND v.posted_at IS NULL)))
                      + sum((SELECT COALESCE(sum(v.cost), 0) FROM utility_vend v
                              WHERE v.contract_id = k.id AND v.kind = 'reversal'
                                AND v.state = 'delivered' AND v.refund_payment_id IS NULL))
                      AS credit
                 FROM utility_contract k GROUP BY k.partner_id) owed ON owed.partner_id = p.id
         WHERE COALESCE(open.credit, 0) <> COALESCE(owed.credit, 0)
        """,
        (desk.account,),
    )
    for name, there, owed in rows:
        yield f"{name}: open credit {there}, undelivered and carried over {owed}"


def _documents(desk):
    """Each delivered sale has one posted invoice, paid in full; each reversal one credit note."""
    rows = desk.sql(
        """
        SELECT v.name, v.kind, v.state, v.cost, v.posted_at IS NOT NULL, v.posting_error,
               count(m.id), min(m.move_type), min(m.state), sum(m.amount_total),
               sum(m.amount_residual), min(m.payment_state), bool_and(m.id = v.move_id)
          FROM utility_vend v
          LEFT JOIN account_move m ON m.utility_vend_id = v.id
                AND m.move_type IN ('out_invoice', 'out_refund')
         GROUP BY v.id
        """
    )
    for name, kind, state, cost, is_posted, error, count, *move in rows:
        if state not in ("delivered", "reversed"):
            if count or is_posted:
                yield f"{name} is {state} and has {count} documents"
            continue
        # An invoice that was reversed keeps saying so; a reversed sale's one is settled by it.
        paid = ("reversed",) if state == "reversed" else ("paid", "in_payment")
        kind_of_move = "out_invoice" if kind == "sale" else "out_refund"
        if kind == "reversal":
            paid = ("paid", "in_payment", "reversed")
        good = (
            is_posted
            and count == 1
            and move[:4] == [kind_of_move, "posted", cost, 0]
            and move[4] in paid
            and move[5]
        )
        if not good:
            yield f"{name} ({kind}, {state}, {cost}): {count} documents {move}, {error}"


def _lines(desk):
    for name, amount, lines in desk.sql(
        "SELECT v.name, v.amount, sum(l.amount) FROM utility_vend v"
        "  LEFT JOIN utility_vend_line l ON l.vend_id = v.id"
        " GROUP BY v.id HAVING sum(l.amount) IS DISTINCT FROM v.amount"
    ):
        yield f"{name}: lines add up to {lines}, taken {amount}"


# ---------------------------------------------------------------------------- the states


def _states(desk):
    """Sales stand where their commands stand."""
    fits = {
        ("sale", "delivered"): {"done"},
        ("sale", "reversed"): {"done"},
        ("sale", "refunded"): {"failed", "cancelled", "expired"},
        ("sale", "disputed"): {"disputed"},
        ("sale", "accepted"): {"queued", "sent", "unknown", "failed", "expired", "cancelled"},
        ("reversal", "delivered"): {"done"},
        ("reversal", "cancelled"): {"failed", "cancelled", "expired"},
        ("reversal", "disputed"): {"disputed"},
        ("reversal", "accepted"): {"queued", "sent", "unknown"},
    }
    for name, kind, state, command, sale in desk.sql(
        "SELECT v.name, v.kind, v.state, c.state, s.state FROM utility_vend v"
        "  JOIN utility_command c ON c.id = v.command_id"
        "  LEFT JOIN utility_vend s ON s.id = v.reversed_vend_id"
    ):
        if command not in fits.get((kind, state), ()):
            yield f"{name}: {kind} is {state}, its command {command}"
        if kind == "reversal" and (sale == "reversed") != (state == "delivered"):
            yield f"{name}: reversal is {state}, its sale {sale}"


def _unsettled(desk, theirs):
    """What is left over is disputed or stopped, and for a reason that the meter itself shows."""
    for row in desk.unsettled():
        reference, address, kind, state, number, epoch, attempts, name, _sale, words = row
        meter = theirs[address]
        moved = [
            order
            for order in meter["orders"]
            if order["reference"] != reference and order["kind"] == "card"
        ]
        known = desk.sql(
            "SELECT purchase_number, epoch FROM utility_meter WHERE address = %s", (address,)
        )[0]
        if state == "disputed":
            # The meter went past this order's number: its own log has what the words say it showed.
            said = SHOWN.search(words or "")
            if not said or not any(
                (order["number"], order["epoch"], order["reference"])
                == (int(said[1]), int(said[2]), int(said[3]))
                and Decimal(order["amount"]) == Decimal(said[4])
                and order["reference"] != reference
                and (order["epoch"], order["number"]) >= (epoch, number)
                for order in meter["orders"]
            ):
                yield f"{name or kind} is disputed, its meter never stood like this: {words}"
        elif state == "queued" and words and not attempts:
            if known == (meter["number"], meter["epoch"]) or not moved:
                yield f"{name or kind} is stopped, but {address} stands where the books do: {words}"
        else:
            yield f"{name or kind} is not settled: {row}"


def _secrets(desk):
    """No key and no password in any log."""
    from desk import SECRETS

    for path in desk.folder.rglob("*.log"):
        text = path.read_bytes().upper()
        for secret in SECRETS:
            if secret.upper().encode() in text:
                yield f"{secret} stands in {path.name}"


def errors_in_logs(desk):
    """Errors that Odoo logged, without those that belong to kills and to two people at once."""
    postgresql_died = (
        "OperationalError", "InterfaceError", "server closed the connection",
        "cursor already closed", "terminating connection", "could not connect",
        "connection to server",
    )  # fmt: skip
    # Odoo logs the statement, then makes the request again.
    two_at_once = ("could not serialize access",)
    # It passes over a scheduled action once whose last three runs were killed.
    killed_thrice = (") timed out",)
    found = []
    for server in [*desk.servers, *filter(None, [desk.hub])]:
        block = []
        text = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in [*text, "2000-01-01 00:00:00,000 1 INFO ? end: "]:
            parts = line.split(" ", 4)
            if len(parts) < 5 or parts[3] not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
                block += [line] if block else []
                continue
            if block:
                whole = "\n".join(block)
                allowed = killed_thrice + (postgresql_died if desk.cluster.crashes else ())
                if "odoo.sql_db: bad query" in block[0]:
                    allowed += two_at_once
                if not any(word in whole for word in allowed):
                    found.append("\n".join([server.log.name, *block[:60]]))
            block = [line] if parts[3] in ("ERROR", "CRITICAL") else []
    return found
