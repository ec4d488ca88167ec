def post_init_hook(env):
    """Prepare every company that already has a chart of accounts."""
    for company in env["res.company"].search([("chart_template", "!=", False)]):
        company._utility_setup()


def uninstall_hook(env):
    """Odoo drops the tables of models; those of readings and of checks are no model's own."""
    env["utility.check.part"]._drop()
    env.cr.execute(
        """
        DROP VIEW IF EXISTS utility_reading;
        DROP TABLE IF EXISTS utility_reading_raw;
        DROP TABLE IF EXISTS utility_reading_mark
        """
    )
