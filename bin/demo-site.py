# Fed to `odoo shell` by bin/run: fill a new database with the demo site, write down its logins.
# ruff: noqa: F821  (the shell provides env)
import os

logins = env["utility.site"]._load_demo_site()
# Known to everybody, like all of the demo: a real installation is made without this file.
env.ref("base.user_admin").password = "admin"
env.cr.commit()
logins = [*logins, ("admin", "admin", "Odoo administrator")]
with open(os.environ["DEMO_LOGINS"], "w", encoding="utf-8") as file:
    file.writelines("\t".join(row) + "\n" for row in logins)
