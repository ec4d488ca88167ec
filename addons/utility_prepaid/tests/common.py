from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from unittest.mock import patch
from uuid import uuid4

from odoo import fields
from odoo.tests import new_test_user

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


class Killed(BaseException):
    """The server's process ends in the middle of something."""


class UtilityCommon(AccountTestInvoicingCommon):
    """A company on a real chart with one site, meters, contracts and a cashier."""

    @classmethod
    def get_default_groups(cls):
        return super().get_default_groups() | cls.quick_ref("utility_prepaid.group_administrator")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data["company"]
        # The database's clock is not frozen with the tests'.
        cls.startClassPatcher(
            patch.object(type(cls.company), "_database_now", lambda self: fields.Datetime.now())
        )
        cls.company.partner_id.tz = "Asia/Shanghai"
        cls.company._utility_setup()
        cls.cash = cls.env["account.journal"].search(
            [
                ("company_id", "=", cls.company.id),
                ("type", "=", "cash"),
                ("utility_counter", "=", True),
            ]
        )
        cls.customer_account = cls.company.utility_account_id
        cls.site = cls.env["utility.site"].create(
            {"name": "North", "code": "N", "company_id": cls.company.id}
        )
        building = cls.env["utility.building"].create(
            {"name": "One", "code": "1", "site_id": cls.site.id}
        )
        floor = cls.env["utility.floor"].create(
            {"name": "1", "code": "1", "building_id": building.id}
        )
        cls.room = cls.env["utility.room"].create(
            {"name": "101", "code": "101", "floor_id": floor.id}
        )
        cls.tariff = cls.env["utility.tariff"].create(
            {
                "name": "Homes",
                "utility": "electricity",
                "company_id": cls.company.id,
                "amount_max": 5000,
                "price_ids": [
                    fields.Command.create({"date_from": date(2020, 1, 1), "price": 0.5483})
                ],
            }
        )
        cls.customer = cls.env["res.partner"].create({"name": "Room 101 tenant"})
        cls.meter = cls._meter("202611000001")
        cls.contract = cls._contract(cls.meter)
        groups = "base.group_user,utility_prepaid.group_{}"
        cls.users = {
            role: new_test_user(
                cls.env,
                login=f"desk_{role}",
                groups=groups.format(role),
                company_id=cls.company.id,
                company_ids=[fields.Command.set(cls.company.ids)],
                tz="Asia/Shanghai",
            )
            for role in ("cashier", "supervisor", "accountant", "engineer", "manager", "reader")
        }

    @classmethod
    def _meter(cls, address, type_code="d_single", **values):
        meter_type = cls.env["utility.meter.type"].search([("code", "=", type_code)])
        return cls.env["utility.meter"].create(
            {
                "address": address,
                "type_id": meter_type.id,
                "room_id": cls.room.id,
                **values,
            }
        )

    @classmethod
    def _contract(cls, meter, tariff=None, partner=None):
        """An active contract: its opening is proved as the meter would prove it."""
        contract = cls.env["utility.contract"].create(
            {
                "meter_id": meter.id,
                "partner_id": (partner or cls.customer).id,
                "tariff_id": (tariff or cls.tariff).id,
            }
        )
        contract.action_open()
        command = cls.env["utility.command"].search(
            [("contract_id", "=", contract.id), ("kind", "=", "open")]
        )
        cls._prove(command, before="0", after="0")
        return contract

    # ------------------------------------------------ what a meter would do

    @classmethod
    def _arm(cls, command):
        meter = command.meter_id
        return command._arm(meter.purchase_number + 1, meter.epoch, "0" * 64, 1)

    @classmethod
    def _prove(cls, command, before="10.00", after=None):
        """Send a queued command and prove it by the meter's record."""
        cls._arm(command)
        command._answered("Accepted")
        after = Decimal(after) if after else Decimal(before) + Decimal(str(command.credit))
        command._prove(
            {
                "number": command.number,
                "epoch": command.epoch,
                "balance_before": Decimal(before),
                "balance_after": after,
                "cumulative": after,
            }
        )

    def _counter(self, role="cashier"):
        return (
            self.env["utility.counter"]
            .with_user(self.users[role])
            .with_company(self.company)
            .with_context(allowed_company_ids=self.company.ids)
        )

    def _sell(self, amount="100.00", meter=None, uuid=None, role="cashier", journal=None):
        status = self._counter(role).sell(
            uuid or str(uuid4()), (meter or self.meter).id, amount, (journal or self.cash).id
        )
        return self.env["utility.vend"].browse(status["id"])

    def _delivered(self, amount="100.00", **kwargs):
        vend = self._sell(amount, **kwargs)
        self._prove(vend.command_id)
        return vend

    def _post(self):
        with self.enter_registry_test_mode():
            self.env.ref("utility_prepaid.ir_cron_post_vends").method_direct_trigger()
        self.env.invalidate_all()
        # The action numbers documents by a memory of its own: forget ours, as a commit does.
        self.env["account.move"]._get_sequence_cache().clear()

    @contextmanager
    def _killed(self):
        """What is committed inside stays, as on a server; `assertRaises` would take it back."""
        try:
            yield
        except Killed:
            return
        self.fail("Nothing was killed")

    # ---------------------------------------------------------------- books

    def _items(self, moves):
        """Journal items as {(account name, debit - credit)}: what an accountant reads."""
        return sorted((line.account_id.name, round(line.balance, 2)) for line in moves.line_ids)

    def _open_credit(self, partner=None):
        """Open credits on the customers' account, positive."""
        lines = self.env["account.move.line"].search(
            [
                ("account_id", "=", self.customer_account.id),
                ("parent_state", "=", "posted"),
                ("partner_id", "=", (partner or self.customer).id),
            ]
        )
        return -round(sum(lines.mapped("amount_residual")), 2)
