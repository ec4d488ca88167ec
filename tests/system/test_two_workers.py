"""Two workers share the boxes; one dies with an order on the wire, and the other one takes over."""

import random
import threading

from books import broken, errors_in_logs, watch
from processes import until
from test_two_servers import at_rest, sell_some
from till import Till

SALES = 12
OWNER = """
    SELECT l.objid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND a.datname = %s
       AND l.classid = 1835365477 AND l.objsubid = 2
"""


def owners(desk):
    """{worker: name of the server that runs it now}"""
    return dict(desk.sql(OWNER, (desk.database,)))


def boxes(desk):
    """{box: its worker}"""
    return dict(desk.sql("SELECT code, worker_id FROM meter_concentrator"))


def share_out(desk, action):
    """An administrator has the boxes shared out; one with an order on its wire stays."""
    administrator = desk.till("administrator")
    until(lambda: at_rest(desk), 60, "no order is on a wire", desk.report)
    administrator.insist("meter.worker", action, [])
    assert len(set(boxes(desk).values())) == 2, boxes(desk)


def watchdog(desk):
    """The scheduled action that looks for workers that died, now instead of in a minute."""
    desk.sql(
        "UPDATE ir_cron SET nextcall = now() at time zone 'utc' - interval '1 second'"
        " WHERE ir_actions_server_id = (SELECT id FROM ir_act_server WHERE code = %s)"
        "   AND nextcall > now() at time zone 'utc'",
        ("model._cron_watch()",),
    )
    desk.call_workers()


def stop_action(desk, worker):
    """Switch a worker's scheduled action off; it waits until the server lets go of its row."""
    desk.sql(
        "UPDATE ir_cron SET active = false"
        " WHERE id = (SELECT cron_id FROM meter_worker WHERE id = %s)",
        (worker,),
    )


def sell_and_leave(desk, meter):
    """Sell to a meter that gets the order and does not answer; the sale once the order has left."""
    desk.simulator("fault", address=meter["address"], kind="lost_reply", count=1, when="money")
    sale = Till(desk, "cashier3").sell(meter, "20.00")
    until(
        lambda: not desk.simulator("stats")["waiting"].get(meter["address"]),
        60, "the order has left", desk.report, every=0.01,
    )  # fmt: skip
    return sale["id"]


def state_of(desk, sale):
    return desk.value(
        "SELECT c.state FROM utility_command c JOIN utility_vend v ON v.command_id = c.id"
        " WHERE v.id = %s",
        (sale,),
    )


def die_between(desk, dead):
    """Kill the server that runs worker `dead` while an order of its box is on the wire, and stop
    its scheduled action, so that no other server runs it.

    :return: the sale
    """
    until(lambda: at_rest(desk), 60, "no other order is on its way", desk.report)
    box = next(code for code, worker in boxes(desk).items() if worker == dead)
    meter = next(meter for meter in desk.meters if meter["box"] == box)
    sale = sell_and_leave(desk, meter)
    # It waits for the row that the run holds, and has it before any other server.
    stopping = threading.Thread(target=stop_action, args=(desk, dead), daemon=True)
    stopping.start()
    name = until(lambda: owners(desk).get(dead), 10, "somebody runs the worker", desk.report)
    next(server for server in desk.running() if f"odoo-{server.pid}" == name).kill()
    state = state_of(desk, sale)
    stopping.join(60)
    assert not stopping.is_alive()
    assert state in ("sent", "unknown"), state
    return sale


def take_over(desk, dead):
    """Let the watchdog miss a worker at once; its boxes have another one afterwards."""
    desk.sql(
        "UPDATE meter_worker SET last_seen = last_seen - interval '4 minutes' WHERE id = %s",
        (dead,),
    )

    def missed():
        watchdog(desk)
        return desk.value("SELECT missed_at FROM meter_worker WHERE id = %s", (dead,))

    until(missed, 60, "the dead worker is missed", desk.report, every=0.5)
    assert dead in boxes(desk).values(), "it may only have been slow"
    desk.sql(
        "UPDATE meter_worker SET missed_at = missed_at - interval '4 minutes' WHERE id = %s",
        (dead,),
    )

    def taken():
        watchdog(desk)
        return dead not in boxes(desk).values()

    until(taken, 60, "its boxes have another worker", desk.report, every=0.5)


def test_two_workers(make_desk, say):
    desk = make_desk(meters=6, link="dialin")
    desk.start_links()
    simulator = desk.start_simulator(seed=7)
    servers = [desk.start_server(), desk.start_server()]
    for server in servers:
        server.wait_ready()
    desk.open_contracts()
    share_out(desk, "action_add")
    desk.set_faults(lost_reply=0.06, corrupt=0.05)
    posted, rng = watch(desk), random.Random(7)
    sell_some(desk, rng, SALES)

    dead = max(boxes(desk).values())
    sale = die_between(desk, dead)
    take_over(desk, dead)
    until(lambda: state_of(desk, sale) == "done", 60, "the order was asked", desk.report)
    sell_some(desk, rng, SALES // 2)
    until(lambda: at_rest(desk), 120, "everything is settled", desk.report)
    assert broken(desk, posted) == []

    # It comes back, and gets its share from a worker that lives.
    desk.sql(
        "UPDATE ir_cron SET active = true"
        " WHERE id = (SELECT cron_id FROM meter_worker WHERE id = %s)",
        (dead,),
    )
    share_out(desk, "action_share")
    sell_some(desk, rng, SALES // 2)
    until(lambda: at_rest(desk), 120, "everything is settled", desk.report)
    say(f"boxes {boxes(desk)}, worker {dead} died; generations "
        f"{desk.sql('SELECT id, generation FROM meter_worker ORDER BY id')}")  # fmt: skip
    ports = simulator("stats")["ports"]
    assert {name: port["overlaps"] for name, port in ports.items()} == dict.fromkeys(ports, 0)
    assert broken(desk, posted) == []
    assert errors_in_logs(desk) == []
