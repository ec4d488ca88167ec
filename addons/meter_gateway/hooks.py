def uninstall_hook(env):
    """Take away what would stand in the way of removing the workers and their scheduled actions."""
    env.cr.execute("UPDATE utility_meter SET port_id = NULL, concentrator_id = NULL")
    env.cr.execute("DELETE FROM meter_concentrator")
    env.invalidate_all()
    workers = env["meter.worker"].with_context(active_test=False).search([("id", "!=", 0)])
    crons = workers.cron_id
    workers.cron_id = False
    crons.unlink()
