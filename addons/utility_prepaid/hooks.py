def post_init_hook(env):
    """Prepare every company that already has a chart of accounts."""
    for company in env["res.company"].search([("chart_template", "!=", False)]):
        company._utility_setup()
