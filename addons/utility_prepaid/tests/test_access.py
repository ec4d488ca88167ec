from datetime import datetime

from odoo import SUPERUSER_ID
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..tools.reading_store import Reading
from .test_archive import ArchiveCommon

ROLES = ("reader", "cashier", "supervisor", "accountant", "engineer", "manager", "administrator")
PLACES = ("utility.site", "utility.building", "utility.floor", "utility.room")
PRICES = (
    "utility.tariff",
    "utility.tariff.price",
    "utility.tariff.step",
    "utility.tariff.slot",
    "utility.customer.class",
    "utility.quota.plan",
    "utility.quota.line",
    "utility.limit",
)
# written by the product's own gates only, whoever asks
GATED = (
    "utility.vend",
    "utility.vend.line",
    "utility.incoming",
    "utility.consumption.line",
    "utility.command",
    "utility.operation",
    "utility.settlement",
    "utility.settlement.step",
    "utility.settlement.line",
    "utility.contract.pause",
    "utility.meter.state",
    "utility.approval",
    "utility.reading",
    "utility.reading.hour",
    "utility.reading.day",
    "utility.reading.month",
    "utility.cash.session",
    "utility.cash.session.method",
    "utility.cash.denomination",
    "utility.cash.move",
    "utility.cash.uncertain",
)
# model -> operation -> roles that may; what is not named nobody may
RIGHTS = {
    **{
        place: {
            "write": ("engineer", "manager", "administrator"),
            "create": ("engineer", "manager", "administrator"),
            "unlink": ("manager", "administrator"),
        }
        for place in PLACES
    },
    **{
        price: {
            operation: ("manager", "administrator") for operation in ("write", "create", "unlink")
        }
        for price in PRICES
    },
    **{
        model: {
            operation: ("accountant", "administrator")
            for operation in ("write", "create", "unlink")
        }
        for model in ("utility.policy", "utility.consumption")
    },
    "utility.meter.type": {
        "write": ("engineer", "administrator"),
        "create": ("engineer", "administrator"),
        "unlink": ("administrator",),
    },
    "utility.meter": {
        "write": ("engineer", "administrator"),
        "create": ("engineer", "administrator"),
        "unlink": ("administrator",),
    },
    "utility.contract": {
        operation: ("cashier", "supervisor", "engineer", "manager", "administrator")
        for operation in ("write", "create")
    }
    | {"unlink": ("administrator",)},
    "utility.cash.reason": {
        operation: ("accountant", "administrator") for operation in ("write", "create", "unlink")
    },
    **{model: {} for model in GATED},
}


@tagged("post_install", "-at_install")
class TestAccess(ArchiveCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = cls.env(su=True)
        cls.users = {
            role: new_test_user(
                root, login=f"access_{role}", groups=f"utility_prepaid.group_{role}"
            )
            for role in ROLES
        }
        cls.outsider = new_test_user(root, login="access_outsider", groups="base.group_user")
        cls.meter = cls._meter("202611000001")
        cls.contract = root["utility.contract"].create(
            {
                "partner_id": cls.outsider.partner_id.id,
                "meter_id": cls.meter.id,
                "tariff_id": cls.tariff.id,
            }
        )
        cls.contract.action_open()
        root["utility.meter.state"]._store(cls.meter.id, datetime(2026, 11, 1), balance=1)

    def test_every_role_and_every_model(self):
        for model, operations in RIGHTS.items():
            for role, user in self.users.items():
                records = self.env[model].with_user(user)
                with self.subTest(model=model, role=role):
                    allowed = {
                        operation
                        for operation in ("read", "write", "create", "unlink")
                        if records.has_access(operation)
                    }
                    expected = {"read"} | {
                        operation for operation, roles in operations.items() if role in roles
                    }
                    self.assertEqual(allowed, expected)

    def test_an_employee_without_a_role_sees_nothing(self):
        for model in RIGHTS:
            with self.subTest(model), self.assertRaises(AccessError):
                self.env[model].with_user(self.outsider).search([])
        # and an ordinary contact form still opens
        partner = self.outsider.partner_id.with_user(self.outsider)
        self.assertNotIn("utility_contract_count", partner.fields_get())
        self.assertTrue(partner.read(["name"]))

    def test_a_reader_reads_all_of_the_archive(self):
        reader = self.users["reader"]
        for record in (self.site, self.room, self.meter, self.tariff):
            with self.subTest(record._name):
                seen = record.with_user(reader)
                self.assertTrue(seen.read())
                with self.assertRaises(AccessError):
                    seen.write({"active": True} if "active" in seen._fields else {"code": "x"})
        contract = self.contract.with_user(reader)
        self.assertTrue(contract.read())
        for deed in (contract.action_open, contract.action_close, contract.action_abandon):
            with self.assertRaises(AccessError):
                deed()

    def test_a_cashier_makes_contracts_and_no_meters(self):
        cashier = self.users["cashier"]
        meter = self._meter("202611000002")
        contract = (
            self.env["utility.contract"]
            .with_user(cashier)
            .create(
                {
                    "partner_id": self.outsider.partner_id.id,
                    "meter_id": meter.id,
                    "tariff_id": self.tariff.id,
                }
            )
        )
        contract.action_open()
        self.assertEqual(contract.state, "opening")
        with self.assertRaises(AccessError):
            meter.with_user(cashier).write({"auto_read": False})
        with self.assertRaises(AccessError):
            self.tariff.with_user(cashier).price_ids.write({"price": 0.0001})

    def test_menus_of_each_role(self):
        def shown(role):
            menus = self.env["ir.ui.menu"].with_user(self.users[role])
            visible = menus._visible_menu_ids()
            return {
                name
                for name in ("counter", "vend", "meter", "tariff", "operation", "configuration",
                             "settings")
                if self.env.ref(f"utility_prepaid.menu_{name}").id in visible
            }  # fmt: skip

        everyone = {"vend", "meter", "tariff", "operation"}
        self.assertEqual(shown("reader"), everyone)
        self.assertEqual(shown("cashier"), everyone | {"counter"})
        self.assertEqual(shown("engineer"), everyone | {"configuration"})
        desk = everyone | {"counter", "configuration"}
        self.assertEqual(shown("administrator"), desk)
        # the settings screen is Odoo's own: it also asks for Odoo's right to settings
        self.users["administrator"].sudo().group_ids += self.env.ref("base.group_system")
        self.assertEqual(shown("administrator"), desk | {"settings"})


@tagged("post_install", "-at_install")
class TestCompanies(ArchiveCommon):
    """Nobody, not even the administrator of one company, sees another company's desk."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # who creates a company is let into it: not the engineer
        root = cls.env(user=SUPERUSER_ID)
        cls.company = root["res.company"].create({"name": "Other"})
        cls.stranger = new_test_user(
            root,
            login="access_stranger",
            groups="utility_prepaid.group_administrator",
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
        )
        cls.meter = cls._meter("202611000001")
        cls.contract = root["utility.contract"].create(
            {
                "partner_id": cls.engineer.partner_id.id,
                "meter_id": cls.meter.id,
                "tariff_id": cls.tariff.id,
            }
        )
        cls.contract.action_open()
        root["utility.meter.state"]._store(cls.meter.id, datetime(2026, 11, 1), balance=1)
        root["utility.reading"]._store([Reading(cls.meter.id, datetime(2026, 11, 1), total="1")])
        hours = root["utility.reading.hour"]
        hours._roll_up(hours._mark(), hours._settled())

    def _records(self):
        yield from (self.site, self.building, self.floor, self.room, self.meter, self.tariff)
        yield from (self.tariff.price_ids, self.contract, self.meter.state_ids)
        for model in (
            "utility.command",
            "utility.operation",
            "utility.reading",
            "utility.reading.hour",
            "utility.reading.day",
            "utility.reading.month",
        ):
            yield self.env[model].search([("meter_id", "=", self.meter.id)], limit=1)

    def test_another_companys_records_are_not_there(self):
        for record in self._records():
            with self.subTest(record._name):
                self.assertTrue(record)
                foreign = record.with_user(self.stranger)
                self.assertFalse(foreign.search([("id", "=", record.id)]))
                with self.assertRaises(AccessError):
                    foreign.read(["id", "display_name"])

    def test_another_companys_meters_are_not_operated(self):
        meter = self.meter.with_user(self.stranger)
        contract = self.contract.with_user(self.stranger)
        for deed in (meter.action_accept_number, contract.action_close, contract.action_abandon):
            with self.subTest(deed.__name__), self.assertRaises(AccessError):
                deed()

    def test_every_model_with_a_company_has_a_rule(self):
        models = {
            name
            for name, model in self.env.registry.items()
            if name.startswith("utility.")
            and "company_id" in model._fields
            and model._auto
            and not model._transient
        }
        ruled = set(
            self.env["ir.rule"].sudo().search([("groups", "=", False)]).model_id.mapped("model")
        )
        self.assertFalse(models - ruled)
        self.assertIn("utility.vend", models)

    def test_nothing_is_added_to_another_companys_site(self):
        root = self.env(user=SUPERUSER_ID)
        site = root["utility.site"].create(
            {"name": "Far", "code": "F", "company_id": self.company.id}
        )
        self.assertEqual(site.company_id, self.company)
        with self.assertRaises(AccessError):
            self.env["utility.building"].create({"name": "x", "code": "x", "site_id": site.id})
