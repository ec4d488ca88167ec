from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..tools.decimals import dec
from ..tools.spreadsheet import TableError, read_table
from .res_company_books import Wanted

# China: 1012 other monetary funds, 5603 and 6603 costs of finance.
CLEARING = Wanted("asset_current", True, ("1012",))
FEES = Wanted("expense", False, ("5603", "6603"))

# What a settlement's spreadsheet tells of each payment; the headings are set on the acquirer.
COLUMNS = ("reference", "amount", "fee", "date")


class UtilityAcquirer(models.Model):
    """Who takes money for the desk and hands it over later, less a fee: WeChat, Alipay, card POS.

    Money on its way stands on a clearing account of the acquirer's own, which is the outstanding
    account of its journal: Odoo's payments post there by themselves.
    """

    _name = "utility.acquirer"
    _description = "Payment Acquirer"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    journal_id = fields.Many2one(
        "account.journal",
        "Payment method",
        domain=[("type", "=", "bank")],
        check_company=True,
        readonly=True,
        ondelete="restrict",
        help="What a cashier chooses at the counter; made together with the acquirer.",
    )
    clearing_account_id = fields.Many2one(
        "account.account",
        "Clearing account",
        check_company=True,
        readonly=True,
        ondelete="restrict",
        help="Its open items are what the acquirer still has to pay out.",
    )
    fee_account_id = fields.Many2one(
        "account.account",
        "Fee account",
        check_company=True,
        domain=[("account_type", "in", ("expense", "expense_direct_cost"))],
        ondelete="restrict",
        help="Empty: the company's account for provider fees, made when there is none.",
    )
    fee_tax_id = fields.Many2one(
        "account.tax",
        "Tax in the fee",
        check_company=True,
        domain=[
            ("type_tax_use", "=", "purchase"),
            ("amount_type", "=", "percent"),
            ("tax_exigibility", "=", "on_invoice"),
        ],
        ondelete="restrict",
        help="Input tax that is part of what the acquirer keeps, where it gives a tax invoice. "
        "Empty: the whole fee is an expense.",
    )
    bank_journal_id = fields.Many2one(
        "account.journal",
        "Pays out to",
        domain=[("type", "=", "bank"), ("utility_acquirer_ids", "=", False)],
        check_company=True,
        help="The bank account whose statements show the net amounts.",
    )
    reference_heading = fields.Char(
        "Reference column",
        required=True,
        default="reference, order number, sale",
        help="Heading of the column in the acquirer's spreadsheet; several are parted by commas.",
    )
    amount_heading = fields.Char("Amount column", required=True, default="amount, gross")
    fee_heading = fields.Char("Fee column", default="fee")
    date_heading = fields.Char("Date column", default="date, time")
    settlement_ids = fields.One2many("utility.acquirer.settlement", "acquirer_id", "Settlements")
    open_count = fields.Integer("Items not settled", compute="_compute_open")
    open_amount = fields.Monetary("Not settled", compute="_compute_open")
    currency_id = fields.Many2one(related="company_id.currency_id")

    _journal_uniq = models.Constraint(
        "UNIQUE(journal_id)", "This payment method belongs to another acquirer."
    )

    @api.depends("clearing_account_id")
    def _compute_open(self):
        groups = dict.fromkeys(self.clearing_account_id, (0, 0.0))
        for account, count, amount in (
            self.env["account.move.line"]
            .sudo()
            ._read_group(self._open_domain(), ["account_id"], ["__count", "amount_residual:sum"])
        ):
            groups[account] = (count, amount)
        for acquirer in self:
            acquirer.open_count, acquirer.open_amount = groups.get(
                acquirer.clearing_account_id, (0, 0.0)
            )

    @api.constrains("fee_tax_id")
    def _check_fee_tax(self):
        for tax in self.fee_tax_id:
            if (tax.type_tax_use, tax.amount_type, tax.tax_exigibility) != (
                "purchase", "percent", "on_invoice",
            ):  # fmt: skip
                raise ValidationError(
                    self.env._(
                        "The tax in a fee is a purchase tax in per cent, due on the invoice: %s "
                        "is not.",
                        tax.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        self._check_accountant()
        acquirers = super().create(vals_list)
        for acquirer in acquirers:
            acquirer.sudo()._create_books()
        return acquirers

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        if self.settlement_ids:
            raise UserError(self.env._("An acquirer with settlements is archived, not deleted."))

    def action_view_open(self):
        """What the acquirer still has to pay out."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Not settled"),
            "res_model": "account.move.line",
            "view_mode": "list,form",
            "domain": self._open_domain(),
            "context": {"create": False},
        }

    def action_view_settlements(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "utility_prepaid.utility_acquirer_settlement_action"
        )
        return {
            **action,
            "domain": [("acquirer_id", "=", self.id)],
            "context": {"default_acquirer_id": self.id},
        }

    def _open_domain(self):
        return [
            ("account_id", "in", self.clearing_account_id.ids),
            ("parent_state", "=", "posted"),
            ("reconciled", "=", False),
        ]

    @api.model
    def _check_accountant(self):
        if not self.env.su and not self.env.user.has_group("utility_prepaid.group_accountant"):
            raise AccessError(self.env._("Only accountants settle with banks and acquirers."))

    def _create_books(self):
        """The journal, the clearing account and the fee account, on any chart."""
        self.ensure_one()
        company = self.company_id
        if not company.chart_template:
            raise UserError(self.env._("The company has no chart of accounts yet."))
        acquirer = self.with_company(company)
        if not acquirer.fee_account_id:
            acquirer.fee_account_id = acquirer._fee_account()
        acquirer.clearing_account_id = company._utility_new_account(
            self.env._("%s clearing", self.name), CLEARING
        )
        acquirer.journal_id = self.env["account.journal"].create(
            {
                "name": self.name,
                "code": company._utility_journal_code("UACQ"),
                "type": "bank",
                "company_id": company.id,
                "default_account_id": acquirer.clearing_account_id.id,
                "utility_counter": True,
            }
        )
        methods = (
            acquirer.journal_id.inbound_payment_method_line_ids
            | acquirer.journal_id.outbound_payment_method_line_ids
        )
        methods.payment_account_id = acquirer.clearing_account_id
        self.env["utility.operation"]._log(
            self.env._("Acquirer set up"), self, after=acquirer.clearing_account_id.display_name
        )

    def _fee_account(self):
        """The fee account of the company's other acquirers, or a new one."""
        other = self.with_context(active_test=False).search(
            [("company_id", "=", self.company_id.id), ("fee_account_id", "!=", False)], limit=1
        )
        return other.fee_account_id or self.company_id._utility_new_account(
            self.env._("Payment provider fees"), FEES
        )

    def _fee_items(self, fee, name):
        """A fee as items of `utility.ledger`: what it cost, and the input tax that is part of it.

        :param fee: Decimal, tax included
        :return: items that sum to the fee, exactly
        """
        self.ensure_one()
        account, tax = self.fee_account_id, self.fee_tax_id
        if not tax:
            return [(account, fee, None, name)]
        found = tax.with_context(force_price_include=True).compute_all(
            float(fee), is_refund=fee < 0
        )
        parts = [(part, dec(part["amount"], 2)) for part in found["taxes"]]
        net = fee - sum((amount for __, amount in parts), dec(0, 2))
        base = {
            "tax_ids": [fields.Command.set(tax.ids)],
            "tax_tag_ids": [fields.Command.set(found["base_tags"])],
        }
        items = [(account, net, None, name, base)]
        for part, amount in parts:
            values = {
                "tax_repartition_line_id": part["tax_repartition_line_id"],
                "tax_tag_ids": [fields.Command.set(part["tag_ids"])],
                "tax_base_amount": float(net),
            }
            # What may not be deducted has no account and stays a cost.
            own = account.browse(part["account_id"]) or account
            items.append((own, amount, None, part["name"], values))
        return items

    # ------------------------------------------------------------ spreadsheet

    def _read_file(self, content):
        """The rows of a settlement's spreadsheet.

        :param content: bytes
        :return: list of (row number, {one of COLUMNS: cell})
        :raises UserError: in words why the file is of no use
        """
        self.ensure_one()
        columns = {
            name: [word for word in (self[f"{name}_heading"] or "").split(",") if word.strip()]
            for name in COLUMNS
        }
        try:
            return read_table(content, columns, ("reference", "amount"))
        except TableError as error:
            raise UserError(self.env["utility.acquirer"]._table_words(error)) from error

    @api.model
    def _table_words(self, error):
        """A `TableError` in words."""
        _ = self.env._
        return {
            "big": _("The file is too big."),
            "format": _("This is neither a workbook (.xlsx) nor a CSV file."),
            "rows": _("The file has too many rows: divide it."),
            "empty": _("There is no row below the headings."),
            "columns": _(
                "There is no row with the headings that are needed; missing: %s.",
                ", ".join(error.missing),
            ),
        }[error.code]
