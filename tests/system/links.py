"""What stands between desk and boxes: the hub that DTUs dial in to, and an MQTT broker."""

import contextlib
import os
import shutil
import socket
import subprocess

from processes import SLOWER, TOP, Process, free_ports, tail, until

SECONDS = 30
# Names and passwords at the broker, and by what workers prove themselves at the hub.
DESK = {"username": "desk", "password": "broker-password-of-the-desk"}
BOX = {"username": "box", "password": "broker-password-of-the-boxes"}
HUB = "secret-between-hub-and-workers"


def place(port):
    return f"127.0.0.1:{port}"


class Listener(Process):
    """A program that takes connections, at the same ports whenever it is started again."""

    def connected(self, port):
        """A connection to it, once it listens."""

        def connect():
            assert self.alive, tail(self.log)
            with contextlib.suppress(ConnectionRefusedError):
                return socket.create_connection(("127.0.0.1", port), SECONDS * SLOWER)

        return until(connect, SECONDS, f"port {port} is served", lambda: tail(self.log))


class Hub(Listener):
    """``odoo meter_hub`` on the desk's database.

    :param calls: port for DTUs; workers have the next one, as the addon expects
    """

    def __init__(self, desk, calls=None):
        self.calls = calls or free_ports(2)
        self.workers = self.calls + 1
        super().__init__(
            [TOP / "bin" / "odoo", "meter_hub", "-d", desk.database,
             "--workers", place(self.workers)],
            desk.folder / "hub.log",
            env={
                **desk.cluster.env,
                "METERWIRE_KEYS": desk.keys,
                "METER_HUB_LISTEN": place(self.calls),
            },
        )  # fmt: skip

    def wait_ready(self):
        self.connected(self.workers).close()
        return self

    def dial(self, data):
        """A DTU that calls and says ``data``."""
        dtu = self.connected(self.calls)
        dtu.sendall(data)
        return dtu


class Broker(Listener):
    """A mosquitto that lets desk and boxes in by their passwords and keeps nothing on disk.

    :param folder: for its configuration
    """

    def __init__(self, folder, port):
        self.port = port
        folder.mkdir(exist_ok=True)
        passwords, conf = folder / "passwords", folder / "conf"
        if not conf.exists():
            _passwords(passwords)
            conf.write_text(_configuration(port, passwords))
        super().__init__([_program(), "-c", conf], folder / "broker.log")

    def wait_ready(self):
        self.connected(self.port).close()
        return self


def _program():
    """Debian keeps it where only administrators look."""
    for name in ("mosquitto", "/usr/sbin/mosquitto"):
        if found := shutil.which(name):
            return found
    raise AssertionError("mosquitto is not installed: bin/setup --test")


def _passwords(path):
    path.touch(mode=0o600)
    for user in (DESK, BOX):
        subprocess.run(
            ["mosquitto_passwd", "-b", path, user["username"], user["password"]],
            check=True,
            capture_output=True,
        )


def _configuration(port, passwords):
    lines = [
        "allow_anonymous false",
        "persistence false",
        f"password_file {passwords}",
        f"listener {port} 127.0.0.1",
    ]
    if os.geteuid() == 0:
        lines.insert(0, "user root")  # it would give up the right to read this folder
    return "\n".join(lines) + "\n"
