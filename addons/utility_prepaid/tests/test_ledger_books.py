from datetime import date
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..tools.posting import BATCH
from .common_ledger import LedgerCommon

POLICIES = ("sale", "tax_at_sale", "on_use", "agency")
LOCKS = ("sale_lock_date", "tax_lock_date", "fiscalyear_lock_date", "hard_lock_date")


@tagged("post_install", "-at_install")
class TestLedgerBooks(LedgerCommon):
    """Locks, hash chains, batches and the totals of documents."""

    def _life(self):
        """A sale, its month and its reversal: every kind of document that policies have."""
        with freeze_time("2026-08-03 04:00:00"):
            vend = self._sell("100.00")
            self._prove(vend.command_id, before="0")
            self._post()
        self._read("2026-08-31 15:00:00", balance=100)
        self._run("2026-08-01")
        with freeze_time("2026-09-02 04:00:00"):
            status = self._counter().reverse(f"reversal-{vend.id:08}", vend.id, "wrong amount")
            reversal = self.env["utility.vend"].browse(status["id"])
            self._prove(reversal.command_id, before="200", after="0")
            self._post()
        self._run("2026-09-01")
        self.assertFalse(vend.posting_error or reversal.posting_error)
        return vend, reversal

    def test_hash_locked_journals(self):
        """Nothing of the desk changes a posted document: every journal may be sealed."""
        journals = self.company.utility_sale_journal_id | self.company.utility_entry_journal_id
        journals |= self.cash
        journals.restrict_mode_hash_table = True
        for policy in POLICIES:
            with self.env.cr.savepoint() as point:
                self._policy(policy)
                seen = self.seen
                self._life()
                moves = self.env["account.move"].search([("id", "not in", seen.ids)])
                self.assertTrue(all(moves.mapped("inalterable_hash")), policy)
                self.assertEqual(self._open_items(), [], policy)
                for role in ("liability", "advance", "utility"):
                    self.assertEqual(self._balance(role), 0, f"{role}, {policy}")
                point.rollback()
            self.env.invalidate_all()

    def _balance(self, role):
        (account,) = [account for account, name in self.roles.items() if name == role]
        lines = self.env["account.move.line"].search(
            [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        )
        return round(sum(lines.mapped("balance")), 2)

    def test_every_lock_moves_documents_to_today(self):
        for policy in POLICIES:
            for lock in (
                "sale_lock_date",
                "tax_lock_date",
                "fiscalyear_lock_date",
                "hard_lock_date",
            ):
                with self.env.cr.savepoint() as point:
                    self._policy(policy)
                    with freeze_time("2026-08-28 04:00:00"):
                        vend = self._sell()
                        self._prove(vend.command_id)
                    self._new()
                    self.company[lock] = "2026-08-31"
                    with freeze_time("2026-09-02 04:00:00"):
                        self._post()
                    self.assertFalse(vend.posting_error)
                    # an entry is no sale, and has no tax
                    bound = lock != "sale_lock_date" or policy in ("sale", "tax_at_sale")
                    bound = bound or vend.move_id.journal_id.type == "sale"
                    day = "2026-09-02" if bound else "2026-08-28"
                    self.assertEqual(str(vend.move_id.date), day, f"{policy}, {lock}")
                    point.rollback()
                self.env.invalidate_all()

    def test_days_are_local(self):
        with freeze_time("2026-08-31 17:00:00"):
            vend = self._sell()
            self._prove(vend.command_id)
            self._post()
        for move in vend.move_id | vend.payment_id.move_id:
            self.assertEqual(str(move.date), "2026-09-01", "01:00 in Shanghai")

    def test_sales_are_posted_together(self):
        meters = [self._meter(f"20261100001{n}") for n in range(4)]
        for meter in meters:
            self._contract(meter)
        vends = [self._delivered("100.00", meter=meter) for meter in meters]
        move_type = type(self.env["account.move"])
        original, sizes = move_type._post, []

        def counted(moves, soft=True):
            sizes.append(len(moves))
            return original(moves, soft)

        with patch.object(move_type, "_post", counted):
            self._post()
        self.assertEqual(sizes, [4])
        for vend in vends:
            self.assertEqual(vend.move_id.payment_state, "paid")
            self.assertEqual(vend.move_id.utility_vend_id, vend)
            self.assertEqual(vend.move_id.amount_total, 100)

    def test_one_that_cannot_be_posted_holds_up_only_itself(self):
        meters = [self._meter(f"20261100001{n}") for n in range(3)]
        bad = self.tariff.copy({"name": "Broken"})
        bad.product_id = self.product.copy(
            {"taxes_id": [fields.Command.set(self.company.account_sale_tax_id.ids)]}
        )
        self.assertFalse(bad.product_id.taxes_id.price_include)
        for meter, tariff in zip(meters, (self.tariff, bad, self.tariff), strict=True):
            self._contract(meter, tariff=tariff)
        first, held, last = [self._delivered("100.00", meter=meter) for meter in meters]
        self._post()
        self.assertTrue(first.posted_at and last.posted_at)
        self.assertFalse(held.posted_at or held.move_id)
        self.assertIn("included in the price", held.posting_error)
        self.assertEqual(held.sudo().activity_ids.user_id, self.users["accountant"])
        self.assertEqual(self._open_items(), ["-100.00"])
        bad.product_id = self.product
        held.sudo().post_after = False
        self._post()
        self.assertEqual(held.move_id.payment_state, "paid")
        self.assertFalse(held.posting_error)

    def test_an_unforeseen_error_holds_up_only_itself(self):
        meters = [self._meter(f"20261100001{n}") for n in range(3)]
        for meter in meters:
            self._contract(meter)
        first, held, last = [self._delivered("100.00", meter=meter) for meter in meters]
        vend_type = type(held)
        original = vend_type._sale_documents

        def broken(vend):
            return 1 / 0 if vend == held else original(vend)

        logger = "odoo.addons.utility_prepaid.models.utility_vend_posting"
        with patch.object(vend_type, "_sale_documents", broken), mute_logger(logger):
            self._post()
        self.assertTrue(first.posted_at and last.posted_at)
        self.assertIn("ZeroDivisionError", held.posting_error)
        self.assertEqual(held.sudo().activity_ids.user_id, self.users["accountant"])

    def test_order_of_batches(self):
        """Sales between other movements are not posted before them, and batches have an end."""
        sales = self.env["utility.vend"].browse(
            [self._movement("sale", 1, 0).id for __ in range(3)]
        )
        quota = self._movement("quota", 1)
        more = self.env["utility.vend"].browse([self._movement("sale", 1, 0).id for __ in range(2)])
        self.assertEqual((sales | quota | more)._posting_batches(), [sales, quota, more])
        self.assertGreater(BATCH, 10)

    def test_the_total_is_the_sum_exactly(self):
        ledger = self.env["utility.ledger"]
        line = {"product": self.product, "name": "x"}
        lines = [
            # neither is a quantity times a price of two decimals
            {**line, "quantity": Decimal(quantity), "price": price, "amount": Decimal(amount)}
            for quantity, price, amount in (
                ("7.77", Decimal("0.3333"), "2.60"),
                ("3", Decimal("0.3333"), "0.99"),
                ("0", Decimal(0), "5.01"),
            )
        ]
        for method in ("round_per_line", "round_globally"):
            self.company.tax_calculation_rounding_method = method
            move = ledger._invoice(self.contract, lines, date(2026, 3, 1), "R")
            self.assertEqual(move.amount_total, 8.6, method)
            self.assertEqual(move.invoice_line_ids.mapped("quantity"), [7.77, 3, 1])
        # each of these is rounded up by itself, and their sum is not
        for quantity, amount in (("127.66", "70.00"), ("82.98", "45.50")):
            lines.append(
                {
                    **line,
                    "quantity": Decimal(quantity),
                    "price": Decimal("0.5483"),
                    "amount": Decimal(amount),
                }
            )
        for percent in (13, 15):
            self.product.taxes_id.amount = percent
            move = ledger._credit_note(self.contract, lines[-2:], date(2026, 3, 1), "R")
            self.assertEqual(move.amount_total, 115.5, percent)
            self.assertEqual(move.invoice_line_ids.mapped("quantity"), [127.66, 82.98])
        excluded = self.product.copy(
            {"taxes_id": [fields.Command.set(self.company.account_sale_tax_id.ids)]}
        )
        with self.assertRaisesRegex(UserError, "included in the price"):
            ledger._invoice(
                self.contract, [{**lines[0], "product": excluded}], date(2026, 3, 1), "R"
            )

    def test_many_parts_of_a_cent_do_not_add_up_to_another_total(self):
        """Rounded as a whole they would be three cents more than line by line."""
        line = {"product": self.product, "name": "x", "quantity": Decimal(1)}
        line |= {"price": Decimal("0.3349"), "amount": Decimal("0.33")}
        for method in ("round_per_line", "round_globally"):
            self.company.tax_calculation_rounding_method = method
            move = self.env["utility.ledger"]._credit_note(
                self.contract, [line] * 6, date(2026, 3, 1), "R"
            )
            self.assertEqual(move.amount_total, 1.98, method)
            self.assertEqual(set(move.invoice_line_ids.mapped("price_total")), {0.33}, method)

    def test_missing_accounts_are_named(self):
        self._policy("on_use")
        self.company.utility_advance_account_id = False
        vend = self._delivered()
        self._post()
        self.assertIn("is missing", vend.posting_error)
        self.assertEqual(self._open_items(), ["-100.00"], "The money stays visible")


@tagged("post_install_l10n", "post_install", "-at_install")
class TestLedgerCompanies(LedgerCommon):
    """One company in China in yuan, another one in euros, at one counter."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("cn")
    def setUpClass(cls):
        super().setUpClass()
        euro = cls.env.ref("base.EUR")
        euro.active = True
        cls.other = cls.env["res.company"].create({"name": "Harbour", "currency_id": euro.id})
        cls._use_chart_template(cls.other, "generic_coa")
        cls.other.currency_id = euro
        cls.other.partner_id.tz = "Europe/Berlin"
        cls.env.user.company_ids |= cls.other
        cls.other._utility_setup()
        cls.other.utility_tz = "Europe/Berlin"
        cls.users["cashier"].company_ids |= cls.other
        env = cls.env(
            context={**cls.env.context, "allowed_company_ids": (cls.other | cls.company).ids}
        )
        site = env["utility.site"].create(
            {"name": "Harbour", "code": "H", "company_id": cls.other.id}
        )
        cls.other_meter = env["utility.meter"].create(
            {
                "address": "202611000099",
                "type_id": cls.meter.type_id.id,
                "site_id": site.id,
            }
        )
        tariff = env["utility.tariff"].create(
            {
                "name": "Quay",
                "company_id": cls.other.id,
                "amount_max": 5000,
                "price_ids": [fields.Command.create({"date_from": "2020-01-01", "price": 0.5})],
            }
        )
        contract = env["utility.contract"].create(
            {
                "meter_id": cls.other_meter.id,
                "partner_id": cls.customer.id,
                "tariff_id": tariff.id,
            }
        )
        contract.action_open()
        command = env["utility.command"].search([("contract_id", "=", contract.id)])
        cls._prove(command, before="0", after="0")
        cls.other_contract = contract

    def test_each_in_its_own_books_and_currency(self):
        self.env["utility.policy"].create(
            {
                "company_id": self.other.id,
                "utility": "electricity",
                "policy": "on_use",
                "date_from": "2020-01-01",
            }
        )
        cash = self.env["account.journal"].search(
            [("company_id", "=", self.other.id), ("utility_counter", "=", True)], limit=1
        )
        both = (self.other | self.company).ids
        counter = (
            self.env["utility.counter"]
            .with_user(self.users["cashier"])
            .with_company(self.other)
            .with_context(allowed_company_ids=both)
        )
        ours = self._delivered("100.00")
        status = counter.sell("sale-in-euros-1", self.other_meter.id, "50.00", cash.id)
        theirs = self.env["utility.vend"].browse(status["id"])
        self._prove(theirs.command_id)
        self._post()
        self.assertEqual((ours.policy, theirs.policy), ("sale", "on_use"))
        for vend, company, currency in (
            (ours, self.company, "CNY"),
            (theirs, self.other, "EUR"),
        ):
            moves = vend.move_id | vend.payment_id.move_id
            self.assertEqual(moves.company_id, company)
            self.assertEqual(set(moves.mapped("currency_id.name")), {currency})
            self.assertEqual(moves.line_ids.account_id.company_ids, company)
        self.assertEqual(
            self._items(theirs.move_id),
            sorted(
                [
                    (self.other.utility_account_id.name, 50.0),
                    (self.other.utility_advance_account_id.name, -50.0),
                ]
            ),
        )
        self.assertFalse(self.contract._open_credit_lines())
        self.assertFalse(self.other_contract._open_credit_lines())

    def test_batches_keep_to_a_company(self):
        vends = self.env["utility.vend"].browse(
            [
                self._movement("sale", 1, 0).id,
                self._movement("sale", 1, 0).id,
            ]
        )
        vends[1].sudo().company_id = self.other
        self.assertEqual(vends._posting_batches(), [vends[0], vends[1]])
