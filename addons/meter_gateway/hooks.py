def uninstall_hook(env):
    """Take away the scheduled actions of the workers: those made by hand have no XML id."""
    env["meter.worker"].with_context(active_test=False).search([]).cron_id.unlink()
