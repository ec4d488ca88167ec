def uninstall_hook(env):
    """Take away the scheduled actions of the workers: those made by hand have no XML id."""
    workers = env["meter.worker"].with_context(active_test=False).search([])
    crons = workers.cron_id
    workers.cron_id = False
    crons.unlink()
