"""Fed to `odoo shell` once per state of the addons: books, prices and people, no meters."""
# ruff: noqa: F821  (the shell provides env)

from datetime import date

from odoo.fields import Command

company = env.ref("base.main_company")
if not company.chart_template:
    env["account.chart.template"].sudo().try_loading("generic_coa", company)
company.partner_id.tz = "Asia/Shanghai"
company._utility_setup()
site = env["utility.site"].create({"name": "North", "code": "N", "company_id": company.id})
building = env["utility.building"].create({"name": "One", "code": "1", "site_id": site.id})
env["utility.floor"].create({"name": "1", "code": "1", "building_id": building.id})
env["utility.tariff"].create(
    {
        "name": "Homes",
        "utility": "electricity",
        "company_id": company.id,
        "amount_max": 5000,
        "price_ids": [Command.create({"date_from": date(2020, 1, 1), "price": 0.5483})],
    }
)
for login, role in (
    *((f"cashier{number}", "cashier") for number in range(1, 6)),
    ("supervisor", "supervisor"),
    ("accountant", "accountant"),
    ("engineer", "engineer"),
    ("manager", "manager"),
    ("administrator", "administrator"),
):
    env["res.users"].with_context(no_reset_password=True).create(
        {
            "name": login.capitalize(),
            "login": login,
            "password": login,
            "tz": "Asia/Shanghai",
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
            "group_ids": [
                Command.set(
                    [env.ref("base.group_user").id, env.ref(f"utility_prepaid.group_{role}").id]
                )
            ],
        }
    )
env.cr.commit()
