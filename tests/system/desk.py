"""One utility desk, whole: a database, simulated meters, Odoo servers. All processes are real."""

import contextlib
import json
import os
import socket
import sys
import time
import uuid
from pathlib import Path

import links
import psycopg2
import requests
from processes import LOCAL, SLOWER, TOP, Process, free_ports, tail, until
from till import Till

LIB = TOP / "addons" / "meter_gateway" / "lib"
MASTER = "00112233445566778899AABBCCDDEEFF"
START_SECONDS = 90
# Quick lines: a meter answers within 20 ms here, unless a fault says otherwise.
TIMING = {"reply_seconds": 0.5, "drain_seconds": 0.2, "hold_seconds": 2.0}
# Where it is told when two ask at once on a line: a meter that a busy machine delays for so long is
# asked again while it still has the first question.
UNHURRIED = {"reply_seconds": 2.5}
LATE_SECONDS = 0.9
# What the file of secrets holds, and no log may show.
SECRETS = (MASTER, links.HUB, links.DESK["password"], links.BOX["password"])
BOXES = ("C1", "C2")
UNSETTLED = """
    SELECT c.id, m.address, c.kind, c.state, c.number, c.epoch, c.attempts, v.name, v.state,
           COALESCE(c.hold_reason, c.message)
      FROM utility_command c
      JOIN utility_meter m ON m.id = c.meter_id
      LEFT JOIN utility_vend v ON v.id = c.vend_id
     WHERE c.money AND c.state IN ('queued', 'sent', 'unknown', 'disputed')
     ORDER BY c.id
"""


class Simulator(Process):
    """The meters, as a program of its own, and its control port."""

    def __init__(self, site, state, keys, log):
        # A former start has said "ready" in the same log.
        self._begin = log.stat().st_size if log.exists() else 0
        super().__init__(
            [sys.executable, "-m", "meterwire.sim", "--site", site, "--state", state,
             "--control", "127.0.0.1:0", "--keys", keys],
            log,
            env={"PYTHONPATH": LIB, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        ready = until(self._ready, 30, "the simulator is ready", lambda: tail(log))
        host, port = ready.partition("control=")[2].split()[0].split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30 * SLOWER)
        self._replies = self._socket.makefile("r", encoding="utf-8")

    def _ready(self):
        assert self.alive, f"the simulator ended:\n{tail(self.log)}"
        lines = self.log.read_bytes()[self._begin :].decode().splitlines()
        return next((line for line in lines if line.startswith("ready ")), None)

    def __call__(self, op, **values):
        """Carry out one operation of the control port; the reply, which must be good."""
        self._socket.sendall(json.dumps({"op": op, **values}).encode() + b"\n")
        reply = json.loads(self._replies.readline())
        assert reply.pop("ok"), reply
        return reply

    def books(self):
        """What each meter says of itself, by address."""
        return {meter["address"]: meter for meter in self("books")["meters"]}

    def end(self, seconds=20 * SLOWER):
        with contextlib.suppress(OSError):
            self._socket.close()
        super().end(seconds)


class Server(Process):
    """Odoo by its own start script; threaded, so that one kill -9 ends all of it."""

    def __init__(self, desk, number, database, instance):
        self.desk, self.number = desk, number
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(
            [TOP / "bin" / "odoo", "-d", database, "--db-filter", f"^{database}$",
             "--http-port", self.port, "--http-interface", "127.0.0.1",
             "--data-dir", desk.cluster.data, "--max-cron-threads", "3", "--workers", "0"],
            desk.folder / f"odoo-{number}.log",
            env={**desk.cluster.env, "METERWIRE_KEYS": desk.keys, "METER_INSTANCE_FILE": instance},
        )  # fmt: skip

    def wait_ready(self):
        until(self._answers, START_SECONDS, f"Odoo {self.number} answers", self.desk.report)
        # A new server looks for scheduled actions after a minute unless somebody calls it, as
        # ExecStartPost of the service does.
        self.desk.call_workers()
        return self

    def _answers(self):
        assert self.alive, f"Odoo ended:\n{tail(self.log)}"
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/web/health", timeout=30).status_code == 200
        return False


class Desk:
    """A database of its own with a site of meters, their simulator, and the servers on it.

    :param cluster: `Cluster`
    :param folder: where this test keeps its files
    :param meters: how many prepaid meters, on two concentrators with two ports each
    :param link: tcp or serial (each port is a line), dialin or mqtt (each concentrator is one); a
        pair gives each concentrator its own
    :param hoard: {"3": 400} gives meter 3 a hoarding limit
    :param ct: {"2": 40} puts meter 2 behind current transformers of that ratio
    :param bare: so many of the meters, the last ones, have no contract
    """

    def __init__(
        self, cluster, folder, meters, link="tcp", hoard=None, ct=None, timing=None, bare=0
    ):
        self.cluster, self.folder = cluster, Path(folder)
        self.link_of = dict(
            zip(BOXES, (link, link) if isinstance(link, str) else link, strict=True)
        )
        self.database = f"system_desk_{os.getpid()}_{uuid.uuid4().hex[:6]}"
        self.keys = self.folder / "keys.json"
        self.keys.touch(mode=0o600)
        secrets = {"1": MASTER, "hub": links.HUB, "mqtt": {"default": links.DESK}}
        self.keys.write_text(json.dumps(secrets))
        self.instance = self.folder / "instance"
        self.servers, self.simulator, self._tills = [], None, {}
        self.hub = self.broker = None
        self.faults = {}
        template = cluster.template(LOCAL / "log" / "system-template.log")
        cluster.copy(template, self.database)
        self._build(meters, hoard or {}, ct or {}, {**TIMING, **(timing or {})}, bare)

    # ------------------------------------------------------------- building

    def _build(self, meters, hoard, ct, timing, bare):
        self._port = free_ports(12)
        boxes = [
            {"code": code, "lines": 2, **getattr(self, f"_{link}")(code)}
            for code, link in self.link_of.items()
        ]
        request, reply = self.folder / "site-request.json", self.folder / "site-reply.json"
        request.write_text(
            json.dumps(
                {
                    "meters": meters,
                    "concentrators": boxes,
                    "hoard": hoard,
                    "ct": ct,
                    "timing": timing,
                    "bare": bare,
                }
            )
        )
        with (TOP / "tests" / "system" / "shell_site.py").open() as script:
            self.cluster.odoo(
                "shell", "-d", self.database, "--no-http",
                log=self.folder / "shell.log",
                env={
                    "SITE_REQUEST": request, "SITE_REPLY": reply,
                    "METERWIRE_KEYS": self.keys, "METER_INSTANCE_FILE": self.instance,
                },
                stdin=script,
            )  # fmt: skip
        made = json.loads(reply.read_text())
        self.meters, self.account = made["meters"], made["account"]
        self.journals = {journal["type"]: journal["id"] for journal in made["journals"]}
        self.site = made["simulator"]
        for box in self.site["concentrators"]:
            link = box.get("link", {})
            if link.get("kind") == "mqtt":
                link.update(links.BOX)
            elif link.get("kind") == "dialin":
                link["reconnect_seconds"] = 0.5
        self.by_id = {meter["id"]: meter for meter in self.meters}

    def _tcp(self, code):
        port = self._port + 4 * BOXES.index(code)
        return {"values": {"link": "tcp", "host": "127.0.0.1", "tcp_port": port}}

    def _serial(self, code):
        return {"values": {"link": "serial"}, "devices": str(self.folder / f"tty-{code}-")}

    def _dialin(self, code):
        return {
            "values": {
                "link": "dialin",
                "port_selection": "address",
                "hub_address": links.place(self._port + 9),
                "dtu_id": f"DTU-{code}",
                "heartbeat_hex": b"ping-17".hex(),
                "heartbeat_reply_hex": b"pong".hex(),
                "idle_seconds": 15,
                # The least that the hub lets one say; see docs/links.md.
                "hold_seconds": 20,
            }
        }

    def _mqtt(self, code):
        return {
            "values": {
                "link": "mqtt",
                "port_selection": "address",
                "mqtt_broker": links.place(self._port + 10),
                "mqtt_up": f"dtu/{code}/up",
                "mqtt_down": f"dtu/{code}/down",
                "mqtt_credentials": "default",
                # Twice that is hold_seconds.
                "mqtt_expiry": 1,
            }
        }

    def start_links(self):
        """Start what stands between desk and boxes, and wait until it listens."""
        if "dialin" in self.link_of.values():
            self.start_hub()
        if "mqtt" in self.link_of.values():
            self.start_broker()

    def start_hub(self):
        self.hub = links.Hub(self, self._port + 8).wait_ready()

    def start_broker(self):
        self.broker = links.Broker(self.folder / "broker", self._port + 10).wait_ready()

    def start_simulator(self, **site):
        """Serve the meters; they consume nothing unless ``speed`` is given."""
        self.site.update({"speed": 0, "td": 0.01, "faults": {"late_seconds": LATE_SECONDS}, **site})
        path = self.folder / "site.json"
        path.write_text(json.dumps(self.site))
        self.simulator = Simulator(
            path, self.folder / "meters", self.keys, self.folder / "simulator.log"
        )
        if self.faults:
            self.simulator("faults", **self.faults)
        return self.simulator

    def set_faults(self, **rates):
        """How often each fault happens from now on, in a simulator that is started again too."""
        self.faults = rates
        self.simulator("faults", **rates)

    def start_server(self, database=None, instance=None):
        """Start one more Odoo; returns at once, see ``Server.wait_ready``."""
        server = Server(
            self, len(self.servers) + 1, database or self.database, instance or self.instance
        )
        self.servers.append(server)
        return server

    def open_contracts(self):
        """Open every contract over the wire, as a manager does, and wait for the meters' proofs."""
        manager = self.till("manager")
        manager.insist(
            "utility.contract",
            "action_open",
            [meter["contract"] for meter in self.meters if meter["contract"]],
        )
        until(
            lambda: self.value("SELECT count(*) = 0 FROM utility_contract WHERE state <> 'active'"),
            60,
            "all contracts are open",
            self.report,
        )

    def running(self):
        return [server for server in self.servers if server.alive]

    def close(self, keep=False):
        for server in self.servers:
            server.end()
        for process in (self.simulator, self.hub, self.broker):
            if process:
                process.end()
        if not keep:
            self.cluster.drop(self.database)

    # -------------------------------------------------------------- looking

    def till(self, login):
        """The browser session of a user; it goes to whichever server runs."""
        if login not in self._tills:
            self._tills[login] = Till(self, login)
        return self._tills[login]

    def sql(self, query, params=None):
        """Rows of a statement; patient while the server is being started again."""
        end = time.monotonic() + 120 * SLOWER
        while True:
            try:
                return self.cluster.sql(self.database, query, params)
            except psycopg2.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def value(self, query, params=None):
        return self.sql(query, params)[0][0]

    def call_workers(self):
        """Let the servers look for scheduled actions that are due now."""
        self.cluster.sql("postgres", "SELECT pg_notify('cron_trigger', %s)", (self.database,))

    def unsettled(self):
        return self.sql(UNSETTLED)

    def report(self):
        """For a failure: what is not settled, and the ends of the logs."""
        parts = []
        with contextlib.suppress(Exception):
            parts += ["not settled:", *(f"  {row}" for row in self.unsettled())]
            parts += [
                f"  posting of {name} waits: {words}"
                for name, words in self.sql(
                    "SELECT name, posting_error FROM utility_vend WHERE posted_at IS NULL"
                    " AND state IN ('delivered', 'reversed') AND kind IN ('sale', 'reversal')"
                )
            ]
        for process in [*self.servers[-2:], self.simulator, self.hub, self.broker]:
            if process:
                state = "runs" if process.alive else f"ended {process.popen.returncode}"
                parts += [f"--- {process.log} ({state})", tail(process.log)]
        return "\n".join(parts)
