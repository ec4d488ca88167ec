import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from odoo.modules.module import get_module_path

from odoo.addons.utility_prepaid.tests.common import UtilityCommon

from ..worker import money
from ..worker.database import RunDatabase
from ..worker.run import WorkerRun

# Where every question is answered, a busy machine must not look like silence. A test in which some
# answer is missing says so by `_impatient`.
REPLY, SHORT_REPLY = 30.0, 0.3
DRAIN, HOLD = 0.05, 0.5
# Seconds until a test gives up waiting; never waited for when all is well.
PATIENCE = 120.0


class SharedDatabase(RunDatabase):
    """A run on the test's own cursor: savepoints stand in for its transactions."""

    savepoint = None
    # What the test's transaction holds is seen on its own connection only.
    second = False
    # The PostgreSQL of throw-away test databases forgets on purpose; a test says what it wants.
    off = ()

    def not_durable(self):
        return list(self.off)

    def begin(self):
        self.savepoint = self.cr.savepoint(flush=False)

    def commit(self, processed=0):
        self.cr.flush()
        self._close(rollback=False)
        self.cr.postcommit.clear()

    def rollback(self):
        self._close(rollback=True)

    def _close(self, rollback):
        if self.savepoint:
            self.savepoint.close(rollback=rollback)
            self.savepoint = None
        self.cr.clear()


class Simulator:
    """The simulator as a process of its own, and its control port."""

    def __init__(self, site, key):
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        (folder / "site.json").write_text(json.dumps(site))
        with open(os.open(folder / "keys.json", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            json.dump({"1": key}, file)
        library = os.path.join(get_module_path("meter_gateway"), "lib")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "meterwire.sim", "--site", str(folder / "site.json"),
             "--state", str(folder / "state"), "--keys", str(folder / "keys.json"),
             "--control", "127.0.0.1:0"],
            env={**os.environ, "PYTHONPATH": library},
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        ready = self.process.stdout.readline()
        if not ready.startswith("ready control="):
            raise AssertionError(f"the simulator does not start: {ready!r}")
        host, __, port = ready.split()[1].removeprefix("control=").rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.file = self.socket.makefile("r")

    def __call__(self, op, **values):
        self.socket.sendall(json.dumps({"op": op, **values}).encode() + b"\n")
        reply = json.loads(self.file.readline())
        if not reply.pop("ok"):
            raise AssertionError(f"simulator: {reply}")
        return reply

    def books(self, meter):
        return self("books", address=meter.address)["meters"][0]

    def close(self):
        self.file.close()
        self.socket.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.folder.cleanup()


class BoxCommon(UtilityCommon):
    """A box that nothing answers on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.env["meter.worker"].create({"name": "Test lines"})
        cls.box = cls.env["meter.concentrator"].create(
            {
                "name": "Cellar",
                "code": "C1",
                "site_id": cls.site.id,
                "worker_id": cls.worker.id,
                "host": "127.0.0.1",
                "tcp_port": 7001,
            }
        )

    def _as(self, role, records):
        return records.with_user(self.users[role])


class GatewayCommon(UtilityCommon):
    """The site of the desk's tests, with its meters on lines that a real simulator plays.

    The simulator lives as long as the class while each test's records are rolled back, so every
    test starts by taking the meters' numbers into the books.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = secrets.token_hex(16)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.instance_file = Path(folder.name) / "instance"
        environ = patch.dict(
            os.environ,
            {"METERWIRE_KEY_1": cls.key, "METER_INSTANCE_FILE": str(cls.instance_file)},
        )
        environ.start()
        cls.addClassCleanup(environ.stop)
        # Between a question and its order lies a tick of the run.
        cls.startClassPatcher(patch.object(money, "TURN_HOLD", PATIENCE))
        # No reading by plan that happens to be due: tests of the plan set an interval.
        cls.env["utility.meter.type"].search([]).read_interval = 0
        os.environ.pop("METERWIRE_KEYS", None)
        cls.worker = cls.env["meter.worker"].create({"name": "Test lines"})
        cls.second = cls._meter("202611000002")
        cls.second_contract = cls._contract(cls.second)
        cls.fresh = cls._meter("202611000003")
        cls.small = cls._meter("202611000004", hoard_limit=50)
        cls.small_contract = cls._contract(cls.small)
        cls.plain = cls._meter("202611000005", "b_07")
        cls.meters = cls.meter | cls.second | cls.fresh | cls.small | cls.plain
        cls._start_simulator()

    @classmethod
    def _start_simulator(cls):
        site = {
            "speed": "0",
            "td": "0.002",
            # What the link holds back comes when the test says so.
            "faults": {"late_seconds": "3600"},
            "timezone": "Asia/Shanghai",
            "concentrators": [
                {
                    "name": "C1",
                    "ports": [
                        {
                            "number": 1,
                            "listen": "tcp://127.0.0.1:0",
                            "meters": [meter._simulator_meter() for meter in cls.meters],
                        }
                    ],
                }
            ],
        }
        cls.sim = Simulator(site, cls.key)
        cls.addClassCleanup(cls.sim.close)
        cls.tcp_port = int(cls.sim("ports")["ports"]["C1/1"].rpartition(":")[2])
        cls.box = cls.env["meter.concentrator"].create(
            {
                "name": "Cellar",
                "code": "C1",
                "site_id": cls.site.id,
                "worker_id": cls.worker.id,
                "host": "127.0.0.1",
                "tcp_port": cls.tcp_port if cls.tcp_port < 65000 else 1024,
                "reply_seconds": REPLY,
                "drain_seconds": DRAIN,
                "hold_seconds": HOLD,
            }
        )
        cls.port = cls.box.port_ids[0]
        cls.port.tcp_port = cls.tcp_port
        cls.meters.port_id = cls.port

    def setUp(self):
        super().setUp()
        self.instance_file.unlink(missing_ok=True)
        self.sim("revive")
        for meter in self.meters.filtered("prepaid"):
            books = self.sim.books(meter)
            meter.sudo().write({"purchase_number": books["number"], "epoch": books["epoch"]})

    # ----------------------------------------------------------------- the run

    def _impatient(self):
        """For tests in which some answers do not come: nobody waits long for them.

        On a busy machine others may be missed, too: what such a test proves holds all the same.
        """
        self.box.reply_seconds = SHORT_REPLY

    def _run(self, seconds=PATIENCE, idle=0.02):
        """One run of the worker, as its scheduled action makes it."""
        self.env.flush_all()
        done = self.worker._run(SharedDatabase(self.worker.env), seconds, idle)
        self.env.invalidate_all()
        return done

    def _start_run(self):
        """A run that the test drives tick by tick; killed at the end of the test."""
        self.env.flush_all()
        run = WorkerRun(self.worker, SharedDatabase(self.worker.env))
        self.addCleanup(run.engine.close)
        run.start()
        return run

    def _tick_until(self, run, condition):
        """Tick until something holds; what it waits for is the engine, never the clock."""
        until = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), until, "it never happened")
            run.db.wait(run.engine.wake_fd, 0.05)
            run.tick()
            self.env.invalidate_all()

    @contextmanager
    def _raises(self, error):
        """As assertRaises, but what the run committed before stays: Odoo's rolls it back."""
        try:
            yield
        except error:
            return
        self.fail(f"{error.__name__} was not raised")

    def _queue(self, kind="charge", meter=None, credit=1.0, **values):
        meter = meter or self.meter
        return self.env["utility.command"]._enqueue(
            meter,
            kind,
            **{
                "credit": credit,
                "customer_number": meter.contract_id.customer_number or "0" * 12,
                **values,
            },
        )

    def _orders(self, meter):
        """What the meter executed, oldest first."""
        return self.sim.books(meter)["orders"]

    def _executions(self, command):
        """How often the meter executed one command."""
        return sum(
            order["reference"] == command.reference for order in self._orders(command.meter_id)
        )

    def _until_executed(self, command):
        """Wait for the meter, whatever the run knows of it."""
        until = time.monotonic() + PATIENCE
        while not self._executions(command):
            self.assertLess(time.monotonic(), until, "the meter never executed it")
            time.sleep(0.01)
