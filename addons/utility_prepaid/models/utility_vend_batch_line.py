import re
from itertools import count
from uuid import uuid4

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..tools.decimals import dec
from .utility_vend_batch import TO_DO

# Spreadsheets drop the zeros before a number: how long ours are, vending IDs first.
WIDTHS = (8, 12, 14)
WORD = re.compile(r"[0-9A-Z][0-9A-Z/-]{5,}", re.IGNORECASE)


class UtilityVendBatchLine(models.Model):
    """One payment of a batch: what is known of it, what would become of it, what became of it."""

    _name = "utility.vend.batch.line"
    _description = "Line of a Batch of Sales"
    _order = "batch_id, row, id"
    _rec_name = "named"

    batch_id = fields.Many2one(
        "utility.vend.batch", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="batch_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    row = fields.Integer(readonly=True, help="Row of the file.")
    uuid = fields.Char(readonly=True, required=True, default=lambda self: str(uuid4()))
    named = fields.Char("Meter named", readonly=True)
    customer_named = fields.Char("Customer named", readonly=True)
    amount = fields.Monetary(readonly=True)
    paid_on = fields.Date("Paid on", readonly=True)
    reference = fields.Char(readonly=True)
    identity = fields.Char(
        readonly=True, index=True, help="By what the same payment is known again."
    )
    error = fields.Char("Mistake in the row", readonly=True)
    statement_line_id = fields.Many2one(
        "account.bank.statement.line", "Statement line", readonly=True
    )
    meter_id = fields.Many2one("utility.meter")
    chosen = fields.Boolean(readonly=True, help="A person chose the meter.")
    partner_id = fields.Many2one("res.partner", "Customer", compute="_compute_partner_id")
    room_id = fields.Many2one(related="meter_id.room_id")
    state = fields.Selection(
        [
            ("new", "New"),
            ("ready", "Will be sold"),
            ("waits", "Will wait"),
            ("not_found", "Not found"),
            ("refused", "Refused"),
            ("duplicate", "Duplicate"),
            ("taken", "Taken"),
        ],
        required=True,
        readonly=True,
        default="new",
        index=True,
    )
    reason = fields.Char(readonly=True)
    incoming_id = fields.Many2one("utility.incoming", readonly=True)
    incoming_state = fields.Selection(related="incoming_id.state", string="Money")
    vend_id = fields.Many2one(related="incoming_id.vend_id")
    vend_state = fields.Selection(related="vend_id.state", string="State of the sale")

    _uuid_uniq = models.Constraint("UNIQUE(uuid)", "This payment was already stored.")

    @api.depends("incoming_id.partner_id", "meter_id.partner_id")
    def _compute_partner_id(self):
        # Once it was taken it stays whose money it was, whoever lives there later.
        for line in self:
            line.partner_id = line.incoming_id.partner_id or line.meter_id.partner_id

    def write(self, vals):
        """People may say for which meter a payment is, nothing else, and before it is confirmed."""
        if self.env.su:
            return super().write(vals)
        if set(vals) != {"meter_id"} or self.filtered(lambda line: line.batch_id.state != "draft"):
            raise UserError(self.env._("A confirmed batch is not changed any more."))
        self.batch_id._check_right()
        self.env["utility.meter"].browse(vals["meter_id"] or []).check_access("read")
        result = super().write({**vals, "chosen": bool(vals["meter_id"])})
        self.sudo()._check()
        return result

    # --------------------------------------------------------------- preview

    def _check(self):
        """Say of each line what would become of it now."""
        known = self._known_meters() if self else {}
        words = {}
        for line in self:
            if not line.chosen:
                line.meter_id, words[line] = line._find(known)
        self._name_payments()
        taken, busy = self._taken_before(), self._busy_meters()
        seen = {}
        found = {line: line._judge(words.get(line, ""), seen, taken, busy) for line in self}
        # Written at the end: each look-up would write what is known so far, line by line.
        for line, (state, reason) in found.items():
            line.write({"state": state, "reason": reason})

    def _mark_duplicates(self):
        """Look again for what was taken since the lines were checked."""
        taken = self._taken_before()
        for line in self:
            if line.state in TO_DO and line.identity in taken:
                line.write({"state": "duplicate", "reason": taken[line.identity]})

    def _known_meters(self):
        """Whatever the lines may name -> meters, in three look-ups for all of them."""
        words = {word for line in self for group in line._words() for word in group}
        company = self.company_id
        meters = self.env["utility.meter"]
        known = {}
        for field in ("vending_id", "address"):
            for meter in meters.search(
                [("company_id", "in", company.ids), (field, "in", list(words))]
            ):
                known.setdefault(meter[field], meters)
                known[meter[field]] |= meter
        contracts = self.env["utility.contract"].search(
            [
                ("company_id", "in", company.ids),
                "|",
                ("name", "in", list(words)),
                ("customer_number", "in", list(words)),
            ]
        )
        for contract in contracts:
            # Of a contract that is closed, its meter may be somebody else's now.
            if contract._is_open():
                for word in (contract.name, contract.customer_number):
                    known[word] = known.get(word, meters) | contract.meter_id
        return known

    def _words(self):
        """What in this line may name a meter, in groups: the first group that fits counts."""
        named = (self.named or "").strip()
        if self.statement_line_id:
            return [WORD.findall(named)]
        cut = [[named.zfill(width)] for width in WIDTHS] if named.isdigit() else []
        return [[named], *cut]

    def _find(self, known):
        """The one meter that this line names.

        :return: (`utility.meter`, maybe empty, words why there is none)
        """
        meters = self.env["utility.meter"]
        for group in self._words():
            found = meters.union(*(known.get(word, meters) for word in group))
            if len(found) == 1:
                return self._compare_name(found)
            if found:
                return meters, self.env._(
                    "It fits several meters: %s.", ", ".join(found.mapped("vending_id"))
                )
        return meters, self.env._("No meter or open contract has this number.")

    def _compare_name(self, meter):
        """A name that is another one's hints at a wrong number."""

        def plain(name):
            return "".join((name or "").casefold().split())

        told, known = plain(self.customer_named), plain(meter.partner_id.name)
        if self.statement_line_id or not told or not known or told in known or known in told:
            return meter, ""
        return meter[:0], self.env._(
            "The list says %(told)s; meter %(meter)s is %(known)s's. Choose the meter to confirm.",
            told=self.customer_named,
            meter=meter.vending_id,
            known=meter.partner_id.name,
        )

    def _name_payments(self):
        """The same payment in another file, or in the same file again, gets the same name."""
        given = set()
        for line in self:
            meter = line.meter_id.vending_id or line.named or ""
            if line.statement_line_id:
                line.identity = line.reference
            elif line.reference:
                line.identity = f"{line.reference} {meter}"
            else:
                # Equal rows of one file that have no reference are payments of their own.
                base = f"{line.paid_on} {meter} {dec(line.amount, 2)}"
                line.identity = next(
                    name for n in count(1) if (name := f"{base} #{n}") not in given
                )
            given.add(line.identity)

    def _judge(self, words, seen, taken, busy):
        """What would become of this line.

        :param words: why no meter was found
        :param seen: {name of a payment: line} of the lines above, and then of this one
        :param taken: as of `_taken_before`
        :param busy: as of `_busy_meters`
        :return: (state, reason)
        """
        above = seen.setdefault(self.identity, self)
        if self.error:
            return "refused", self.error
        if above != self:
            return "duplicate", self.env._("The same payment stands in row %s.", above.row)
        if self.identity in taken:
            return "duplicate", taken[self.identity]
        meter = self.meter_id
        if not meter:
            return "not_found", words
        try:
            meter._check_sellable()
            self.env["utility.vend"]._quote(meter, dec(self.amount, 2))
        except UserError as error:
            return "refused", str(error)
        if meter in busy:
            return "waits", self.env._(
                "The meter has another order, or a sale that is not settled."
            )
        return "ready", False

    def _taken_before(self):
        """Payments of these lines that were taken before, or stand in another batch.

        :return: {name of the payment: words}
        """
        names = [line.identity for line in self]
        company = Domain("company_id", "in", self.company_id.ids)
        found = {}
        for other in self.search(
            company
            & Domain("identity", "in", names)
            & Domain("batch_id", "not in", self.batch_id.ids)
            & Domain("batch_id.state", "=", "running")
            & Domain("state", "in", TO_DO)
        ):
            found[other.identity] = self.env._(
                "This payment stands in batch %s.", other.batch_id.name
            )
        for stored in self.env["utility.incoming"].search(
            company
            & Domain("reference", "in", names)
            & Domain("uuid", "not in", self.mapped("uuid"))
        ):
            found[stored.reference] = self.env._(
                "This payment was taken before: %s.", stored.vend_id.name or stored.reference
            )
        return found

    def _busy_meters(self):
        """Meters that cannot be charged before something else ends."""
        return self.env["utility.incoming"]._busy(self.meter_id)

    # --------------------------------------------------------------- working

    def _work(self):
        """Take this payment, once."""
        line = self.try_lock_for_update().filtered(lambda one: one.state in TO_DO)
        if not line:
            return
        try:
            with self.env.cr.savepoint():
                line._take()
        except (UserError, ValidationError) as error:
            line.write({"state": "refused", "reason": str(error)})

    def _take(self):
        self._mark_duplicates()
        if self.state == "duplicate":
            return
        if self.statement_line_id.is_reconciled:
            raise UserError(self.env._("The bank line was matched with something else meanwhile."))
        batch = self.batch_id
        incoming = (
            self.env["utility.vend"]
            .with_user(batch.user_id)
            .sudo()
            ._sell_automatic(
                self.uuid,
                self.meter_id,
                dec(self.amount, 2),
                batch.journal_id,
                self.identity,
                statement_line=self.statement_line_id or None,
                origin="batch",
                named=self.named,
            )
        )
        self.write({"state": "taken", "reason": False, "incoming_id": incoming.id})
