from datetime import datetime
from uuid import uuid4

from odoo import fields
from odoo.tests import freeze_time

from ..tools.reading_store import Reading
from .common import UtilityCommon


class LedgerCommon(UtilityCommon):
    """Documents as an accountant reads them: "invoice: customers 100.00, revenue -88.50 …".

    Amounts are debit less credit. Both charts take 13 % for electricity, so that one table of
    figures holds for all of them.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        company = cls.company
        cls.product = company.utility_electricity_product_id
        products = cls.product | company.utility_fee_product_id | company.utility_service_product_id
        cls.product.taxes_id.amount = 13
        products.taxes_id = cls.product.taxes_id
        tax = cls.product.taxes_id.invoice_repartition_line_ids.account_id
        fee = cls.env["account.account"].create(
            {"name": "Fees earned", "code": "FEES", "account_type": "income"}
        )
        (products - cls.product).property_account_income_id = fee
        cls.roles = {
            company.utility_account_id: "customers",
            company.utility_liability_account_id: "liability",
            company.utility_advance_account_id: "advance",
            company.utility_payable_account_id: "utility",
            company.utility_adjustment_account_id: "adjustments",
            company.utility_free_account_id: "free",
            company.utility_loss_account_id: "loss",
            cls.cash.default_account_id: "cash",
            cls.product.with_company(company)._utility_income_account(): "revenue",
            fee: "fees",
            tax: "tax",
        }
        cls.supplier = cls.env["res.partner"].create({"name": "City Power"})
        cls.seen = cls.env["account.move"].search([])

    # ----------------------------------------------------------------- acts

    def _policy(self, policy, date_from="2020-01-01", utility="electricity"):
        return (
            self.env["utility.policy"]
            .with_user(self.users["accountant"])
            .create(
                {
                    "company_id": self.company.id,
                    "utility": utility,
                    "policy": policy,
                    "date_from": date_from,
                    "partner_id": self.supplier.id if policy == "agency" else False,
                }
            )
        )

    def _explain(self, vend, *lines, before=0, after=0):
        """Let a sale be made of other lines: (kind, amount, further values)."""
        vend.sudo().line_ids.unlink()
        total = {"units": 0, "fee": 0, "service": 0, "arrears": 0}
        for kind, amount, *values in lines:
            total[kind] += amount
            self.env["utility.vend.line"].sudo().create(
                {
                    "vend_id": vend.id,
                    "kind": kind,
                    "name": kind,
                    "amount": amount,
                    **(values[0] if values else {}),
                }
            )
        vend.sudo().write(
            {
                "cost": total["units"],
                "fee_amount": total["fee"] + total["service"],
                "arrears_amount": total["arrears"],
                "remainder_before": before,
                "remainder_after": after,
            }
        )

    def _movement(self, kind, units, cost=0, contract=None, before=0, at=None, **values):
        """A movement that its meter proved, of a kind that is made elsewhere."""
        contract = self.contract if contract is None else contract
        meter = contract.meter_id or self.meter
        vend = self.env["utility.vend"]._create_one(
            str(uuid4()),
            self.company,
            {
                "kind": kind,
                "contract_id": contract.id,
                "meter_id": meter.id,
                "partner_id": contract.partner_id.id,
                "currency_id": self.company.currency_id.id,
                "cost": cost,
                "units": units,
                "credit": units / (meter.ct_ratio or 1),
                "price": round(cost / units, 4) if cost else 0,
                **values,
            },
            [{"kind": "units", "name": "Electricity", "quantity": units, "amount": cost}]
            if cost
            else [],
        )
        at = at or fields.Datetime.now()
        vend._update_state(("draft",), "accepted", accepted_at=at)
        vend._update_state(
            ("accepted",), "delivered", delivered_at=at,
            balance_before=before, balance_after=before + units,
        )  # fmt: skip
        return vend

    def _read(self, at, meter=None, **said):
        """Something that a meter said, at a UTC time."""
        reading = Reading((meter or self.meter).id, datetime.fromisoformat(at), **said)
        self.env["utility.reading"].sudo()._store([reading])

    def _run(self, month, post=True, user="accountant", **values):
        """A consumption run of a month, in the first days of the next one."""
        runs = self.env["utility.consumption"].with_user(self.users[user])
        with freeze_time(fields.Date.add(fields.Date.to_date(month), months=1, days=1)):
            run = runs.create({"company_id": self.company.id, "month": month, **values})
            run.action_preview()
            if post:
                self._release(run)
        return run

    def _release(self, run, state="posted"):
        run.action_post()
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_post_consumption").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(run.state, state, run.posting_error)

    # ---------------------------------------------------------------- books

    def _new(self, contract=None):
        """Documents posted since the last call, as texts, in their order."""
        moves = self.env["account.move"].search(
            [("id", "not in", self.seen.ids), ("company_id", "=", self.company.id)], order="id"
        )
        type(self).seen = self.seen | moves
        self.assertEqual(set(moves.mapped("state")) - {"posted"}, set())
        for move in moves.filtered(lambda move: move.utility_vend_id):
            self.assertEqual(move.utility_contract_id, contract or self.contract, move.name)
        return [self._text(move) for move in moves]

    def _text(self, move):
        name = {
            "out_invoice": "invoice",
            "out_refund": "credit note",
            "entry": "payment" if move.origin_payment_id else "entry",
        }[move.move_type]
        items = sorted(
            ((-line.balance, self.roles.get(line.account_id, line.account_id.name)))
            for line in move.line_ids
        )
        return f"{name}: " + ", ".join(f"{role} {-amount:.2f}" for amount, role in items)

    def _open_items(self):
        """What is open on the customers' account, as texts."""
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ],
            order="id",
        )
        return [f"{line.amount_residual:.2f}" for line in lines]
