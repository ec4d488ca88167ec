import base64
import io

import xlsxwriter

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools import spreadsheet
from .res_company_books import Wanted
from .utility_go_live_line import INPUTS, REQUIRED

MAKERS = ("utility_prepaid.group_accountant", "utility_prepaid.group_manager")
RESULTS = frozenset(("state", "origin_id", "approved_by", "approved_at", "started_at"))


class UtilityGoLive(models.Model):
    """What the old desk hands over: contracts that run, with what is on their meters and owed.

    draft -> started (contracts run, meters are being compared) -> posted (opening entries)
    """

    _name = "utility.go.live"
    _description = "Go-Live from the Old Desk"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(
        readonly=True, required=True, copy=False, default=lambda self: self.env._("New")
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date = fields.Date(
        required=True,
        default=lambda self: self.env.company._utility_today(),
        help="Day of the opening entries, and of the prices that value the credit on meters.",
    )
    file = fields.Binary("Spreadsheet", copy=False)
    file_name = fields.Char(copy=False)
    allowed_use = fields.Float(
        "Use allowed since the list was made",
        digits=(16, 4),
        min_display_digits=2,
        help="A meter without totaliser in the list may hold so much less than the list says. "
        "Zero: it must hold exactly that.",
    )
    unused = fields.Selection(
        [
            ("none", "Nothing: the old books have it as sold"),
            ("policy", "As the accounting policy of the day says"),
        ],
        "Credit on meters",
        required=True,
        default="none",
        help="How credit that was bought at the old desk and is not used yet is taken over.",
    )
    opening_account_id = fields.Many2one(
        "account.account",
        "Opening balance account",
        check_company=True,
        help="Other side of all opening entries. Empty: an account of its own is made.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("started", "Meters are compared"), ("posted", "Posted")],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        index=True,
        tracking=True,
    )
    started_at = fields.Datetime("Started at", readonly=True, copy=False)
    approved_by = fields.Many2one("res.users", "Approved by", readonly=True, copy=False)
    approved_at = fields.Datetime("Approved at", readonly=True, copy=False)
    origin_id = fields.Many2one(
        "utility.go.live", "Set aside from", readonly=True, copy=False, index="btree_not_null"
    )
    line_ids = fields.One2many("utility.go.live.line", "document_id", "Rows", copy=False)
    wrong_count = fields.Integer("Wrong rows", compute="_compute_counts")
    waiting_count = fields.Integer("Not compared", compute="_compute_counts")
    differing_count = fields.Integer("Do not agree", compute="_compute_counts")
    debt_total = fields.Monetary("Debts", compute="_compute_counts")
    carried_total = fields.Monetary("Carried money", compute="_compute_counts")
    move_count = fields.Integer("Opening entries", compute="_compute_counts")

    @api.depends("line_ids.state", "line_ids.debt", "line_ids.carried", "line_ids.move_id")
    def _compute_counts(self):
        for document in self:
            lines = document.line_ids
            states = lines.mapped("state")
            document.wrong_count = states.count("wrong")
            document.waiting_count = states.count("waiting")
            document.differing_count = states.count("differs")
            document.debt_total = sum(lines.mapped("debt"))
            document.carried_total = sum(lines.mapped("carried"))
            document.move_count = len(lines.move_id)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if RESULTS.intersection(vals) and not self.env.su:
                raise UserError(self.env._("A go-live starts as a draft."))
            vals["name"] = self.env["ir.sequence"].sudo().next_by_code("utility.go.live")
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and (
            RESULTS.intersection(vals)
            or (
                {"date", "unused", "opening_account_id", "company_id"}.intersection(vals)
                and self.filtered(lambda document: document.state == "posted")
            )
        ):
            raise UserError(self.env._("A posted go-live is not changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        if self.filtered(lambda document: document.state != "draft"):
            raise UserError(self.env._("Only a draft go-live can be deleted."))

    # ---------------------------------------------------------------- actions

    def action_empty_file(self):
        """Download a spreadsheet with the headings that are read."""
        self._check_maker()
        content = io.BytesIO()
        with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
            sheet = book.add_worksheet()
            for column, words in enumerate(self._headings().values()):
                sheet.write_string(0, column, words[0])
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": "go-live.xlsx",
                    "datas": base64.b64encode(content.getvalue()),
                    "res_model": self._name,
                    "res_id": self.id,
                }
            )
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "self",
        }

    def action_read_file(self):
        """Take the rows of the spreadsheet in place of those before, and check them."""
        self.ensure_one()
        self._check_maker()
        self._check_state("draft")
        if not self.file:
            raise UserError(self.env._("Choose the spreadsheet first."))
        try:
            rows = spreadsheet.read_table(base64.b64decode(self.file), self._headings(), REQUIRED)
        except spreadsheet.TableError as error:
            raise UserError(self.env["utility.acquirer"]._table_words(error)) from error
        self.line_ids = [
            fields.Command.clear(),
            *(
                fields.Command.create(
                    {
                        "row": number,
                        **{name: self._input(name, cell) for name, cell in cells.items()},
                    }
                )
                for number, cells in rows
            ),
        ]
        self.sudo().line_ids._check()
        return True

    def action_check(self):
        """Check the rows again, after they or the archive were corrected."""
        self._check_maker()
        for document in self:
            document._check_state("draft")
            document.sudo().line_ids._check()
        return True

    def action_start(self):
        """Make the contracts, which run at once. No meter is touched, and none sells before it was
        compared.

        :raises UserError: rows that are still wrong
        """
        self.ensure_one()
        self._check_maker()
        self.sudo().lock_for_update()
        self._check_state("draft")
        lines = self.sudo().line_ids
        lines._check()
        wrong = lines.filtered(lambda line: line.state == "wrong")
        if wrong or not lines:
            raise UserError(
                self.env._("There is no row yet.")
                if not lines
                else self.env._("%s rows are wrong: correct them first.", len(wrong))
            )
        self.sudo().write({"state": "started", "started_at": fields.Datetime.now()})
        lines._start()
        self._log("draft", "started")
        return True

    def action_ask(self):
        """Ask the meters that are not compared yet; what they answer is compared by itself."""
        self.ensure_one()
        self._check_maker()
        self._check_state("started")
        self.sudo().line_ids.filtered(lambda line: line.state in ("waiting", "differs"))._ask()
        return True

    def action_post(self):
        """Post the opening entries, once; an accountant approves them.

        :raises UserError: posted before, or meters that do not agree
        """
        self.ensure_one()
        self.env["utility.acquirer"]._check_accountant()
        self.sudo().lock_for_update()
        self.invalidate_recordset(["state"])
        self._check_state("started")
        self.sudo()._post()
        return True

    def action_view_differing(self):
        return self._action_lines([("state", "in", ("waiting", "differs"))])

    def action_view_lines(self):
        return self._action_lines([])

    def action_view_moves(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Opening entries"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self.line_ids.move_id.ids)],
            "context": {"create": False},
        }

    # --------------------------------------------------------------- business

    def _action_lines(self, domain):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_go_live_line_action"
        )
        return {**action, "domain": [("document_id", "in", self.ids), *domain], "context": {}}

    @api.model
    def _check_maker(self):
        if not any(map(self.env.user.has_group, MAKERS)):
            raise AccessError(self.env._("Only accountants and managers take over an old desk."))

    def _check_state(self, state):
        if self.state != state:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._("%(name)s: %(state)s.", name=self.name, state=labels[self.state])
            )

    @api.model
    def _input(self, name, cell):
        written = spreadsheet.text(cell)
        if name == "customer_number" and written.isdigit():
            # a spreadsheet's number has lost its zeros
            return written.zfill(12)
        return written

    @api.model
    def _headings(self):
        """{column: its headings}: in the user's language, and in English."""
        _ = self.env._
        own = {
            "address": _("Meter address"),
            "room": _("Room"),
            "customer": _("Customer"),
            "phone": _("Phone"),
            "opened": _("Opened on"),
            "tariff": _("Tariff"),
            "balance_text": _("Balance"),
            "number_text": _("Purchase number"),
            "customer_number": _("Customer number"),
            "total_text": _("Totaliser"),
            "carried_text": _("Carried money"),
            "debt_text": _("Debt"),
        }
        return {name: (words, INPUTS[name]) for name, words in own.items()}

    def _post(self):
        """Opening entries, one for each contract that has anything to take over."""
        self.ensure_one()
        lines = self.line_ids
        late = lines.filtered(lambda line: line.state not in ("agrees", "accepted"))
        if late or not lines:
            raise UserError(
                self.env._(
                    "%s meters do not agree or were not compared. Accept their figures, correct "
                    "the rows, or set them aside into a go-live of their own.",
                    len(late),
                )
            )
        if not self.opening_account_id:
            self.opening_account_id = self.company_id._utility_new_account(
                self.env._("Opening balance of the old desk"), Wanted("equity", False)
            )
        ledger = self.env["utility.ledger"]
        owners, documents = [], []
        for line in lines:
            items = line._opening_items()
            if items:
                owners.append(line)
                documents.append(
                    ledger._entry_document(
                        self.company_id, self.date, self.name, items, contract=line.contract_id
                    )
                )
        for line, move in zip(owners, ledger._documents(documents), strict=True):
            line.move_id = move
            line.vend_id.move_id = move
        # meters in one order, as everywhere
        for line in lines.sorted(lambda line: line.meter_id.id):
            line._open_carried()
        self.write(
            {
                "state": "posted",
                "approved_by": self.env.uid,
                "approved_at": fields.Datetime.now(),
            }
        )
        self._log("started", "posted")

    def _follow_up(self):
        """The go-live of the rows that were set aside from this one."""
        self.ensure_one()
        other = self.search([("origin_id", "=", self.id), ("state", "=", "started")], limit=1)
        return other or self.create(
            {
                "company_id": self.company_id.id,
                "date": self.date,
                "allowed_use": self.allowed_use,
                "unused": self.unused,
                "opening_account_id": self.opening_account_id.id,
                "origin_id": self.id,
                "state": "started",
                "started_at": self.started_at,
            }
        )

    def _log(self, before, after, note=""):
        self.env["utility.operation"]._log(
            self.env._("Go-live"), self, before=before, after=after, note=note
        )
