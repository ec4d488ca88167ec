from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestDemoSite(TransactionCase):
    """The site that people meet first; no other test depends on it."""

    def test_loads_once_and_completely(self):
        sites = self.env["utility.site"]
        logins = sites._load_demo_site()
        self.assertEqual(
            [login for login, __, __ in logins],
            ["cashier", "supervisor", "accountant", "engineer", "manager", "reader"],
        )
        site = self.env.ref("utility_prepaid.demo_site")
        self.assertTrue(site.company_id.chart_template)
        self.assertTrue(site.company_id.utility_account_id)
        meters = self.env["utility.meter"].search([("site_id", "=", site.id)])
        self.assertEqual(site.building_count, 2)
        self.assertEqual(
            {kind.code: len(rows) for kind, rows in meters.grouped("type_id").items()},
            {
                "d_single": 20,
                "d_three": 4,
                "d_water": 6,
                "d_smart": 2,
                "b_07": 4,
                "c_07": 2,
                "e_water": 2,
            },
        )
        contracts = meters.contract_ids
        self.assertEqual(
            {state: len(rows) for state, rows in contracts.grouped("state").items()},
            {"active": 30, "closed": 1},
        )
        sellable = contracts.filtered(lambda c: c.state == "active").meter_id
        self.assertTrue(all(sellable.mapped("number_known")))
        self.assertEqual(set(sellable.mapped("purchase_number")), {0})
        prepaid = meters.filtered("prepaid")
        self.assertEqual(len(prepaid.filtered(lambda m: not m.contract_ids)), 1)
        self.assertEqual(len(set(contracts.mapped("customer_number"))), 31)
        for contract in contracts:
            self.assertRegex(contract.customer_number, "^[0-9]{12}$")

        counted = (
            "utility.meter",
            "utility.contract",
            "res.partner",
            "res.users",
            "account.journal",
        )
        before = [self.env[model].search_count([]) for model in counted]
        self.assertEqual(sites._load_demo_site(), logins)
        self.assertEqual([self.env[model].search_count([]) for model in counted], before)

    def test_a_user_for_each_role(self):
        for login, __, __ in self.env["utility.site"]._load_demo_site():
            user = self.env["res.users"].search([("login", "=", login)])
            self.assertTrue(user.has_group(f"utility_prepaid.group_{login}"), login)
            self.assertFalse(user.has_group("base.group_system"), login)
