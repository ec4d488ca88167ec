"""The hub as a process, DTUs that dial in to it, and workers' links through it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from meterwire.recharge.keys import KeyRing
from meterwire.transport import open_link

LIB = Path(__file__).parents[2] / "addons" / "meter_gateway" / "lib"
PATIENCE = 120.0
SECRET = "a shared secret of hub and workers"


def key_file(path, secret=SECRET):
    path.touch(mode=0o600)
    path.write_text(json.dumps({"1": "00112233445566778899AABBCCDDEEFF", "hub": secret}))
    return path


class HubProcess:
    """``python -m meterwire.hub`` with a file of its own."""

    def __init__(self, path, dtus, **content):
        path.mkdir(parents=True)
        self.file, self.keys = path / "hub.json", key_file(path / "keys.json")
        self.content = {"listen": ["127.0.0.1:0"], "workers": "127.0.0.1:0", **content}
        self.log = path / "log"
        self.write(dtus)
        self.process = None

    def write(self, dtus):
        self.content["dtus"] = dtus
        self.file.write_text(json.dumps(self.content))

    def launch(self):
        env = {key: value for key, value in os.environ.items() if not key.startswith("METER")}
        env |= {"PYTHONPATH": str(LIB), "METERWIRE_KEYS": str(self.keys)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "meterwire.hub", str(self.file)],
                env=env,
                text=True,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return self.process

    def start(self):
        self.launch()
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line + self.log.read_text()
        *dtus, workers = line.split()[1:]
        self.ports = [int(place.rpartition(":")[2]) for place in dtus]
        self.workers = workers.removeprefix("workers=")
        return self

    def tell(self):
        """What the hub knows now."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def read_again(self, dtus):
        self.write(dtus)
        self.process.send_signal(signal.SIGHUP)
        assert self.process.stdout.readline() == f"read {len(dtus)}\n"

    async def until(self, condition):
        """Ask until what the hub knows fulfils ``condition``; returns it."""
        deadline = time.monotonic() + PATIENCE
        while not condition(told := self.tell()):
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.02)
        return told

    def memory(self):
        """Resident bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(text.split("VmRSS:")[1].split()[0])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(PATIENCE)
            self.process.stdout.close()


class Dial:
    """One DTU's connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, hub, *says, source="127.0.0.1", buffer=0):
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.bind((source, 0))
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", hub.ports[0]))
        dial = cls(*await asyncio.open_connection(sock=sock))
        for data in says:
            dial.say(data)
        return dial

    @property
    def place(self):
        return "{}:{}".format(*self.writer.get_extra_info("sockname"))

    def say(self, data):
        self.writer.write(data)

    async def hear(self, size):
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)

    async def ended(self):
        """Whether the hub hung up, with nothing said before."""
        try:
            return await asyncio.wait_for(self.reader.read(1), PATIENCE) == b""
        except ConnectionError:
            return True

    def hang_up(self):
        self.writer.transport.abort()


class Worker:
    """One line's link through the hub."""

    def __init__(self, hub, name, generation=1, worker="1", keys=None):
        quoted = name.replace(":", "%3A")
        self.endpoint = f"hub://{hub.workers}/{quoted}?generation={generation}&worker={worker}"
        self.secrets = KeyRing.from_file(keys or hub.keys)
        self.heard, self.lost, self.link = bytearray(), asyncio.Queue(), None
        self._more = asyncio.Event()

    def _data(self, data):
        self.heard += data
        self._more.set()

    async def open(self, timeout=PATIENCE):
        self.link = await open_link(
            self.endpoint, self._data, self.lost.put_nowait, timeout, self.secrets
        )
        return self

    async def hear_at_least(self, size):
        while len(self.heard) < size:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), PATIENCE)
        return bytes(self.heard)

    async def hear(self, size):
        heard = await self.hear_at_least(size)
        self.heard.clear()
        assert len(heard) == size, heard
        return heard

    async def told(self):
        return await asyncio.wait_for(self.lost.get(), PATIENCE)
