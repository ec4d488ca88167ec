"""Two Odoo servers on one database: each line has one owner, and the other one takes over."""

import random
import threading
import uuid
from itertools import pairwise

from books import broken, watch
from desk import UNHURRIED
from processes import SLOWER, until
from till import Refused, Till

SALES = 24
# The advisory lock of the worker's run: who holds it owns the lines.
OWNER = """
    SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND a.datname = %s
       AND l.classid = 1835365477 AND l.objsubid = 2
"""


class Watcher(threading.Thread):
    """Looks all the time who owns the lines and how many connections each line has."""

    def __init__(self, desk):
        super().__init__(daemon=True)
        self.desk, self.over = desk, threading.Event()
        self.owners, self.crowded, self.several = set(), [], []

    def run(self):
        before = set()
        while not self.over.wait(0.05):
            ports = self.desk.simulator("stats")["ports"]
            crowd = {name for name, port in ports.items() if port["clients"] > 1}
            # Once may be a connection that is being closed; twice in a row is a second owner.
            self.crowded += sorted(crowd & before)
            before = crowd
            owners = [name for (name,) in self.desk.sql(OWNER, (self.desk.database,))]
            self.owners.update(owners)
            if len(owners) > 1:
                self.several.append(owners)


def sell_some(desk, rng, count, servers=None):
    """Sell from two cashiers' threads, by turns through both servers."""
    tills = [Till(desk, "cashier1"), Till(desk, "cashier2")]
    failures = []

    def cashier(till, seed):
        own = random.Random(seed)
        try:
            for _ in range(count // len(tills)):
                sold = False
                while not sold:
                    try:
                        sold = till.sell(
                            own.choice(desk.meters),
                            f"{own.randrange(500, 5000) / 100:.2f}",
                            mark=str(uuid.UUID(int=own.getrandbits(128))),
                        )
                    except Refused as refusal:
                        assert "on its way" in str(refusal), refusal
                        threading.Event().wait(0.1)
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    threads = [
        threading.Thread(target=cashier, args=(till, rng.random()), daemon=True) for till in tills
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not failures, (failures, desk.report())


def at_rest(desk):
    return not desk.unsettled() and not desk.value(
        "SELECT count(*) FROM utility_vend WHERE posted_at IS NULL"
    )


def test_two_servers(make_desk, say):
    desk = make_desk(meters=6, timing=UNHURRIED)
    simulator = desk.start_simulator(seed=7)
    first = desk.start_server()
    second = desk.start_server()
    first.wait_ready()
    second.wait_ready()
    desk.open_contracts()
    # No late bytes here: then every two requests at once on a line are two owners.
    simulator("faults", lost_request=0.04, lost_reply=0.06, corrupt=0.05)
    posted, watcher = watch(desk), Watcher(desk)
    watcher.start()
    rng = random.Random(7)
    sell_some(desk, rng, SALES)
    generation = desk.value("SELECT max(generation) FROM meter_worker")
    owner = until(lambda: _owner(desk, (first, second)), 90, "somebody owns the lines", desk.report)
    owner.kill()
    sell_some(desk, rng, SALES // 2)
    until(lambda: at_rest(desk), 120, "everything is settled", desk.report)
    watcher.over.set()
    watcher.join(30 * SLOWER)
    other = second if owner is first else first
    say(
        f"owners seen: {len(watcher.owners)} of 2 servers, generation {generation} when server "
        f"{owner.number} was killed, "
        f"{desk.value('SELECT max(generation) FROM meter_worker')} at the end"
    )
    assert not watcher.several
    assert not watcher.crowded
    assert f"odoo-{other.pid}" in watcher.owners, "the other server never took over"
    assert desk.value("SELECT max(generation) FROM meter_worker") > generation
    ports = simulator("stats")["ports"]
    assert {name: port["overlaps"] for name, port in ports.items()} == dict.fromkeys(ports, 0)
    assert _overlaps(desk) == []
    assert broken(desk, posted) == []


def _owner(desk, servers):
    names = {name for (name,) in desk.sql(OWNER, (desk.database,))}
    return next((server for server in servers if f"odoo-{server.pid}" in names), None)


def _overlaps(desk):
    """Exchanges on one line that were not one after the other."""
    lines = {}
    for port, begin, end, text in desk.sql(
        "SELECT port_id, extract(epoch FROM at), extract(epoch FROM at) + duration / 1000.0,"
        "       words FROM meter_frame ORDER BY port_id, at"
    ):
        lines.setdefault(port, []).append((float(begin), float(end), text))
    return [
        (port, one, two)
        for port, exchanges in lines.items()
        for one, two in pairwise(exchanges)
        # Durations are kept in whole milliseconds.
        if two[0] < one[1] - 0.002
    ]
