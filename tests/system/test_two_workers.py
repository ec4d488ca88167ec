"""Two workers share the boxes; one dies with an order on the wire, and the other one takes over."""

import random

import pytest
import workers
from books import broken, errors_in_logs, watch
from day import Day, faulty
from desk import UNHURRIED
from processes import until
from test_two_servers import at_rest, sell_some
from till import Till

SALES = 12


def open_desk(make_desk, seed, meters, link):
    """Two servers, and two workers with a box each."""
    desk = make_desk(meters=meters, link=link, timing=UNHURRIED)
    desk.start_links()
    desk.start_simulator(seed=seed)
    servers = [desk.start_server(), desk.start_server()]
    for server in servers:
        server.wait_ready()
    desk.open_contracts()
    workers.share_out(desk, "action_add")
    assert len(set(workers.boxes(desk).values())) == 2
    return desk


def sell_and_leave(desk, meter):
    """Sell to a meter that takes the order and does not answer.

    :return: the sale, once the order has left
    """
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


def test_two_workers(make_desk, say):
    desk = open_desk(make_desk, 7, meters=6, link="dialin")
    desk.set_faults(lost_reply=0.06, corrupt=0.05)
    posted, rng = watch(desk), random.Random(7)
    sell_some(desk, rng, SALES)
    until(lambda: at_rest(desk), 60, "no other order is on its way", desk.report)

    box, dead = max(workers.boxes(desk).items(), key=lambda item: item[1])
    sale = sell_and_leave(desk, next(meter for meter in desk.meters if meter["box"] == box))
    workers.die(desk, dead)
    assert state_of(desk, sale) in ("sent", "unknown")
    # An order that some program is writing does not keep the administrator waiting.
    holder = desk.cluster.connect(desk.database)
    with holder, holder.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM utility_command WHERE state IN ('sent', 'unknown') FOR UPDATE"
        )
        workers.share_out(desk)
    holder.close()
    workers.take_over(desk, dead)
    until(lambda: state_of(desk, sale) == "done", 60, "the order was asked about", desk.report)
    sell_some(desk, rng, SALES // 2)
    until(lambda: at_rest(desk), 120, "everything is settled", desk.report)
    assert broken(desk, posted) == []

    # It comes back, and gets its share from a worker that lives.
    workers.come_back(desk, dead)
    workers.share_out(desk)
    assert len(set(workers.boxes(desk).values())) == 2
    sell_some(desk, rng, SALES // 2)
    until(lambda: at_rest(desk), 120, "everything is settled", desk.report)
    say(f"worker {dead} died and came back; boxes {workers.boxes(desk)}")
    ports = desk.simulator("stats")["ports"]
    assert {name: port["overlaps"] for name, port in ports.items()} == dict.fromkeys(ports, 0)
    assert broken(desk, posted) == []
    assert errors_in_logs(desk) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_die_all_day(make_desk, say, seed):
    desk = open_desk(make_desk, seed, meters=12, link=("dialin", "tcp"))
    desk.set_faults(**faulty(0.15))
    fate = [
        *((10 + 25 * n, "worker_dies") for n in range(5)),
        *((22 + 25 * n, "kill", "server") for n in range(4)),
        *((18 + 40 * n, "kill", "hub") for n in range(3)),
        (70, "crash_postgresql"),
    ]
    day = Day(desk, seed, sales=140, cashiers=4, fate=fate, say=say)
    day.run(settle_seconds=300)
    day.check()
    assert day.takeovers == 5
