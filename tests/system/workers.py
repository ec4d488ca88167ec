"""Several workers on one desk: who drives which box, on which server, and what becomes of it."""

import threading

from processes import SLOWER, until

# The advisory lock of a worker's run: which server holds it.
RUNS = """
    SELECT l.objid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND a.datname = %s
       AND l.classid = 1835365477 AND l.objsubid = 2
"""
ACTION = (
    "UPDATE ir_cron SET active = %s FROM meter_worker w WHERE w.cron_id = ir_cron.id AND w.id = %s"
)


def boxes(desk):
    """{box: its worker}"""
    return dict(desk.sql("SELECT code, worker_id FROM meter_concentrator ORDER BY code"))


def share_out(desk, action="action_share"):
    """An administrator has the boxes shared out; one with an order on its wire stays."""
    desk.till("administrator").insist("meter.worker", action, [])


def die(desk, worker):
    """kill -9 for the server that runs a worker, and no other one runs it: its scheduled action is
    switched off in the same moment."""
    # It waits for the row that the run holds, and has it before any other server.
    stopping = threading.Thread(target=desk.sql, args=(ACTION, (False, worker)), daemon=True)
    name = until(lambda: _runs(desk).get(worker), 60, "somebody runs the worker", desk.report)
    stopping.start()
    next(server for server in desk.running() if f"odoo-{server.pid}" == name).kill()
    stopping.join(60 * SLOWER)
    assert not stopping.is_alive(), desk.report()


def _runs(desk):
    """{worker: name of the server that runs it now}"""
    return dict(desk.sql(RUNS, (desk.database,)))


def come_back(desk, worker):
    """Its scheduled action is switched on again."""
    desk.sql(ACTION, (True, worker))


def take_over(desk, dead):
    """The watchdog misses a worker, and later gives its boxes to another one; the six minutes that
    it is patient are written into the database instead of waited for."""
    _age(desk, dead, "last_seen")
    _watch_until(desk, lambda: _missed(desk, dead), "the dead worker is missed")
    assert dead in boxes(desk).values(), "it may only have been slow"
    _age(desk, dead, "missed_at")
    _watch_until(desk, lambda: dead not in boxes(desk).values(), "its boxes have another worker")


def _age(desk, worker, column):
    desk.sql(
        f"UPDATE meter_worker SET {column} = {column} - interval '4 minutes' WHERE id = %s",
        (worker,),
    )


def _missed(desk, worker):
    return desk.value("SELECT missed_at FROM meter_worker WHERE id = %s", (worker,))


def _watch_until(desk, condition, what):
    """Let the watchdog's scheduled action run again and again until it has done something."""

    def watched():
        desk.sql(
            "UPDATE ir_cron SET nextcall = now() at time zone 'utc' - interval '1 second'"
            "  FROM ir_act_server a WHERE a.id = ir_cron.ir_actions_server_id AND a.code = %s"
            "   AND nextcall > now() at time zone 'utc'",
            ("model._cron_watch()",),
        )
        desk.call_workers()
        return condition()

    until(watched, 90, what, desk.report, every=0.5)
