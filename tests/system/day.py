"""A day at the desk on which everything goes wrong: cashiers sell while fate kills servers."""

import random
import threading
import time
import traceback
import uuid
from collections import Counter
from dataclasses import dataclass, field

import workers
from books import broken, errors_in_logs, watch
from processes import SLOWER, until
from till import PATIENCE, Refused, Till

METHODS = ("cash", "bank")
KINDS = (
    "lost_request", "lost_reply", "executed_reply_lost", "late", "late_request", "corrupt",
    "duplicate", "wrong_address", "close_link",
)  # fmt: skip
TICK = 0.2  # how often people look at their screens
REASON = "The customer asked for it"


def faulty(rate):
    """Rates of every kind of fault; one of them concerns executed orders only, the others together
    spoil ``rate`` of all exchanges."""
    return {kind: rate / (len(KINDS) - 1) for kind in KINDS}


@dataclass
class Sale:
    """What a cashier knows of a sale."""

    mark: str
    id: int
    meter: dict
    amount: str
    reverse: bool = False
    regret: bool = False
    tried: Counter = field(default_factory=Counter)


class Day:
    """Sell ``sales`` times from ``cashiers`` threads, with what ``fate`` does meanwhile.

    :param desk: `Desk` with simulator, one ready server and open contracts
    :param seed: of every random choice of cashiers and fate
    :param fate: list of (after how many sales, name of a method, arguments)
    :param say: gets lines for the reader of the test's result
    """

    def __init__(self, desk, seed, sales, cashiers, fate, say):
        self.desk, self.seed, self.say = desk, seed, say
        self.wanted, self.fate = sales, sorted(fate, key=lambda item: item[0])
        self.random = random.Random(f"{seed}/fate")
        self.lock = threading.Lock()
        self.sold, self.begun = [], 0
        self.refused, self.refused_marks = Counter(), []
        self.reserved, self.failures = set(), []
        # Sales made for fate's sake, until a cashier looks after them.
        self.foundlings = []
        self.closing = threading.Event()
        # cashier -> rounds in a row in which nothing was left to be done, while all was settled
        self.quiet = Counter()
        self.cashiers = cashiers
        self._tills = {}
        self.kills, self.between = Counter(), Counter()
        self.cards = self.crashes = self.takeovers = 0
        self.drawn = self.requests = 0
        self.posted = watch(desk)
        people = [(self._cashier, f"cashier{number + 1}") for number in range(cashiers)]
        people.append((self._engineer, "engineer"))
        self.threads = [
            threading.Thread(target=self._live, args=person, name=person[1], daemon=True)
            for person in people
        ]

    # -------------------------------------------------------------------- run

    def run(self, settle_seconds):
        """The whole day; afterwards nothing is on its way any more."""
        self.started = time.monotonic()
        for thread in self.threads:
            thread.start()
        try:
            for after, name, *arguments in self.fate:
                until(
                    lambda after=after: self.failures or len(self.sold) >= after,
                    settle_seconds + 3 * self.wanted,
                    f"{after} sales are made",
                    self.desk.report,
                )
                self._check_people()
                getattr(self, name)(*arguments)
                self.posted.look()
            until(
                lambda: self.failures or (len(self.sold) >= self.wanted and self._over()),
                settle_seconds + 3 * self.wanted,
                "everything is settled",
                self.desk.report,
                every=TICK,
            )
            self._check_people()
        finally:
            self.closing.set()
            for thread in self.threads:
                thread.join(30 * SLOWER)
        self._check_people()
        self._tell()

    def _check_people(self):
        assert not self.failures, "\n".join([*self.failures, self.desk.report()])

    def _over(self):
        """Settled, and no cashier is about to change that: each has looked at all its sales since.

        Two rounds, because the first may have begun before.
        """
        if not self._settled():
            self.quiet.clear()
            return False
        return sum(rounds >= 2 for rounds in self.quiet.values()) == self.cashiers

    def _settled(self):
        """Nothing on its way: what is left waits for a person's decision."""
        waiting = self.desk.value(
            "SELECT count(*) FROM utility_command WHERE money"
            "   AND state IN ('queued', 'sent', 'unknown')"
        )
        unposted = self.desk.value(
            "SELECT count(*) FROM utility_vend v JOIN utility_command c ON c.id = v.command_id"
            " WHERE v.state IN ('delivered', 'reversed') AND v.posted_at IS NULL"
            "    OR v.state = 'accepted' AND c.state IN ('failed', 'expired', 'cancelled')"
        )
        return not waiting and not unposted

    def _tell(self):
        count = Counter(
            f"{kind} {state}"
            for kind, state in self.desk.sql("SELECT kind, state FROM utility_vend")
        )
        self._count_faults()
        repeats = sum(till.repeats for till in self._tills.values())
        self.say(
            f"seed {self.seed}: {len(self.sold)} sales in "
            f"{time.monotonic() - self.started:.0f} s; {dict(count)}; "
            f"{self.drawn} faults in {self.requests} requests ({self.drawn / self.requests:.0%}); "
            f"kills {dict(self.kills)}, between send and answer {dict(self.between)}, "
            f"{self.crashes} of PostgreSQL; {self.takeovers} workers replaced; "
            f"{self.cards} cards; {repeats} requests repeated; "
            f"{sum(self.refused.values())} refusals"
        )

    def _count_faults(self):
        """What this simulator drew; the next one counts anew."""
        stats = self.desk.simulator("stats")
        self.drawn += sum(stats["faults"].values())
        self.requests += sum(port["requests"] for port in stats["ports"].values())

    def _live(self, act, login):
        till = Till(self.desk, login)
        self._tills = {**self._tills, login: till}
        try:
            act(till, random.Random(f"{self.seed}/{login}"))
        except BaseException:  # noqa: BLE001 - shown by the main thread
            self.failures.append(f"{login}:\n{traceback.format_exc()}")

    # ----------------------------------------------------------------- people

    def _cashier(self, till, rng):
        mine = []
        while not self.closing.is_set():
            with self.lock:
                more = self.begun < self.wanted
                self.begun += more
            if more:
                sale = self._sell(till, rng)
                if sale is None:
                    return
                mine.append(sale)
            with self.lock:
                mine += self.foundlings
                self.foundlings.clear()
            looked_at, tried = mine, sum(sale.tried.total() for sale in mine)
            mine = self._look_after(till, rng, mine)
            if not more:
                if tried == sum(sale.tried.total() for sale in looked_at):
                    self.quiet[till.login] += 1
                self.closing.wait(TICK)

    def _sell(self, till, rng, meter=None):
        """One sale, by whatever meter is free; the money is taken when this returns."""
        while not self.closing.is_set():
            free = [item for item in self.desk.meters if item["id"] not in self.reserved]
            chosen = meter or rng.choice(free)
            amount = f"{rng.randrange(500, 10000) / 100:.2f}"
            mark = str(uuid.UUID(int=rng.getrandbits(128)))
            method = rng.choice(METHODS)
            try:
                status = till.sell(chosen, amount, method, mark)
            except Refused as refusal:
                with self.lock:
                    self.refused[str(refusal)] += 1
                    self.refused_marks.append(mark)
                self.closing.wait(TICK)
                continue
            sale = Sale(
                mark, status["id"], chosen, amount,
                reverse=rng.random() < 0.15, regret=rng.random() < 0.1,
            )  # fmt: skip
            with self.lock:
                self.sold.append(sale)
            if rng.random() < 0.1:
                self._twice(till, sale, method)
            return sale
        return None

    def _twice(self, till, sale, method):
        """The same id again is the same sale; with another amount it is refused."""
        again = till.sell(sale.meter, sale.amount, method, sale.mark)
        assert again["id"] == sale.id, (again, sale)
        try:
            till.sell(sale.meter, "123.45", method, sale.mark)
        except Refused:
            return
        raise AssertionError(f"{sale} was saved twice")

    def _look_after(self, till, rng, mine):
        """What a cashier does about the sales on the screen; those still to be followed."""
        left = []
        for sale, status in zip(mine, till.status(*[sale.id for sale in mine]), strict=True):
            if status["state"] == "delivered" and not sale.reverse:
                continue
            if status["state"] in ("refunded", "reversed", "disputed", "written_off"):
                continue
            left.append(sale)
            try:
                self._act(till, rng, sale, status)
            except Refused as refusal:
                self.refused[str(refusal)] += 1
                sale.tried["refused"] += 1
                if status["state"] == "delivered":
                    left.remove(sale)
        return left

    def _act(self, till, rng, sale, status):
        if status["state"] == "delivered":
            if status["reversal"]:
                # A reversal that the meter refused is given up; the sale stays sold.
                sale.reverse = status["reversal"]["state"] not in ("delivered", "disputed")
            elif sale.tried["reverse"]:
                sale.reverse = False
            else:
                sale.tried["reverse"] += 1
                mark = str(uuid.UUID(int=rng.getrandbits(128)))
                reversal = till.counter("reverse", mark, sale.id, REASON)
                again = till.counter("reverse", mark, sale.id, REASON)
                assert again["id"] == reversal["id"]
        elif status["can_retry"]:
            if rng.random() < 0.5 and not sale.tried["retry"]:
                sale.tried["retry"] += 1
                till.counter("retry", sale.id)
            else:
                sale.tried["refund"] += 1
                till.counter("refund", sale.id, REASON)
        elif status["can_refund"] and sale.regret and not sale.tried["regret"]:
            sale.tried["regret"] += 1
            till.counter("refund", sale.id, REASON)

    def _engineer(self, till, rng):
        """Looks at what is stopped, and accepts what the meters show."""
        while not self.closing.wait(TICK):
            held = self.desk.sql(
                "SELECT DISTINCT meter_id FROM utility_command"
                " WHERE money AND state = 'queued' AND hold_reason IS NOT NULL"
            )
            for (meter,) in held:
                try:
                    till.insist("utility.meter", "action_accept_number", [meter])
                except Refused as refusal:
                    self.refused[str(refusal)] += 1

    # ------------------------------------------------------------------- fate

    def card(self):
        """Somebody puts a card into a meter."""
        meter = self.random.choice(self.desk.meters)
        amount = self.random.randrange(100, 2000)
        self.desk.simulator("card", address=meter["address"], amount=f"{amount / 100:.2f}")
        self.cards += 1

    def kill(self, part, look=None):
        """kill -9 for one program, and start it again.

        Without Odoo sales stand still; without the hub or the broker their boxes do; the simulator
        is all the meters at once: what they have executed is in their books, what they had only
        heard is forgotten.

        :param part: server, hub, broker or simulator
        :param look: called while it is dead
        :return: what ``look`` gave
        """
        if part == "simulator":
            self._count_faults()
        servers = self.desk.running()
        victim = self.random.choice(servers) if part == "server" else getattr(self.desk, part)
        victim.kill()
        self.kills[part] += 1
        seen = look() if look else None
        started = getattr(self.desk, f"start_{part}")()
        if part == "server":
            started.wait_ready()
        return seen

    def kill_between(self, part, fault, link=None):
        """kill -9 after an order was committed and has reached its box, before its answer came.

        :param part: whom: server, hub, broker, simulator
        :param fault: how the meter comes not to answer: late_request, lost_reply
        :param link: of the meter's box; any when it is not given
        """
        till = Till(self.desk, "cashier5")
        self._tills = {**self._tills, f"fate{self.kills.total()}": till}
        # A busy machine may look too late, when it is noticed already that no answer came.
        for _ in range(20):
            if self._killed_between(till, part, fault, link):
                self.between[part] += 1
                return
        raise AssertionError(f"never killed between send and answer\n{self.desk.report()}")

    def _killed_between(self, till, part, fault, link):
        meter = until(lambda: self._quiet_meter(link), 60, "a meter is free", self.desk.report)
        try:
            self.desk.simulator(
                "fault", address=meter["address"], kind=fault, count=1, when="money"
            )
            # The order may leave before the till has its answer: sell beside the watching.
            sales = []
            selling = threading.Thread(
                target=lambda: sales.append(self._sell(till, self.random, meter)), daemon=True
            )
            selling.start()
            until(
                lambda: not self.desk.simulator("stats")["waiting"].get(meter["address"]),
                60,
                "the order has left",
                self.desk.report,
                every=0.01,
            )
            state = self.kill(part, lambda: self._state_of_last(meter))
            selling.join(PATIENCE)
            assert sales and sales[0], f"the sale was not answered\n{self.desk.report()}"
            with self.lock:
                self.foundlings.append(sales[0])
            # What still lives may have noticed by now that no answer came.
            return state == "sent" or (part != "server" and state == "unknown")
        finally:
            self.reserved.discard(meter["id"])

    def _state_of_last(self, meter):
        return self.desk.value(
            "SELECT state FROM utility_command WHERE money AND meter_id = %s"
            " ORDER BY id DESC LIMIT 1",
            (meter["id"],),
        )

    def _quiet_meter(self, link):
        """A meter with nothing on its way, kept from the cashiers."""
        busy = {
            meter
            for (meter,) in self.desk.sql(
                "SELECT meter_id FROM utility_command"
                " WHERE money AND state IN ('queued', 'sent', 'unknown', 'disputed')"
                " UNION SELECT meter_id FROM utility_vend WHERE state IN ('accepted', 'disputed')"
            )
        }
        free = [
            meter
            for meter in self.desk.meters
            if meter["id"] not in busy and link in (None, self.desk.link_of[meter["box"]])
        ]
        if not free:
            return None
        meter = self.random.choice(free)
        self.reserved.add(meter["id"])
        return meter

    def crash_postgresql(self):
        """kill -9 for PostgreSQL; Odoo's threads do not survive that, so it is started again."""
        self.desk.cluster.crash()
        self.desk.cluster.start()
        self.crashes += 1
        servers = self.desk.running()
        for server in servers:
            server.kill()
        self.kills["server"] += len(servers)
        for server in [self.desk.start_server() for _ in servers]:
            server.wait_ready()

    def worker_dies(self):
        """A worker dies with its server; another one takes its boxes, and later it gets its share
        again while all sell on."""
        dead = self.random.choice(sorted(set(workers.boxes(self.desk).values())))
        workers.die(self.desk, dead)
        self.kills["server"] += 1
        self.desk.start_server().wait_ready()
        workers.take_over(self.desk, dead)
        workers.come_back(self.desk, dead)
        workers.share_out(self.desk)
        self.takeovers += 1

    # ------------------------------------------------------------- afterwards

    def check(self):
        """The invariants with what is left over; then a person decides, and again."""
        assert broken(self.desk, self.posted) == []
        self._check_sales()
        left = self.desk.unsettled()
        self.say(f"  left over: {[(row[2], row[3], row[-1]) for row in left] or 'nothing'}")
        self._decide(left)
        until(self._settled, 60, "what a person decided is settled", self.desk.report)
        assert self.desk.unsettled() == []
        assert broken(self.desk, self.posted) == []
        assert errors_in_logs(self.desk) == []

    def _check_sales(self):
        """Money was taken exactly for the sales that the cashiers saw accepted."""
        vends = {
            mark: (number, f"{amount:.2f}")
            for mark, number, amount in self.desk.sql(
                "SELECT uuid, id, amount FROM utility_vend WHERE kind = 'sale'"
            )
        }
        assert vends == {sale.mark: (sale.id, sale.amount) for sale in self.sold}
        assert not set(self.refused_marks) & set(vends)

    def _decide(self, left):
        """A supervisor looks at the meters and settles what is disputed."""
        supervisor, cashier = Till(self.desk, "supervisor"), Till(self.desk, "cashier5")
        books = self.desk.simulator.books()
        for row in left:
            reference, address, kind = row[:3]
            done = [o for o in books[address]["orders"] if o["reference"] == reference]
            values = {
                "command_id": reference,
                "decision": "charged" if done else "not_charged",
                "reason": "As the meter's own list of purchases shows",
            }
            if done:
                values.update(
                    number=done[0]["number"],
                    balance_before=float(done[0]["balance_before"]),
                    balance_after=float(done[0]["balance_after"]),
                )
            wizard = supervisor.insist("utility.command.resolve", "create", [values])
            supervisor.insist("utility.command.resolve", "action_confirm", wizard)
            vend = self.desk.value(
                "SELECT vend_id FROM utility_command WHERE id = %s", (reference,)
            )
            if not done and kind == "charge":
                cashier.counter("refund", vend, REASON)
