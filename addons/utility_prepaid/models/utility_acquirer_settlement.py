import base64

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import spreadsheet
from ..tools.decimals import dec, is_multiple
from ..tools.settlement_match import Item, Row, match

CENT = dec("0.01", 2)
# A list that is wrong in more rows than these is wrong as a whole.
SHOWN_ERRORS = 20
RESULTS = frozenset(("state", "move_id", "gross"))
FIXED = frozenset(("acquirer_id", "date", "date_to", "fee", "net", "reference", "line_ids"))


class UtilityAcquirerSettlement(models.Model):
    """What an acquirer pays out at once: its list of payments, less its fee, against the bank.

    draft -> posted (fee booked, items of the list settled) -> paid (the bank shows the net)
    """

    _name = "utility.acquirer.settlement"
    _description = "Acquirer Settlement"
    _inherit = ["mail.thread"]
    _order = "date desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        readonly=True, required=True, copy=False, default=lambda self: self.env._("New")
    )
    acquirer_id = fields.Many2one(
        "utility.acquirer", required=True, index=True, check_company=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        related="acquirer_id.company_id", store=True, precompute=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date = fields.Date(
        required=True,
        default=lambda self: self.env.company._utility_today(),
        help="Day of the acquirer's settlement; the fee is booked on it.",
    )
    date_to = fields.Date(
        "Payments up to",
        help="Payments up to this day that the list does not name are listed as missing. "
        "Empty: the last day in the list.",
    )
    reference = fields.Char(help="The acquirer's own number of this settlement.")
    gross = fields.Monetary(compute="_compute_gross", store=True)
    fee = fields.Monetary(help="What the acquirer kept; taken from the list where it says so.")
    net = fields.Monetary(
        help="What the acquirer says that it pays out; it must be the list less the fee."
    )
    file = fields.Binary("Spreadsheet", copy=False)
    file_name = fields.Char(copy=False)
    line_ids = fields.One2many(
        "utility.acquirer.settlement.line", "settlement_id", "Rows", copy=False
    )
    difference_count = fields.Integer("Differences", compute="_compute_difference_count")
    state = fields.Selection(
        [("draft", "Draft"), ("posted", "Posted"), ("paid", "Seen at the bank")],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        index=True,
        tracking=True,
    )
    move_id = fields.Many2one("account.move", "Journal entry", readonly=True, copy=False)
    statement_line_id = fields.Many2one(
        "account.bank.statement.line",
        "Bank transaction",
        copy=False,
        check_company=True,
        domain="[('journal_id', '=', bank_journal_id), ('is_reconciled', '=', False)]",
        help="The bank's line with the net amount; one line may pay several settlements.",
    )
    bank_journal_id = fields.Many2one(related="acquirer_id.bank_journal_id")

    _reference_uniq = models.UniqueIndex(
        "(acquirer_id, reference) WHERE reference IS NOT NULL AND reference != ''",
        "This settlement of the acquirer was entered already.",
    )

    @api.depends("line_ids.amount")
    def _compute_gross(self):
        for settlement in self:
            settlement.gross = sum(
                (dec(line.amount, 2) for line in settlement.line_ids), start=dec(0, 2)
            )

    @api.depends("line_ids.result", "line_ids.resolved")
    def _compute_difference_count(self):
        for settlement in self:
            settlement.difference_count = len(settlement.line_ids.filtered("is_difference"))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if RESULTS.intersection(vals) and not self.env.su:
                raise UserError(self.env._("A settlement starts as a draft."))
            vals["name"] = (
                self.env["ir.sequence"].sudo().next_by_code("utility.acquirer.settlement")
            )
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            posted = self.filtered(lambda settlement: settlement.state != "draft")
            if RESULTS.intersection(vals) or (posted and FIXED.intersection(vals)):
                raise UserError(self.env._("A posted settlement is not changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        if self.filtered(lambda settlement: settlement.state != "draft"):
            raise UserError(self.env._("A posted settlement is not deleted."))

    # ---------------------------------------------------------------- actions

    def action_read_file(self):
        """Take the rows of the acquirer's spreadsheet in place of those before, and match them.

        :raises UserError: the wrong rows with their numbers; nothing was taken then
        """
        self.ensure_one()
        self._check_draft()
        if not self.file:
            raise UserError(self.env._("Choose the acquirer's spreadsheet first."))
        rows, wrong = [], []
        for number, cells in self.acquirer_id._read_file(base64.b64decode(self.file)):
            values, problem = self._row(cells)
            if problem:
                wrong.append(self.env._("Row %(row)s: %(problem)s", row=number, problem=problem))
            rows.append({"row": number, **values})
        if wrong:
            raise UserError("\n".join(wrong[:SHOWN_ERRORS]))
        self.line_ids = [
            fields.Command.clear(),
            *(fields.Command.create(values) for values in rows),
        ]
        fee = sum((values["fee"] for values in rows), start=dec(0, 2))
        if fee:
            self.fee = fee
        if not self.net:
            self.net = dec(self.gross, 2) - dec(self.fee, 2)
        self.sudo()._match()
        return True

    def action_match(self):
        """Look again which items of the books the rows are."""
        for settlement in self:
            settlement._check_draft()
            settlement.sudo()._match()
        return True

    def action_post(self):
        """Book the fee and settle the items of the list.

        :raises UserError: it does not add up, or it was posted before
        """
        for settlement in self:
            settlement._check_draft()
            settlement.sudo()._match()
            settlement.sudo()._post()
        return True

    def action_pay(self):
        """Reconcile the net with the bank's line; all settlements that chose it go together."""
        self.env["utility.acquirer"]._check_accountant()
        for bank_line in self.statement_line_id:
            together = self.search(
                [("statement_line_id", "=", bank_line.id), ("state", "!=", "paid")]
            )
            if together.filtered(lambda settlement: settlement.state == "draft"):
                raise UserError(self.env._("Post the settlement first."))
            bank_line.sudo()._utility_settle(together.sudo()._net_lines())
            for settlement in together:
                settlement._move("paid", bank_line.payment_ref or "")
        if self.filtered(lambda settlement: settlement.state != "paid"):
            raise UserError(self.env._("Choose the bank transaction with the net amount first."))
        return True

    # --------------------------------------------------------------- business

    def _check_draft(self):
        self.ensure_one()
        self.env["utility.acquirer"]._check_accountant()
        self.sudo().lock_for_update()
        self.invalidate_recordset(["state"])
        if self.state != "draft":
            raise UserError(self.env._("%s was posted already.", self.name))

    def _row(self, cells):
        """A row's values, and words for what is wrong with it."""
        _ = self.env._
        amount = spreadsheet.number(cells.get("amount"))
        fee = spreadsheet.number(cells.get("fee"))
        problem, day = "", None
        try:
            day = spreadsheet.day(cells.get("date"))
        except ValueError as error:
            problem = _("“%s” is not a date.", error)
        if not amount or not is_multiple(amount, CENT):
            problem = _("“%s” is not an amount of money.", spreadsheet.text(cells.get("amount")))
        elif fee is None or not is_multiple(fee, CENT):
            problem = _("“%s” is not a fee.", spreadsheet.text(cells.get("fee")))
        return {
            "reference": spreadsheet.text(cells.get("reference")),
            "date": day,
            "amount": amount or dec(0, 2),
            # some write the fee as what it does to the balance
            "fee": abs(fee or dec(0, 2)),
        }, problem

    def _items(self):
        """Items of the clearing account a row may mean: the open ones and those settled before."""
        account = self.acquirer_id.clearing_account_id
        own = self.search([("acquirer_id", "=", self.acquirer_id.id)]).move_id
        domain = [
            ("account_id", "=", account.id),
            ("parent_state", "=", "posted"),
            ("move_id", "not in", own.ids),
            ("move_id.statement_line_id", "=", False),
        ]
        lines = self.env["account.move.line"]
        references = [line.reference for line in self.line_ids if line.reference]
        open_lines = lines.search([*domain, ("reconciled", "=", False)], order="date, id")
        settled = lines.search(
            [
                *domain,
                ("reconciled", "=", True),
                "|",
                "|",
                ("move_id.origin_payment_id.memo", "in", references),
                ("move_id.ref", "in", references),
                ("move_id.utility_vend_id.uuid", "in", references),
            ]
        )
        return open_lines, settled

    def _match(self):
        """Find the item of each row, and list the items that the acquirer left out."""
        self.line_ids.filtered(lambda line: line.result == "missing").unlink()
        open_lines, settled = self._items()
        rows = [
            Row(line.id, line.reference or "", dec(line.amount, 2), line.date or None)
            for line in self.line_ids
        ]
        items = [
            Item(
                line.id,
                frozenset(self._references(line)),
                dec(line.balance if line.reconciled else line.amount_residual, 2),
                line.date,
                line.reconciled,
            )
            for line in open_lines | settled
        ]
        found = match(rows, items)
        for line in self.line_ids:
            line.write(
                {
                    "result": found[line.id].result,
                    "item_id": found[line.id].item,
                    "matched_by": found[line.id].by,
                }
            )
        until = self.date_to or max(filter(None, self.line_ids.mapped("date")), default=None)
        taken = set(self.line_ids.item_id.ids)
        self.line_ids = [
            fields.Command.create(
                {
                    "result": "missing",
                    "item_id": item.id,
                    "date": item.date,
                    "reference": item.move_id.ref or item.move_id.name,
                }
            )
            for item in open_lines
            if until and item.date <= until and item.id not in taken
        ]

    def _references(self, item):
        """All names under which the acquirer may know an item."""
        move = item.move_id
        payment = move.origin_payment_id
        return filter(
            None,
            (
                payment.memo,
                payment.payment_reference,
                move.name,
                move.ref,
                move.utility_vend_id.uuid,
                move.utility_vend_id.name,
            ),
        )

    def _post(self):
        self.ensure_one()
        _ = self.env._
        rows = self.line_ids.filtered(lambda line: line.result != "missing")
        if not rows:
            raise UserError(_("There is nothing to settle: read the acquirer's spreadsheet first."))
        gross, fee, net = dec(self.gross, 2), dec(self.fee, 2), dec(self.net, 2)
        if gross - fee != net:
            raise UserError(
                _(
                    "The rows (%(gross)s) less the fee (%(fee)s) are %(sum)s, and the acquirer "
                    "says %(net)s.",
                    gross=gross,
                    fee=fee,
                    sum=gross - fee,
                    net=net,
                )
            )
        acquirer = self.acquirer_id
        clearing = acquirer.clearing_account_id
        words = self.reference or self.name
        items = [(clearing, -dec(row.amount, 2), None, row.reference or words) for row in rows]
        if fee:
            items += acquirer._fee_items(fee, _("Fee %s", words))
        if net:
            items.append((clearing, net, None, _("Net %s", words)))
        move = self.env["utility.ledger"]._entry(self.company_id, self.date, self.name, items)
        for row, item in zip(rows, move.line_ids.sorted("id")[: len(rows)], strict=True):
            row.own_item_id = item
            if row.result in ("matched", "amount"):
                (item | row.item_id).reconcile()
        self.move_id = move
        self._resolve_missing(rows.item_id)
        self._move("posted", f"{gross} - {fee} = {net}")

    def _net_lines(self):
        """The items on the clearing account that the bank is to pay."""
        net = self.env["account.move.line"]
        for settlement in self:
            own = settlement.line_ids.own_item_id
            net |= settlement.move_id.line_ids.filtered(
                lambda line, own=own, clearing=settlement.acquirer_id.clearing_account_id: (
                    line.account_id == clearing and line not in own
                )
            )
        return net

    @api.model
    def _resolve_missing(self, items):
        """Items that earlier settlements left out have come."""
        late = self.env["utility.acquirer.settlement.line"].sudo()
        late.search(
            [
                ("item_id", "in", items.ids),
                ("result", "=", "missing"),
                ("resolved", "=", False),
                ("settlement_id.state", "!=", "draft"),
            ]
        ).resolved = True

    def _move(self, target, note):
        """The one gate between the states."""
        before = self.state
        self.sudo().state = target
        self.env["utility.operation"]._log(
            self.env._("Acquirer settlement"), self, before=before, after=target, note=note
        )
