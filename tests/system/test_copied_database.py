"""A database that was copied elsewhere opens no line: its sales wait, the meters hear nothing."""

from books import broken, watch
from processes import until

# The sale calls its worker's scheduled action; the call is gone when that has run.
CALLED = """
    SELECT count(*) FROM ir_cron_trigger t JOIN meter_worker w ON w.cron_id = t.cron_id
     WHERE t.call_at <= now() AT TIME ZONE 'UTC'
"""


def test_copied_database(make_desk):
    desk = make_desk(meters=4)
    simulator = desk.start_simulator()
    desk.start_server().wait_ready()
    desk.open_contracts()
    desk.servers[-1].end()
    before = simulator("stats")["ports"]
    original, copy = desk.database, f"{desk.database}_copy"
    desk.cluster.copy(original, copy)
    try:
        desk.database = copy
        for other in (desk.folder / "other-instance", desk.instance):
            # Another machine's instance file, and none of its own: the original's, same machine.
            if other != desk.instance:
                other.write_text("f3b0c1d2-0000-4000-8000-000000000000\n")
            _sells_in_vain(desk, other)
        assert simulator("stats")["ports"] == before
    finally:
        desk.database = original
        desk.cluster.drop(copy)
    posted = watch(desk)
    desk.start_server().wait_ready()
    desk._tills.clear()
    sold = desk.till("cashier1").sell(desk.meters[0], "20.00")
    until(
        lambda: desk.till("cashier1").status(sold["id"])[0]["steps"]["posted"],
        60,
        "the original still sells",
        desk.report,
    )
    assert broken(desk, posted) == []


def _sells_in_vain(desk, instance):
    server = desk.start_server(database=desk.database, instance=instance)
    server.wait_ready()
    desk._tills.clear()
    till = desk.till("cashier2")
    free = next(
        meter
        for meter in desk.meters
        if not desk.sql(
            "SELECT 1 FROM utility_command WHERE meter_id = %s AND state = 'queued'",
            (meter["id"],),
        )
    )
    till.sell(free, "10.00")
    status = until(
        lambda: (found := till.counter("get_config")["worker"])["ok"] is False and found,
        60,
        "the counter says that no line is opened",
        desk.report,
    )
    assert "cop" in status["message"], status
    # The worker has run, and left everything where it was.
    till.sell(next(m for m in desk.meters if m is not free and not _busy(desk, m)), "10.00")
    until(
        lambda: not desk.value(CALLED),
        60,
        "the worker has run for this sale",
        desk.report,
    )
    states = {state for (state,) in desk.sql(
        "SELECT state FROM utility_command WHERE kind = 'charge'"
    )}  # fmt: skip
    assert states == {"queued"}
    assert (
        desk.value("SELECT count(*) FROM utility_command WHERE kind = 'charge' AND numbered") == 0
    )
    server.end()


def _busy(desk, meter):
    return desk.sql(
        "SELECT 1 FROM utility_command WHERE meter_id = %s AND state = 'queued'", (meter["id"],)
    )
